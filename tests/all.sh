#!/usr/bin/env bash
# Installs what the tests need, then checks formatting, lints, documentation and dependencies, and
# runs all tests.
set -euo pipefail
cd "$(dirname "$0")/.."

tests/setup.sh

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
# Doc links are part of the house.
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet

if command -v cargo-deny >/dev/null; then
  cargo deny --offline --locked --log-level warn check bans licenses sources
  # cargo-deny keeps the database where it has once fetched it: `cargo deny fetch db`.
  if [ -d "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" ]; then
    cargo deny --offline --locked --log-level warn check advisories
  else
    echo "advisories: not checked, there is no database (cargo deny fetch db)" >&2
  fi
else
  echo "deny.toml: not checked, cargo-deny is not installed (tests/setup.sh --tools)" >&2
fi

exec cargo test --locked --lib --bins --tests -- --test-threads "${TEST_THREADS:-2}"

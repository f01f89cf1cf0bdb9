#!/usr/bin/env bash
# Installs what the tests need, then checks formatting, lints and runs all tests.
set -euo pipefail
cd "$(dirname "$0")/.."

# Real peers: nginx and HAProxy as targets, Go and gevent for the article's servers, h2load as a client, iproute2 and nftables for network namespaces, a compiler for a clock that jumps.
missing=()
for pair in nginx:nginx-light haproxy:haproxy go:golang-go ip:iproute2 nft:nftables h2load:nghttp2-client python3:python3 unshare:util-linux prlimit:util-linux mount:mount cc:build-essential; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  # Servers are started by the tests, not by the system.
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi
if ! python3 -c 'import gevent' 2>/dev/null; then
  python3 -m pip install --quiet gevent || python3 -m pip install --quiet --break-system-packages gevent
fi

cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
# Doc links are part of the house.
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
exec cargo test --locked --lib --bins --tests -- --test-threads "${TEST_THREADS:-2}"

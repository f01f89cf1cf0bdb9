#!/usr/bin/env bash
# Installs what the tests need beside Rust: Debian packages, and Python packages by pip. What is
# there already is left alone. `tests/setup.sh --tools` also installs cargo-deny and cargo-fuzz.
set -euo pipefail

# Real peers: nginx and HAProxy as targets, tinyproxy as a forward proxy, Go and gevent for the article's servers, h2load as a
# client, nghttpd as a second server of HTTP/2, NATS between hosts, redis, mosquitto and PostgreSQL for the shipped plans, node_exporter and netdata as monitors, chromium for the pages,
# iproute2 and nftables for network namespaces, a compiler for a clock that jumps.
programs=(
  nginx:nginx-light haproxy:haproxy tinyproxy:tinyproxy-bin go:golang-go h2load:nghttp2-client nghttpd:nghttp2-server python3:python3
  nats-server:nats-server redis-server:redis-server mosquitto:mosquitto psql:postgresql setpriv:util-linux prometheus-node-exporter:prometheus-node-exporter netdata:netdata-core
  chromium:chromium
  ip:iproute2 nft:nftables unshare:util-linux prlimit:util-linux mount:mount cc:build-essential
)
modules=(gevent websockets pandas hdrh:hdrhistogram)

missing=()
for pair in "${programs[@]}"; do
  PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
done
if [ ${#missing[@]} -gt 0 ]; then
  sudo=$([ "$(id -u)" = 0 ] || echo sudo)
  export DEBIAN_FRONTEND=noninteractive
  $sudo apt-get update -qq
  # Servers are started by the tests, not by the system.
  $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

for pair in "${modules[@]}"; do
  python3 -c "import ${pair%%:*}" 2>/dev/null && continue
  python3 -m pip install --quiet "${pair##*:}" ||
    python3 -m pip install --quiet --break-system-packages "${pair##*:}"
done

if [ "${1:-}" = --tools ]; then
  for tool in cargo-deny cargo-fuzz; do
    command -v "$tool" >/dev/null || cargo install --locked "$tool"
  done
fi

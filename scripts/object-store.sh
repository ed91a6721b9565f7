#!/usr/bin/env bash
# Tries a knowledge base in an S3-compatible object store on this machine, with two replicas: what one writes the other
# finds, one writes at a time, a killed writer's lock is taken over, an earlier version comes back.
# usage: object-store.sh KUBEWRIGHT   (a build with --features s3; needs python3 with venv and a network for moto)
set -euo pipefail

program=$(realpath "$1")
folder=$(mktemp -d)
children=()
say() { printf 'object store: %s\n' "$*"; }
fail() { printf 'object store: %s\n' "$*" >&2; exit 1; }
leave() { for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done; rm -rf "$folder"; }
trap leave EXIT

python3 -m venv "$folder/python"
"$folder/python/bin/pip" install --quiet --disable-pip-version-check 'moto[server]==5.2.5' boto3
port=$("$folder/python/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$folder/python/bin/moto_server" -H 127.0.0.1 -p "$port" >"$folder/moto.log" 2>&1 &
children+=($!)
export AWS_ENDPOINT="http://127.0.0.1:$port" AWS_ALLOW_HTTP=true AWS_REGION=us-east-1
export AWS_ACCESS_KEY_ID=trial AWS_SECRET_ACCESS_KEY=trial
for _ in $(seq 100); do
  if curl --silent --output /dev/null --request PUT "$AWS_ENDPOINT/kubewright-trial"; then break; fi
  sleep 0.2
done

for replica in a b; do
  mkdir -p "$folder/$replica/docs"
  printf '[knowledge]\nmodel = "none"\nfolder = "base"\nlocation = "s3://kubewright-trial/knowledge"\n' \
    >"$folder/$replica/kubewright.toml"
done
on() { local replica=$1; shift; (cd "$folder/$replica" && "$program" "$@"); }
finds() { on "$1" search "$2" --mode lexical -o json | grep -q "\"path\": \"$3\""; }

printf '# Evictions\n\nA node under pressure evicts pods.\n' >"$folder/a/docs/evictions.md"
on a ingest docs --name docs
finds b evictions evictions.md || fail 'the second replica does not find what the first has written'
first=$(on b knowledge stats -o json | sed -n 's/.*"version": \([0-9]*\).*/\1/p' | head -1)
printf '# Quotas\n\nA quota refuses pods.\n' >"$folder/b/docs/quotas.md"
on b ingest docs --name quotas
finds a quotas quotas.md || fail 'the first replica does not find what the second has written'
say 'what one replica writes the other finds'

# A source that does not end holds the lock.
mkfifo "$folder/pipe"
(cd "$folder/a" && exec "$program" ingest - --name late <"$folder/pipe") &
writer=$!
children+=("$writer")
exec 3>"$folder/pipe"
sleep 4
if busy=$(on b ingest docs --name quotas 2>&1); then fail "two replicas wrote at once: $busy"; fi
grep -q 'another process is writing to the knowledge base in s3://' <<<"$busy" || fail "$busy"
say "refused: $busy"

kill -KILL "$writer"
printf '# More\n\nAnother quota.\n' >"$folder/b/docs/more.md"
started=$SECONDS
on b ingest docs --name quotas
say "the lock of a killed writer was taken over after $((SECONDS - started)) s"
finds a 'another quota' more.md || fail 'what was written after the crash is not found'

on b knowledge versions
on b knowledge restore "$first"
finds a evictions evictions.md || fail 'the restored version is not whole'
if finds a quota quotas.md; then fail 'the restored version holds what came later'; fi
say "version $first came back"

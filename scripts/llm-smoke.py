"""Looks at what a small real model has made of an incident, chats on OpenAI's wire, and reads our log for errors.

usage: llm-smoke.py SERVER LOG_FOLDER
"""

import json
import pathlib
import re
import sys
import urllib.error
import urllib.request

# The server is on this machine; a proxy of the environment leads elsewhere.
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# Of one answer, seconds.
PATIENCE = 1800
QUESTION = 'Which deployment in namespace shop was in trouble? Answer in one sentence.'


def get(url):
    return HTTP.open(url, timeout=60).read().decode()


def chat(server, streamed):
    body = {'model': 'kubewright', 'stream': streamed, 'messages': [{'role': 'user', 'content': QUESTION}],
            'max_tokens': 96, 'stream_options': {'include_usage': True} if streamed else None}
    request = urllib.request.Request(f'{server}v1/chat/completions', json.dumps(body).encode(),
                                     {'content-type': 'application/json'})
    try:
        return HTTP.open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as refused:
        raise OSError(f'{refused}: {refused.read()[:2000].decode(errors="replace")}') from refused


def whole(server):
    answer = json.load(chat(server, False))
    usage = answer['usage']
    return answer['choices'][0]['message']['content'], usage['prompt_tokens'], usage['completion_tokens']


def streamed(server):
    text, usage, ended = '', None, False
    for line in chat(server, True):
        if not line.startswith(b'data: '):
            continue
        data = line[len(b'data: '):].strip()
        if data == b'[DONE]':
            ended = True
            break
        event = json.loads(data)
        assert 'error' not in event, event
        text += ''.join(choice['delta'].get('content') or '' for choice in event['choices'])
        usage = event.get('usage') or usage
    assert ended and usage, 'the stream ended without its usage or without [DONE]'
    return text, usage['prompt_tokens'], usage['completion_tokens']


def answered(name, text, read, written):
    assert text and text.strip(), f'{name}: an empty answer'
    assert '<tool_call>' not in text, f'{name}: a call is shown as an answer: {text}'
    assert read > 0 and written > 0, f'{name}: {read} tokens read, {written} written'
    print(f'  {name}: {read} + {written} tokens: {" ".join(text.split())[:160]}')


def incident(server):
    listed = json.loads(get(f'{server}api/v1/incidents'))
    first = min(listed['incidents'], key=lambda one: one['opened_at'])
    found = json.loads(get(f'{server}api/v1/incidents/{first["id"]}'))['incident']
    investigation = found.get('investigation') or {}
    runs = investigation.get('runs', [])
    for run in runs:
        tools = ', '.join(f'{name} ×{times}' for name, times in run.get('tools', {}).items()) or 'no tools'
        print(f'  {run["agent"]}: {run["turns"]} turns, {run["input_tokens"]} + {run["output_tokens"]} tokens, '
              f'{run["took_ms"] / 1000:.0f} s, {tools}: {" ".join(run["outcome"].split())[:120]}')
    print(f'  investigation: {investigation.get("end")}: {investigation.get("reason")}')
    print(f'  incident: {found["phase"]}, {found.get("outcome")}')
    assert found['phase'] == 'escalated' or found.get('outcome') == 'repaired', 'neither repaired nor with people'
    assert runs and sum(run['input_tokens'] + run['output_tokens'] for run in runs) > 0, 'the model was not asked'


def tokens(server):
    page = get(f'{server}metrics')
    spent = dict(re.findall(r'^kubewright_model_tokens_total\{direction="(\w+)"\} (\d+)', page, re.M))
    calls = re.findall(r'^kubewright_model_calls_total\{(.*)\} (\d+)', page, re.M)
    print(f'  asked of the model in all: {calls}')
    print(f'  tokens in all: {spent}')
    assert int(spent.get('input', 0)) > 0 and int(spent.get('output', 0)) > 0, 'no tokens were counted'


def log(folder):
    text = (folder / 'kubewright.txt').read_text(errors='replace')
    bad = [line for line in text.splitlines() if ' ERROR ' in line or 'panicked at' in line]
    warned = [line for line in text.splitlines() if ' WARN ' in line]
    for line in warned:
        print(f'  {line[:240]}')
    assert not bad, 'our log has errors:\n' + '\n'.join(bad)
    print(f'  log: no error, {len(warned)} warnings')


def main(server, folder):
    asked = json.loads((folder / 'ask.json').read_text())
    answered('ask', asked['text'], asked['usage']['input_tokens'], asked['usage']['output_tokens'])
    answered('chat, whole', *whole(server))
    answered('chat, streamed', *streamed(server))
    incident(server)
    tokens(server)
    log(folder)


try:
    main(sys.argv[1], pathlib.Path(sys.argv[2]))
except (AssertionError, KeyError, OSError, ValueError) as wrong:
    sys.exit(f'llm-smoke: {wrong!r}')

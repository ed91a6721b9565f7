"""One case of the OpenAI client against a server: openai_client.py CASE BASE_URL KEY. Prints what it got as JSON."""

import json
import sys

import openai

case, base_url, key = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=30)
question = [{"role": "user", "content": "why is checkout crashing?"}]


def models():
    return [model.id for model in client.models.list()]


def whole():
    answer = client.chat.completions.create(model="kubewright", messages=question)
    choice = answer.choices[0]
    return {"text": choice.message.content, "finish": choice.finish_reason, "total_tokens": answer.usage.total_tokens}


def streamed(model="kubewright"):
    stream = client.chat.completions.create(
        model=model, messages=question, stream=True, stream_options={"include_usage": True}
    )
    said, finish, total, chunks = "", None, None, 0
    for chunk in stream:
        chunks += 1
        for choice in chunk.choices:
            said += choice.delta.content or ""
            finish = choice.finish_reason or finish
        if chunk.usage:
            total = chunk.usage.total_tokens
    return {"text": said, "finish": finish, "total_tokens": total, "chunks": chunks}


def raised(ask):
    try:
        ask()
    except openai.APIError as error:
        return [type(error).__name__, error.code]
    return ["nothing was raised", None]


wrong_role = [{"role": "wizard", "content": "x"}]
cases = {
    "models": models,
    "whole": whole,
    "streamed": streamed,
    "unknown_model": lambda: raised(lambda: streamed("gpt-4o")),
    "wrong_role": lambda: raised(lambda: client.chat.completions.create(model="kubewright", messages=wrong_role)),
    "broken_stream": lambda: raised(streamed),
    "wrong_key": lambda: raised(models),
}
print(json.dumps(cases[case]()))

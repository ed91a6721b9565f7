"""Writes shared-words/, a cross-encoder of a few kilobytes whose scores anyone can compute, and flat.onnx beside it,
the same with an output of one dimension, which no cross-encoder has.

    pip install onnx && python make_reranker.py

Its logit is the sum of WEIGHTS over every pair of equal words, one of the question and one of the passage, less BIAS.
It has the inputs and the output of a BERT cross-encoder, so that the program runs it as it runs a large one.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WEIGHTS = {"quota": 3.0, "disk": 0.5, "volume": 0.5}
BIAS = 2.0
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]

vocabulary = {word: number for number, word in enumerate([*SPECIAL, *WEIGHTS])}
weights = np.array([WEIGHTS.get(word, 0.0) for word in vocabulary], dtype=np.float32)


def graph(flat):
    tensor = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.INT64, shape)
    inputs = [tensor(name, ["batch", "length"]) for name in ("input_ids", "attention_mask", "token_type_ids")]
    constants = {
        "weights": weights,
        "bias": np.float32(BIAS),
        "one": np.int64(1),
        "across": np.array([1], dtype=np.int64),
        "down": np.array([2], dtype=np.int64),
        "all": np.array([1, 2], dtype=np.int64),
    }
    node = helper.make_node
    nodes = [
        # Which tokens count as the question's, and what the passage's weigh.
        node("Sub", ["one", "token_type_ids"], ["first"]),
        node("Mul", ["first", "attention_mask"], ["question"]),
        node("Mul", ["token_type_ids", "attention_mask"], ["passage"]),
        node("Cast", ["question"], ["question_there"], to=TensorProto.FLOAT),
        node("Cast", ["passage"], ["passage_there"], to=TensorProto.FLOAT),
        node("Gather", ["weights", "input_ids"], ["weight"]),
        node("Mul", ["weight", "passage_there"], ["passage_weight"]),
        # Every token beside every other.
        node("Unsqueeze", ["input_ids", "down"], ["ids_down"]),
        node("Unsqueeze", ["input_ids", "across"], ["ids_across"]),
        node("Equal", ["ids_down", "ids_across"], ["same"]),
        node("Cast", ["same"], ["same_there"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["question_there", "down"], ["question_down"]),
        node("Unsqueeze", ["passage_weight", "across"], ["passage_across"]),
        node("Mul", ["same_there", "question_down"], ["asked"]),
        node("Mul", ["asked", "passage_across"], ["shared"]),
        node("ReduceSum", ["shared", "all"], ["sum"], keepdims=0),
        node("Sub", ["sum", "bias"], ["logit"]),
        node("Identity", ["logit"], ["logits"]) if flat else node("Unsqueeze", ["logit", "across"], ["logits"]),
    ]
    output = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch"] if flat else ["batch", 1])
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    return helper.make_graph(nodes, "shared-words", inputs, [output], initializers)


def tokenizer():
    special = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    text = lambda name, side: {"Sequence": {"id": name, "type_id": side}}
    end = {"SpecialToken": {"id": "[SEP]", "type_id": 1}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocabulary[name],
                "content": name,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for name in SPECIAL
        ],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [special("[CLS]"), text("A", 0), special("[SEP]")],
            "pair": [special("[CLS]"), text("A", 0), special("[SEP]"), text("B", 1), end],
            "special_tokens": {
                name: {"id": name, "ids": [vocabulary[name]], "tokens": [name]} for name in ("[CLS]", "[SEP]")
            },
        },
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }


def save(path, flat):
    model = helper.make_model(graph(flat), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)


def main():
    data = pathlib.Path(__file__).parent
    folder = data / "shared-words"
    folder.mkdir(exist_ok=True)
    save(folder / "model.onnx", flat=False)
    save(data / "flat.onnx", flat=True)
    files = {
        "tokenizer.json": tokenizer(),
        "config.json": {"pad_token_id": vocabulary["[PAD]"]},
        "special_tokens_map.json": {"pad_token": "[PAD]", "unk_token": "[UNK]"},
        "tokenizer_config.json": {"model_max_length": 512, "pad_token": "[PAD]"},
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes the fixtures of tests/files with the published Python packages: pip install gguf safetensors numpy.

The values follow formulas that the tests repeat: element i of a float tensor is (i - 3) / 4, of an integer tensor i.
The llama2.c files follow karpathy/llama2.c, export.py (versions 0, 1, 2)."""
import json
import os
import struct
import sys

import gguf
import numpy as np
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)


def ramp(*shape, dtype=np.float32):
    n = int(np.prod(shape))
    return ((np.arange(n) - 3) / 4).reshape(shape).astype(dtype)


def add_metadata(w):
    V = gguf.GGUFValueType
    w.add_uint8("t.u8", 200)
    w.add_int8("t.i8", -100)
    w.add_uint16("t.u16", 60000)
    w.add_int16("t.i16", -30000)
    w.add_uint32("t.u32", 4000000000)
    w.add_int32("t.i32", -2000000000)
    w.add_uint64("t.u64", 2**63 + 5)
    w.add_int64("t.i64", -(2**62))
    w.add_float32("t.f32", 0.25)
    w.add_float64("t.f64", 1e300)
    w.add_bool("t.bool", True)
    w.add_string("t.string", "h\u00e9llo")
    w.add_array("t.strings", ["a", "", "\u65e5\u672c"])
    w.add_array("t.ints", [1, -2, 3])
    w.add_array("t.floats", [0.5, -1.5])
    w.add_array("t.bools", [True, False, True])
    w.add_key_value("t.nested", [[1, 2], [3]], V.ARRAY, sub_type=V.ARRAY)


def all_types(path, endianess=gguf.GGUFEndian.LITTLE):
    w = gguf.GGUFWriter(path, "llama", endianess=endianess)
    w.add_custom_alignment(64)
    add_metadata(w)
    w.add_tensor("a.f32", ramp(2, 3))
    w.add_tensor("b.f16", ramp(5, dtype=np.float16))
    Q = gguf.GGMLQuantizationType
    for name, kind in (("c.q8_0", Q.Q8_0), ("d.q4_0", Q.Q4_0)):
        w.add_tensor(name, gguf.quants.quantize(ramp(2, 32), kind), raw_dtype=kind)
    w.add_tensor("e.i32", np.arange(4, dtype=np.int32).reshape(1, 2, 2))
    w.add_tensor("f.unknown", np.arange(50, dtype=np.uint8).reshape(1, 50), raw_dtype=Q.IQ1_S)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def split(path):
    w = gguf.GGUFWriter(path, "llama", split_max_tensors=2)
    w.add_string("t.string", "first part")
    for i in range(5):
        w.add_tensor(f"blk.{i}.w", ramp(2, 4) + i)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def huggingface():
    save_file(
        {"f32": ramp(2, 3), "f16": ramp(5, dtype=np.float16), "i64": np.arange(3, dtype=np.int64),
         "u8": np.arange(3, dtype=np.uint8), "scalar": np.array(2.5, dtype=np.float32),
         "empty": np.zeros((2, 0), dtype=np.float32), "unknown": np.arange(2, dtype=np.uint64)},
        "plain.safetensors", metadata={"format": "pt", "note": "h\u00e9"})
    os.makedirs("folder", exist_ok=True)
    shards = {"model-00001-of-00002.safetensors": {"a": ramp(2, 3), "b": ramp(4)},
              "model-00002-of-00002.safetensors": {"c": ramp(3, 1)}}
    weight_map = {}
    for file, tensors in shards.items():
        save_file(tensors, f"folder/{file}", metadata={"format": "pt"})
        weight_map.update({name: file for name in tensors})
    with open("folder/model.safetensors.index.json", "w") as f:
        json.dump({"metadata": {"total_size": 52}, "weight_map": weight_map}, f)
    with open("folder/config.json", "w") as f:
        json.dump({"model_type": "llama", "limit": [0.0, float("inf")], "low": float("-inf"), "nan": float("nan"),
                   "text": "Infinity \\\"NaN"}, f)
    with open("folder/generation_config.json", "w") as f:
        json.dump({"eos_token_id": 2}, f)


def llama2c():
    dim, hidden, layers, heads, kv_heads, vocab, context = 8, 12, 2, 2, 1, 6, 4
    kv = dim // heads * kv_heads
    count = [0]

    def matrix(*shape):  # every tensor starts where the one before it ended, so that no two are alike
        n = int(np.prod(shape))
        values = ((np.arange(count[0], count[0] + n) % 61) - 30).astype(np.float32) / 8
        count[0] += n
        return values.reshape(shape)

    each = lambda *shape: [matrix(*shape) for _ in range(layers)]
    t = {"embd": matrix(vocab, dim), "an": each(dim), "q": each(dim, dim), "k": each(kv, dim), "v": each(kv, dim),
         "o": each(dim, dim), "fn": each(dim), "w1": each(hidden, dim), "w2": each(dim, hidden),
         "w3": each(hidden, dim), "norm": matrix(dim), "out": matrix(vocab, dim)}
    matrices = [t["embd"]] + t["q"] + t["k"] + t["v"] + t["o"] + t["w1"] + t["w2"] + t["w3"]
    data = lambda arrays: b"".join(a.tobytes() for a in arrays)
    params = lambda v: struct.pack("<7i", dim, hidden, layers, heads, kv_heads, v, context)
    rope = np.zeros(context * dim // heads, dtype=np.float32)
    os.makedirs("llama2c", exist_ok=True)
    with open("llama2c/v0.bin", "wb") as f:  # untied
        f.write(params(-vocab) + data([t["embd"]] + t["an"] + t["q"] + t["k"] + t["v"] + t["o"] + t["fn"] + t["w1"] +
                                      t["w2"] + t["w3"] + [t["norm"], rope, t["out"]]))
    header = lambda version, tied: struct.pack("<Ii", 0x616B3432, version) + params(vocab) + struct.pack("<B", tied)
    with open("llama2c/v1.bin", "wb") as f:  # tied
        f.write(header(1, 1).ljust(256, b"\0") + data(t["an"] + t["fn"] + [t["norm"]] + matrices))
    with open("llama2c/v2.bin", "wb") as f:
        f.write((header(2, 0) + struct.pack("<i", 4)).ljust(256, b"\0") + data(t["an"] + t["fn"] + [t["norm"]]))
        for m in matrices + [t["out"]]:
            groups = m.reshape(-1, 4)
            scale = np.abs(groups).max(axis=1) / np.float32(127)
            f.write(np.round(groups / scale[:, None]).astype(np.int8).tobytes() + scale.astype(np.float32).tobytes())
    for name in ("tok6.bin", "tokenizer.bin"):
        with open(f"llama2c/{name}", "wb") as f:
            f.write(b"\0")


all_types("all_types.gguf")
all_types("big_endian.gguf", gguf.GGUFEndian.BIG)
split("split.gguf")
huggingface()
llama2c()
sys.stderr.write(f"gguf {getattr(gguf, '__version__', '')} fixtures written to {here}\n")

#!/usr/bin/env python3
"""T5 of a published shape with random weights: Ridge beside PyTorch on this machine's CPU, the same threads, one after
the other in turn. Each answers sources of --tokens tokens with --new tokens, greedily or by --beams.

    bench/seq2seq.py --ridge build/ridge [--batches 1,8] [--tokens 128] [--new 32] [--beams 1] [--rounds 5]

Needs Python with torch, transformers and safetensors. Weights (about 900 MB in f32) are made once in --folder. A time is
that of an answer of a whole batch: the difference between three batches and one, so that loading and the first touch
of the weights do not count.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def make_folder(folder):
    import torch
    from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration
    if os.path.exists(os.path.join(folder, "tokenizer.json")):
        return
    torch.manual_seed(1)
    config = T5Config(d_model=768, d_ff=3072, num_layers=12, num_heads=12, decoder_start_token_id=0)  # T5-base
    model = T5ForConditionalGeneration(config)
    model.generation_config = GenerationConfig(decoder_start_token_id=0, pad_token_id=0, eos_token_id=1)
    model.save_pretrained(folder)
    words = {f"w{i}": i for i in range(3, 100)} | {"<unk>": 2}
    tokenizer = {"version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"},
                 "model": {"type": "WordLevel", "vocab": words, "unk_token": "<unk>"}}
    with open(os.path.join(folder, "tokenizer.json"), "w") as f:
        json.dump(tokenizer, f)


def source(tokens, row):
    return [3 + (i * 31 + row * 7) % 97 for i in range(tokens)]


def set_lengths(args):
    path = os.path.join(args.folder, "generation_config.json")
    with open(path) as f:
        config = json.load(f)
    config.update(min_new_tokens=args.new, max_new_tokens=args.new)
    with open(path, "w") as f:
        json.dump(config, f)


def ridge_seconds(args, batch, batches):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        for row in range(batch * batches):
            f.write(" ".join(f"w{i}" for i in source(args.tokens, row % batch)) + "\n")
        f.flush()
        out = subprocess.run([args.ridge, "run", args.folder, "-f", f.name, "--batch", str(batch), "--beams", str(args.beams),
                              "-t", str(args.threads), "--json"], check=True, capture_output=True, text=True).stdout
    result = json.loads(out)
    assert result["source_tokens"] == args.tokens * batch * batches, result["source_tokens"]
    assert result["written_tokens"] == args.new * batch * batches, result["written_tokens"]
    return result["seconds"]


def child(args):
    import torch
    from transformers import T5ForConditionalGeneration
    torch.set_num_threads(args.threads)
    model = T5ForConditionalGeneration.from_pretrained(args.folder, dtype=torch.float32).eval()
    ids = torch.tensor([source(args.tokens, row) for row in range(args.batch)])
    times = []
    with torch.inference_mode():
        for _ in range(3):
            start = time.perf_counter()
            r = model.generate(ids, attention_mask=torch.ones_like(ids), num_beams=args.beams, min_new_tokens=args.new,
                               max_new_tokens=args.new)
            times.append(time.perf_counter() - start)
            assert r.shape[1] == args.new + 1
    print((times[1] + times[2]) / 2)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ridge", default="build/ridge")
    p.add_argument("--folder", default=os.path.join(tempfile.gettempdir(), "ridge-t5-base"))
    p.add_argument("--batches", default="1,8")
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--new", type=int, default=32)
    p.add_argument("--beams", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--batch", type=int, default=1, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child:
        return child(args)
    os.makedirs(args.folder, exist_ok=True)
    make_folder(args.folder)
    set_lengths(args)
    for batch in map(int, args.batches.split(",")):
        ours, theirs = [], []
        for _ in range(args.rounds):
            one, three = ridge_seconds(args, batch, 1), ridge_seconds(args, batch, 3)
            ours.append((three - one) / 2)
            out = subprocess.run([sys.executable, __file__, "--child", "--folder", args.folder, "--batch", str(batch),
                                  "--tokens", str(args.tokens), "--new", str(args.new), "--beams", str(args.beams),
                                  "--threads", str(args.threads)], check=True, capture_output=True, text=True).stdout
            theirs.append(float(out.strip().splitlines()[-1]))
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"batch {batch}, {args.tokens} + {args.new} tokens, {args.beams} beam(s), {args.threads} threads: "
              f"Ridge {a:.3f} s ({min(ours):.3f} to {max(ours):.3f}), PyTorch {b:.3f} s ({min(theirs):.3f} to "
              f"{max(theirs):.3f}): {b / a:.2f} times as fast", flush=True)


main()

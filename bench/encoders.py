#!/usr/bin/env python3
"""Encoders of published shapes with random weights: Ridge beside PyTorch on this machine's CPU, the same threads,
one process after the other in turn, so that a machine that grows slower does so for both.

    bench/encoders.py --ridge build/ridge [--shapes bert-base,...] [--batches 1,8] [--tokens 128] [--rounds 5]

Needs Python with torch and transformers. Prints a table (and JSON with --json): median seconds of an input of each,
and how many times faster Ridge is. Each round starts both programs anew; a program warms up before it is timed.
"""
import argparse
import json
import statistics
import subprocess
import sys
import time

# Ridge's name of the shape -> how PyTorch makes it. Each entry: (tokens of a text are asked for, builder).
SHAPES = {}


def shape(name):
    def add(builder):
        SHAPES[name] = builder
        return builder
    return add


@shape("bert-base")
def bert_base(batch, tokens, dtype):
    import torch
    from transformers import BertConfig, BertModel
    torch.manual_seed(1)
    model = BertModel(BertConfig()).eval().to(dtype)
    ids = torch.randint(0, 30522, (batch, tokens))
    return lambda: model(input_ids=ids, attention_mask=torch.ones_like(ids))


@shape("vit-base-16")
def vit_base_16(batch, tokens, dtype):  # images of 224 x 224: 197 tokens each, whatever is asked for
    import torch
    from transformers import ViTConfig, ViTForImageClassification
    torch.manual_seed(1)
    model = ViTForImageClassification(ViTConfig(num_labels=1000)).eval().to(dtype)
    pixels = torch.randn(batch, 3, 224, 224, dtype=dtype)
    return lambda: model(pixel_values=pixels)


def torch_seconds(args):
    """In a process of its own: the median of `repeats` passes."""
    import torch
    torch.set_num_threads(args.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.type]
    run = SHAPES[args.shape](args.batch, args.tokens, dtype)
    times = []
    with torch.inference_mode():
        for i in range(args.repeats + 2):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def ridge_seconds(args, shape_name, batch):
    out = subprocess.run([args.ridge, "bench", "--random", shape_name, "--type", args.type, "-p", str(args.tokens), "-b",
                          str(batch), "-r", str(args.repeats), "-t", str(args.threads), "--json"],
                         check=True, capture_output=True, text=True).stdout
    return json.loads(out)["tests"][0]["median_seconds"]


def child_seconds(args, shape_name, batch):
    out = subprocess.run([sys.executable, __file__, "--child", "--shape", shape_name, "--batch", str(batch), "--tokens",
                          str(args.tokens), "--type", args.type, "--repeats", str(args.repeats), "--threads",
                          str(args.threads)], check=True, capture_output=True, text=True).stdout
    return float(out.strip().splitlines()[-1])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ridge", default="build/ridge")
    p.add_argument("--shapes", default=",".join(SHAPES))
    p.add_argument("--batches", default="1,8")
    p.add_argument("--tokens", type=int, default=128)
    p.add_argument("--type", default="f32", choices=["f32", "bf16"])
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--repeats", type=int, default=5)
    p.add_argument("--json", action="store_true")
    p.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    p.add_argument("--shape", help=argparse.SUPPRESS)
    p.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    args = p.parse_args()
    if args.child:
        print(torch_seconds(args))
        return
    results = []
    for name in args.shapes.split(","):
        for batch in map(int, args.batches.split(",")):
            ours, theirs = [], []
            for _ in range(args.rounds):
                ours.append(ridge_seconds(args, name, batch))
                theirs.append(child_seconds(args, name, batch))
            o, t = statistics.median(ours), statistics.median(theirs)
            results.append({"shape": name, "batch": batch, "tokens": args.tokens, "type": args.type,
                            "threads": args.threads, "ridge_seconds": o, "torch_seconds": t, "times_faster": t / o,
                            "ridge_rounds": ours, "torch_rounds": theirs})
            if not args.json:
                print(f"{name:<16} batch {batch:<3} {args.type}  ridge {o:8.4f} s   torch {t:8.4f} s   {t / o:5.2f} x",
                      flush=True)
    if args.json:
        print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tests and times the attention kernels of the GPU beside PyTorch, without the rest of the engine.

Build the library (from the repository's root; any sm_80 or later):
    nvcc -std=c++20 -O3 --expt-relaxed-constexpr -arch=sm_90 -shared -Xcompiler -fPIC -Isrc \
        tests/gpu/attention_abi.cu src/ops/attention/{naive,online_softmax,memory_efficient,flash1,flash2}.gpu.cu \
        src/ops/attention/{flash2_backward,flash_decoding}.gpu.cu -o libridge_attention.so
Run:
    python3 tests/gpu/attention.py --lib libridge_attention.so test [RUNG...]     exit code 1 on a failure
    python3 tests/gpu/attention.py --lib libridge_attention.so bench [RUNG...] [--all]
    python3 tests/gpu/attention.py --lib libridge_attention.so backward [--all]
    python3 tests/gpu/attention.py --lib libridge_attention.so decode

Oracle: plain attention in float32 of the same 16-bit inputs. Rule: max|out - ref| is at most twice that of
PyTorch's plain attention computed in the 16-bit type, plus 1e-5; three times for gradients.
"""
import argparse
import ctypes
import math
import random
import statistics
import sys

import torch

C = ctypes


class Params(C.Structure):
    _fields_ = ([(n, C.c_void_p) for n in ("q", "k", "v", "o", "lse")] + [("in_", C.c_int32), ("out", C.c_int32)] +
                [(n, C.c_int64) for n in ("q_token", "q_head", "k_token", "k_head", "v_token", "v_head", "o_token", "o_head")] +
                [("segments", C.c_void_p)] +
                [(n, C.c_int32) for n in ("segment_count", "max_q_len", "max_kv_len", "q_tokens", "kv_tokens", "heads",
                                          "kv_heads", "d", "dv")] +
                [("scale", C.c_float), ("causal", C.c_bool), ("window", C.c_int32), ("softcap", C.c_float),
                 ("slopes", C.c_void_p), ("relative", C.c_void_p), ("reach", C.c_int32)])


class Pages(C.Structure):
    _fields_ = [("table", C.c_void_p), ("table_row", C.c_int64), ("page", C.c_int32), ("k_page", C.c_int64),
                ("v_page", C.c_int64)]


class GradParams(C.Structure):
    _fields_ = [("forward", Params)] + [(n, C.c_void_p) for n in ("d_o", "delta", "dq", "dk", "dv")] + [("out", C.c_int32)]


TYPES = {torch.bfloat16: 0, torch.float16: 1, torch.float32: 2}


class Call:
    """The inputs of one call and where its results go."""

    def __init__(self, lens, heads, kv_heads, d, dv=None, dtype=torch.bfloat16, out=None, causal=False, window=0,
                 softcap=0.0, alibi=False, reach=0, magnitude=1.0):
        dv = dv or d
        self.lens, self.heads, self.kv_heads, self.d, self.dv = lens, heads, kv_heads, d, dv
        self.causal, self.window, self.softcap, self.dtype = causal, window, softcap, dtype
        self.scale = 1 / math.sqrt(d)
        nq, nk = sum(l[0] for l in lens), sum(l[1] for l in lens)
        rand = lambda *s: (torch.randn(*s, device="cuda") * magnitude).to(dtype)
        self.q, self.k, self.v = rand(nq, heads, d), rand(nk, kv_heads, d), rand(nk, kv_heads, dv)
        self.slopes = torch.rand(heads, device="cuda") * 0.3 if alibi else None
        self.relative = torch.randn(heads, 2 * reach + 1, device="cuda") if reach else None
        self.reach = reach
        self.o = torch.full((nq, heads, dv), float("nan"), device="cuda", dtype=out or dtype)
        self.lse = torch.full((heads, nq), float("nan"), device="cuda")
        rows, qb, kb = [], 0, 0
        for ql, kl in lens:
            rows.append([qb, ql, kb, kl])
            qb, kb = qb + ql, kb + kl
        self.rows = rows
        self.segments = torch.tensor(rows, dtype=torch.int64, device="cuda")

    def params(self):
        p = Params(q=self.q.data_ptr(), k=self.k.data_ptr(), v=self.v.data_ptr(), o=self.o.data_ptr(),
                   lse=self.lse.data_ptr(), in_=TYPES[self.dtype], out=TYPES[self.o.dtype],
                   segments=self.segments.data_ptr(), segment_count=len(self.lens),
                   max_q_len=max(l[0] for l in self.lens), max_kv_len=max(l[1] for l in self.lens),
                   q_tokens=self.q.shape[0], kv_tokens=self.k.shape[0], heads=self.heads, kv_heads=self.kv_heads,
                   d=self.d, dv=self.dv, scale=self.scale, causal=self.causal, window=self.window,
                   softcap=self.softcap, slopes=self.slopes.data_ptr() if self.slopes is not None else None,
                   relative=self.relative.data_ptr() if self.relative is not None else None, reach=self.reach)
        for n, t in (("q", self.q), ("k", self.k), ("v", self.v), ("o", self.o)):
            setattr(p, n + "_token", t.stride(0))
            setattr(p, n + "_head", t.stride(1))
        return p

    def text(self):
        return (f"lens {self.lens} heads {self.heads}/{self.kv_heads} d {self.d}/{self.dv} {str(self.dtype)[6:]}->"
                f"{str(self.o.dtype)[6:]}{' causal' if self.causal else ''} window {self.window} cap {self.softcap}"
                f"{' alibi' if self.slopes is not None else ''}{' relative' if self.reach else ''}")


def plain(c, dtype, q=None, k=None, v=None):
    """Plain attention computed in `dtype`, and its log-sum-exp."""
    q, k, v = (t.to(dtype) for t in (c.q if q is None else q, c.k if k is None else k, c.v if v is None else v))
    outs, lses = [], []
    group = c.heads // c.kv_heads
    for qb, ql, kb, kl in c.rows:
        qs = q[qb:qb + ql].transpose(0, 1)
        ks = k[kb:kb + kl].repeat_interleave(group, 1).transpose(0, 1)
        vs = v[kb:kb + kl].repeat_interleave(group, 1).transpose(0, 1)
        s = (qs @ ks.transpose(1, 2)) * c.scale
        if c.softcap:
            s = c.softcap * torch.tanh(s / c.softcap)
        distance = torch.arange(kl, device="cuda")[None] - (torch.arange(ql, device="cuda")[:, None] + kl - ql)
        if c.slopes is not None:
            s = s + (c.slopes[:, None, None] * distance).to(dtype)
        if c.relative is not None:
            s = s + c.relative[:, distance.clamp(-c.reach, c.reach) + c.reach].to(dtype)
        hidden = torch.zeros_like(distance, dtype=torch.bool)
        if c.causal:
            hidden |= distance > 0
        if c.window:
            hidden |= distance.abs() >= c.window
        s = s.masked_fill(hidden, float("-inf"))
        w = torch.softmax(s, -1).masked_fill(hidden.all(-1)[:, None], 0)
        outs.append((w @ vs).transpose(0, 1))
        lses.append(torch.logsumexp(s.float(), -1))
    return torch.cat(outs), torch.cat(lses, 1)


def check(lib, c, run):
    """None where the result obeys the rule, else what is wrong."""
    c.o.fill_(float("nan"))
    c.lse.fill_(float("nan"))
    why = run(lib, c)
    torch.cuda.synchronize()
    if why:
        return "refused: " + why
    ref, lse = plain(c, torch.float32)
    low, _ = plain(c, torch.bfloat16 if c.dtype == torch.float32 else c.dtype)
    if not torch.isfinite(c.o).all():
        return f"{(~torch.isfinite(c.o)).sum().item()} outputs are not finite"
    err, allowed = (c.o.float() - ref).abs().max().item(), 2 * (low.float() - ref).abs().max().item() + 1e-5
    if err > allowed:
        return f"error {err:.3g} > {allowed:.3g}"
    same = (c.lse == lse) | ((c.lse - lse).abs() <= 2e-3 + 1e-4 * lse.abs())
    if not same.all():
        return f"lse: {(~same).sum().item()} differ, the most {(c.lse - lse).abs().nan_to_num(9e9).max().item():.3g}"
    first = c.o.clone()
    run(lib, c)
    torch.cuda.synchronize()
    return None if torch.equal(first, c.o) else "a second run gives other bits"


def decoder(lib, wrap_pages=0, splits=0):
    def run(lib, c):
        p, pages = c.params(), Pages()
        if wrap_pages:  # the same keys in pages laid out in a random order; unused rows are NaN
            counts = [-(-l[1] // wrap_pages) for l in c.lens]
            order = torch.randperm(sum(counts))
            width = max(counts)
            table = torch.full((len(c.lens), width), 2**30, dtype=torch.int32)
            kp = torch.full((sum(counts), wrap_pages, c.kv_heads, c.d), float("nan"), device="cuda", dtype=c.dtype)
            vp = torch.full((sum(counts), wrap_pages, c.kv_heads, c.dv), float("nan"), device="cuda", dtype=c.dtype)
            used = 0
            for s, (qb, ql, kb, kl) in enumerate(c.rows):
                for i in range(counts[s]):
                    at, n = order[used].item(), min(wrap_pages, kl - i * wrap_pages)
                    used += 1
                    table[s, i] = at
                    kp[at, :n] = c.k[kb + i * wrap_pages:kb + i * wrap_pages + n]
                    vp[at, :n] = c.v[kb + i * wrap_pages:kb + i * wrap_pages + n]
            c.paged = (kp, vp, table.cuda())
            p.k, p.v = kp.data_ptr(), vp.data_ptr()
            pages = Pages(c.paged[2].data_ptr(), width, wrap_pages, kp.stride(0), vp.stride(0))
        n = splits or lib.attention_decoding_splits(C.byref(p), 132)
        c.work = torch.empty(max(1, lib.attention_decoding_workspace(C.byref(p), n)), dtype=torch.uint8, device="cuda")
        return lib.attention_flash_decoding(C.byref(p), C.byref(pages), n, C.c_void_p(c.work.data_ptr()), stream())
    return run


def stream():
    return C.c_void_p(torch.cuda.current_stream().cuda_stream)


def plain_rung(name):
    return lambda lib, c, p=None: getattr(lib, "attention_" + name)(C.byref(p or c.params()), stream())


def rung_with_workspace(name):
    def run(lib, c, p=None):
        p = p or c.params()
        n = max(1, getattr(lib, f"attention_{name}_workspace")(C.byref(p)))
        if getattr(c, "work", None) is None or c.work.numel() < n:
            c.work = None
            torch.cuda.empty_cache()
            c.work = torch.empty(n, dtype=torch.uint8, device="cuda")
        return getattr(lib, "attention_" + name)(C.byref(p), C.c_void_p(c.work.data_ptr()), stream())
    return run


WITH_WORKSPACE = ("naive", "online_softmax", "memory_efficient", "flash1")
RUNGS = {n: rung_with_workspace(n) for n in WITH_WORKSPACE} | {n: plain_rung(n) for n in ("flash2",)}
EVERY_BIAS = ("naive", "online_softmax", "memory_efficient")  # any type and stride, and a bias by relative position


def rung_calls(name):
    """The calls that a rung is tested with: the lengths of the FlashAttention repository among them."""
    rnd = random.Random(1)
    dims = [32, 40, 64, 80, 96, 104, 128, 160, 192, 224, 256]
    lens = [(113, 203), (128, 217), (113, 211), (108, 256), (256, 512), (1, 239), (3, 799), (1, 1), (64, 64), (97, 97),
            (257, 257), (1025, 1025), (1023, 1024), (513, 255), (339, 1), (700, 700)]
    heads = [(4, 4), (6, 1), (8, 2)]
    calls = []
    for i in range(72):
        d = dims[i % len(dims)]
        ln = [rnd.choice(lens)] if i % 3 else [rnd.choice(lens) for _ in range(3)]
        h = rnd.choice(heads)
        calls.append(dict(lens=ln, heads=h[0], kv_heads=h[1], d=d, dv=rnd.choice([d, d, d, max(32, d // 16 * 8)]),
                          dtype=rnd.choice([torch.bfloat16, torch.float16]), out=rnd.choice([None, torch.float32]),
                          causal=rnd.random() < 0.6, window=rnd.choice([0, 0, 0, 1, 33, 200]),
                          softcap=rnd.choice([0, 0, 0, 5.0]), alibi=rnd.random() < 0.2,
                          magnitude=rnd.choice([1.0, 1.0, 3.0])))
    return calls


def backward_params(c, out=None):
    out = out or c.dtype
    c.d_o = torch.randn(c.q.shape[0], c.heads, c.dv, device="cuda").to(c.dtype)
    c.delta = torch.empty(c.heads, c.q.shape[0], device="cuda")
    c.grads = [torch.full(t.shape, float("nan"), device="cuda", dtype=out) for t in (c.q, c.k, c.v)]
    return GradParams(c.params(), c.d_o.data_ptr(), c.delta.data_ptr(), *(t.data_ptr() for t in c.grads), TYPES[out])


def plain_gradients(c, dtype):
    leaves = [t.to(dtype).detach().requires_grad_() for t in (c.q, c.k, c.v)]
    out, _ = plain(c, dtype, *leaves)
    return torch.autograd.grad(out, leaves, c.d_o.to(dtype))


def check_backward(lib, c, out):
    g = backward_params(c, out)
    why = lib.attention_flash2(C.byref(g.forward), stream()) or lib.attention_flash2_backward(C.byref(g), stream())
    torch.cuda.synchronize()
    if why:
        return "refused: " + why.decode()
    ref, low = plain_gradients(c, torch.float32), plain_gradients(c, c.dtype)
    # Where the exact gradient vanishes (one visible key) what remains is the f32 rounding of do . v - D, added up
    # over the queries of a group like a random walk.
    top = lambda t: t.float().abs().max().item()
    terms = max(l[0] for l in c.lens) * c.heads // c.kv_heads
    floor = 1e-5 + 2**-23 * math.sqrt(c.dv * terms) * c.scale * top(c.d_o) * top(c.v) * max(top(c.q), top(c.k))
    for name, x, r, l in zip(("dq", "dk", "dv"), c.grads, ref, low):
        r = r.nan_to_num()  # the softmax of a row that sees nothing has no gradient
        err, allowed = (x.float() - r).abs().max().item(), 3 * (l.float().nan_to_num() - r).abs().max().item() + floor
        if not err <= allowed:
            return f"{name}: error {err:.3g} > {allowed:.3g}"
    first = [t.clone() for t in c.grads]
    lib.attention_flash2_backward(C.byref(g), stream())
    torch.cuda.synchronize()
    return None if all(torch.equal(a, b) for a, b in zip(first, c.grads)) else "a second run gives other bits"


def report(name, failures, count):
    print(f"{name}: {count - len(failures)} of {count} pass")
    for f in failures[:8]:
        print("  FAIL", f)
    sys.stdout.flush()
    return len(failures)


def test(lib, names):
    bad = 0
    for name in names:
        if name in ("flash_decoding", "flash2_backward"):
            continue
        failures, calls = [], rung_calls(name)
        if name in EVERY_BIAS:
            for i, kw in enumerate(calls):
                kw["reach"] = (0, 5, 300)[i % 3]
                kw["d"] += (0, 1, 19)[i % 3]
                kw["dtype"] = (torch.float32, torch.bfloat16, torch.float16)[i % 3]
        for kw in calls:
            torch.manual_seed(7)
            c = Call(**kw)
            why = check(lib, c, RUNGS[name])
            if why:
                failures.append(c.text() + ": " + why)
        bad += report(name, failures, len(calls))
    if "flash2_backward" in names:
        failures, calls = [], rung_calls("flash2")
        for i, kw in enumerate(calls):
            torch.manual_seed(7)
            out = kw.pop("out")
            c = Call(**kw, out=torch.float32 if i % 2 else None)
            why = check_backward(lib, c, out)
            if why:
                failures.append(c.text() + ": " + why)
        bad += report("flash2_backward", failures, len(calls))
    if "flash_decoding" in names:
        failures, count = [], 0
        rnd = random.Random(2)
        for i in range(60):
            d = [64, 128, 256, 80, 32, 192][i % 6]
            h = rnd.choice([(32, 8), (8, 8), (8, 1), (24, 1), (6, 2)])
            n = rnd.choice([1, 3, 9])
            q_len = rnd.choice([1, 1, 1, 2, 5])
            torch.manual_seed(7)
            c = Call([(q_len, rnd.choice([1, 15, 16, 17, 100, 1000, 4097, 333])) for _ in range(n)], *h, d,
                     dtype=rnd.choice([torch.bfloat16, torch.float16]), out=rnd.choice([None, torch.float32]),
                     causal=rnd.random() < 0.7, window=rnd.choice([0, 0, 100]), softcap=rnd.choice([0, 0, 20.0]),
                     alibi=rnd.random() < 0.2)
            pages, splits = rnd.choice([0, 16, 64, 256]), rnd.choice([0, 1, 2, 7])
            count += 1
            why = check(lib, c, decoder(lib, pages, splits))
            if why:
                failures.append(c.text() + f" pages {pages} splits {splits}: " + why)
        bad += report("flash_decoding", failures, count)
    return bad


def median_ms(fns, reps=9):
    """Medians of several functions, run in turns so that the card's clocks treat them alike."""
    alone = callable(fns)
    fns = [fns] if alone else fns
    times = [[] for _ in fns]
    for rep in range(reps + 2):
        for i, fn in enumerate(fns):
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            a.record()
            fn()
            b.record()
            if rep >= 2:
                times[i].append((a, b))
    torch.cuda.synchronize()
    medians = [statistics.median(a.elapsed_time(b) for a, b in t) for t in times]
    return medians[0] if alone else medians


def bench(lib, names, lengths):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    print(torch.cuda.get_device_name(), "forward, BF16, TFLOP/s; 16k tokens, hidden 2048")
    for d in (64, 128, 256):
        for n in lengths:
            for causal in (False, True):
                heads, batch = 2048 // d, 16384 // n
                c = Call([(n, n)] * batch, heads, heads, d, causal=causal)
                flops = 4 * n * n * d * heads * batch / (2 if causal else 1)
                p = c.params()
                view = lambda t: t.view(batch, n, heads, d).transpose(1, 2)
                q, k, v = view(c.q), view(c.k), view(c.v)

                def sdpa(backend):
                    with sdpa_kernel(backend):
                        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

                fns = {name: lambda name=name: RUNGS[name](lib, c, p) for name in names}
                fns["torch-fa2"] = lambda: sdpa(SDPBackend.FLASH_ATTENTION)
                fns["cudnn"] = lambda: sdpa(SDPBackend.CUDNN_ATTENTION)
                line = [f"d {d:3} S {n:5} {'causal' if causal else 'full  '}"]
                for name, t in zip(fns, median_ms(list(fns.values()))):
                    line.append(f"{name} {flops / t / 1e9:6.1f}")
                print("  ".join(line), flush=True)


def bench_backward(lib, lengths):
    from torch.nn.attention import SDPBackend, sdpa_kernel
    print(torch.cuda.get_device_name(), "backward, BF16, TFLOP/s counted as 2.5 forward passes; 16k tokens, hidden 2048")
    for d in (64, 128, 256):
        for n in lengths:
            for causal in (False, True):
                heads, batch = 2048 // d, 16384 // n
                c = Call([(n, n)] * batch, heads, heads, d, causal=causal)
                flops = 10 * n * n * d * heads * batch / (2 if causal else 1)
                g = backward_params(c)
                lib.attention_flash2(C.byref(g.forward), stream())
                view = lambda t: t.view(batch, n, heads, d).transpose(1, 2)
                leaves = [view(t).detach().requires_grad_() for t in (c.q, c.k, c.v)]
                d_o = view(c.d_o)
                fns = {"flash2_backward": lambda: lib.attention_flash2_backward(C.byref(g), stream())}
                for label, backend in (("torch-fa2", SDPBackend.FLASH_ATTENTION), ("cudnn", SDPBackend.CUDNN_ATTENTION)):
                    with sdpa_kernel(backend):
                        out = torch.nn.functional.scaled_dot_product_attention(*leaves, is_causal=causal)
                    fns[label] = lambda out=out: torch.autograd.grad(out, leaves, d_o, retain_graph=True)
                line = [f"d {d:3} S {n:5} {'causal' if causal else 'full  '}"]
                for name, t in zip(fns, median_ms(list(fns.values()), 5)):
                    line.append(f"{name} {flops / t / 1e9:6.1f}")
                print("  ".join(line), flush=True)


def decode(lib):
    a = torch.randn(1 << 29, device="cuda", dtype=torch.bfloat16)
    b = torch.empty_like(a)
    copy = 2 * a.numel() * 2 / median_ms(lambda: b.copy_(a), 15) / 1e9
    print(f"{torch.cuda.get_device_name()}  copy {copy:.3f} TB/s")
    del a, b
    for batch, n in ((64, 8192), (1, 131072), (8, 8192), (1, 8192), (16, 2048)):
        c = Call([(1, n)] * batch, 32, 8, 128, causal=True)
        p, pages = c.params(), Pages()
        nbytes = (c.k.numel() + c.v.numel()) * 2
        best = lib.attention_decoding_splits(C.byref(p), 132)
        line = [f"batch {batch} keys {n}"]
        for splits in [best] + [s for s in (1, 2, 3, 4, 8, 16, 32, 64) if 128 <= batch * 8 * s <= 8192]:
            work = torch.empty(max(1, lib.attention_decoding_workspace(C.byref(p), splits)), dtype=torch.uint8, device="cuda")
            t = median_ms(lambda: lib.attention_flash_decoding(C.byref(p), C.byref(pages), splits,
                                                               C.c_void_p(work.data_ptr()), stream()), 15)
            line.append(f"{'*' if splits == best and len(line) == 1 else ''}{splits}: {nbytes / t / 1e9:.3f} ({nbytes / t / 1e9 / copy:.2f})")
        print("  ".join(line), flush=True)


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--lib", required=True)
    a.add_argument("--all", action="store_true", help="lengths 512 to 16k, not 16k alone")
    a.add_argument("mode", choices=["test", "bench", "backward", "decode"])
    a.add_argument("rungs", nargs="*")
    o = a.parse_intermixed_args()
    lib = C.CDLL(o.lib)
    if lib.attention_params_bytes() != C.sizeof(Params):
        sys.exit("the library's AttentionGpuParams has another size")
    for n in WITH_WORKSPACE:
        getattr(lib, f"attention_{n}_workspace").restype = C.c_int64
    for n in list(RUNGS) + ["flash_decoding", "flash2_backward"]:
        getattr(lib, "attention_" + n).restype = C.c_char_p
    lib.attention_decoding_workspace.restype = C.c_int64
    torch.backends.cuda.matmul.allow_tf32 = False
    if o.mode == "test":
        sys.exit(1 if test(lib, o.rungs or list(RUNGS) + ["flash_decoding", "flash2_backward"]) else 0)
    elif o.mode in ("bench", "backward"):
        lengths = [512, 1024, 2048, 4096, 8192, 16384] if o.all else [16384]
        bench(lib, o.rungs or list(RUNGS), lengths) if o.mode == "bench" else bench_backward(lib, lengths)
    else:
        decode(lib)


if __name__ == "__main__":
    main()

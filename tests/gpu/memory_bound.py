#!/usr/bin/env python3
"""The memory-bound GPU kernels beside PyTorch: results against float64, times as shares of the copy bandwidth.

Usage, from the root of the repository, on a machine with a GPU and PyTorch:
  F="-std=c++20 -O3 --expt-relaxed-constexpr -arch=sm_90 -Xcompiler=-fPIC -Isrc"
  for o in linear/gemv linear/quantized_gemm selective_scan/lanes softmax/online rms_norm/rows layer_norm/rows; do
    nvcc $F -DRIDGE_KERNEL_SYMBOL=kernel_$(echo $o | tr / _)_gpu -c src/ops/$o.gpu.cu -o /tmp/$(echo $o | tr / _).o; done
  nvcc $F -c tests/gpu/memory_bound_abi.cu -o /tmp/memory_bound_abi.o
  nvcc -shared -o /tmp/libmb.so /tmp/{memory_bound_abi,linear_gemv,linear_quantized_gemm}.o \
    /tmp/{selective_scan_lanes,softmax_online,rms_norm_rows,layer_norm_rows}.o
  python3 tests/gpu/memory_bound.py /tmp/libmb.so [check|time|gemm|scan ...]
  python3 tests/gpu/memory_bound.py --decoders FOLDER   (no GPU: the decoders below on FOLDER/*.gguf beside the gguf package)

Buffers rotate so that the L2 cache does not hold what is timed. Exit status 1 where a result is wrong.
"""
import ctypes
import sys

import numpy as np

IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float64)
E2M1 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float64) / 2
BLOCKS = {"q4_0": (32, 18), "q8_0": (32, 34), "q4_k": (256, 144), "q5_k": (256, 176), "q6_k": (256, 210),
          "iq4_xs": (256, 136), "mxfp4": (32, 17)}
HALVES = {"q4_0": [0], "q8_0": [0], "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208], "iq4_xs": [0]}


def half(b, at):
    return np.ascontiguousarray(b[:, at:at + 2]).view(np.float16).astype(np.float64)


def nibbles(q):  # 16 bytes -> 32 codes
    return np.concatenate([q & 15, q >> 4], axis=-1)


def scales_mins(s):
    low, mid, top = s[:, 0:4], s[:, 4:8], s[:, 8:12]
    return (np.concatenate([low & 63, (top & 15) | (low >> 6) << 4], 1).astype(np.float64),
            np.concatenate([mid & 63, top >> 4 | (mid >> 6) << 4], 1).astype(np.float64))


def decode(name, raw):
    """Blocks (uint8 [count, bytes]) to float64 [count, block], from the layouts as published."""
    b = raw
    if name == "q4_0":
        return half(b, 0) * (nibbles(b[:, 2:]).astype(np.float64) - 8)
    if name == "q8_0":
        return half(b, 0) * b[:, 2:].view(np.int8).astype(np.float64)
    if name == "mxfp4":
        return np.exp2(b[:, :1].astype(np.float64) - 127) * E2M1[nibbles(b[:, 1:])]
    if name in ("q4_k", "q5_k"):
        scale, least = scales_mins(b[:, 4:16])
        q = b[:, -128:].reshape(-1, 4, 32)
        q = np.stack([q & 15, q >> 4], 2).reshape(-1, 8, 32)
        if name == "q5_k":
            q = q | (b[:, 16:48][:, None, :] >> np.arange(8, dtype=np.uint8)[None, :, None] & 1) << 4
        v = (half(b, 0) * scale)[..., None] * q - (half(b, 2) * least)[..., None]
        return v.reshape(-1, 256)
    if name == "q6_k":
        low, high = b[:, :128].reshape(-1, 2, 64), b[:, 128:192].reshape(-1, 2, 32)
        q = np.stack([low & 15, low >> 4], 2).reshape(-1, 2, 4, 32)
        q = q | np.stack([high >> s & 3 for s in (0, 2, 4, 6)], 2) << 4
        scale = half(b, 208) * np.ascontiguousarray(b[:, 192:208]).view(np.int8)
        return (scale[..., None] * (q.reshape(-1, 16, 16).astype(np.float64) - 32)).reshape(-1, 256)
    if name == "iq4_xs":
        high = np.ascontiguousarray(b[:, 2:4]).view(np.uint16)
        s = np.arange(8)
        scale = (b[:, 4 + s // 2] >> (s % 2 * 4).astype(np.uint8) & 15) | (high >> (2 * s).astype(np.uint16) & 3) << 4
        v = IQ4[nibbles(b[:, 8:].reshape(-1, 8, 16))]
        return ((half(b, 0) * (scale.astype(np.float64) - 32))[..., None] * v).reshape(-1, 256)
    raise ValueError(name)


def random_blocks(name, count, seed):
    """Random bytes with scales of ordinary size: every code, scale and minimum occurs."""
    rng = np.random.default_rng(seed)
    b = rng.integers(0, 256, (count, BLOCKS[name][1]), dtype=np.uint8)
    for at in HALVES.get(name, []):
        b[:, at:at + 2] = rng.normal(0, 0.01, (count, 1)).astype(np.float16).view(np.uint8)
    if name == "mxfp4":
        b[:, 0] = rng.integers(110, 130, count)
    return b


def check_decoders(folder):
    """Against the `gguf` package, on every tensor of these types in FOLDER/*.gguf."""
    import glob
    import os
    from gguf import GGUFReader, dequantize
    seen = 0
    for path in sorted(glob.glob(os.path.join(folder, "*.gguf"))):
        try:
            tensors = GGUFReader(path).tensors
        except ValueError as e:  # a type that the installed gguf does not know
            print(f"not read: {path}: {e}")
            continue
        for t in tensors:
            name = t.tensor_type.name.lower()
            if name not in BLOCKS:
                continue
            raw = np.asarray(t.data, dtype=np.uint8).reshape(-1, BLOCKS[name][1])[:4096]
            want = dequantize(raw.reshape(1, -1), t.tensor_type).reshape(-1).astype(np.float64)
            got = decode(name, raw).reshape(-1)
            error = np.abs(got - want).max() / (np.abs(want).max() + 1e-30)
            if error > 1e-6:
                sys.exit(f"{path} {t.name} {name}: {error}")
            seen += 1
    print(f"decoders: {seen} tensors equal")
    if not seen:
        sys.exit("no tensor found")


def main():
    import torch
    lib = ctypes.CDLL(sys.argv[1])
    what = sys.argv[2:] or ["check", "time", "gemm", "scan"]
    P, I, L, F = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_float
    lib.ridge_gemv.argtypes = [ctypes.c_char_p, P, P, P, P, I, L, L, P, P, P]
    lib.ridge_softmax.argtypes = [P, P, L, L, L, P]
    lib.ridge_norm.argtypes = [I, P, P, P, P, L, L, F, F, P]
    lib.ridge_gemm.argtypes = [ctypes.c_char_p, P, P, P, P, I, L, L, P]
    lib.ridge_scan.argtypes = [P] * 10 + [L, L, P, L, P]
    stream = torch.cuda.current_stream().cuda_stream
    ptr = lambda t: t.data_ptr() if t is not None else None
    wrong = tests = 0

    def gemv(fmt, x, w, y, bias=None, n=None, scales=None, zeros=None):
        rc = lib.ridge_gemv(fmt.encode(), ptr(x), ptr(w), ptr(bias), ptr(y), x.shape[0], n, x.shape[1], ptr(scales),
                            ptr(zeros), stream)
        if rc:
            raise RuntimeError(f"gemv {fmt}: {rc}")

    def verdict(name, got, want, bound):
        nonlocal wrong, tests
        tests += 1
        torch.cuda.synchronize()
        error = (got.double() - want).abs()
        bad = not bool((error <= bound).all())
        if bad:
            wrong += 1
            print(f"WRONG {name}: error {error.max().item():.3g}, bound {torch.as_tensor(bound).max().item():.3g}", flush=True)
        return (error / bound).max().item()

    def weights(fmt, n, k, seed):
        if fmt in ("bf16", "f16"):
            w = torch.randn(n, k, device="cuda").to(torch.bfloat16 if fmt == "bf16" else torch.float16)
            return w, w.double(), None, None
        if fmt == "int4":
            g = torch.Generator(device="cuda").manual_seed(seed)
            w = torch.randint(0, 256, (n, k // 2), device="cuda", dtype=torch.uint8, generator=g)
            s = (torch.randn(n, k // 128, device="cuda") * 0.01).half()
            z = torch.randint(0, 16, (n, k // 128), device="cuda").half()
            q = torch.stack([w & 15, w >> 4], -1).reshape(n, k // 128, 128).double()
            return w, (s.double()[..., None] * (q - z.double()[..., None])).reshape(n, k), s, z
        raw = random_blocks(fmt, n * k // BLOCKS[fmt][0], seed)
        return torch.from_numpy(raw).cuda(), torch.from_numpy(decode(fmt, raw)).cuda().reshape(n, k), None, None

    def check():
        worst = {}
        for fmt in ["bf16", "f16", *BLOCKS, "int4"]:
            for n, k in [(64, 256), (37, 512), (16, 2304), (1000, 4096), (100, 160), (129, 3 * 256 + 32), (50, 11008)]:
                if k % (256 if fmt == "int4" else BLOCKS.get(fmt, (32,))[0]):
                    continue
                w, wd, s, z = weights(fmt, n, k, n + k)
                for m in (1, 2, 3, 4, 5, 7, 8, 11, 16):
                    x = torch.randn(m, k, device="cuda") * 3
                    bias = torch.randn(n, device="cuda") if m % 2 else None
                    y = torch.full((m + 1, n), float("nan"), device="cuda")
                    gemv(fmt, x, w, y, bias, n, s, z)
                    want = x.double() @ wd.T + (bias.double() if bias is not None else 0)
                    # 2^-16 of the sum of magnitudes bounds the two bf16 parts of x and the order of the sums.
                    bound = (x.double().abs() @ wd.abs().T) * 2.0**-16 + 1e-5
                    r = verdict(f"gemv {fmt} {m}x{n}x{k}", y[:m], want, bound)
                    worst[fmt] = max(worst.get(fmt, 0), r)
                    if not torch.isnan(y[m]).all():
                        print(f"WRONG gemv {fmt} {m}x{n}x{k}: wrote past the end")
        print("gemv: largest share of the bound", {f: round(v, 3) for f, v in worst.items()})
        for n in (1, 3, 32, 127, 128, 500, 513, 1000, 1024, 1025, 4095, 4096, 5000, 8192, 8193, 16384, 16387, 20000,
                  32768, 32771, 50257, 53248, 53252, 128256, 262144):
            for rows, shift in ((1, 0), (5, 0), (9, 500.0), (4, -300.0)):
                x = torch.randn(rows, n, device="cuda") * 5 + shift
                if rows == 5:
                    x[1] = -float("inf")
                    x[2, : n // 2] = -float("inf")
                    x[3, n // 2:] = -float("inf")
                y = torch.full((rows, n), float("nan"), device="cuda")
                lib.ridge_softmax(ptr(x), ptr(y), rows, n, n, stream)
                want = torch.nan_to_num(torch.softmax(x.double(), -1), 0.0)
                verdict(f"softmax {rows}x{n}", y, want, want * 2e-5 + 1e-9)
        for n in (1, 5, 128, 300, 768, 1024, 1030, 2048, 3072, 4096, 5120, 8192, 12288, 16384, 16385, 40000):
            for rows in (1, 7, 130):
                for mean in (0, 1):
                    x = torch.randn(rows, n, device="cuda") * 2 + 3
                    w, b = torch.randn(n, device="cuda"), torch.randn(n, device="cuda")
                    y = torch.full((rows, n), float("nan"), device="cuda")
                    use = b if mean and rows != 7 else None
                    lib.ridge_norm(mean, ptr(x), ptr(w), ptr(use), ptr(y), rows, n, 1e-5, 0.0 if mean else 1.0, stream)
                    xd = x.double()
                    c = xd - xd.mean(-1, keepdim=True) if mean else xd
                    want = c / (c.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt() * (w.double() + (0 if mean else 1))
                    want = want + (b.double() if use is not None else 0)
                    verdict(f"norm mean={mean} {rows}x{n}", y, want, 2e-5 + want.abs() * 1e-5)
        print(f"check: {tests} results, {wrong} wrong", flush=True)

    def timed(calls, repeat=3):
        """Seconds a call, the median of `repeat` runs over the list of calls, each on buffers of its own, as a graph."""
        for c in calls[:2]:
            c(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for c in calls:
                c(torch.cuda.current_stream().cuda_stream)
        graph.replay()
        times = []
        for _ in range(repeat + 4):
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            a.record()
            graph.replay()
            b.record()
            b.synchronize()
            times.append(a.elapsed_time(b) / 1e3 / len(calls))
        return float(np.median(times))

    def time():
        # By a kernel: a copy node of a graph is slower.
        a, b = torch.randn(2**28, device="cuda"), torch.empty(2**28, device="cuda")
        copy = 2 * 2**30 / timed([lambda s: torch.mul(a, 1.5, out=b)] * 4)
        print(f"{torch.cuda.get_device_name()}: copy {copy / 1e12:.3f} TB/s")
        del a, b
        room = torch.empty(2**30, dtype=torch.uint8, device="cuda").random_()

        def gemv_time(fmt, n, k, m):
            # What is read does not change the time, but NaN would hide faults: real blocks, repeated.
            block, size = (1, 2) if fmt in ("bf16", "f16") else (2, 1) if fmt == "int4" else BLOCKS[fmt]
            bytes_ = n * k // block * size
            copies = max(2, min(16, int(400e6 // bytes_) + 1))
            if fmt in ("bf16", "f16"):
                ws = [torch.randn(n, k, device="cuda", dtype=torch.bfloat16 if fmt == "bf16" else torch.float16) for _ in range(copies)]
            elif fmt == "int4":
                ws = [room[i * 2048: i * 2048 + bytes_].clone() for i in range(copies)]
            else:
                base = torch.from_numpy(random_blocks(fmt, 4096, 1)).cuda().reshape(-1)
                ws = [base.repeat(-(-bytes_ // base.numel()))[:bytes_].clone() for i in range(copies)]
            s = z = None
            if fmt == "int4":
                s, z = (torch.randn(2, n, k // 128, device="cuda") * 0.01).half()
            x, y = torch.randn(m, k, device="cuda"), torch.empty(m, n, device="cuda")
            calls = [lambda st, w=w: lib.ridge_gemv(fmt.encode(), ptr(x), ptr(w), None, ptr(y), m, n, k, ptr(s), ptr(z), st)
                     for w in ws]
            calls = calls * max(1, 16 // copies)
            sec = timed(calls)
            beside = ""
            if fmt == "bf16":
                xb = x.bfloat16()
                t = timed([lambda st, w=w: torch.nn.functional.linear(xb, w) for w in ws] * max(1, 16 // copies))
                beside = f"  (PyTorch bf16 x {t * 1e6:.1f} us)"
            print(f"gemv {fmt:7s} m={m:<2d} {n}x{k}: {sec * 1e6:7.1f} us  {bytes_ / sec / copy * 100:5.1f} %{beside}", flush=True)

        for n, k in ((14336, 4096), (4096, 14336), (4096, 4096), (128256, 4096)):
            for fmt in ("bf16", "f16"):
                for m in (1, 4, 8):
                    if fmt == "bf16" or m == 1:
                        gemv_time(fmt, n, k, m)
        for fmt in ("int4", *BLOCKS):
            for n, k, ms in ((14336, 4096, (1, 8)), (4096, 14336, (1, 2, 4, 8)), (4096, 4096, (1,))):
                for m in ms:
                    gemv_time(fmt, n, k, m)
        for rows, n in ((32768, 1024), (8192, 32768), (256, 262144), (4096, 4096), (1024, 50257), (16384, 128)):
            count = 2 if rows * n * 8 > 2e9 else max(2, min(12, int(6e8 // (rows * n * 4)) + 1))
            xs = [torch.randn(rows, n, device="cuda") for _ in range(count)]
            ys = [torch.empty_like(xs[0]) for _ in range(count)]
            sec = timed([lambda st, x=x, y=y: lib.ridge_softmax(ptr(x), ptr(y), rows, n, n, st) for x, y in zip(xs, ys)])
            t = timed([lambda st, x=x: torch.softmax(x, -1) for x in xs])
            print(f"softmax {rows}x{n}: {sec * 1e6:.1f} us  {rows * n * 8 / sec / copy * 100:.1f} %  (PyTorch {t * 1e6:.1f} us)", flush=True)
            del xs, ys
        for mean in (0, 1):
            for rows, n in ((16384, 1024), (8192, 4096), (8192, 8192), (4096, 16384), (16384, 128)):
                count = max(2, min(12, int(6e8 // (rows * n * 4)) + 1))
                xs = [torch.randn(rows, n, device="cuda") for _ in range(count)]
                ys = [torch.empty_like(xs[0]) for _ in range(count)]
                w = torch.randn(n, device="cuda")
                sec = timed([lambda st, x=x, y=y: lib.ridge_norm(mean, ptr(x), ptr(w), None, ptr(y), rows, n, 1e-5, 0.0, st)
                             for x, y in zip(xs, ys)])
                f = torch.nn.functional
                t = timed([lambda st, x=x: f.layer_norm(x, (n,), w) if mean else f.rms_norm(x, (n,), w) for x in xs])
                print(f"{'layer' if mean else 'rms'}_norm {rows}x{n}: {sec * 1e6:.1f} us  {rows * n * 8 / sec / copy * 100:.1f} %"
                      f"  (PyTorch {t * 1e6:.1f} us)", flush=True)
                del xs, ys

    def gemm():
        torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
        for fmt in ("bf16", *BLOCKS):
            for n, k in ((128, 256), (300, 512), (77, 1792), (1024, 4096)):
                w, wd, _, _ = weights(fmt, n, k, n + k)
                for m in (1, 17, 128, 200):
                    x = torch.randn(m, k, device="cuda")
                    bias = torch.randn(n, device="cuda") if m % 2 else None
                    y = torch.full((m + 1, n), float("nan"), device="cuda")
                    rc = lib.ridge_gemm(fmt.encode(), ptr(x), ptr(w), ptr(bias), ptr(y), m, n, k, stream)
                    want = x.double() @ wd.T + (bias.double() if bias is not None else 0)
                    plain = (x.bfloat16().double() @ wd.bfloat16().double().T) + (bias.double() if bias is not None else 0)
                    verdict(f"gemm {fmt} {m}x{n}x{k} ({rc})", y[:m], want, 2 * (plain - want).abs().max() + 1e-5)
                    if not torch.isnan(y[m]).all():
                        verdict(f"gemm {fmt} {m}x{n}x{k} wrote past the end", y[m], y[m].double() * 0, 0.0)
        print(f"gemm: {tests} results, {wrong} wrong", flush=True)
        m, n, k = 4096, 14336, 4096
        xb, wb = torch.randn(m, k, device="cuda").bfloat16(), torch.randn(n, k, device="cuda").bfloat16()
        best = timed([lambda st: torch.nn.functional.linear(xb, wb)] * 4)
        print(f"cuBLAS bf16 {m}x{n}x{k}: {2 * m * n * k / best / 1e12:.0f} TFLOP/s")
        x, y = xb.float(), torch.empty(m, n, device="cuda")
        for fmt in ("bf16", *BLOCKS):
            if fmt == "bf16":
                w = wb
            else:
                base = torch.from_numpy(random_blocks(fmt, 4096, 1)).cuda().reshape(-1)
                size = n * k // BLOCKS[fmt][0] * BLOCKS[fmt][1]
                w = base.repeat(-(-size // base.numel()))[:size].clone()
            sec = timed([lambda st: lib.ridge_gemm(fmt.encode(), ptr(x), ptr(w), None, ptr(y), m, n, k, st)] * 4)
            print(f"gemm {fmt:7s} {m}x{n}x{k}: {2 * m * n * k / sec / 1e12:.0f} TFLOP/s  {best / sec * 100:.0f} % of cuBLAS",
                  flush=True)

    def scan_reference(x, dt, a_log, bias, d, b, c, z, state):
        delta = torch.nn.functional.softplus(dt + (bias if bias is not None else 0))
        a, h, ys = -torch.exp(a_log), state.clone(), []
        for t in range(x.shape[0]):
            h = torch.exp(delta[t][:, None] * a) * h + (delta[t] * x[t])[:, None] * b[t]
            ys.append(h @ c[t] + (d * x[t] if d is not None else 0))
        y = torch.stack(ys)
        return (y * torch.nn.functional.silu(z) if z is not None else y), h

    def scan():
        r = lambda *s: torch.randn(*s, device="cuda")
        for channels, n in ((64, 16), (100, 16), (37, 5), (64, 32), (33, 64)):
            for lengths in ((1,), (50,), (3, 17, 40)):
                for full in (True, False):
                    tokens = sum(lengths)
                    x, dt, b, c = r(tokens, channels), r(tokens, channels), r(tokens, n), r(tokens, n)
                    a_log, bias, d, z = r(channels, n), r(channels), r(channels), r(tokens, channels)
                    state = r(len(lengths), n, channels) if full else None
                    bias, d, z = (bias, d, z) if full else (None, None, None)
                    spans, at, want, last = [], 0, [], []
                    for i, length in enumerate(lengths):
                        slot = len(lengths) - 1 - i
                        spans.append((at, length, slot))
                        cut = lambda v: v[at:at + length].double() if v is not None else None
                        dbl = lambda v: v.double() if v is not None else None
                        h0 = state[slot].T.double() if full else torch.zeros(channels, n, device="cuda", dtype=torch.float64)
                        yy, h = scan_reference(cut(x), cut(dt), a_log.double(), dbl(bias), dbl(d), cut(b), cut(c), cut(z), h0)
                        want.append(yy)
                        last.append((slot, h))
                        at += length
                    y, sp = torch.full_like(x, float("nan")), torch.tensor(spans, device="cuda")
                    lib.ridge_scan(ptr(x), ptr(dt), ptr(a_log), ptr(bias), ptr(d), ptr(b), ptr(c), ptr(z), ptr(y), ptr(state),
                                   channels, n, ptr(sp), len(spans), stream)
                    want = torch.cat(want)
                    name = f"scan {channels}x{n} {lengths} full={full}"
                    verdict(name, y, want, want.abs() * 2e-5 + 2e-5 * want.abs().max())
                    for slot, h in last if full else ():
                        verdict(name + " state", state[slot].T, h, h.abs() * 2e-5 + 1e-5 * h.abs().max())
        print(f"scan: {tests} results, {wrong} wrong", flush=True)
        for batch, length, channels, n in ((1, 2048, 5120, 16), (8, 2048, 5120, 16), (256, 1, 5120, 16)):
            tokens = batch * length
            x, dt, b, c, z = r(tokens, channels), r(tokens, channels), r(tokens, n), r(tokens, n), r(tokens, channels)
            a_log, y = r(channels, n), torch.empty(tokens, channels, device="cuda")
            sp = torch.tensor([(i * length, length, i) for i in range(batch)], device="cuda")
            sec = timed([lambda st: lib.ridge_scan(ptr(x), ptr(dt), ptr(a_log), None, None, ptr(b), ptr(c), ptr(z), ptr(y), None,
                                                   channels, n, ptr(sp), batch, st)] * 3)
            print(f"scan {batch}x{length} channels {channels} n {n}: {sec * 1e6:.0f} us  {tokens * channels * 16 / sec / 1e12:.2f} TB/s",
                  flush=True)

    if "check" in what:
        check()
    if "time" in what:
        time()
    if "gemm" in what:
        gemm()
    if "scan" in what:
        scan()
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    if sys.argv[1] == "--decoders":
        check_decoders(sys.argv[2])
    else:
        main()

"""FlashAttention-3 on a Hopper GPU: checks and timings beside PyTorch.

  nvcc -std=c++20 -O3 --expt-relaxed-constexpr -gencode arch=compute_90a,code=sm_90a -Xcompiler -fPIC -shared \
       -Isrc -o flash3.so tests/gpu/flash3.cu
  python3 tests/gpu/flash3.py check flash3.so       every variant in a process of its own; prints failures and a count
  python3 tests/gpu/flash3.py bench flash3.so       TFLOP/s, interleaved with cuDNN, medians
  The same with checkfp8 and benchfp8 for tests/gpu/flash3_fp8.cu.

Rule: max|out - ref| <= 2 max|low - ref| + 1e-5, with ref in float32 and low PyTorch's plain attention in the type.
"""
import ctypes
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

# variant -> (d, dv); an odd number is the persistent form of the even one before it
SHAPES = {0: (64, 64), 1: (96, 96), 2: (128, 128), 3: (128, 128), 4: (192, 128), 5: (192, 192), 6: (256, 256), 7: (64, 64),
          8: (128, 128), 9: (64, 64), 10: (128, 128), 11: (64, 64), 12: (192, 192)}
FP8_SHAPES = {0: 64, 1: 128, 2: 256, 3: 128, 4: 64, 5: 128, 6: 128, 7: 64, 8: 256, 9: 256, 10: 128, 11: 128, 12: 128,
              13: 128}


def load(path):
    return ctypes.CDLL(path)


def forward(lib, variant, q, k, v, segments, scale, causal, window=0, out=None, want_lse=True, flags=None):
    """q [tokens, heads, d]; segments: list of (q_begin, q_len, kv_begin, kv_len)."""
    import torch
    if out is None:
        out = torch.full((q.shape[0], q.shape[1], v.shape[2]), float("nan"), dtype=q.dtype, device=q.device)
    lse = torch.full((q.shape[1], q.shape[0]), float("nan"), device=q.device) if want_lse else None
    seg = torch.tensor(segments, dtype=torch.int64, device=q.device)
    strides = (ctypes.c_int64 * 8)(*[t.stride(i) for t in (q, k, v, out) for i in (0, 1)])
    kind = {torch.bfloat16: 0, torch.float16: 1, torch.float32: 2}[out.dtype]
    args = [ctypes.c_int(variant), ctypes.c_int(q.dtype == torch.float16), ctypes.c_int(kind)]
    args += [ctypes.c_void_p(t.data_ptr()) for t in (q, k, v, out)]
    args += [ctypes.c_void_p(lse.data_ptr() if want_lse else 0), strides, ctypes.c_void_p(seg.data_ptr())]
    args += [ctypes.c_int(x) for x in (len(segments), max(s[1] for s in segments), max(s[3] for s in segments),
                                       q.shape[0], k.shape[0], q.shape[1], k.shape[1], q.shape[2], v.shape[2])]
    extra = torch.full((1,), 12345, dtype=torch.int32, device=q.device)
    args += [ctypes.c_float(scale), ctypes.c_int(causal), ctypes.c_int(window)]
    if flags is None:
        entry = lib.flash3_forward
    else:
        entry = lib.flash3_fp8_forward
        args.insert(1, ctypes.c_int(flags))
        extra = torch.empty(entry(*args, ctypes.c_void_p(0), ctypes.c_void_p(0)), dtype=torch.uint8, device=q.device)
        extra.fill_(0xff)
    args += [ctypes.c_void_p(extra.data_ptr()), ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)]

    def call():
        if entry(*args):
            raise RuntimeError("launch refused")

    def again(other):
        changed = list(args)
        changed[1] = ctypes.c_int(other)
        return lambda: entry(*changed)
    call.again = again
    call.keep = (seg, out, lse, extra)
    return call, out, lse


def visible(ql, kl, causal, window, device):
    import torch
    p = torch.arange(ql, device=device)[:, None] + kl - ql
    j = torch.arange(kl, device=device)[None]
    m = torch.ones(ql, kl, dtype=torch.bool, device=device)
    if causal:
        m &= j <= p
    if window:
        m &= (p - j).abs() < window
    return m


def plain(q, k, v, segments, scale, causal, window, dtype, fp8=False):
    import torch
    o = torch.zeros(q.shape[0], q.shape[1], v.shape[2], dtype=torch.float32, device=q.device)
    lse = torch.full((q.shape[1], q.shape[0]), float("-inf"), device=q.device)
    r = q.shape[1] // k.shape[1]
    for qb, ql, kb, kl in segments:
        if ql == 0 or kl == 0:
            continue
        a = q[qb:qb + ql].transpose(0, 1).to(dtype)
        b = k[kb:kb + kl].repeat_interleave(r, 1).transpose(0, 1).to(dtype)
        c = v[kb:kb + kl].repeat_interleave(r, 1).transpose(0, 1).to(dtype)
        s = (a @ b.transpose(1, 2)) * scale
        m = visible(ql, kl, causal, window, q.device)
        s = s.masked_fill(~m, float("-inf"))
        lse[:, qb:qb + ql] = torch.logsumexp(s.float(), -1)
        if fp8:  # P rounded as an FP8 kernel without scales rounds it
            p = torch.exp(s - s.amax(-1, keepdim=True).clamp(min=-1e30)).masked_fill(~m, 0)
            total = p.sum(-1, keepdim=True).clamp(min=1e-30)
            o[qb:qb + ql] = ((p.to(torch.float8_e4m3fn).float() @ c) / total).transpose(0, 1)
            continue
        p = torch.softmax(s, -1).masked_fill(~m, 0)
        o[qb:qb + ql] = (p @ c).transpose(0, 1).float()
    return o, lse


def check_variant(path, variant):
    import torch
    torch.backends.cuda.matmul.allow_tf32 = False
    lib = load(path)
    g = torch.Generator(device="cuda").manual_seed(variant + 1)
    D, DV = SHAPES[variant // 2]
    cases = []
    for ql, kl in [(128, 128), (64, 64), (113, 203), (203, 113), (1, 1), (1, 700), (97, 97), (257, 257), (1025, 1025), (1, 239),
                   (799, 3), (108, 256), (640, 128), (2048, 2048)]:
        for causal in (0, 1):
            cases.append(([(ql, kl)], causal, 0, 4, 2, 0))
    for w in (1, 64, 100, 300):
        cases += [([(500, 777)], 1, w, 4, 4, 0), ([(513, 513)], 0, w, 4, 1, 0)]
    cases.append(([(5, 5), (130, 400), (1, 77), (333, 333), (64, 1000)], 1, 0, 6, 3, 0))
    cases.append(([(5, 5), (130, 400), (1, 77), (333, 333), (64, 1000)], 0, 0, 6, 3, 1))
    cases.append(([(700, 700)] * 5, 1, 0, 16, 4, 2))
    bad = n = 0
    for d, dv in {(D, DV), (D - 8, DV - 8), (D - 24, DV - 16)}:
        for dtype in (torch.bfloat16, torch.float16):
            for lengths, causal, window, heads, kv_heads, special in cases:
                if (d, dv) != (D, DV) and lengths[0] not in ((113, 203), (5, 5)):
                    continue
                qb = kb = 0
                segs = []
                for ql, kl in lengths:
                    segs.append((qb, ql, kb, kl))
                    qb, kb = qb + ql, kb + kl + (16 if special == 1 else 0)
                q = torch.randn(qb, heads, d, device="cuda", generator=g).to(dtype)
                k = torch.randn(kb, kv_heads, d, device="cuda", generator=g).to(dtype)
                v = torch.randn(kb, kv_heads, dv, device="cuda", generator=g).to(dtype)
                if special == 1:  # what lies between segments is NaN
                    for _, _, b, l in segs:
                        k[b + l:b + l + 16] = float("nan")
                        v[b + l:b + l + 16] = float("nan")
                out = None
                if special == 2:
                    out = torch.full((qb, heads, dv), float("nan"), device="cuda")
                    base = torch.randn(kb, kv_heads, 2 * d, device="cuda", generator=g).to(dtype)
                    k = base[:, :, :d]  # strided keys
                scale = d ** -0.5
                call, o, lse = forward(lib, variant, q, k, v, segs, scale, causal, window, out)
                call()
                torch.cuda.synchronize()
                ref, rl = plain(q, k, v, segs, scale, causal, window, torch.float32)
                low, _ = plain(q, k, v, segs, scale, causal, window, dtype)
                e, lim = (o.float() - ref).abs().max().item(), 2 * (low - ref).abs().max().item() + 1e-5
                both = torch.isfinite(rl)
                el = (lse - rl)[both].abs().max().item() if both.any() else 0.0
                same = bool((torch.isfinite(lse) == both).all()) and not bool(torch.isnan(lse).any())
                n += 1
                if not (e <= lim) or not (el < 1e-3) or not same:
                    bad += 1
                    if bad <= 4:
                        print(f"  variant {variant} d {d}/{dv} {str(dtype)[6:]} {lengths} causal {causal} window {window} "
                              f"special {special}: err {e:.3g} limit {lim:.3g} lse {el:.3g} {same}", flush=True)
    call, o, _ = forward(lib, variant, q, k, v, segs, scale, causal, window)
    call()
    first = o.clone()
    for _ in range(5):
        call()
        torch.cuda.synchronize()
        if not torch.equal(first.view(torch.int16), o.view(torch.int16)):
            bad += 1
            print(f"  variant {variant}: not the same bits again")
            break
    print(f"variant {variant} {D}/{DV}: {n} cases, {bad} bad", flush=True)
    return bad


def rms(a, b):
    return ((a.float() - b).square().mean() / b.square().mean()).sqrt().item()


def check_fp8(path, variant):
    """RMS error of rotated blocks, plain blocks and per-tensor FP8 on inputs with outliers, and every kind of mask."""
    import torch
    lib = load(path)
    d = FP8_SHAPES[variant]
    g = torch.Generator(device="cuda").manual_seed(variant + 1)

    def draw(n, heads, outliers):
        x = torch.randn(n, heads, d, device="cuda", generator=g)
        if outliers:  # the paper's: N(0, 1) + N(0, 100) Bernoulli(0.001)
            x += 10 * torch.randn(x.shape, device="cuda", generator=g) * (torch.rand(x.shape, device="cuda", generator=g) < 1e-3)
        return x.bfloat16()

    def tensor_fp8(x):
        unit = x.float().abs().max() / 448
        return (x.float() / unit).to(torch.float8_e4m3fn).float() * unit
    bad = n = 0
    long = [(2048, 2048)]
    for lengths, causal, window, heads, kv_heads in [
            (long, 0, 0, 4, 4), (long, 1, 0, 4, 2), ([(113, 203)], 1, 0, 4, 2), ([(203, 113)], 0, 0, 2, 2),
            ([(1, 1)], 0, 0, 2, 2), ([(799, 3)], 1, 0, 2, 1), ([(513, 777)], 1, 100, 2, 2), ([(513, 513)], 0, 64, 2, 2),
            ([(5, 5), (130, 400), (1, 77), (333, 333), (64, 1000)], 1, 0, 6, 3), ([(700, 700)] * 5, 1, 0, 16, 4)]:
        for persistent in (0, 1):
            qb = kb = 0
            segs = []
            for ql, kl in lengths:
                segs.append((qb, ql, kb, kl))
                qb, kb = qb + ql, kb + kl
            q, k, v = draw(qb, heads, True), draw(kb, kv_heads, True), draw(kb, kv_heads, True)
            ref, rl = plain(q, k, v, segs, d ** -0.5, causal, window, torch.float32)
            low, ll = plain(tensor_fp8(q), tensor_fp8(k), tensor_fp8(v), segs, d ** -0.5, causal, window, torch.float32, True)
            call, o, lse = forward(lib, variant, q, k, v, segs, d ** -0.5, causal, window, flags=persistent)
            call()
            call2, o2, _ = forward(lib, variant, q, k, v, segs, d ** -0.5, causal, window, flags=2)
            call2()
            torch.cuda.synchronize()
            e, eb, et = rms(o, ref), rms(o2, ref), rms(low, ref)
            both = torch.isfinite(rl)
            el = (lse - rl)[both].abs().max().item() if both.any() else 0.0
            el_low = (ll - rl)[both].abs().max().item() if both.any() else 0.0
            n += 1
            fine = e < 0.12 and e <= et + 0.02 and el <= max(el_low, 0.4) and bool((torch.isfinite(lse) == both).all())
            if lengths == long:
                print(f"fp8 variant {variant} d {d} causal {causal}: rms error {e:.4f}, blocks alone {eb:.4f}, "
                      f"per tensor {et:.4f} ({et / e:.2f} times), lse {el:.3g}", flush=True)
            if not fine:
                bad += 1
                print(f"  fp8 {variant} {lengths} causal {causal} window {window}: rms {e:.4g} tensor {et:.4g} lse {el:.3g}", flush=True)
    print(f"fp8 variant {variant}: {n} cases, {bad} bad", flush=True)
    return bad


def bench_fp8(path, lengths, rounds=7):
    import torch
    lib = load(path)
    for d in (64, 128, 256):
        for n in lengths:
            heads, batch = 2048 // d, 16384 // n
            q, k, v = (torch.randn(batch * n, heads, d, device="cuda").bfloat16() for _ in range(3))
            segs = [(b * n, n, b * n, n) for b in range(batch)]
            for causal in (0, 1):
                calls = {}
                for var, width in FP8_SHAPES.items():
                    if width != d:
                        continue
                    for stay in (0, 1):
                        whole = forward(lib, var, q, k, v, segs, d ** -0.5, causal, flags=stay)[0]
                        whole()
                        calls[f"v{var}{'p' if stay else ''}"] = whole.again(4 + stay)  # on operands rounded before
                        calls[f"v{var}{'p' if stay else ''}+rounding"] = whole
                t = median_times(calls, rounds)
                flops = 4 * batch * n * n * 2048 / (2 if causal else 1)
                print(f"fp8 d {d} n {n} causal {causal}: " + " ".join(f"{x} {flops / ms * 1e-9:.0f}" for x, ms in t.items()), flush=True)


def check_tiles(path):
    import torch
    lib = load(path)
    for which, (d, dv, n) in enumerate([(64, 64, 128), (128, 128, 176), (256, 256, 80), (96, 96, 144), (192, 192, 112)]):
        q, k, v = (torch.randn(*s, device="cuda").bfloat16() for s in ((64, d), (n, d), (n, dv)))
        s, o = torch.full((64, n), float("nan"), device="cuda"), torch.full((64, dv), float("nan"), device="cuda")
        rc = lib.tile_test(which, *[ctypes.c_void_p(t.data_ptr()) for t in (q, k, v, s, o)])
        rs = q.float() @ k.float().T
        ro = rs.bfloat16().float() @ v.float()
        print(f"tile {d}/{dv} x {n}: rc {rc} s {(s - rs).abs().max().item():.3g} o {(o - ro).abs().max().item():.3g} of "
              f"{ro.abs().max().item():.3g}", flush=True)


def median_times(calls, rounds):
    import torch
    times = {name: [] for name in calls}
    for name in calls:
        calls[name]()
    torch.cuda.synchronize()
    for _ in range(rounds):
        for name, f in calls.items():
            a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            f()
            a.record()
            f()
            b.record()
            b.synchronize()
            times[name].append(a.elapsed_time(b))
    return {n: sorted(t)[len(t) // 2] for n, t in times.items()}


def bench(path, lengths, variants, rounds=7):
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    F = torch.nn.functional
    lib = load(path)
    print(torch.cuda.get_device_name(), torch.__version__, "cuDNN", torch.backends.cudnn.version(), flush=True)
    for d in (64, 128, 256):
        for n in lengths:
            heads, batch = 2048 // d, 16384 // n
            q, k, v = (torch.randn(batch * n, heads, d, device="cuda").bfloat16() for _ in range(3))
            bq, bk, bv = (t.view(batch, n, heads, d).transpose(1, 2) for t in (q, k, v))
            segs = [(b * n, n, b * n, n) for b in range(batch)]
            for causal in (0, 1):
                calls = {}
                for var in variants:
                    if SHAPES[var // 2] == (d, d):
                        try:
                            call, _, _ = forward(lib, var, q, k, v, segs, d ** -0.5, causal)
                            call()
                            calls[f"v{var}"] = call
                        except RuntimeError:
                            pass

                def cudnn():
                    with sdpa_kernel(SDPBackend.CUDNN_ATTENTION):
                        F.scaled_dot_product_attention(bq, bk, bv, is_causal=bool(causal))
                calls["cudnn"] = cudnn
                t = median_times(calls, rounds)
                flops = 4 * batch * n * n * 2048 / (2 if causal else 1)
                row = " ".join(f"{name} {flops / ms * 1e-9:.0f}" for name, ms in t.items())
                ours = min((ms, name) for name, ms in t.items() if name != "cudnn")
                print(f"d {d} n {n} causal {causal}: {row} | best {ours[1]} {t['cudnn'] / ours[0]:.2f} of cudnn", flush=True)


def main():
    what, path = sys.argv[1], sys.argv[2]
    if what == "one":
        sys.exit(check_variant(path, int(sys.argv[3])) != 0)
    if what == "fp8one":
        sys.exit(check_fp8(path, int(sys.argv[3])) != 0)
    if what == "benchfp8":
        return bench_fp8(path, [int(x) for x in sys.argv[3].split(",")])
    if what == "tiles":
        return check_tiles(path)
    if what in ("check", "checkfp8"):
        one, shapes = ("one", range(2 * len(SHAPES))) if what == "check" else ("fp8one", FP8_SHAPES)
        def go(v):
            try:
                r = subprocess.run([sys.executable, __file__, one, path, str(v)], capture_output=True, text=True, timeout=60)
                tail = r.stderr.strip().splitlines()[-1:] if r.returncode and "bad" not in r.stdout else []
                return r.returncode, r.stdout + "".join(f"  variant {v}: {t}\n" for t in tail)
            except subprocess.TimeoutExpired:
                return 124, f"variant {v}: TIMED OUT\n"
        picks = [int(x) for x in sys.argv[3].split(",")] if len(sys.argv) > 3 else list(shapes)
        with ThreadPoolExecutor(15) as pool:
            results = list(pool.map(go, picks))
        good = [v for v, r in zip(picks, results) if r[0] == 0]
        for r in results:
            if r[0] or what == "checkfp8":
                print(r[1], end="")
        print("good variants:", ",".join(map(str, good)), f"({len(good)} of {len(results)})")
        sys.exit(len(good) != len(results))
    if what == "bench":
        picks = [int(x) for x in sys.argv[4].split(",")] if len(sys.argv) > 4 and sys.argv[4] else range(2 * len(SHAPES))
        lengths = [int(x) for x in sys.argv[3].split(",")] if len(sys.argv) > 3 else [512, 1024, 2048, 4096, 8192, 16384]
        bench(path, lengths, list(picks))


main()

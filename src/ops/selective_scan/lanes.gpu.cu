// Selective scan (Gu and Dao 2023, algorithm 2), forward:
//   h[t] = exp(dt a) h[t - 1] + dt b[t] x[t],  y[t] = (c[t] . h[t] + d x[t]) silu(z[t]),  dt = softplus(dt +
//   bias).
// Four lanes share the states of a channel in registers and go along time; spans and channels run side by
// side. The inputs of kAhead tokens are loaded before they are used, b and c of them by the block into shared
// memory.
#include "context/kernel.h"
#include "ops/selective_scan/args.h"
#include "ops/selective_scan/scan_gpu.h"

namespace ridge {
namespace {

constexpr int kThreads = 128, kLanes = 4, kChannels = kThreads / kLanes, kAhead = 16;
constexpr float kLog2e = 1.44269504088896341f;

template <int kStates>
__global__ void __launch_bounds__(kThreads) lanes_kernel(ScanParams p) {
  constexpr int kN = kStates * kLanes;
  __shared__ float bs[kAhead][kN], cs[kAhead][kN];
  __shared__ float xs[kAhead][kChannels], ds[kAhead][kChannels], zs[kAhead][kChannels], ys[kAhead][kChannels];
  const SequenceSpan span = p.spans[blockIdx.y];
  const int lane = threadIdx.x % kLanes, own = threadIdx.x / kLanes;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * kChannels, ch = first + own;
  const bool used = ch < p.channels;
  float* const state = p.state && used ? p.state + span.slot * p.n * p.channels + ch : nullptr;
  float a[kStates], h[kStates];
  // State j of the lane is lane + 4 j: neighbouring lanes read neighbouring words of b and c.
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    const int64_t i = lane + kLanes * j;
    const bool there = used && i < p.n;
    a[j] = there ? -expf(p.a_log[ch * p.n + i]) * kLog2e : 0;
    h[j] = there && state ? state[i * p.channels] : 0;
  }
  const float d = p.d && used ? p.d[ch] : 0;
  for (int64_t t0 = 0; t0 < span.length; t0 += kAhead) {
    const int here = static_cast<int>(span.length - t0 < kAhead ? span.length - t0 : kAhead);
    const int64_t begin = span.begin + t0;
    for (int i = threadIdx.x; i < kAhead * kN; i += kThreads) {
      const int t = i / kN, s = i % kN;
      const bool there = t < here && s < p.n;
      bs[t][s] = there ? p.b[(begin + t) * p.b_stride + s] : 0;
      cs[t][s] = there ? p.c[(begin + t) * p.c_stride + s] : 0;
    }
    for (int i = threadIdx.x; i < kAhead * kChannels; i += kThreads) {
      const int t = i / kChannels;
      const int64_t c = first + i % kChannels;
      if (t >= here || c >= p.channels) continue;
      const float raw = p.dt[(begin + t) * p.dt_stride + c] + (p.dt_bias ? p.dt_bias[c] : 0);
      xs[t][i % kChannels] = p.x[(begin + t) * p.x_stride + c];
      ds[t][i % kChannels] = raw > 20 ? raw : log1pf(__expf(raw));
      if (p.z) {
        const float z = p.z[(begin + t) * p.z_stride + c];
        zs[t][i % kChannels] = z / (1 + __expf(-z));
      }
    }
    __syncthreads();
#pragma unroll 4
    for (int t = 0; t < here; ++t) {
      const float x = xs[t][own], delta = ds[t][own], u = delta * x;
      float y = 0;
#pragma unroll
      for (int j = 0; j < kStates; ++j) {
        h[j] = exp2f(delta * a[j]) * h[j] + u * bs[t][lane + kLanes * j];
        y += h[j] * cs[t][lane + kLanes * j];
      }
      y += __shfl_xor_sync(~0u, y, 1);
      y += __shfl_xor_sync(~0u, y, 2);
      if (lane == 0) ys[t][own] = (y + d * x) * (p.z ? zs[t][own] : 1.0f);
    }
    __syncthreads();
    for (int i = threadIdx.x; i < here * kChannels; i += kThreads) {
      const int64_t c = first + i % kChannels;
      if (c < p.channels) p.y[(begin + i / kChannels) * p.y_stride + c] = ys[i / kChannels][i % kChannels];
    }
  }
#pragma unroll
  for (int j = 0; j < kStates; ++j) {
    const int64_t i = lane + kLanes * j;
    if (state && i < p.n) state[i * p.channels] = h[j];
  }
}

template <int kStates>
void launch_states(const ScanParams& p, gpuStream_t stream) {
  const dim3 grid(static_cast<uint32_t>((p.channels + kChannels - 1) / kChannels),
                  static_cast<uint32_t>(p.span_count));
  lanes_kernel<kStates><<<grid, kThreads, 0, stream>>>(p);
}

}  // namespace

bool launch_selective_scan(const ScanParams& p, gpuStream_t stream) {
  if (p.n > 64) return false;
  if (!p.channels || !p.span_count) return true;
  if (p.n <= 16)
    launch_states<4>(p, stream);
  else if (p.n <= 32)
    launch_states<8>(p, stream);
  else
    launch_states<16>(p, stream);
  return true;
}

namespace {

const char* accepts(const void* q) {
  const auto& s = *static_cast<const SelectiveScanArgs*>(q);
  if (s.a_log.dim[1] > 64) return "more than 64 states";
  if (s.span_count > 32768) return "more than 32768 sequences";
  return nullptr;
}
void run(const void* q, const Exec& exec) {
  const auto& s = *static_cast<const SelectiveScanArgs*>(q);
  const auto at = [](const View& v) { return static_cast<float*>(v.data); };
  const ScanParams p{at(s.x),
                     at(s.dt),
                     at(s.a_log),
                     at(s.dt_bias),
                     at(s.d),
                     at(s.b),
                     at(s.c),
                     at(s.z),
                     at(s.y),
                     at(s.state),
                     s.x.dim[1],
                     s.a_log.dim[1],
                     s.x.stride[0],
                     s.dt.stride[0],
                     s.b.stride[0],
                     s.c.stride[0],
                     s.z.data ? s.z.stride[0] : 0,
                     s.y.stride[0],
                     static_cast<const SequenceSpan*>(exec.upload(
                         &exec, s.spans, s.span_count * static_cast<int64_t>(sizeof(SequenceSpan)))),
                     s.span_count};
  if (p.spans) launch_selective_scan(p, static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"selective_scan",
                                 "lanes.gpu",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 50,
                                 Rounding::f32,
                                 accepts,
                                 nullptr,
                                 run,
                                 nullptr,
                                 "Gu and Dao 2023, algorithm 2"};
}  // namespace tables
}  // namespace ridge

// Channels run side by side in the lanes, states one after the other: in place of a scan over tokens, which
// is serial, each step works on full vectors, and what a step costs is mostly the exponential. Tiles of
// tokens keep time steps and outputs in cache while four states at a time pass over them. Strips of channels
// over threads.
#include "base/cpu_features.h"
#include "ops/decay.h"
#include "ops/selective_scan/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kTokens = 32, kVectors = 4, kStrip = kVectors * kLanes;

struct Tile {
  F32 delta[kTokens], u[kTokens], y[kTokens];  // u = delta x
};

// A thread's memory: a2 = log2(e) a, and the states where no tensor holds them: F32 [n][kVectors] each.
int64_t workspace(const void* p, int threads) {
  return static_cast<const SelectiveScanArgs*>(p)->a_log.dim[1] * kVectors * 2 * int64_t{sizeof(F32)} *
         threads;
}

RIDGE_INLINE F32 get(const float* p, int64_t n) { return n == kLanes ? load(p) : load_n(p, n); }
RIDGE_INLINE void put(float* p, F32 v, int64_t n) { n == kLanes ? store(p, v) : store_n(p, v, n); }

// kStates states of one vector of channels over a tile of tokens.
template <int kStates>
RIDGE_INLINE void states(const SelectiveScanArgs& s, Tile& tile, int64_t first, int64_t count, int64_t i,
                         const F32* a2, F32* h) {
  F32 a[kStates], held[kStates];
#pragma GCC unroll 4
  for (int k = 0; k < kStates; ++k) a[k] = a2[(i + k) * kVectors], held[k] = h[(i + k) * kVectors];
  const float *b = scan_row(s.b, first) + i, *c = scan_row(s.c, first) + i;
  for (int64_t t = 0; t < count; ++t, b += s.b.stride[0], c += s.c.stride[0]) {
    const F32 delta = tile.delta[t], u = tile.u[t];
    F32 y = tile.y[t];
#pragma GCC unroll 4
    for (int k = 0; k < kStates; ++k) {
      held[k] = fma(exp2_decay(delta * a[k]), held[k], u * b[k]);
      y = fma(held[k], set1(c[k]), y);
    }
    tile.y[t] = y;
  }
#pragma GCC unroll 4
  for (int k = 0; k < kStates; ++k) h[(i + k) * kVectors] = held[k];
}

// Tokens [first, first + count) of channels [ch, ch + lanes).
void tokens(const SelectiveScanArgs& s, int64_t first, int64_t count, int64_t ch, int64_t lanes,
            const F32* a2, F32* h) {
  Tile tile;
  const F32 bias = s.dt_bias.data ? get(scan_row(s.dt_bias, 0) + ch, lanes) : F32{};
  const F32 d = s.d.data ? get(scan_row(s.d, 0) + ch, lanes) : F32{};
  for (int64_t t = 0; t < count; ++t) {
    const F32 x = get(scan_row(s.x, first + t) + ch, lanes);
    tile.delta[t] = softplus(get(scan_row(s.dt, first + t) + ch, lanes) + bias);
    tile.u[t] = tile.delta[t] * x;
    tile.y[t] = d * x;
  }
  const int64_t n = s.a_log.dim[1];
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) states<4>(s, tile, first, count, i, a2, h);
  for (; i < n; ++i) states<1>(s, tile, first, count, i, a2, h);
  for (int64_t t = 0; t < count; ++t) {
    F32 y = tile.y[t];
    if (s.z.data) {
      const F32 z = get(scan_row(s.z, first + t) + ch, lanes);
      y = y * (z / (1.0f + exp(-z)));
    }
    put(scan_row(s.y, first + t) + ch, y, lanes);
  }
}

void strip(const SelectiveScanArgs& s, const SequenceSpan& span, int64_t begin, F32* a2, F32* h) {
  const int64_t n = s.a_log.dim[1], channels = s.x.dim[1];
  const int64_t width = channels - begin < kStrip ? channels - begin : kStrip;
  const auto* a_log = static_cast<const float*>(s.a_log.data) + begin * n;
  float* state = static_cast<float*>(s.state.data);
  if (state) state += span.slot * n * channels + begin;
  for (int64_t v = 0; v < kVectors; ++v)
    for (int64_t i = 0; i < n; ++i) {
      const int64_t lanes = width - v * kLanes < kLanes ? width - v * kLanes : kLanes;
      F32 log{};
      for (int64_t l = 0; l < lanes; ++l) log[l] = a_log[(v * kLanes + l) * n + i];
      a2[i * kVectors + v] = -exp(log) * kLog2e;
      h[i * kVectors + v] = state && lanes > 0 ? get(state + i * channels + v * kLanes, lanes) : F32{};
    }
  for (int64_t t = 0; t < span.length; t += kTokens) {
    const int64_t count = span.length - t < kTokens ? span.length - t : kTokens;
    for (int64_t v = 0; v * kLanes < width; ++v) {
      const int64_t lanes = width - v * kLanes < kLanes ? width - v * kLanes : kLanes;
      tokens(s, span.begin + t, count, begin + v * kLanes, lanes, a2 + v, h + v);
    }
  }
  for (int64_t v = 0; state && v * kLanes < width; ++v)
    for (int64_t i = 0; i < n; ++i)
      put(state + i * channels + v * kLanes, h[i * kVectors + v],
          width - v * kLanes < kLanes ? width - v * kLanes : kLanes);
}

void run(const void* p, const Exec& exec) {
  const auto& s = *static_cast<const SelectiveScanArgs*>(p);
  const int64_t n = s.a_log.dim[1], strips = (s.x.dim[1] + kStrip - 1) / kStrip;
  for_each_chunk(exec, s.span_count * strips, 1, [&](int64_t begin, int64_t end, int thread) {
    F32* own = static_cast<F32*>(exec.workspace) + 2 * n * kVectors * thread;
    for (int64_t u = begin; u < end; ++u)
      strip(s, s.spans[u / strips], u % strips * kStrip, own, own + n * kVectors);
  });
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"selective_scan",
                                 "channels." RIDGE_ISA_NAME,
                                 kDeviceCpu,
                                 RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,
                                 Rounding::f32,
                                 nullptr,
                                 RIDGE_ISA_NS::workspace,
                                 RIDGE_ISA_NS::run,
                                 nullptr,
                                 "Gu and Dao 2023, section 3.3.2"};
}  // namespace tables
}  // namespace ridge

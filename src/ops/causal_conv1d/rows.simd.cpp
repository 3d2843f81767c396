// A vector of channels at a time, weights in registers, over tiles of rows: inputs are read from x itself, so
// that every output is computed alike whatever stands beside it. Tiles over threads.
#include "base/cpu_features.h"
#include "base/simd.h"
#include "ops/causal_conv1d/args.h"

namespace ridge {
namespace RIDGE_ISA_NS {
namespace {

constexpr int64_t kRows = 32, kChannels = 512;

// Row t of a sequence, from channel c on; rows before its first are its state's, or null: zeros.
RIDGE_INLINE const float* input(const CausalConv1dArgs& a, const SequenceSpan& s, int64_t t, int64_t c) {
  if (t >= 0) return static_cast<const float*>(a.x.data) + (s.begin + t) * a.x.stride[0] + c;
  const int64_t past = a.weight.dim[1] - 1;
  return a.state.data ? static_cast<const float*>(a.state.data) + (s.slot * past + past + t) * a.x.dim[1] + c
                      : nullptr;
}

template <int kWidth, bool kWhole>
RIDGE_INLINE void vector_of(const CausalConv1dArgs& a, const SequenceSpan& s, int64_t first, int64_t end,
                            int64_t c, int64_t n) {
  const auto* weight = static_cast<const float*>(a.weight.data) + c * kWidth;
  F32 w[kWidth] = {}, bias{};
  for (int64_t l = 0; l < n; ++l)
    for (int j = 0; j < kWidth; ++j) w[j][l] = weight[l * kWidth + j];
  const auto get = [&](const float* p) { return !p ? F32{} : kWhole ? load(p) : load_n(p, n); };
  if (a.bias.data) bias = get(static_cast<const float*>(a.bias.data) + c);
  F32 x[kWidth];
  for (int j = 0; j + 1 < kWidth; ++j) x[j] = get(input(a, s, first - kWidth + 1 + j, c));
  for (int64_t t = first; t < end; ++t) {
    x[kWidth - 1] = get(input(a, s, t, c));
    F32 z = bias;
#pragma GCC unroll 8
    for (int j = 0; j < kWidth; ++j) z = fma(w[j], x[j], z);
    if (a.silu) z = z / (1.0f + exp(-z));
    float* y = static_cast<float*>(a.y.data) + (s.begin + t) * a.y.stride[0] + c;
    kWhole ? store(y, z) : store_n(y, z, n);
#pragma GCC unroll 8
    for (int j = 0; j + 1 < kWidth; ++j) x[j] = x[j + 1];
  }
}

template <int kWidth>
void tile(const CausalConv1dArgs& a, const SequenceSpan& s, int64_t first, int64_t end, int64_t c,
          int64_t c_end) {
  for (; c + kLanes <= c_end; c += kLanes) vector_of<kWidth, true>(a, s, first, end, c, kLanes);
  if (c < c_end) vector_of<kWidth, false>(a, s, first, end, c, c_end - c);
}

using Tile = void (*)(const CausalConv1dArgs&, const SequenceSpan&, int64_t, int64_t, int64_t, int64_t);
constexpr Tile kTiles[kMaxConvWidth] = {tile<1>, tile<2>, tile<3>, tile<4>,
                                        tile<5>, tile<6>, tile<7>, tile<8>};

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const CausalConv1dArgs*>(p);
  const int64_t channels = a.x.dim[1], strips = (channels + kChannels - 1) / kChannels;
  const Tile tile_of = kTiles[a.weight.dim[1] - 1];
  int64_t tiles = 0;
  for (int64_t i = 0; i < a.span_count; ++i) tiles += (a.spans[i].length + kRows - 1) / kRows;
  for_each_chunk(exec, tiles * strips, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t u = begin; u < end; ++u) {
      int64_t t = u / strips;
      const SequenceSpan* s = a.spans;
      for (;; ++s) {
        const int64_t here = (s->length + kRows - 1) / kRows;
        if (t < here) break;
        t -= here;
      }
      const int64_t c = u % strips * kChannels, last = t * kRows + kRows;
      tile_of(a, *s, t * kRows, last < s->length ? last : s->length, c,
              c + kChannels < channels ? c + kChannels : channels);
    }
  });
  if (a.state.data)  // all rows are done: nobody reads the old inputs any more
    for (int64_t i = 0; i < a.span_count; ++i) remember_inputs(a, a.spans[i]);
}

}  // namespace
}  // namespace RIDGE_ISA_NS

namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"causal_conv1d",   "rows." RIDGE_ISA_NAME,
                                 kDeviceCpu,        RIDGE_LEVEL_FEATURES,
                                 RIDGE_LEVEL_RANK,  Rounding::f32,
                                 nullptr,           nullptr,
                                 RIDGE_ISA_NS::run, nullptr,
                                 "by hand"};
}  // namespace tables
}  // namespace ridge

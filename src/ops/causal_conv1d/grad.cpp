// By channels: each thread owns all that a channel's gradient sums, so the order of additions is one.
#include <cmath>

#include "ops/causal_conv1d/args.h"

namespace ridge {
namespace {

void channel(const CausalConv1dGradArgs& g, int64_t c) {
  const CausalConv1dArgs& a = g.forward;
  const int64_t channels = a.x.dim[1], width = a.weight.dim[1];
  const float* w = static_cast<const float*>(a.weight.data) + c * width;
  const float bias = a.bias.data ? static_cast<const float*>(a.bias.data)[c] : 0;
  const float* x = static_cast<const float*>(a.x.data) + c;
  const float* dy = static_cast<const float*>(g.dy.data) + c;
  float* dx = static_cast<float*>(g.dx.data) + c;
  double dw[kMaxConvWidth] = {}, db = 0;
  for (int64_t i = 0; i < a.span_count; ++i) {
    const SequenceSpan& s = a.spans[i];
    for (int64_t t = s.begin; t < s.begin + s.length; ++t) {
      dx[t * channels] = 0;
      const int64_t first = t - width + 1 < s.begin ? width - 1 - (t - s.begin) : 0;
      float d = dy[t * g.dy.stride[0]];
      if (a.silu) {
        float z = bias;
        for (int64_t j = first; j < width; ++j) z += w[j] * x[(t - width + 1 + j) * a.x.stride[0]];
        const float q = 1 / (1 + std::exp(-z));
        d *= q * (1 + z * (1 - q));
      }
      db += d;
      for (int64_t j = first; j < width; ++j) {
        const int64_t from = t - width + 1 + j;
        dx[from * channels] += w[j] * d;
        dw[j] += static_cast<double>(d) * x[from * a.x.stride[0]];
      }
    }
  }
  if (g.dweight.data)
    for (int64_t j = 0; j < width; ++j)
      static_cast<float*>(g.dweight.data)[c * width + j] = static_cast<float>(dw[j]);
  if (g.dbias.data) static_cast<float*>(g.dbias.data)[c] = static_cast<float>(db);
}

void run(const void* p, const Exec& exec) {
  const auto& g = *static_cast<const CausalConv1dGradArgs*>(p);
  for_each_chunk(exec, g.forward.x.dim[1], 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t c = begin; c < end; ++c) channel(g, c);
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_causal_conv1d_grad;
const Kernel kernel_causal_conv1d_grad{"causal_conv1d_grad",
                                       "channels",
                                       kDeviceCpu,
                                       0,
                                       10,
                                       Rounding::f32,
                                       nullptr,
                                       nullptr,
                                       run,
                                       nullptr,
                                       "by hand"};
}  // namespace tables
}  // namespace ridge

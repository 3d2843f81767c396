// The definition, in double: all scores of a query, their softmax, the weighted sum.
#include <cmath>
#include <limits>

#include "ops/attention/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) {
  const auto& a = *static_cast<const AttentionArgs*>(p);
  int64_t most = 0;
  for (int64_t s = 0; s < a.segment_count; ++s)
    most = a.segments[s].kv_len > most ? a.segments[s].kv_len : most;
  return (most + a.v.dim[2]) * 8 + (a.k.dim[2] + a.v.dim[2]) * 4;
}

// Row [token, head] of a tensor of any real format, in f32.
void row(const View& t, int64_t token, int64_t head, float* out) {
  const int64_t at = token * t.stride[0] + head * t.stride[1];
  t.format->decode(static_cast<const char*>(t.data) + at * t.format->bytes, out, t.dim[2]);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const AttentionArgs*>(p);
  const int64_t heads = a.q.dim[1], group = heads / a.k.dim[1], d = a.q.dim[2], dv = a.v.dim[2];
  const auto out_row = [&](int64_t token, int64_t h) {
    return static_cast<float*>(a.y.data) + token * a.y.stride[0] + h * a.y.stride[1];
  };
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t c = 0; c < dv; ++c) out_row(t, h)[c] = 0;
  auto* sum_v = static_cast<double*>(exec.workspace);
  double* score = sum_v + dv;
  for (int64_t s = 0; s < a.segment_count; ++s) {
    const AttentionSegment& g = a.segments[s];
    auto* k = reinterpret_cast<float*>(score + g.kv_len);
    float* v = k + d;
    for (int64_t i = 0; i < g.q_len; ++i)
      for (int64_t h = 0; h < heads; ++h) {
        const float* q =
            static_cast<const float*>(a.q.data) + (g.q_begin + i) * a.q.stride[0] + h * a.q.stride[1];
        int64_t first, end;
        visible_keys(a, g, i, &first, &end);
        double most = -std::numeric_limits<double>::infinity(), sum = 0;
        for (int64_t j = first; j < end; ++j) {
          row(a.k, g.kv_begin + j, h / group, k);
          double dot = 0;
          for (int64_t c = 0; c < d; ++c) dot += static_cast<double>(q[c]) * k[c];
          dot *= a.scale;
          if (a.softcap > 0) dot = a.softcap * std::tanh(dot / a.softcap);
          if (a.slopes.data)
            dot += static_cast<const float*>(a.slopes.data)[h] *
                   static_cast<double>(j - (g.kv_len - g.q_len + i));
          if (a.relative.data)
            dot += static_cast<const float*>(
                a.relative.data)[h * a.relative.dim[1] + relative_column(a, j - (g.kv_len - g.q_len + i))];
          score[j] = dot;
          most = std::fmax(most, dot);
        }
        for (int64_t c = 0; c < dv; ++c) sum_v[c] = 0;
        for (int64_t j = first; j < end; ++j) {
          const double w = std::exp(score[j] - most);
          sum += w;
          row(a.v, g.kv_begin + j, h / group, v);
          for (int64_t c = 0; c < dv; ++c) sum_v[c] += w * v[c];
        }
        if (sum > 0)
          for (int64_t c = 0; c < dv; ++c) out_row(g.q_begin + i, h)[c] = static_cast<float>(sum_v[c] / sum);
      }
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_attention_reference;
const Kernel kernel_attention_reference{"attention",
                                        "reference",
                                        kDeviceCpu,
                                        0,
                                        0,
                                        Rounding::f32,
                                        nullptr,
                                        workspace,
                                        run,
                                        nullptr,
                                        "Vaswani et al. 2017, eq. 1"};
}  // namespace tables
}  // namespace ridge

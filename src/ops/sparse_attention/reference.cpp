// The definition, in double.
#include <cmath>

#include "device/device.h"
#include "ops/sparse_attention/args.h"

namespace ridge {
namespace {

int64_t workspace(const void* p, int) {
  return static_cast<const SparseAttentionArgs*>(p)->q.dim[2] * static_cast<int64_t>(sizeof(double));
}

// Calls fn(token) for each key that query number i of the block sees.
template <typename F>
void each_key(const SparseAttentionArgs& a, const SparseBlock& b, int64_t i, F&& fn) {
  for (int64_t r = 0; r < b.range_count; ++r) {
    const SparseRange& range = a.ranges[b.range_begin + r];
    int64_t first, end;
    visible_keys(range, i, &first, &end);
    for (int64_t t = first; t < end; ++t) {
      const int64_t token = range.key + t * range.stride;
      if (!(range.skip_marked && a.marked && a.marked[token])) fn(token);
    }
  }
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const SparseAttentionArgs*>(p);
  const int64_t heads = a.q.dim[1], d = a.q.dim[2];
  auto* sum_v = static_cast<double*>(exec.workspace);
  const auto row = [](const View& t, int64_t token, int64_t head) {
    return static_cast<float*>(t.data) + token * t.stride[0] + head * t.stride[1];
  };
  for (int64_t t = 0; t < a.y.dim[0]; ++t)
    for (int64_t h = 0; h < heads; ++h)
      for (int64_t c = 0; c < d; ++c) row(a.y, t, h)[c] = 0;
  for (int64_t n = 0; n < a.block_count * heads; ++n) {
    const SparseBlock& b = a.blocks[n / heads];
    const int64_t h = n % heads;
    if (b.head >= 0 && b.head != h) continue;
    for (int64_t i = 0; i < b.count; ++i) {
      const int64_t token = b.query + i * b.stride;
      const float* q = row(a.q, token, h);
      const auto score = [&](int64_t key) {
        double dot = 0;
        for (int64_t c = 0; c < d; ++c) dot += static_cast<double>(q[c]) * row(a.k, key, h)[c];
        return dot * a.scale;
      };
      double most = -HUGE_VAL, sum = 0;
      each_key(a, b, b.index + i, [&](int64_t key) { most = std::fmax(most, score(key)); });
      for (int64_t c = 0; c < d; ++c) sum_v[c] = 0;
      each_key(a, b, b.index + i, [&](int64_t key) {
        const double w = std::exp(score(key) - most);
        sum += w;
        for (int64_t c = 0; c < d; ++c) sum_v[c] += w * row(a.v, key, h)[c];
      });
      if (sum > 0)
        for (int64_t c = 0; c < d; ++c) row(a.y, token, h)[c] = static_cast<float>(sum_v[c] / sum);
    }
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_sparse_attention_reference;
const Kernel kernel_sparse_attention_reference{"sparse_attention",
                                               "reference",
                                               kDeviceCpu,
                                               0,
                                               0,
                                               Rounding::f32,
                                               nullptr,
                                               workspace,
                                               run,
                                               nullptr,
                                               "Beltagy et al. 2020, Zaheer et al. 2020"};
}  // namespace tables
}  // namespace ridge

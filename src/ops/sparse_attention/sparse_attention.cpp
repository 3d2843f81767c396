#include "ops/sparse_attention/sparse_attention.h"

#include "ops/common.h"
#include "ops/sparse_attention/args.h"

namespace ridge {
namespace tables {
extern const Op op_sparse_attention;
const Op op_sparse_attention{"sparse_attention", "y = softmax(scale q k^T over the keys seen) v"};
}  // namespace tables

namespace {

void check(const Tensor& q, const Tensor& k, const Tensor& v, const SparsePattern& p) {
  for (const auto& [name, t] : {std::pair{"q", &q}, {"k", &k}, {"v", &v}}) {
    expect_dtype("sparse_attention", name, *t, f32);
    if (t->rank() != 3 || !(t->shape() == q.shape()) || t->stride(2) != 1)
      fail(Fault::usage, "sparse_attention: q {}, k {}, v {}: expected three times f32 [tokens, heads, d]",
           q.text(), k.text(), v.text());
  }
  const int64_t n = q.dim(0);
  if (!p.marked.empty() && static_cast<int64_t>(p.marked.size()) != n)
    fail(Fault::usage, "sparse_attention: marks for {} tokens of {}", p.marked.size(), n);
  const auto outside = [&](int64_t first, int64_t stride, int64_t count) {
    constexpr int64_t most = int64_t{1} << 31;  // beyond it the products below could overflow
    if (count <= 0) return false;
    if (first < 0 || first >= n || stride < 1 || stride > most || count > n) return true;
    return first + (count - 1) * stride >= n;
  };
  for (const SparseBlock& b : p.blocks)
    if (outside(b.query, b.stride, b.count) || b.head >= q.dim(1) || b.range_begin < 0 || b.range_count < 0 ||
        b.range_begin + b.range_count > static_cast<int64_t>(p.ranges.size()))
      fail(Fault::usage, "sparse_attention: a block of {} queries from {} does not fit {} tokens", b.count,
           b.query, n);
  for (const SparseRange& r : p.ranges)
    if (r.begin < 0 || r.begin > n || r.end < r.begin || r.stride < 1 || r.stride > (int64_t{1} << 31) ||
        outside(r.key + r.begin * r.stride, r.stride, r.end - r.begin))
      fail(Fault::usage, "sparse_attention: keys [{}, {}) from {} do not fit {} tokens", r.begin, r.end,
           r.key, n);
}

Cost cost_of(const Tensor& q, const SparsePattern& p) {
  const int64_t heads = q.dim(1), d = q.dim(2);
  int64_t pairs = 0;
  for (const SparseBlock& b : p.blocks)
    for (int64_t r = 0; r < b.range_count; ++r)
      for (int64_t i = 0; i < b.count; ++i) {
        int64_t first, end;
        visible_keys(p.ranges[static_cast<size_t>(b.range_begin + r)], b.index + i, &first, &end);
        pairs += (end - first) * (b.head < 0 ? heads : 1);
      }
  Cost c;
  c.flops = pairs * 4 * d;
  c.read = 3 * q.bytes();
  c.written = q.bytes();
  return c;
}

}  // namespace

Tensor sparse_attention(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v,
                        const SparsePattern& p, float scale) {
  check(q, k, v, p);
  expect_unwatched(cx, "sparse_attention", {&q, &k, &v});
  const Tensor y = cx.make(f32, q.shape());
  SparseAttentionArgs args{q.view(),
                           k.view(),
                           v.view(),
                           y.view(),
                           p.blocks.data(),
                           static_cast<int64_t>(p.blocks.size()),
                           p.ranges.data(),
                           p.marked.empty() ? nullptr : p.marked.data(),
                           scale};
  cx.launch(tables::op_sparse_attention, &args, cost_of(q, p), {&y, &q, &k, &v});
  return y;
}

}  // namespace ridge

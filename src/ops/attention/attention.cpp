#include "ops/attention/attention.h"

#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "ops/attention/args.h"
#include "ops/common.h"

namespace ridge {
namespace tables {
extern const Op op_attention;
extern const Op op_attention_grad;
const Op op_attention{"attention", "y = softmax(mask(cap(scale q k^T) + slope (j - i) + relative[j - i])) v"};
const Op op_attention_grad{"attention_grad", "dq, dk, dv of attention"};
}  // namespace tables

namespace {

void check(const Tensor& q, const Tensor& k, const Tensor& v, std::span<const AttentionSegment> segments,
           const AttentionOptions& o) {
  expect_dtype("attention", "q", q, f32);
  const bool fits = k && v && q.rank() == 3 && k.rank() == 3 && v.rank() == 3 && k.dim(0) == v.dim(0) &&
                    k.dim(1) == v.dim(1) && k.dim(2) == q.dim(2) && k.dim(1) > 0 && q.dim(1) % k.dim(1) == 0;
  if (!fits)
    fail(Fault::usage,
         "attention: q {}, k {}, v {} do not fit: expected q [tokens, heads, d], k [keys, kv_heads, d], v "
         "[keys, kv_heads, dv], "
         "heads a multiple of kv_heads",
         q.text(), k.text(), v.text());
  for (const Tensor* t : {&k, &v})
    if (!t->dtype().is_real())
      fail(Fault::usage, "attention: keys and values in {} are not supported", t->dtype().name());
  if (o.slopes) expect_shape("attention", "slopes", o.slopes, {q.dim(1)});
  if (o.relative) {
    expect_dtype("attention", "relative", o.relative, f32);
    if (o.relative.rank() != 2 || o.relative.dim(0) != q.dim(1) || o.relative.dim(1) % 2 != 1 ||
        !o.relative.contiguous())
      fail(Fault::usage, "attention: relative {}: expected contiguous f32 [{}, 2R + 1]", o.relative.text(),
           q.dim(1));
  }
  for (const auto& s : segments)
    if (s.q_begin < 0 || s.q_len < 0 || s.q_begin + s.q_len > q.dim(0) || s.kv_begin < 0 || s.kv_len < 0 ||
        (o.causal && s.kv_len < s.q_len) || s.kv_begin + s.kv_len > k.dim(0))
      fail(Fault::usage, "attention: a segment of queries {}+{} and keys {}+{} does not fit q {} and k {}",
           s.q_begin, s.q_len, s.kv_begin, s.kv_len, q.text(), k.text());
}

// Two products of every visible pair; each key and value that a segment sees is read once.
Cost cost_of(const AttentionArgs& a) {
  Cost c;
  int64_t pairs = 0, keys = 0, queries = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) {
    const AttentionSegment& g = a.segments[s];
    int64_t lowest = g.kv_len, highest = 0;
    for (int64_t i = 0; i < g.q_len; ++i) {
      int64_t first, end;
      visible_keys(a, g, i, &first, &end);
      pairs += end - first;
      lowest = first < lowest ? first : lowest;
      highest = end > highest ? end : highest;
    }
    keys += highest > lowest ? highest - lowest : 0;
    queries += g.q_len;
  }
  const int64_t heads = a.q.dim[1], d = a.q.dim[2], dv = a.v.dim[2];
  c.flops = pairs * heads * 2 * (d + dv);
  c.state = keys * a.k.dim[1] * (d * a.k.format->bytes + dv * a.v.format->bytes);
  c.read = c.state + queries * heads * d * 4;
  if (a.relative.data || a.relative.rank > 0) c.read += heads * a.relative.dim[1] * 4;
  c.written = queries * heads * dv * 4;
  return c;
}

std::vector<Tensor> gradient(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v,
                             const std::vector<AttentionSegment>& segments, const AttentionOptions& o,
                             const Tensor& dy) {
  expect_dtype("attention (gradient)", "k", k, f32);
  expect_dtype("attention (gradient)", "v", v, f32);
  const Tensor dq = cx.make(f32, q.shape()), dk = cx.make(f32, k.shape()), dv = cx.make(f32, v.shape());
  const Tensor drelative = o.relative ? cx.make(f32, o.relative.shape()) : Tensor();
  AttentionGradArgs args{{q.view(),
                          k.view(),
                          v.view(),
                          {},
                          o.slopes.view(),
                          o.relative.view(),
                          segments.data(),
                          static_cast<int64_t>(segments.size()),
                          o.scale,
                          o.softcap,
                          o.window,
                          o.causal},
                         dy.view(),
                         dq.view(),
                         dk.view(),
                         dv.view(),
                         drelative.view()};
  Cost cost = cost_of(args.forward);  // five products in place of two
  cost.flops = cost.flops * 5 / 2;
  cost.read += dy.bytes();
  cost.written = dq.bytes() + dk.bytes() + dv.bytes();
  cx.launch(tables::op_attention_grad, &args, cost, {&dq, &q, &k, &v, &dy});
  return {dq, dk, dv, drelative};
}

}  // namespace

Tensor attention(Context& cx, const Tensor& q, const Tensor& k, const Tensor& v,
                 std::span<const AttentionSegment> segments, const AttentionOptions& o) {
  check(q, k, v, segments, o);
  const Tensor y = cx.make(f32, {q.dim(0), q.dim(1), v.dim(2)});
  AttentionArgs args{
      q.view(),        k.view(),          v.view(),        y.view(),
      o.slopes.view(), o.relative.view(), segments.data(), static_cast<int64_t>(segments.size()),
      o.scale,         o.softcap,         o.window,        o.causal,
      cx.generating};
  cx.launch(tables::op_attention, &args, cost_of(args), {&y, &q, &k, &v});
  return cx.taped(tables::op_attention, {&q, &k, &v, &o.relative}, y,
                  [=, list = std::vector<AttentionSegment>(segments.begin(), segments.end())](
                      Context& c, const Tensor& dy) { return gradient(c, q, k, v, list, o, dy); });
}

}  // namespace ridge

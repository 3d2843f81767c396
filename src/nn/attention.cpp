#include "nn/attention.h"

#include "ops/view/view.h"

namespace ridge {
namespace {

// Norm over each head, or over the whole row where the weight is that wide.
Tensor in_heads(Context& cx, Tensor x, const RmsNorm& norm, int64_t heads, int64_t d) {
  if (norm.weight && norm.weight.dim(0) != d) x = norm(cx, x);
  x = reshape(cx, x, {x.dim(0), heads, d});
  return norm.weight && norm.weight.dim(0) == d ? norm(cx, x) : x;
}

}  // namespace

Tensor AttentionBlock::operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                                  const AttentionOptions& options) const {
  const int64_t n = x.dim(0);
  Tensor queries = in_heads(cx, q(cx, x), q_norm, heads, d);
  Tensor keys = in_heads(cx, k(cx, x), k_norm, kv_heads, d);
  const Tensor values = reshape(cx, v(cx, x), {n, kv_heads, d});
  if (rope) queries = (*rope)(cx, queries, step), keys = (*rope)(cx, keys, step);
  const Tensor mixed = step.attend(cx, layer, queries, keys, values, options);
  return o(cx, reshape(cx, mixed, {n, heads * d}));
}

Tensor FusedAttention::operator()(Context& cx, const Tensor& x, const Step& step, int layer, const Rope* rope,
                                  const AttentionOptions& options) const {
  const int64_t n = x.dim(0), q_end = heads * d, k_end = q_end + kv_heads * d, v_end = k_end + kv_heads * d;
  const Tensor all = qkv(cx, x);
  Tensor queries = reshape(cx, slice(cx, all, 1, 0, q_end), {n, heads, d});
  Tensor keys = reshape(cx, slice(cx, all, 1, q_end, k_end), {n, kv_heads, d});
  const Tensor values = reshape(cx, slice(cx, all, 1, k_end, v_end), {n, kv_heads, d});
  if (rope) queries = (*rope)(cx, queries, step), keys = (*rope)(cx, keys, step);
  const Tensor mixed = step.attend(cx, layer, queries, keys, values, options);
  return o(cx, reshape(cx, mixed, {n, heads * d}));
}

}  // namespace ridge

#include "ops/expert_linear/expert_linear.h"

#include <cmath>

#include "formats/dots.h"
#include "ops/common.h"
#include "ops/expert_linear/args.h"

namespace ridge {
namespace tables {
extern const Op op_expert_linear;
const Op op_expert_linear{"expert_linear", "y[t, i] = x[t, i] W[ids[t, i]]^T + bias[ids[t, i]]"};
}  // namespace tables

namespace {

void check(Context& cx, const Tensor& x, const Tensor& w, const Tensor& ids, const Tensor& bias) {
  expect_dtype("expert_linear", "x", x, f32);
  expect_unwatched(cx, "expert_linear", {&x, &w, &bias});
  const bool fits = w && ids && w.rank() == 3 && ids.rank() == 2 && x.dim(-1) == w.dim(2) &&
                    x.dim(0) == ids.dim(0) && (x.rank() == 2 || (x.rank() == 3 && x.dim(1) == ids.dim(1))) &&
                    w.dtype()->kind != FormatKind::integer;
  if (!fits)
    fail(Fault::usage,
         "expert_linear: x {}, weights {} and ids {} do not fit: expected x [tokens, k] or [tokens, top_k, "
         "k], "
         "weights [experts, n, k], ids [tokens, top_k]",
         x.text(), w.text(), ids.text());
  const int64_t block = w.dtype()->block;
  if ((w.dim(2) > 1 && w.stride(2) != 1) || w.stride(1) % block != 0 || w.stride(0) % block != 0)
    fail(Fault::usage, "expert_linear: weights {} are strided; copy them first", w.text());
  expect_indices("expert_linear", "ids", ids, ids.count(), 0, w.dim(0));
  if (!bias) return;
  expect_dtype("expert_linear", "bias", bias, f32);
  expect_shape("expert_linear", "bias", bias, {w.dim(0), w.dim(1)});
  if (!bias.contiguous()) fail(Fault::usage, "expert_linear: bias {} is strided; copy it first", bias.text());
}

// The expected number of different experts where each token takes top_k of them at random.
int64_t experts_read(int64_t experts, int64_t top_k, int64_t tokens) {
  if (experts == 0) return 0;
  const double missed = 1 - static_cast<double>(top_k) / static_cast<double>(experts);
  return std::llround(static_cast<double>(experts) *
                      (1 - std::pow(std::max(missed, 0.0), static_cast<double>(tokens))));
}

}  // namespace

Tensor expert_linear(Context& cx, const Tensor& x, const Tensor& w, const Tensor& ids, const Tensor& bias) {
  check(cx, x, w, ids, bias);
  const int64_t tokens = ids.dim(0), top_k = ids.dim(1), experts = w.dim(0), n = w.dim(1);
  const Tensor y = cx.make(f32, {tokens, top_k, n});
  const auto& choice = cx.kernels();
  ExpertLinearArgs args{rows_view("expert_linear", "x", x),
                        w.view(),
                        bias.view(),
                        ids.reshape({tokens * top_k}).view(),
                        y.view(),
                        x.rank() == 2 ? top_k : 1,
                        find_dot(*w.dtype(), choice.features, choice.exact),
                        find_dot(f32, choice.features, true)};
  const int64_t expert_bytes = w.dtype().bytes_of(n * w.dim(2)) + (bias ? 4 * n : 0);
  const int64_t weights = experts_read(experts, top_k, tokens) * expert_bytes;
  cx.launch(tables::op_expert_linear, &args,
            {2 * y.count() * w.dim(2) + (bias ? y.count() : 0), x.bytes() + ids.bytes() + weights, y.bytes(),
             weights},
            {&y, &x, &w});
  return y;
}

}  // namespace ridge

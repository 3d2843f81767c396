#include "ops/fourier_mix/fourier_mix.h"

#include <cmath>
#include <map>
#include <memory>
#include <numbers>

#include "ops/common.h"
#include "ops/fourier_mix/args.h"

namespace ridge {
namespace tables {
extern const Op op_fourier_mix;
const Op op_fourier_mix{"fourier_mix", "y = Re(F_n x F_h)"};
}  // namespace tables

namespace {

struct Tables {
  FftPlan plan{};
  std::vector<float> cos, sin;
};

// Fours first: their butterflies need no multiplication.
void factorize(FftPlan& plan) {
  int64_t rest = plan.n;
  const auto take = [&](int64_t p) {
    for (; rest % p == 0; rest /= p) plan.factors[plan.factor_count++] = static_cast<int32_t>(p);
  };
  take(4);
  take(2);
  for (int64_t p = 3; p * p <= rest; p += 2) take(p);
  if (rest > 1) plan.factors[plan.factor_count++] = static_cast<int32_t>(rest);
}

std::unique_ptr<Tables> tables_of(int64_t n, bool with_values) {
  auto t = std::make_unique<Tables>();
  t->plan.n = n;
  factorize(t->plan);
  if (with_values)
    for (int64_t k = 0; k < n; ++k) {
      const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
      t->cos.push_back(static_cast<float>(std::cos(angle)));
      t->sin.push_back(static_cast<float>(std::sin(angle)));
    }
  t->plan.cos = t->cos.data(), t->plan.sin = t->sin.data();
  return t;
}

// Of one element of a complex transform: p products and sums a factor p, less for 2 and 4.
int64_t operations(const FftPlan& plan) {
  int64_t sum = 0;
  for (int i = 0; i < plan.factor_count; ++i) {
    const int64_t p = plan.factors[i];
    sum += p == 2 ? 5 : p == 4 ? 9 : 8 * p;
  }
  return sum;
}

}  // namespace

Tensor fourier_mix(Context& cx, const Tensor& x, std::span<const SequenceSpan> spans) {
  expect_dtype("fourier_mix", "x", x, f32);
  if (x.rank() != 2 || !x.contiguous() || x.dim(1) < 1 || x.count() >= (int64_t{1} << 40) ||
      x.dim(0) >= (int64_t{1} << 31) || x.dim(1) >= (int64_t{1} << 31))
    fail(Fault::usage, "fourier_mix: x {}: expected f32 [tokens, h], contiguous", x.text());
  expect_spans("fourier_mix", spans, x.dim(0), {});
  std::map<int64_t, std::unique_ptr<Tables>> all;
  const auto plan = [&](int64_t n) -> const FftPlan& {
    auto& t = all[n];
    if (!t) t = tables_of(n, cx.computes());
    return t->plan;
  };
  std::vector<FftPlan> lengths;
  const FftPlan& width = plan(x.dim(1));
  Cost cost{0, x.bytes(), x.bytes()};
  for (const SequenceSpan& s : spans) {
    lengths.push_back(plan(s.length));
    cost.flops += s.length * x.dim(1) * (operations(lengths.back()) + operations(width)) / 2;
  }
  const Tensor y = cx.make(f32, x.shape());
  FourierMixArgs args{x.view(),       y.view(), spans.data(), static_cast<int64_t>(spans.size()),
                      lengths.data(), &width};
  cx.launch(tables::op_fourier_mix, &args, cost, {&y, &x});
  return cx.taped(
      tables::op_fourier_mix, {&x}, y,
      [list = std::vector<SequenceSpan>(spans.begin(), spans.end())](
          Context& c, const Tensor& dy) -> std::vector<Tensor> { return {fourier_mix(c, dy, list)}; });
}

}  // namespace ridge

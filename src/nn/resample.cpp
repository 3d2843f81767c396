#include "nn/resample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "ops/copy/copy.h"
#include "ops/linear/linear.h"

namespace ridge {
namespace {

double cubic(double x) {
  constexpr double a = -0.75;
  x = std::fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

// [to, from]: row i holds the weights of the four cells about the place of output i.
Tensor weights(Context& cx, int64_t from, int64_t to) {
  std::vector<float> w(static_cast<size_t>(to * from));
  for (int64_t i = 0; i < to; ++i) {
    const double at =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    const auto base = static_cast<int64_t>(std::floor(at));
    for (int64_t k = base - 1; k <= base + 2; ++k)
      w[static_cast<size_t>(i * from + std::clamp<int64_t>(k, 0, from - 1))] +=
          static_cast<float>(cubic(at - static_cast<double>(k)));
  }
  return cx.from_host(w.data(), {to, from});
}

// Along the first dimension of [from, m].
Tensor along(Context& cx, const Tensor& x, int64_t to) {
  return x.dim(0) == to ? x : matmul(cx, weights(cx, x.dim(0), to), x);
}

}  // namespace

Tensor resample_grid(Context& cx, const Tensor& grid, int64_t to_height, int64_t to_width) {
  const int64_t height = grid.dim(0), width = grid.dim(1), n = grid.dim(2);
  const Tensor rows = along(cx, grid.reshape({height, width * n}), to_height).reshape({to_height, width, n});
  const Tensor turned = copy(cx, rows.transpose(0, 1)).reshape({width, to_height * n});
  return copy(cx, along(cx, turned, to_width).reshape({to_width, to_height, n}).transpose(0, 1));
}

}  // namespace ridge

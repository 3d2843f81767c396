// Rows in turn, so that memory is read in order; sums in double. The pass over the rows is all the time it
// takes.
#include <cmath>

#include "device/device.h"
#include "ops/generalized_mean/args.h"

namespace ridge {
namespace {

constexpr int64_t kColumns = 64;

void block(const GeneralizedMeanArgs& a, int64_t group, int64_t begin, int64_t n) {
  const int64_t rows = a.x.dim[1], width = a.x.dim[2];
  const float* x = static_cast<const float*>(a.x.data) + group * rows * width + begin;
  double least[kColumns], sum[kColumns];
  for (int64_t c = 0; c < n; ++c) least[c] = x[c], sum[c] = 0;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < n; ++c) {
      const double v = x[r * width + c];
      least[c] = v < least[c] ? v : least[c];
    }
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < n; ++c) {
      const double v = x[r * width + c] - least[c] + 1;
      sum[c] += a.power == 3 ? v * v * v : std::pow(v, static_cast<double>(a.power));
    }
  float* y = static_cast<float*>(a.y.data) + group * width + begin;
  for (int64_t c = 0; c < n; ++c)
    y[c] = static_cast<float>(std::pow(sum[c] / static_cast<double>(rows), 1 / static_cast<double>(a.power)) +
                              least[c] - 1);
}

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const GeneralizedMeanArgs*>(p);
  const int64_t width = a.x.dim[2], blocks = (width + kColumns - 1) / kColumns;
  for_each_chunk(exec, a.x.dim[0] * blocks, 1, [&](int64_t from, int64_t to, int) {
    for (int64_t i = from; i < to; ++i) {
      const int64_t begin = i % blocks * kColumns;
      block(a, i / blocks, begin, width - begin < kColumns ? width - begin : kColumns);
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_generalized_mean_columns;
const Kernel kernel_generalized_mean_columns{"generalized_mean", "columns", kDeviceCpu, 0,   1,
                                             Rounding::f32,      nullptr,   nullptr,    run, nullptr,
                                             "by hand"};
}  // namespace tables
}  // namespace ridge

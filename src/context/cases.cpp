#include "context/cases.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "base/random.h"

namespace ridge {
namespace {

uint64_t hash(const char* name) {  // FNV-1a
  uint64_t h = 1469598103934665603ull;
  for (; *name; ++name) h = (h ^ static_cast<unsigned char>(*name)) * 1099511628211ull;
  return h;
}

// Guarded contexts watch around the inputs too.
Tensor input(Context& cx, DType dtype, const Shape& shape) {
  return cx.guarded() ? cx.make(dtype, shape) : cx.device().make(dtype, shape);
}

}  // namespace

Tensor CaseInputs::finish(const char* name, Tensor t, bool watched) {
  if (intercept) intercept(name, t);
  if (watched && t.dtype() == DType(f32)) {
    if (cx_.tape) t = cx_.tape->watch(t);
    made.push_back({name, t});
  }
  return t;
}

Tensor CaseInputs::normal(const char* name, const Shape& shape, DType dtype, float deviation, bool watched) {
  Tensor t = input(cx_, dtype, shape);
  if (t.has_data()) {
    Random random(seed_, hash(name));
    std::vector<float> v(static_cast<size_t>(shape.count()));
    for (float& x : v) x = deviation * random.normal();
    if (!v.empty()) dtype->encode(v.data(), t.data(), shape.count(), nullptr);
  }
  return finish(name, t, watched);
}

Tensor CaseInputs::values(const char* name, const Shape& shape, const std::vector<float>& values,
                          bool watched) {
  Tensor t = input(cx_, f32, shape);
  if (t.has_data() && !values.empty()) std::memcpy(t.data(), values.data(), values.size() * 4);
  return finish(name, t, watched);
}

Tensor CaseInputs::integers(const char* name, const Shape& shape, const std::vector<int32_t>& values) {
  Tensor t = input(cx_, i32, shape);
  if (t.has_data() && !values.empty()) std::memcpy(t.data(), values.data(), values.size() * 4);
  return finish(name, t, false);
}

Difference difference(const float* out, const float* reference, int64_t n) {
  Difference d;
  double error = 0, norm = 0, worst = 0;
  const double infinite = std::numeric_limits<double>::infinity();
  for (int64_t i = 0; i < n; ++i) {
    const bool fine = std::isfinite(out[i]), expected = std::isfinite(reference[i]);
    if (!fine || !expected) {
      const bool same = (std::isnan(out[i]) && std::isnan(reference[i])) || out[i] == reference[i];
      if (same) continue;
      d.relative = d.worst = infinite;
      d.note = "element " + std::to_string(i) + " is " + std::to_string(out[i]) + ", expected " +
               std::to_string(reference[i]);
      return d;
    }
    const double e = std::fabs(static_cast<double>(out[i]) - reference[i]);
    error += e * e;
    norm += static_cast<double>(reference[i]) * reference[i];
    if (e > worst) {
      worst = e;
      d.note = "element " + std::to_string(i) + " is " + std::to_string(out[i]) + ", expected " +
               std::to_string(reference[i]);
    }
  }
  if (n == 0 || error == 0) return {0, 0, ""};
  if (norm == 0) {
    d.relative = d.worst = infinite;
    return d;
  }
  d.relative = std::sqrt(error / norm);
  d.worst = worst / std::sqrt(norm / static_cast<double>(n));
  return d;
}

double tolerance(Rounding rounding, int64_t reduction) {
  const double length = std::sqrt(static_cast<double>(std::max<int64_t>(reduction, 1)));
  switch (rounding) {
    // Sums in f32 grow an error of about eps * sqrt(length) relative to the root of the sum of squares.
    case Rounding::f32:
      return 4 * 0x1p-24 * (8 + length);
    case Rounding::bf16_activation:
      return 2 * 0x1p-9;
    // Uniform rounding at 1/127 of the block's maximum (about 2.5 deviations of a normal block of
    // 32): 2.5/127/sqrt(12) of the deviation, whatever the length; twice that.
    case Rounding::q8_activation:
      return 2 * 2.5 / 127 / 3.46;
  }
  return 0;
}

}  // namespace ridge

#include "ops/dplr.h"

#include "ops/common.h"

namespace ridge {
namespace {

const float* values(const Tensor& t) { return t && t.has_data() ? t.ptr<float>() : nullptr; }

}  // namespace

DplrView dplr_view(const char* op, const DplrSystem& s) {
  expect_dtype(op, "log_a_real", s.log_a_real, f32);
  if (s.log_a_real.rank() != 2)
    fail(Fault::usage, "{}: log_a_real {}, expected [channels, n]", op, s.log_a_real.text());
  const int64_t channels = s.log_a_real.dim(0), n = s.log_a_real.dim(1);
  const auto fits = [&](const char* name, const Tensor& t, int64_t count) {
    expect_dtype(op, name, t, f32);
    if (t.count() != count || !t.contiguous())
      fail(Fault::usage, "{}: {} {} does not fit {} channels of {} states", op, name, t.text(), channels, n);
  };
  fits("log_a_real", s.log_a_real, channels * n);
  fits("a_imag", s.a_imag, channels * n);
  fits("c", s.c, 2 * channels * n);
  if (s.b) fits("b", s.b, 2 * channels * n);
  if (s.p) fits("p", s.p, 2 * channels * n);
  fits("log_dt", s.log_dt, channels);
  if (s.c_length < 0) fail(Fault::usage, "{}: a kernel length of {}", op, s.c_length);
  return {values(s.log_a_real), values(s.a_imag), values(s.b), values(s.c), values(s.p),
          values(s.log_dt),     channels,         n,           s.c_length,  static_cast<bool>(s.p)};
}

int64_t dplr_bytes(const DplrSystem& s) {
  int64_t bytes = 0;
  for (const Tensor* t : {&s.log_a_real, &s.a_imag, &s.b, &s.c, &s.p, &s.log_dt})
    if (*t) bytes += t->bytes();
  return bytes;
}

}  // namespace ridge

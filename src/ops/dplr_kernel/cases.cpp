#include "context/cases.h"
#include "ops/dplr_kernel/dplr_kernel.h"

namespace ridge {
namespace {

// HiPPO-like eigenvalues and random vectors of n states for each channel.
DplrSystem random_system(CaseInputs& in, int64_t channels, int64_t n, bool low_rank, int64_t c_length) {
  std::vector<float> re, im, dt;
  for (int64_t i = 0; i < channels * n; ++i) {
    re.push_back(-0.69f + 0.05f * static_cast<float>(i % 7));
    im.push_back(3.14f * static_cast<float>(i % n) + 0.3f);
  }
  for (int64_t h = 0; h < channels; ++h) dt.push_back(-2.5f - 0.4f * static_cast<float>(h % 8));
  DplrSystem s;
  s.log_a_real = in.values("log_a_real", {channels, n}, re);
  s.a_imag = in.values("a_imag", {channels, n}, im);
  s.log_dt = in.values("log_dt", {channels}, dt);
  s.c = in.normal("c", {channels, n, 2});
  if (low_rank) s.b = in.normal("b", {1, channels, n, 2}), s.p = in.normal("p", {channels, n, 2}, f32, 0.7f);
  s.c_length = c_length;
  return s;
}

Case shaped(int64_t channels, int64_t n, int64_t length, bool low_rank, int64_t c_length,
            bool benchmark = false) {
  return {fmt::format("{}x{} length {}{} c {}", channels, n, length, low_rank ? " low rank" : "", c_length),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            return {dplr_kernel(cx, random_system(in, channels, n, low_rank, c_length), length)};
          },
          n, false, benchmark};
}

std::vector<Case> make() {
  return {shaped(3, 4, 1, false, 0),
          shaped(5, 8, 50, false, 0),
          shaped(3, 4, 1, true, 1),
          shaped(3, 4, 64, true, 64),
          shaped(2, 8, 100, true, 100),
          shaped(3, 5, 37, true, 37),
          shaped(2, 4, 60, true, 100),
          shaped(2, 4, 90, true, 20),
          shaped(2, 4, 45, true, 0),
          shaped(2, 4, 1, true, 0),
          shaped(128, 32, 1024, true, 1024, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_dplr_kernel;
const CaseList cases_dplr_kernel{"dplr_kernel", make};
}  // namespace tables
}  // namespace ridge

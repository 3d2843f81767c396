#include "context/cases.h"
#include "ops/dplr_scan/dplr_scan.h"

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

Case shaped(int64_t sequences, int64_t length, int64_t channels, int64_t n, bool low_rank, int64_t c_length,
            bool state, bool benchmark = false) {
  return {
      fmt::format("{}x{}x{} n {}{}{}", sequences, length, channels, n, low_rank ? " low rank" : "",
                  state ? " state" : ""),
      [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
        const DplrSystem system = random_system(in, channels, n, low_rank, c_length);
        const Tensor u = in.normal("u", {sequences, length, channels}), skip = in.normal("skip", {channels});
        const Tensor s = state ? in.normal("state", {sequences, channels, n, 2}) : Tensor();
        const Tensor y = dplr_scan(cx, u, system, skip, s);
        return state ? std::vector{y, s} : std::vector{y};
      },
      n, false, benchmark};
}

std::vector<Case> make() {
  return {shaped(1, 1, 3, 4, true, 10, true), shaped(2, 30, 3, 4, false, 0, true),
          shaped(2, 30, 5, 3, true, 30, false), shaped(0, 4, 3, 2, true, 4, false),
          shaped(1, 1024, 128, 32, true, 1024, false, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_dplr_scan;
const CaseList cases_dplr_scan{"dplr_scan", make};
}  // namespace tables
}  // namespace ridge

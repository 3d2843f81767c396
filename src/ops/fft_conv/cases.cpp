#include "context/cases.h"
#include "ops/fft_conv/fft_conv.h"

namespace ridge {
namespace {

Case shaped(int64_t sequences, int64_t length, int64_t channels, int64_t taps, bool benchmark = false) {
  return {fmt::format("{}x{}x{} taps {}", sequences, length, channels, taps),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor u = in.normal("u", {sequences, length, channels}),
                         k = in.normal("k", {channels, taps}), skip = in.normal("skip", {channels});
            return {fft_conv(cx, u, k, skip)};
          },
          length, false, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> cases;
  for (const int64_t length : {1, 2, 3, 5, 16, 33, 100, 256}) cases.push_back(shaped(2, length, 20, length));
  cases.push_back(shaped(1, 30, 3, 50));
  cases.push_back(shaped(0, 8, 4, 8));
  cases.push_back(shaped(1, 1024, 128, 1024, true));
  return cases;
}

}  // namespace
namespace tables {
extern const CaseList cases_fft_conv;
const CaseList cases_fft_conv{"fft_conv", make};
}  // namespace tables
}  // namespace ridge

#include "context/cases.h"
#include "ops/fourier_mix/fourier_mix.h"

namespace ridge {
namespace {

Case sized(const std::vector<int64_t>& lengths, int64_t h, bool differentiable = false,
           bool benchmark = false) {
  std::string name = fmt::format("h {},", h);
  std::vector<SequenceSpan> spans;
  int64_t tokens = 0;
  for (const int64_t n : lengths) {
    name += fmt::format(" {}", n);
    spans.push_back({tokens, n, static_cast<int64_t>(spans.size())});
    tokens += n;
  }
  return {name,
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            return {fourier_mix(cx, in.normal("x", {tokens, h}), spans)};
          },
          512, differentiable, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> c;
  c.push_back(sized({}, 4));
  c.push_back(sized({1}, 1, true));
  c.push_back(sized({4}, 3, true));
  c.push_back(sized({3, 2}, 5, true));
  for (const int64_t n : {1, 2, 3, 5, 7, 8, 12, 16, 30, 31, 33, 64, 97, 100}) c.push_back(sized({n}, 24));
  for (const int64_t h : {1, 2, 3, 7, 15, 16, 17, 32, 60, 64, 101, 128}) c.push_back(sized({10}, h));
  c.push_back(sized({17, 1, 40, 33}, 48));
  c.push_back(sized({512}, 768, false, true));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_fourier_mix;
const CaseList cases_fourier_mix{"fourier_mix", make};
}  // namespace tables
}  // namespace ridge

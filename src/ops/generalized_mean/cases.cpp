#include "context/cases.h"
#include "ops/generalized_mean/generalized_mean.h"

namespace ridge {
namespace {

Case sized(int64_t groups, int64_t rows, int64_t n, float power, bool benchmark = false) {
  return {fmt::format("{}x{}x{}, p {}", groups, rows, n, power),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            return {generalized_mean(cx, in.normal("x", {groups, rows, n}), power)};
          },
          rows, false, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t n : {1, 63, 64, 65, 130}) c.push_back(sized(2, 9, n, n % 2 ? 3.0f : 1.5f));
  c.push_back(sized(0, 3, 4, 3));
  c.push_back(sized(3, 1, 7, 2));
  c.push_back(sized(4, 512, 256, 3, true));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_generalized_mean;
const CaseList cases_generalized_mean{"generalized_mean", make};
}  // namespace tables
}  // namespace ridge

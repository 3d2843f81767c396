#include "context/cases.h"
#include "ops/patches/patches.h"

namespace ridge {
namespace {

Case shaped(const Shape& shape, int64_t ph, int64_t pw, bool benchmark = false) {
  return {fmt::format("{} in {}x{}", shape.text(), ph, pw),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            return {patches(cx, in.normal("x", shape, f32, 1, false), ph, pw)};
          },
          1, false, benchmark};
}

std::vector<Case> make() {
  return {
      shaped({1, 1, 1, 1}, 1, 1),    shaped({2, 3, 8, 8}, 4, 4),   shaped({1, 3, 10, 7}, 3, 2),
      shaped({3, 1, 28, 28}, 7, 7),  shaped({1, 2, 5, 9}, 5, 9),   shaped({0, 3, 8, 8}, 4, 4),
      shaped({2, 3, 17, 33}, 16, 1), shaped({1, 3, 64, 48}, 8, 8), shaped({8, 3, 224, 224}, 16, 16, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_patches;
const CaseList cases_patches{"patches", make};
}  // namespace tables
}  // namespace ridge

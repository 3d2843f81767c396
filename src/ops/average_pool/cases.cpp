#include "context/cases.h"
#include "ops/average_pool/average_pool.h"

namespace ridge {
namespace {

Case shaped(const Shape& shape, int64_t oh, int64_t ow, bool benchmark = false) {
  return {fmt::format("{} to {}x{}", shape.text(), oh, ow),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            return {average_pool(cx, in.normal("x", shape, f32, 1, false), oh, ow)};
          },
          (shape[1] / oh + 2) * (shape[2] / ow + 2), false, benchmark};
}

std::vector<Case> make() {
  return {
      shaped({1, 1, 1, 1}, 1, 1),    shaped({2, 6, 6, 5}, 3, 2),  shaped({1, 7, 5, 33}, 3, 4),
      shaped({3, 4, 4, 64}, 1, 1),   shaped({1, 3, 2, 17}, 5, 4), shaped({0, 4, 4, 8}, 2, 2),
      shaped({2, 13, 1, 130}, 4, 1), shaped({1, 5, 5, 0}, 2, 2),  shaped({1, 24, 24, 2048}, 12, 12, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_average_pool;
const CaseList cases_average_pool{"average_pool", make};
}  // namespace tables
}  // namespace ridge

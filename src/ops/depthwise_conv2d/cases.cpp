#include "context/cases.h"
#include "ops/depthwise_conv2d/depthwise_conv2d.h"

namespace ridge {
namespace {

Case shaped(const Shape& shape, int64_t k, int64_t stride, bool with_bias, bool benchmark = false) {
  return {fmt::format("{} k {} stride {}{}", shape.text(), k, stride, with_bias ? " bias" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor x = in.normal("x", shape, f32, 1, false);
            const Tensor w = in.normal("w", {k * k, shape[3]}, f32, 1, false);
            const Tensor b = with_bias ? in.normal("bias", {shape[3]}, f32, 1, false) : Tensor();
            return {depthwise_conv2d(cx, x, w, b, stride)};
          },
          k* k, false, benchmark};
}

std::vector<Case> make() {
  return {shaped({1, 1, 1, 1}, 3, 1, true),           shaped({2, 6, 6, 5}, 3, 1, true),
          shaped({1, 7, 5, 33}, 3, 2, false),         shaped({3, 4, 9, 64}, 5, 1, true),
          shaped({1, 2, 2, 17}, 7, 3, true),          shaped({0, 4, 4, 8}, 3, 1, false),
          shaped({2, 3, 8, 16}, 1, 2, true),          shaped({1, 5, 5, 0}, 3, 1, false),
          shaped({1, 12, 12, 2048}, 3, 1, true, true)};
}

}  // namespace
namespace tables {
extern const CaseList cases_depthwise_conv2d;
const CaseList cases_depthwise_conv2d{"depthwise_conv2d", make};
}  // namespace tables
}  // namespace ridge

#include <cmath>

#include "context/cases.h"
#include "ops/rope/rope.h"

namespace ridge {
namespace {

struct Size {
  int64_t tokens, heads, d, dims;
};

Case sized(Size z, RopeOptions o, int32_t first = 0, bool differentiable = false, bool benchmark = false) {
  return {fmt::format("{}x{}x{}, {} turned{} from {}", z.tokens, z.heads, z.d, z.dims,
                      o.interleaved ? ", interleaved," : "", first),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            std::vector<float> frequencies;
            for (int64_t i = 0; i < z.dims / 2; ++i)
              frequencies.push_back(static_cast<float>(
                  std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(z.dims))));
            std::vector<int32_t> positions;
            for (int64_t t = 0; t < z.tokens; ++t) positions.push_back(first + static_cast<int32_t>(t));
            const Tensor x = in.normal("x", {z.tokens, z.heads, z.d});
            return {rope(cx, x, in.integers("positions", {z.tokens}, positions),
                         in.values("frequencies", {z.dims / 2}, frequencies, false), o)};
          },
          2, differentiable, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const bool interleaved : {false, true}) {
    const RopeOptions plain{interleaved, 1}, scaled{interleaved, 1.25f};
    c.push_back(sized({3, 2, 6, 6}, plain, 0, true));
    c.push_back(sized({2, 2, 7, 4}, scaled, 5, true));
    for (const int64_t d : {2, 8, 30, 34, 64, 80, 128}) c.push_back(sized({5, 3, d, d}, plain, 100));
    c.push_back(sized({3, 2, 80, 32}, scaled, 7));
    c.push_back(sized({3, 2, 5, 0}, plain));
    c.push_back(sized({0, 2, 8, 8}, plain));
    c.push_back(sized({4, 1, 64, 64}, plain, 131000));  // angles far beyond 2 pi
    c.push_back(sized({40, 4, 64, 64}, plain));
    c.push_back(sized({512, 32, 64, 64}, plain, 0, false, true));
  }
  c.push_back(
      {"strided tokens and heads, positions in any order",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         const Tensor x = in.normal("x", {4, 3, 50}, f32, 1, false);
         const Tensor f = in.values("frequencies", {3}, {1, 0.1f, 0.01f}, false);
         return {rope(cx, x.slice(1, 1, 3).slice(2, 10, 29), in.integers("p", {4}, {9, 0, 70, 3}), f)};
       },
       2});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_rope;
const CaseList cases_rope{"rope", make};
}  // namespace tables
}  // namespace ridge

#include "context/cases.h"
#include "ops/selective_scan/selective_scan.h"

namespace ridge {
namespace {

struct Options {
  bool bias = true, d = true, z = true, state = false, differentiable = false, benchmark = false;
  bool columns = false;  // operands are columns of wider tensors
  float dt = 1;          // deviation of the time steps
};

// Sequences of the given lengths; with a state, sequence i continues slot (number of sequences - i).
Case shaped(const char* name, std::vector<int64_t> lengths, int64_t channels, int64_t n, Options o) {
  return {
      fmt::format("{}: {} x {}, state {}", name, lengths.size(), channels, n),
      [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
        const auto count = static_cast<int64_t>(lengths.size());
        std::vector<SequenceSpan> spans;
        int64_t tokens = 0;
        for (int64_t i = 0; i < count; ++i) {
          spans.push_back({tokens, lengths[static_cast<size_t>(i)], count - i});
          tokens += spans.back().length;
        }
        const auto rows = [&](const char* what, int64_t width, float deviation) {
          if (!o.columns) return in.normal(what, {tokens, width}, f32, deviation);
          return in.normal(what, {tokens, width + 7}, f32, deviation, false).slice(1, 3, 3 + width);
        };
        const Tensor x = rows("x", channels, 1), dt = rows("dt", channels, o.dt), b = rows("b", n, 1),
                     c = rows("c", n, 1), z = o.z ? rows("z", channels, 1) : Tensor();
        const SelectiveScanWeights w{in.normal("a_log", {channels, n}, f32, 0.7f),
                                     o.bias ? in.normal("dt_bias", {channels}) : Tensor(),
                                     o.d ? in.normal("d", {channels}) : Tensor()};
        const Tensor state = o.state ? in.normal("state", {count + 2, n, channels}, f32, 1, false) : Tensor();
        const Tensor y = selective_scan(cx, x, dt, w, b, c, z, spans, state);
        return state ? std::vector{y, state} : std::vector{y};
      },
      n + 256, o.differentiable, o.benchmark};  // exponentials multiply errors of their arguments
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t n : {1, 2, 3, 4, 5, 7, 8, 16, 17, 64})
    c.push_back(shaped("state", {1, 40, 0, 33, 7}, 13 * n % 150 + 1, n, {.state = true}));
  for (const int64_t channels : {1, 15, 16, 63, 64, 65, 130})
    c.push_back(shaped("fresh", {67, 3}, channels, 16, {.bias = channels % 2 == 0, .d = channels % 3 != 0}));
  c.push_back(shaped("one token", {1}, 1536, 16, {.state = true}));
  c.push_back(shaped("no rows", {}, 16, 4, {}));
  c.push_back(shaped("no gate", {50}, 40, 8, {.z = false, .state = true}));
  c.push_back(shaped("columns", {50}, 40, 8, {.state = true, .columns = true}));
  c.push_back(shaped("large steps", {200}, 20, 8, {.state = true, .dt = 30}));
  c.push_back(shaped("gradient", {4, 3}, 3, 2, {.differentiable = true}));
  c.push_back(
      shaped("gradient, plain", {5}, 2, 3, {.bias = false, .d = false, .z = false, .differentiable = true}));
  c.push_back(shaped("gradient, strips", {2}, 66, 1, {.differentiable = true}));
  c.push_back(shaped("prefill", {4096}, 1536, 16, {.benchmark = true}));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_selective_scan;
const CaseList cases_selective_scan{"selective_scan", make};
}  // namespace tables
}  // namespace ridge

#include "context/cases.h"
#include "ops/causal_conv1d/causal_conv1d.h"

namespace ridge {
namespace {

struct Options {
  bool bias = true, silu = true, state = false, differentiable = false, benchmark = false;
  int64_t columns = 0;  // of the tensor that x is the last columns of; 0: x itself
};

// Sequences of the given lengths; with a state, sequence i continues slot (number of sequences - i).
Case shaped(const char* name, std::vector<int64_t> lengths, int64_t channels, int64_t width, Options o) {
  return {fmt::format("{}: {} x {}, width {}", name, lengths.size(), channels, width),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const auto n = static_cast<int64_t>(lengths.size());
            std::vector<SequenceSpan> spans;
            int64_t tokens = 0;
            for (int64_t i = 0; i < n; ++i) {
              spans.push_back({tokens, lengths[static_cast<size_t>(i)], n - i});
              tokens += spans.back().length;
            }
            const int64_t columns = o.columns ? o.columns : channels;
            Tensor x = in.normal("x", {tokens, columns}, f32, 1, o.columns == 0);
            if (o.columns) x = x.slice(1, columns - channels, columns);
            const Tensor w = in.normal("weight", {channels, width}, f32, 0.5f);
            const Tensor b = o.bias ? in.normal("bias", {channels}) : Tensor();
            const Tensor state =
                o.state ? in.normal("state", {n + 2, width - 1, channels}, f32, 1, false) : Tensor();
            const Tensor y = causal_conv1d(cx, x, w, b, spans, state, o.silu);
            return state && state.count() ? std::vector{y, state} : std::vector{y};
          },
          width, o.differentiable, o.benchmark};
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (int64_t width = 1; width <= 8; ++width) {
    c.push_back(shaped("state", {1, 9, 0, 3, 70}, 8 * width + 5, width, {.state = true}));
    c.push_back(shaped("gradient", {1, 5, 3}, 3, width,
                       {.bias = width % 2 == 0, .silu = width % 3 != 0, .differentiable = true}));
  }
  c.push_back(shaped("one token", {1}, 1536, 4, {.state = true}));
  c.push_back(shaped("no rows", {}, 16, 4, {}));
  c.push_back(shaped("plain", {33, 31}, 513, 4, {.bias = false, .silu = false}));
  c.push_back(shaped("columns", {40}, 37, 4, {.state = true, .columns = 50}));
  c.push_back(shaped("prefill", {4096}, 1536, 4, {.benchmark = true}));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_causal_conv1d;
const CaseList cases_causal_conv1d{"causal_conv1d", make};
}  // namespace tables
}  // namespace ridge

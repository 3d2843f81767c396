#include "context/cases.h"
#include "ops/ssd/ssd.h"

namespace ridge {
namespace {

struct Size {
  int64_t heads, groups, p, n;
};
struct Options {
  bool bias = true, d = true, state = true, benchmark = false;
  bool columns = false;  // operands are columns of wider tensors
  float dt = 1, dt_min = 0, dt_max = std::numeric_limits<float>::infinity();
};

// Sequences of the given lengths; with a state, sequence i continues slot (number of sequences - i).
Case shaped(const char* name, std::vector<int64_t> lengths, Size z, Options o) {
  return {fmt::format("{}: {} x {} heads of {}, {} groups of {}", name, lengths.size(), z.heads, z.p,
                      z.groups, z.n),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const auto count = static_cast<int64_t>(lengths.size());
            std::vector<SequenceSpan> spans;
            int64_t tokens = 0;
            for (int64_t i = 0; i < count; ++i) {
              spans.push_back({tokens, lengths[static_cast<size_t>(i)], count - i});
              tokens += spans.back().length;
            }
            const auto rows = [&](const char* what, int64_t outer, int64_t inner) {
              if (!o.columns) return in.normal(what, {tokens, outer, inner});
              const int64_t width = outer * inner;
              return in.normal(what, {tokens, width + 7})
                  .strided({tokens, outer, inner}, {width + 7, inner, 1}, 3);
            };
            const Tensor x = rows("x", z.heads, z.p), b = rows("b", z.groups, z.n),
                         c = rows("c", z.groups, z.n);
            const Tensor dt = in.normal("dt", {tokens, z.heads + 2}, f32, o.dt).slice(1, 1, z.heads + 1);
            SsdWeights w{in.normal("a_log", {z.heads}, f32, 0.7f),
                         o.bias ? in.normal("dt_bias", {z.heads}) : Tensor(),
                         o.d ? in.normal("d", {z.heads}) : Tensor()};
            w.dt_min = o.dt_min, w.dt_max = o.dt_max;
            const Tensor state = o.state ? in.normal("state", {count + 2, z.heads, z.n, z.p}) : Tensor();
            const Tensor y = ssd(cx, x, dt, w, b, c, spans, state);
            return state ? std::vector{y, state} : std::vector{y};
          },
          z.n + 256, false, o.benchmark};  // products of decays multiply errors of the time steps
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const int64_t length : {1, 15, 16, 17, 31, 63, 64, 65, 100, 128, 200})
    c.push_back(shaped(fmt::format("length {}", length).c_str(), {length}, {4, 2, 16, 16},
                       {.bias = length % 2 == 0}));
  for (const int64_t p : {1, 3, 8, 17, 33, 64, 80})
    c.push_back(shaped("mixed lengths", {1, 70, 0, 130, 20, 3}, {3, 1, p, 16},
                       {.d = p % 2 == 0, .state = p % 3 != 0}));
  for (const int64_t n : {1, 5, 7, 16, 64, 128})
    c.push_back(shaped("state size", {90, 2}, {4, 4, 32, n}, {}));
  c.push_back(shaped("columns", {40, 9, 66}, {6, 2, 20, 9}, {.columns = true}));
  c.push_back(shaped("no rows", {}, {2, 1, 8, 8}, {}));
  c.push_back(shaped("many chunks", {1100}, {2, 1, 16, 8}, {}));
  c.push_back(shaped("large steps", {150}, {4, 1, 16, 16}, {.dt = 30}));
  c.push_back(shaped("limits", {70, 5}, {4, 1, 16, 16}, {.dt_min = 0.3f, .dt_max = 0.9f}));
  c.push_back(shaped("one token", {1}, {24, 1, 64, 128}, {}));
  c.push_back(shaped("prefill", {4096}, {24, 1, 64, 128}, {.benchmark = true}));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_ssd;
const CaseList cases_ssd{"ssd", make};
}  // namespace tables
}  // namespace ridge

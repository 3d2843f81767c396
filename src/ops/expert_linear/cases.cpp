#include "context/cases.h"
#include "ops/expert_linear/expert_linear.h"

namespace ridge {
namespace {

struct Size {
  int64_t tokens, top_k, experts, n, k;
};

Case sized(Size z, DType dtype, bool shared, bool bias, bool benchmark = false) {
  return {fmt::format("{} {}x{} of {}, {}x{}{}{}", dtype.name(), z.tokens, z.top_k, z.experts, z.n, z.k,
                      shared ? " shared" : "", bias ? " bias" : ""),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            std::vector<int32_t> ids;  // uneven: some experts get many tokens, some none
            for (int64_t t = 0; t < z.tokens; ++t)
              for (int64_t i = 0; i < z.top_k; ++i)
                ids.push_back(static_cast<int32_t>((t * t + i * (1 + t % 2)) % z.experts));
            const Tensor x = in.normal("x", shared ? Shape{z.tokens, z.k} : Shape{z.tokens, z.top_k, z.k});
            const Tensor w = in.normal("w", {z.experts, z.n, z.k}, dtype, 0.5f);
            const Tensor b = bias ? in.normal("bias", {z.experts, z.n}) : Tensor();
            return {expert_linear(cx, x, w, in.integers("ids", {z.tokens, z.top_k}, ids), b)};
          },
          z.k, false, benchmark};
}

std::vector<Case> make() {
  std::vector<Case> c;
  for (const bool shared : {true, false}) {
    c.push_back(sized({1, 1, 1, 1, 1}, f32, shared, true));
    c.push_back(sized({1, 4, 8, 17, 33}, f32, shared, false));
    c.push_back(sized({9, 2, 5, 70, 40}, f32, shared, true));
    c.push_back(sized({40, 3, 7, 130, 64}, f32, shared, false));
    c.push_back(sized({0, 2, 4, 8, 8}, f32, shared, true));
  }
  for (const Format* f : format_table()) {
    if (f->kind == FormatKind::integer || !f->encode) continue;
    const int64_t b = f->block == 1 ? 40 : f->block;
    c.push_back(sized({1, 2, 4, 37, b}, *f, true, false));
    c.push_back(sized({7, 2, 4, 19, 2 * b}, *f, false, true));
  }
  c.push_back(
      {"experts within a larger tensor",
       [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
         const Tensor w = in.normal("w", {4, 20, 8}, f32, 1, false), x = in.normal("x", {3, 8});
         return {expert_linear(cx, x, w.slice(1, 5, 16), in.integers("ids", {3, 2}, {3, 0, 0, 1, 3, 1}))};
       },
       8});
  c.push_back(sized({1, 8, 64, 1024, 2048}, f32, true, false, true));
  c.push_back(sized({64, 8, 64, 1024, 2048}, f32, true, false, true));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_expert_linear;
const CaseList cases_expert_linear{"expert_linear", make};
}  // namespace tables
}  // namespace ridge

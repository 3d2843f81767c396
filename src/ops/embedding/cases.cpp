#include "context/cases.h"
#include "ops/embedding/embedding.h"

namespace ridge {
namespace {

Case shaped(int64_t vocab, int64_t n, DType dtype, std::vector<int32_t> ids, bool differentiable = false) {
  return {fmt::format("{} {}x{}, {} tokens", dtype.name(), vocab, n, ids.size()),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor table = in.normal("table", {vocab, n}, dtype);
            return {embedding(cx, table, in.integers("ids", {static_cast<int64_t>(ids.size())}, ids))};
          },
          1, differentiable};
}

std::vector<Case> make() {
  std::vector<Case> c;
  c.push_back(shaped(5, 3, f32, {4, 0, 2, 2}, true));
  c.push_back(shaped(1, 1, f32, {0}, true));
  c.push_back(shaped(6, 70, f32, {5, 5, 5, 1, 0}));
  c.push_back(shaped(3, 8, f32, {}));
  for (const Format* f : format_table())
    if (f->kind != FormatKind::integer && f->encode)
      c.push_back(shaped(7, f->block == 1 ? 33 : 2 * f->block, *f, {6, 0, 3, 3, 1}));
  std::vector<int32_t> many(1000);
  for (size_t i = 0; i < many.size(); ++i) many[i] = static_cast<int32_t>(i * 37 % 101);
  c.push_back(shaped(101, 20, f32, many));
  c.push_back({"padded rows",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor table = in.normal("table", {9, 40}, f32, 1, false);
                 return {embedding(cx, table.slice(1, 3, 20), in.integers("ids", {3}, {8, 0, 4}))};
               },
               1});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_embedding;
const CaseList cases_embedding{"embedding", make};
}  // namespace tables
}  // namespace ridge

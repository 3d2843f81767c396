#include "context/cases.h"
#include "ops/decode/decode.h"

namespace ridge {
namespace {

std::vector<Case> make() {
  std::vector<Case> c;
  for (const Format* f : format_table())
    if (f->kind != FormatKind::integer && f->encode)
      c.push_back({f->name,
                   [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                     const int64_t n = f->block == 1 ? 33 : 2 * f->block;
                     return {decode(cx, in.normal("w", {40, n}, *f, 0.5f))};
                   },
                   1});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_decode;
const CaseList cases_decode{"decode", make};
}  // namespace tables
}  // namespace ridge

#include "ops/embedding/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

void run(const void* p, const Exec&) {
  const auto& a = *static_cast<const EmbeddingArgs*>(p);
  const Format& format = *a.table.format;
  for (int64_t t = 0; t < a.y.dim[0]; ++t) {
    const int64_t at = static_cast<const int32_t*>(a.ids.data)[t] * a.table.stride[0];
    format.decode(static_cast<const char*>(a.table.data) + at / format.block * format.bytes,
                  static_cast<float*>(a.y.data) + t * a.y.dim[1], a.y.dim[1]);
  }
}

}  // namespace
namespace tables {
extern const Kernel kernel_embedding_reference;
const Kernel kernel_embedding_reference{
    "embedding", "reference", kDeviceCpu, 0, 0, Rounding::f32, nullptr, nullptr, run, nullptr, "definition"};
}  // namespace tables
}  // namespace ridge

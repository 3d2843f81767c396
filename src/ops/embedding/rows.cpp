// Tokens over threads, each row by the format's own decoder.
#include "ops/embedding/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const EmbeddingArgs*>(p);
  const Format& format = *a.table.format;
  const int64_t n = a.y.dim[1], row_bytes = a.table.stride[0] / format.block * format.bytes;
  const auto* ids = static_cast<const int32_t*>(a.ids.data);
  for_each_chunk(exec, a.y.dim[0], 1 + 4096 / (n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      format.decode(static_cast<const char*>(a.table.data) + ids[t] * row_bytes,
                    static_cast<float*>(a.y.data) + t * n, n);
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_embedding_rows;
const Kernel kernel_embedding_rows{"embedding", "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                                   nullptr,     nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge

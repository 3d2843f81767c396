// Columns over threads, so that each sum has the order of the tokens whatever the number of threads.
#include <cstring>

#include "ops/embedding/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const EmbeddingGradArgs*>(p);
  const int64_t vocab = a.dtable.dim[0], n = a.dtable.dim[1];
  auto* const dtable = static_cast<float*>(a.dtable.data);
  const auto* ids = static_cast<const int32_t*>(a.ids.data);
  for_each_chunk(exec, n, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t v = 0; v < vocab; ++v)
      std::memset(dtable + v * n + begin, 0, static_cast<size_t>(end - begin) * 4);
    for (int64_t t = 0; t < a.dy.dim[0]; ++t) {
      const float* dy = static_cast<const float*>(a.dy.data) + t * a.dy.stride[0];
      float* row = dtable + ids[t] * n;
      for (int64_t i = begin; i < end; ++i) row[i] += dy[i];
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_embedding_grad;
const Kernel kernel_embedding_grad{"embedding_grad", "columns", kDeviceCpu, 0,   10,
                                   Rounding::f32,    nullptr,   nullptr,    run, nullptr,
                                   "definition"};
}  // namespace tables
}  // namespace ridge

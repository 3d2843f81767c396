// Both parts of the gradient; where b was the same for all heads, its gradient is their sum.
#include <cstring>

#include "ops/concat/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const ConcatGradArgs*>(p);
  const int64_t heads = a.dy.dim[1], n = a.dy.dim[2], na = a.da.dim[2], nb = a.db.dim[2];
  const bool shared = a.db.dim[1] != heads;
  for_each_chunk(exec, a.dy.dim[0], 1 + 8192 / (heads * n + 1), [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* const sum = static_cast<float*>(a.db.data) + t * a.db.dim[1] * nb;
      if (a.db.data && shared) std::memset(sum, 0, static_cast<size_t>(nb) * 4);
      for (int64_t h = 0; h < heads; ++h) {
        const float* dy = static_cast<const float*>(a.dy.data) + (t * heads + h) * n;
        if (a.da.data)
          std::memcpy(static_cast<float*>(a.da.data) + (t * heads + h) * na, dy, static_cast<size_t>(na) * 4);
        if (!a.db.data) continue;
        if (shared)
          for (int64_t i = 0; i < nb; ++i) sum[i] += dy[na + i];
        else
          std::memcpy(sum + h * nb, dy + na, static_cast<size_t>(nb) * 4);
      }
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_concat_grad;
const Kernel kernel_concat_grad{"concat_grad", "rows",  kDeviceCpu, 0,       10,          Rounding::f32,
                                nullptr,       nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge

// Each element of dx is the sum of the windows that hold it: a sequence a unit of work.
#include <cstring>

#include "ops/unfold/args.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const UnfoldArgs*>(p);
  auto* dx = static_cast<float*>(a.x.data);
  const auto* dy = static_cast<const float*>(a.y.data);
  const int64_t length = a.x.dim[1], channels = a.x.dim[2];
  for_each_chunk(exec, a.x.dim[0], 1, [&](int64_t from, int64_t to, int) {
    for (int64_t i = from; i < to; ++i) {
      float* out = dx + i * length * channels;
      std::memset(out, 0, static_cast<size_t>(length * channels) * sizeof(float));
      for (int64_t t = 0; t < a.windows; ++t)
        for (int64_t c = 0; c < channels; ++c)
          for (int64_t k = 0; k < a.width; ++k) {
            const int64_t at = t * a.stride + k - a.padding;
            if (at >= 0 && at < length)
              out[at * channels + c] += dy[((i * a.windows + t) * channels + c) * a.width + k];
          }
    }
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_unfold_grad;
const Kernel kernel_unfold_grad{"unfold_grad", "sums",  kDeviceCpu, 0,       10,          Rounding::f32,
                                nullptr,       nullptr, run,        nullptr, "definition"};
}  // namespace tables
}  // namespace ridge

#include "ops/decode/args.h"
#include "tensor/format.h"

namespace ridge {
namespace {

void run(const void* p, const Exec& exec) {
  const auto& a = *static_cast<const DecodeArgs*>(p);
  const Format& format = *a.w.format;
  for_each_chunk(exec, a.y.dim[0], 16, [&](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r)
      format.decode(static_cast<const char*>(a.w.data) + r * a.w.stride[0] / format.block * format.bytes,
                    static_cast<float*>(a.y.data) + r * a.y.stride[0], a.y.dim[1]);
  });
}

}  // namespace
namespace tables {
extern const Kernel kernel_decode_reference;
const Kernel kernel_decode_reference{"decode",
                                     "reference",
                                     kDeviceCpu,
                                     0,
                                     0,
                                     Rounding::f32,
                                     nullptr,
                                     nullptr,
                                     run,
                                     nullptr,
                                     "the format's definition"};
}  // namespace tables
}  // namespace ridge

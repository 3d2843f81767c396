// RMS norm over rows: y = x / sqrt(mean(x^2) + eps) * (weight + offset), x f32 [rows, n] (Zhang and Sennrich
// 2019). A row is read once and kept in registers.
#include "context/kernel.h"
#include "device/norm_rows.cuh"
#include "ops/rms_norm/args.h"

namespace ridge {

void launch_rms_norm(const norm_rows::Params& p, gpuStream_t stream) { norm_rows::launch<false>(p, stream); }

namespace {

void run(const void* q, const Exec& exec) {
  const auto& a = *static_cast<const RmsNormArgs*>(q);
  launch_rms_norm(
      {static_cast<const float*>(a.x.data), static_cast<const float*>(a.weight.data), nullptr,
       static_cast<float*>(a.y.data), a.y.dim[0], a.y.dim[1], a.x.stride[0], a.y.stride[0], a.eps, a.offset},
      static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"rms_norm",
                                 "rows.gpu",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 50,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 run,
                                 nullptr,
                                 "Zhang and Sennrich 2019"};
}  // namespace tables
}  // namespace ridge

// Layer norm over rows: y = (x - mean) / sqrt(variance + eps) * weight + bias, x f32 [rows, n] (Ba, Kiros and
// Hinton 2016). A row is read once and kept in registers, so the variance is taken about the mean, not by
// difference.
#include "context/kernel.h"
#include "device/norm_rows.cuh"
#include "ops/layer_norm/args.h"

namespace ridge {

void launch_layer_norm(const norm_rows::Params& p, gpuStream_t stream) { norm_rows::launch<true>(p, stream); }

namespace {

void run(const void* q, const Exec& exec) {
  const auto& a = *static_cast<const LayerNormArgs*>(q);
  launch_layer_norm({static_cast<const float*>(a.x.data), static_cast<const float*>(a.weight.data),
                     static_cast<const float*>(a.bias.data), static_cast<float*>(a.y.data), a.y.dim[0],
                     a.y.dim[1], a.x.stride[0], a.y.stride[0], a.eps, 0.0f},
                    static_cast<gpuStream_t>(exec.stream));
}

}  // namespace
namespace tables {
extern const Kernel RIDGE_KERNEL_SYMBOL;
const Kernel RIDGE_KERNEL_SYMBOL{"layer_norm",
                                 "rows.gpu",
                                 DeviceKind::gpu,
                                 GpuFeature::cuda | GpuFeature::sm80,
                                 50,
                                 Rounding::f32,
                                 nullptr,
                                 nullptr,
                                 run,
                                 nullptr,
                                 "Ba, Kiros and Hinton 2016"};
}  // namespace tables
}  // namespace ridge

// Launchers of the memory-bound kernels as C functions, for tests/gpu/memory_bound.py.
#include "device/norm_rows.cuh"
#include "ops/linear/gemv.h"
#include "ops/selective_scan/scan_gpu.h"
#include "ops/softmax/online_gpu.cuh"

namespace ridge {
void launch_rms_norm(const norm_rows::Params& p, gpuStream_t stream);
void launch_layer_norm(const norm_rows::Params& p, gpuStream_t stream);
}  // namespace ridge

extern "C" {

int ridge_gemv(const char* format, const float* x, const void* w, const float* bias, float* y, int m,
               int64_t n, int64_t k, const void* scales, const void* zeros, cudaStream_t stream) {
  ridge::GemvParams p{};
  p.x = x, p.w = w, p.bias = bias, p.y = y, p.m = m, p.n = n, p.k = k, p.x_stride = k, p.y_stride = n;
  p.scales = scales, p.zeros = zeros;
  const bool taken = scales ? ridge::launch_gemv_int4(p, stream) : ridge::launch_gemv(format, p, stream);
  return taken ? static_cast<int>(cudaGetLastError()) : -1;
}
int ridge_gemm(const char* format, const float* x, const void* w, const float* bias, float* y, int m,
               int64_t n, int64_t k, cudaStream_t stream) {
  ridge::GemvParams p{};
  p.x = x, p.w = w, p.bias = bias, p.y = y, p.m = m, p.n = n, p.k = k, p.x_stride = k, p.y_stride = n;
  return ridge::launch_quantized_gemm(format, p, stream) ? static_cast<int>(cudaGetLastError()) : -1;
}
// x, dt, z, y [tokens, channels]; b, c [tokens, n]; spans: (begin, length, slot) in device memory.
int ridge_scan(const float* x, const float* dt, const float* a_log, const float* dt_bias, const float* d,
               const float* b, const float* c, const float* z, float* y, float* state, int64_t channels,
               int64_t n, const void* spans, int64_t span_count, cudaStream_t stream) {
  const ridge::ScanParams p{x,
                            dt,
                            a_log,
                            dt_bias,
                            d,
                            b,
                            c,
                            z,
                            y,
                            state,
                            channels,
                            n,
                            channels,
                            channels,
                            n,
                            n,
                            channels,
                            channels,
                            static_cast<const ridge::SequenceSpan*>(spans),
                            span_count};
  return ridge::launch_selective_scan(p, stream) ? static_cast<int>(cudaGetLastError()) : -1;
}
int ridge_softmax(const float* x, float* y, int64_t rows, int64_t n, int64_t x_stride, cudaStream_t stream) {
  ridge::launch_online_softmax({x, y, rows, n, x_stride, n}, stream);
  return static_cast<int>(cudaGetLastError());
}
int ridge_norm(int mean, const float* x, const float* w, const float* b, float* y, int64_t rows, int64_t n,
               float eps, float offset, cudaStream_t stream) {
  const ridge::norm_rows::Params p{x, w, b, y, rows, n, n, n, eps, offset};
  if (mean)
    ridge::launch_layer_norm(p, stream);
  else
    ridge::launch_rms_norm(p, stream);
  return static_cast<int>(cudaGetLastError());
}

}  // extern "C"

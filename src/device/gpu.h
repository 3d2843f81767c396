// One name for what CUDA and HIP call by two: for src/device and kernel files (.gpu.cu, .cuh) only.
#pragma once

#if defined(__HIP_PLATFORM_AMD__)

#include <hip/hip_bf16.h>
#include <hip/hip_fp16.h>
#include <hip/hip_runtime.h>
#define RIDGE_GPU_NAME(cuda, hip) hip
#if defined(__GFX9__)
constexpr int kWarpSize = 64;
#else
constexpr int kWarpSize = 32;
#endif
using gpu_bf16 = __hip_bfloat16;

#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define RIDGE_GPU_NAME(cuda, hip) cuda
constexpr int kWarpSize = 32;
using gpu_bf16 = __nv_bfloat16;

#endif

using gpu_f16 = __half;
using gpuStream_t = RIDGE_GPU_NAME(cudaStream_t, hipStream_t);
using gpuEvent_t = RIDGE_GPU_NAME(cudaEvent_t, hipEvent_t);
using gpuError_t = RIDGE_GPU_NAME(cudaError_t, hipError_t);
using gpuDeviceProp = RIDGE_GPU_NAME(cudaDeviceProp, hipDeviceProp_t);
constexpr auto gpuSuccess = RIDGE_GPU_NAME(cudaSuccess, hipSuccess);
constexpr auto gpuMemcpyDefault = RIDGE_GPU_NAME(cudaMemcpyDefault, hipMemcpyDefault);
constexpr auto gpuMemcpyHostToDevice = RIDGE_GPU_NAME(cudaMemcpyHostToDevice, hipMemcpyHostToDevice);
constexpr auto gpuMemcpyDeviceToHost = RIDGE_GPU_NAME(cudaMemcpyDeviceToHost, hipMemcpyDeviceToHost);
constexpr auto gpuMemcpyDeviceToDevice = RIDGE_GPU_NAME(cudaMemcpyDeviceToDevice, hipMemcpyDeviceToDevice);
constexpr auto gpuStreamNonBlocking = RIDGE_GPU_NAME(cudaStreamNonBlocking, hipStreamNonBlocking);
constexpr auto gpuFuncAttributeMaxDynamicSharedMemorySize =
    RIDGE_GPU_NAME(cudaFuncAttributeMaxDynamicSharedMemorySize, hipFuncAttributeMaxDynamicSharedMemorySize);

// Functions keep their arguments; only the prefix differs.
#define RIDGE_GPU_FUNCTION(name)                           \
  template <typename... Args>                              \
  inline auto gpu##name(Args... args) {                    \
    return RIDGE_GPU_NAME(cuda##name, hip##name)(args...); \
  }
RIDGE_GPU_FUNCTION(Malloc)
RIDGE_GPU_FUNCTION(Free)
RIDGE_GPU_FUNCTION(FreeHost)
RIDGE_GPU_FUNCTION(Memcpy)
RIDGE_GPU_FUNCTION(MemcpyAsync)
RIDGE_GPU_FUNCTION(Memcpy2DAsync)
RIDGE_GPU_FUNCTION(MemsetAsync)
RIDGE_GPU_FUNCTION(StreamSynchronize)
RIDGE_GPU_FUNCTION(StreamCreateWithFlags)
RIDGE_GPU_FUNCTION(StreamDestroy)
RIDGE_GPU_FUNCTION(StreamWaitEvent)
RIDGE_GPU_FUNCTION(EventRecord)
RIDGE_GPU_FUNCTION(EventSynchronize)
RIDGE_GPU_FUNCTION(EventElapsedTime)
RIDGE_GPU_FUNCTION(EventDestroy)
RIDGE_GPU_FUNCTION(DeviceSynchronize)
RIDGE_GPU_FUNCTION(SetDevice)
RIDGE_GPU_FUNCTION(GetDevice)
RIDGE_GPU_FUNCTION(GetDeviceCount)
RIDGE_GPU_FUNCTION(MemGetInfo)
RIDGE_GPU_FUNCTION(GetLastError)
RIDGE_GPU_FUNCTION(GetErrorString)
RIDGE_GPU_FUNCTION(FuncSetAttribute)
RIDGE_GPU_FUNCTION(DeviceGetAttribute)
#undef RIDGE_GPU_FUNCTION

inline gpuError_t gpuEventCreate(gpuEvent_t* event) {
  return RIDGE_GPU_NAME(cudaEventCreate, hipEventCreate)(event);
}
inline gpuError_t gpuHostAlloc(void** memory, size_t bytes) {
  return RIDGE_GPU_NAME(cudaHostAlloc(memory, bytes, cudaHostAllocDefault),
                        hipHostMalloc(memory, bytes, hipHostMallocDefault));
}
inline gpuError_t gpuGetDeviceProperties(gpuDeviceProp* properties, int device) {
  return RIDGE_GPU_NAME(cudaGetDeviceProperties, hipGetDeviceProperties)(properties, device);
}

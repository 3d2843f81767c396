// FlashAttention-2 on the tensor cores: what its kernels offer to others.
#pragma once
#include "ops/attention/gpu_attention.cuh"
#include "ops/attention/gpu_tile.cuh"

namespace ridge {

// Queues the forward pass: `in` bf16 or f16, `out` the same or f32, d and dv multiples of 8 up to 256, no
// relative bias. Returns why it cannot, or null.
const char* launch_flash2(const AttentionGpuParams& p, gpuStream_t stream);

}  // namespace ridge

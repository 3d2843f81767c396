// FlashAttention-1 on the tensor cores: what its kernels offer to others.
#pragma once
#include "ops/attention/gpu_attention.cuh"
#include "ops/attention/gpu_tile.cuh"

namespace ridge {

// Queues the forward pass: `in` bf16 or f16, `out` the same or f32, d and dv multiples of 8 up to 256, no
// relative bias; `workspace` holds flash1_workspace bytes. Returns why it cannot, or null.
int64_t flash1_workspace(const AttentionGpuParams& p);
const char* launch_flash1(const AttentionGpuParams& p, void* workspace, gpuStream_t stream);

}  // namespace ridge

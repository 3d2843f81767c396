// The gradient of FlashAttention-2 on the tensor cores: what its kernels offer to others.
#pragma once
#include "ops/attention/gpu_attention.cuh"
#include "ops/attention/gpu_tile.cuh"

namespace ridge {

struct AttentionGpuGradParams {
  AttentionGpuParams forward;   // with o and lse as the forward pass left them
  const void* d_o = nullptr;    // type forward.in, [q_tokens, heads, dv] contiguous
  float* delta = nullptr;       // workspace: [heads, q_tokens]
  void* dq = nullptr;           // [q_tokens, heads, d] contiguous, type `out`; likewise
  void* dk = nullptr;           // [kv_tokens, kv_heads, d]
  void* dv = nullptr;           // [kv_tokens, kv_heads, dv]; rows of no segment are not written
  GpuReal out = GpuReal::bf16;  // forward.in or f32
};

// Queues the backward pass; what launch_flash2 takes, and segments whose keys do not overlap. Bits are the
// same in every run. Returns why it cannot, or null.
const char* launch_flash2_backward(const AttentionGpuGradParams& g, gpuStream_t stream);

}  // namespace ridge

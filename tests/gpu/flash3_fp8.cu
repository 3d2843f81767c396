// C entry to FlashAttention-3 in FP8, for tests/gpu/flash3.py. Without a workspace it gives the bytes it
// needs.
#define RIDGE_FLASH3_ALL 1
#include "ops/attention/flash3_fp8.sm90a.cu"

using namespace ridge;

// Strides in elements; segments on the device.
extern "C" int flash3_fp8_forward(int variant, int flags, int f16, int out, void* q, void* k, void* v,
                                  void* o, float* lse, const int64_t* strides, void* segments,
                                  int segment_count, int max_q, int max_kv, int q_tokens, int kv_tokens,
                                  int heads, int kv_heads, int d, int dv, float scale, int causal, int window,
                                  void* workspace, void* stream) {
  AttentionGpuParams p;
  p.q = q, p.k = k, p.v = v, p.o = o, p.lse = lse;
  p.in = f16 ? GpuReal::f16 : GpuReal::bf16;
  p.out = static_cast<GpuReal>(out);
  p.q_token = strides[0], p.q_head = strides[1], p.k_token = strides[2], p.k_head = strides[3];
  p.v_token = strides[4], p.v_head = strides[5], p.o_token = strides[6], p.o_head = strides[7];
  p.segments = static_cast<AttentionSegment*>(segments);
  p.segment_count = segment_count, p.max_q_len = max_q, p.max_kv_len = max_kv;
  p.q_tokens = q_tokens, p.kv_tokens = kv_tokens, p.heads = heads, p.kv_heads = kv_heads;
  p.d = d, p.dv = dv, p.scale = scale, p.causal = causal, p.window = window;
  if (!workspace) return static_cast<int>(flash3_fp8_workspace(p, variant));
  return launch_flash3_fp8(p, variant, flags, workspace, static_cast<cudaStream_t>(stream)) ? 0 : 1;
}

// From a call of the op to the parameters of the GPU's kernels: segments are uploaded, and for the tensor
// cores queries (and keys and values in f32) are rounded into the workspace. Host code of kernel files only.
#pragma once
#include "context/cost.h"
#include "ops/attention/args.h"
#include "ops/attention/gpu_attention.cuh"
#include "tensor/half_codes.h"

namespace ridge {
namespace gpu_call {

inline GpuReal real_of(const View& v) {
  const int code = half_code(v);
  return code == 0 ? GpuReal::f32 : code == 1 ? GpuReal::f16 : GpuReal::bf16;
}

inline const char* no_bias(const AttentionArgs& a) {
  return a.relative.format != nullptr ? "a bias by relative position is not in its tiles" : nullptr;
}

constexpr int64_t kMostSegments = 16384;  // what one upload carries

inline const char* accepts_any(const AttentionArgs& a) {
  if (a.segment_count > kMostSegments) return "more segments than one upload carries";
  for (const View* v : {&a.q, &a.k, &a.v, &a.y})
    if (half_code(*v) < 0) return "types other than f32, f16 and bf16";
  if (a.slopes.format != nullptr && a.slopes.stride[0] != 1) return "slopes with gaps between them";
  return nullptr;
}

inline bool aligned(const View& v, int64_t elements) {
  return reinterpret_cast<uintptr_t>(v.data) % 16 == 0 && v.stride[0] % elements == 0 &&
         v.stride[1] % elements == 0;
}

// What the tensor-core rungs take.
inline const char* accepts_tiles(const AttentionArgs& a) {
  if (const char* why = accepts_any(a)) return why;
  if (const char* why = no_bias(a)) return why;
  const int64_t d = a.q.dim[2], dv = a.v.dim[2];
  if (d > 256 || dv > 256) return "heads of more than 256 columns";
  if (d % 8 != 0 || dv % 8 != 0) return "heads whose columns are no multiple of 8";
  if (real_of(a.k) != real_of(a.v)) return "keys and values of different types";
  if (half_code(a.k) != 0 && (!aligned(a.k, 8) || !aligned(a.v, 8)))
    return "keys or values not in 16-byte steps";
  if (half_code(a.y) != 0 && real_of(a.y) != (half_code(a.k) == 1 ? GpuReal::f16 : GpuReal::bf16))
    return "an output in another 16-bit type than the keys";
  if (!aligned(a.y, 4)) return "an output that is not in 16-byte steps";
  return nullptr;
}

inline int64_t up(int64_t n) { return (n + 255) / 256 * 256; }
inline int64_t elements(const View& v) { return v.dim[0] * v.dim[1] * v.dim[2]; }
// f32 keys and values are rounded to bf16, queries to the type of the keys.
inline GpuReal tile_type(const AttentionArgs& a) {
  return half_code(a.k) == 1 ? GpuReal::f16 : GpuReal::bf16;
}
inline bool rounded(const AttentionArgs& a, const View& v) {
  return real_of(v) != tile_type(a) || !aligned(v, 8);
}

// Bytes that rounded operands take at the front of the workspace.
inline int64_t tile_bytes(const AttentionArgs& a) {
  int64_t n = 0;
  for (const View* v : {&a.q, &a.k, &a.v})
    if (rounded(a, *v)) n += up(elements(*v) * 2);
  return n;
}

// [tokens, heads, d] with strides to packed numbers.
template <typename From, typename To>
__global__ void convert_kernel(const From* from, int64_t token, int64_t head, int64_t n, int64_t heads,
                               int64_t d, To* to) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)
    to[i] = static_cast<To>(static_cast<float>(from[i / (d * heads) * token + i / d % heads * head + i % d]));
}

template <typename From, typename To>
inline void convert_as(const View& v, void* to, gpuStream_t stream) {
  const int64_t n = elements(v);
  if (n == 0) return;
  convert_kernel<<<static_cast<uint32_t>(n / 256 + 1 < 4096 ? n / 256 + 1 : 4096), 256, 0, stream>>>(
      static_cast<const From*>(v.data), v.stride[0], v.stride[1], n, v.dim[1], v.dim[2],
      static_cast<To*>(to));
}

template <typename From>
inline void convert_from(const View& v, GpuReal type, void* to, gpuStream_t stream) {
  if (type == GpuReal::bf16)
    convert_as<From, gpu_bf16>(v, to, stream);
  else if (type == GpuReal::f16)
    convert_as<From, gpu_f16>(v, to, stream);
  else
    convert_as<From, float>(v, to, stream);
}

// A view's numbers, packed and in another type.
inline void convert(const View& v, GpuReal type, void* to, gpuStream_t stream) {
  if (real_of(v) == GpuReal::f32)
    convert_from<float>(v, type, to, stream);
  else if (real_of(v) == GpuReal::bf16)
    convert_from<gpu_bf16>(v, type, to, stream);
  else
    convert_from<gpu_f16>(v, type, to, stream);
}

// What a call says without its data: enough to size a workspace.
inline AttentionGpuParams shapes(const AttentionArgs& a) {
  AttentionGpuParams p;
  p.segment_count = static_cast<int32_t>(a.segment_count);
  for (int64_t s = 0; s < a.segment_count; ++s) {
    const AttentionSegment& g = a.segments[s];
    if (g.q_len > p.max_q_len) p.max_q_len = static_cast<int32_t>(g.q_len);
    if (g.kv_len > p.max_kv_len) p.max_kv_len = static_cast<int32_t>(g.kv_len);
  }
  p.q_tokens = static_cast<int32_t>(a.q.dim[0]), p.kv_tokens = static_cast<int32_t>(a.k.dim[0]);
  p.heads = static_cast<int32_t>(a.q.dim[1]), p.kv_heads = static_cast<int32_t>(a.k.dim[1]);
  p.d = static_cast<int32_t>(a.q.dim[2]), p.dv = static_cast<int32_t>(a.v.dim[2]);
  p.scale = a.scale, p.softcap = a.softcap, p.causal = a.causal;
  p.window = static_cast<int32_t>(a.window < 0x3fffffff ? a.window : 0x3fffffff);
  p.out = real_of(a.y);
  p.reach = a.relative.format != nullptr ? static_cast<int32_t>(a.relative.dim[1] / 2) : 0;
  return p;
}

// Queries of no segment give zeros: the output is cleared where the segments leave some out.
static __global__ void clear_kernel(char* y, int64_t token, int64_t head, int64_t row, int64_t heads,
                                    int64_t n) {
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += static_cast<int64_t>(gridDim.x) * blockDim.x)
    y[i / (row * heads) * token + i / row % heads * head + i % row] = 0;
}

// The parameters of a call; operands as they lie.
inline AttentionGpuParams as_given(const AttentionArgs& a, const Exec& exec) {
  const gpuStream_t stream = static_cast<gpuStream_t>(exec.stream);
  AttentionGpuParams p = shapes(a);
  p.q = a.q.data, p.k = a.k.data, p.v = a.v.data, p.o = a.y.data;
  p.q_token = a.q.stride[0], p.q_head = a.q.stride[1];
  p.k_token = a.k.stride[0], p.k_head = a.k.stride[1];
  p.v_token = a.v.stride[0], p.v_head = a.v.stride[1];
  p.o_token = a.y.stride[0], p.o_head = a.y.stride[1];
  p.slopes = static_cast<const float*>(a.slopes.data),
  p.relative = static_cast<const float*>(a.relative.data);
  p.segments = static_cast<const AttentionSegment*>(
      exec.upload(&exec, a.segments, a.segment_count * static_cast<int64_t>(sizeof(AttentionSegment))));
  int64_t queries = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) queries += a.segments[s].q_len;
  if (queries < a.q.dim[0]) {
    const int64_t size = p.out == GpuReal::f32 ? 4 : 2, n = elements(a.y) * size;
    if (n > 0)
      clear_kernel<<<static_cast<uint32_t>(n / 256 + 1 < 4096 ? n / 256 + 1 : 4096), 256, 0, stream>>>(
          static_cast<char*>(a.y.data), p.o_token * size, p.o_head * size, a.y.dim[2] * size, p.heads, n);
  }
  return p;
}

// Whether queries, keys and values are of one type; where not, all three are brought to packed f32.
inline bool same_type(const AttentionArgs& a) {
  return half_code(a.q) == half_code(a.k) && half_code(a.q) == half_code(a.v);
}
inline int64_t wide_bytes(const AttentionArgs& a) {
  return up(elements(a.q) * 4) + up(elements(a.k) * 4) + up(elements(a.v) * 4);
}

// The parameters of a call for kernels that take any one type; uses the first wide_bytes of the workspace
// where the types differ.
inline AttentionGpuParams in_one_type(const AttentionArgs& a, const Exec& exec) {
  AttentionGpuParams p = as_given(a, exec);
  p.in = same_type(a) ? real_of(a.q) : GpuReal::f32;
  if (same_type(a)) return p;
  const gpuStream_t stream = static_cast<gpuStream_t>(exec.stream);
  char* at = static_cast<char*>(exec.workspace);
  const auto take = [&](const View& v, const void*& data, int64_t& token, int64_t& head) {
    convert(v, GpuReal::f32, at, stream);
    data = at, token = v.dim[1] * v.dim[2], head = v.dim[2];
    at += up(elements(v) * 4);
  };
  take(a.q, p.q, p.q_token, p.q_head);
  take(a.k, p.k, p.k_token, p.k_head);
  take(a.v, p.v, p.v_token, p.v_head);
  return p;
}

// The parameters of a call for the tensor cores; uses the first tile_bytes of the workspace.
inline AttentionGpuParams in_tiles(const AttentionArgs& a, const Exec& exec) {
  AttentionGpuParams p = as_given(a, exec);
  p.in = tile_type(a);
  char* at = static_cast<char*>(exec.workspace);
  const auto take = [&](const View& v, const void*& data, int64_t& token, int64_t& head) {
    if (!rounded(a, v)) return;
    convert(v, p.in, at, static_cast<gpuStream_t>(exec.stream));
    data = at, token = v.dim[1] * v.dim[2], head = v.dim[2];
    at += up(elements(v) * 2);
  };
  take(a.q, p.q, p.q_token, p.q_head);
  take(a.k, p.k, p.k_token, p.k_head);
  take(a.v, p.v, p.v_token, p.v_head);
  return p;
}

// The bytes that moving the operands of tiles takes besides the kernel's own.
inline int64_t rounding_bytes(const AttentionArgs& a) {
  int64_t n = 0;
  for (const View* v : {&a.q, &a.k, &a.v})
    if (rounded(a, *v)) n += elements(*v) * (half_code(*v) == 0 ? 6 : 4);
  return n;
}

// Keys that tiles of `rows` queries and `step` keys load, over all segments, for one head: those of every
// tile that some query of the tile sees.
inline int64_t loaded_keys(const AttentionArgs& a, int64_t rows, int64_t step) {
  const int32_t window = shapes(a).window;
  int64_t n = 0;
  for (int64_t s = 0; s < a.segment_count; ++s) {
    const AttentionSegment& g = a.segments[s];
    for (int64_t i = 0; i < g.q_len; i += rows) {
      const int32_t last = static_cast<int32_t>((i + rows < g.q_len ? i + rows : g.q_len) - 1);
      const int32_t shift = static_cast<int32_t>(g.kv_len - g.q_len);
      const KeyRange seen = visible_keys(a.causal, window, static_cast<int32_t>(g.kv_len),
                                         static_cast<int32_t>(i) + shift, last + shift);
      if (seen.end > seen.first) {
        const int64_t end = (seen.end + step - 1) / step * step;
        n += (end < g.kv_len ? end : g.kv_len) - seen.first / step * step;
      }
    }
  }
  return n;
}

}  // namespace gpu_call
}  // namespace ridge

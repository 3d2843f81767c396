// Flash-decoding on the tensor cores: what its kernels offer to others.
#pragma once
#include "ops/attention/gpu_attention.cuh"
#include "ops/attention/gpu_tile.cuh"

namespace ridge {

// Keys and values in pages: key j of segment s lies in row j % page of page table[s * table_row + j / page].
struct PagedKeys {
  const int32_t* table = nullptr;  // device memory; null: contiguous, from the segment's kv_begin
  int64_t table_row = 0;
  int32_t page = 0;                // keys a page, a multiple of 16
  int64_t k_page = 0, v_page = 0;  // strides of pages, in elements
};

// Into how many parts the keys are split so that `multiprocessors` are kept busy to the end.
int decoding_splits(const AttentionGpuParams& p, int multiprocessors);

// Bytes of workspace for that many splits.
int64_t decoding_workspace(const AttentionGpuParams& p, int splits);

// Queues attention of few queries a segment: `in` bf16 or f16, `out` the same or f32, d and dv multiples of 8
// up to 256, no relative bias. Returns why it cannot, or null.
const char* launch_flash_decoding(const AttentionGpuParams& p, const PagedKeys& pages, int splits,
                                  void* workspace, gpuStream_t stream);

}  // namespace ridge

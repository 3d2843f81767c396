// The attention launchers with C names, for tests/gpu/attention.py.
#include "ops/attention/flash1.cuh"
#include "ops/attention/flash2.cuh"
#include "ops/attention/flash2_backward.cuh"
#include "ops/attention/flash_decoding.cuh"
#include "ops/attention/scores.cuh"

extern "C" {

using ridge::AttentionGpuParams;

int attention_params_bytes() { return static_cast<int>(sizeof(AttentionGpuParams)); }

int64_t attention_naive_workspace(const AttentionGpuParams* p) { return ridge::naive_workspace(*p); }
const char* attention_naive(const AttentionGpuParams* p, void* workspace, gpuStream_t stream) {
  ridge::launch_naive(*p, workspace, stream);
  return nullptr;
}

int64_t attention_online_softmax_workspace(const AttentionGpuParams* p) {
  return ridge::online_softmax_workspace(*p);
}
const char* attention_online_softmax(const AttentionGpuParams* p, void* workspace, gpuStream_t stream) {
  ridge::launch_online_softmax(*p, workspace, stream);
  return nullptr;
}

int64_t attention_memory_efficient_workspace(const AttentionGpuParams* p) {
  return ridge::memory_efficient_workspace(*p);
}
const char* attention_memory_efficient(const AttentionGpuParams* p, void* workspace, gpuStream_t stream) {
  ridge::launch_memory_efficient(*p, workspace, stream);
  return nullptr;
}

int64_t attention_flash1_workspace(const AttentionGpuParams* p) { return ridge::flash1_workspace(*p); }
const char* attention_flash1(const AttentionGpuParams* p, void* workspace, gpuStream_t stream) {
  return ridge::launch_flash1(*p, workspace, stream);
}

const char* attention_flash2(const AttentionGpuParams* p, gpuStream_t stream) {
  return ridge::launch_flash2(*p, stream);
}

const char* attention_flash2_backward(const ridge::AttentionGpuGradParams* g, gpuStream_t stream) {
  return ridge::launch_flash2_backward(*g, stream);
}

int attention_decoding_splits(const AttentionGpuParams* p, int multiprocessors) {
  return ridge::decoding_splits(*p, multiprocessors);
}

int64_t attention_decoding_workspace(const AttentionGpuParams* p, int splits) {
  return ridge::decoding_workspace(*p, splits);
}

const char* attention_flash_decoding(const AttentionGpuParams* p, const ridge::PagedKeys* pages, int splits,
                                     void* workspace, gpuStream_t stream) {
  return ridge::launch_flash_decoding(*p, *pages, splits, workspace, stream);
}
}

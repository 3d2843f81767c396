// Dot kernels: rows of weights in a format, as they lie in the file, times rows of activations. A format's
// folder holds one for each instruction set that has one (NAME.<isa>.cpp); the table is generated from the
// file names. Plain data only: this header is seen by files compiled for an instruction set of their own.
//
// Invariant: y[m][n] depends on row m of the activations and row n of the weights only, bit for bit, whatever
// the number of rows in the call and whichever rows share it. (So a prompt gives the same tokens whole or in
// chunks.) Within a kernel, the path for one row and the path for many must therefore add in the same order.
#pragma once
#include <cstdint>

#include "tensor/rounding.h"

namespace ridge {

struct DotCall {
  const void* w;     // n rows
  int64_t w_stride;  // bytes from row to row; rows are whole blocks, at any alignment
  const void* a;     // m rows: f32, or what prepare() made
  int64_t a_stride;  // bytes from row to row
  int64_t m, n, k;   // any m, n >= 1; k a multiple of the format's block, >= 1
  float* y;          // [m][y_stride]
  int64_t y_stride;  // in elements
  void* scratch;     // scratch_bytes(k) bytes of this thread, 64-byte aligned
};

struct DotKernel {
  const char* format;                      // "q4_0"
  const char* isa;                         // "avx512vnni"
  uint64_t needs;                          // CpuFeature bits
  int rank;                                // the highest that the processor has is taken
  Rounding rounding;                       // what prepare() does to the activations
  int n_tile;                              // calls are best made with n a multiple of this
  int64_t (*activation_bytes)(int64_t k);  // of a prepared row; null function: activations stay f32
  void (*prepare)(const float* x, void* a, int64_t k);  // one row
  int64_t (*scratch_bytes)(int64_t k);                  // null function: none
  void (*multiply)(const DotCall& call);
  bool for_prompts = false;  // worth it for many rows only: see Context::generating
};

}  // namespace ridge

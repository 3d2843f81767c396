// The published mixes: which format each tensor of a model takes when a file is made "Q4_K_M" and the like.
// Names, choices and fallbacks are those of llama.cpp's llama-quantize, so that a file converted here has the
// same types. A mix has one base format; tensors that suffer most from rounding (attention values,
// feed-forward down projections, the output) take a larger one in all or some layers.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "tensor/format.h"

namespace ridge {

enum class MixId : uint8_t {
  f32,
  f16,
  bf16,
  q8_0,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q2_k,
  q2_k_s,
  q3_k_s,
  q3_k_m,
  q3_k_l,
  q4_k_s,
  q4_k_m,
  q5_k_s,
  q5_k_m,
  q6_k,
  iq4_nl,
  iq4_xs,
  mxfp4_moe,
};

struct Mix {
  MixId id;
  const char* name;       // "Q4_K_M"
  const Format* base;     // most tensors
  int file_type;          // general.file_type of a GGUF file made with it
  bool wants_importance;  // published for use with an importance matrix only
};

// All mixes, smallest files last.
std::span<const Mix> mixes();

// By name, any case; Q3_K, Q4_K and Q5_K mean their _M. nullptr where there is none.
const Mix* find_mix(std::string_view name);

// What the choice depends on besides the tensor.
struct MixModel {
  std::string_view architecture;  // as in GGUF: "llama"
  int layers = 0;
  int heads = 0, kv_heads = 0;  // of the first layer
  int experts = 0;              // 0 or 1: dense
  bool tied = false;            // no output.weight: the token embedding is the output as well
  bool importance = false;      // an importance matrix is given
};

struct MixTensor {
  std::string_view name;  // as in GGUF: "blk.3.ffn_down.weight"
  int64_t columns = 0;    // extent of the contiguous dimension: what blocks run along
  int64_t rows = 1;
  int64_t experts = 1;  // the third dimension
  // Position among the tensors of its kind, and for attention values their number; -1: the layer, the number
  // of layers.
  int position = -1;
  int count = -1;
};

// The type of one tensor; a null DType for tensors that keep the type they have (vectors, norms, routers,
// position tables and other small ones). Throws ridge::Error (file) where the layer in the name of an expert
// tensor is not one of the model.
DType mix_type(const Mix& mix, const MixModel& model, const MixTensor& tensor);

// The types of all tensors of a model, in any order: sets `tied`, `position` and `count` from the names as
// llama-quantize counts them (by layer, then by name), which for models whose layers are alike is what
// mix_type takes for granted.
std::vector<DType> mix_types(const Mix& mix, MixModel model, std::span<const MixTensor> tensors);

}  // namespace ridge

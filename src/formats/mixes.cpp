#include "formats/mixes.h"

#include <strings.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string>
#include <utility>

#include "base/error.h"
#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "formats/iq4_nl/iq4_nl.h"
#include "formats/iq4_xs/iq4_xs.h"
#include "formats/mxfp4/mxfp4.h"
#include "formats/q2_k/q2_k.h"
#include "formats/q3_k/q3_k.h"
#include "formats/q4_0/q4_0.h"
#include "formats/q4_1/q4_1.h"
#include "formats/q4_k/q4_k.h"
#include "formats/q5_0/q5_0.h"
#include "formats/q5_1/q5_1.h"
#include "formats/q5_k/q5_k.h"
#include "formats/q6_k/q6_k.h"
#include "formats/q8_0/q8_0.h"
#include "tensor/tensor.h"

namespace ridge {
namespace {

constexpr Mix kMixes[] = {
    {MixId::f32, "F32", &f32, 0, false},
    {MixId::f16, "F16", &tables::format_f16, 1, false},
    {MixId::bf16, "BF16", &tables::format_bf16, 32, false},
    {MixId::q8_0, "Q8_0", &tables::format_q8_0, 7, false},
    {MixId::q6_k, "Q6_K", &tables::format_q6_k, 18, false},
    {MixId::q5_1, "Q5_1", &tables::format_q5_1, 9, false},
    {MixId::q5_k_m, "Q5_K_M", &tables::format_q5_k, 17, false},
    {MixId::q5_k_s, "Q5_K_S", &tables::format_q5_k, 16, false},
    {MixId::q5_0, "Q5_0", &tables::format_q5_0, 8, false},
    {MixId::q4_1, "Q4_1", &tables::format_q4_1, 3, false},
    {MixId::q4_k_m, "Q4_K_M", &tables::format_q4_k, 15, false},
    {MixId::q4_k_s, "Q4_K_S", &tables::format_q4_k, 14, false},
    {MixId::q4_0, "Q4_0", &tables::format_q4_0, 2, false},
    {MixId::iq4_nl, "IQ4_NL", &tables::format_iq4_nl, 25, false},
    {MixId::iq4_xs, "IQ4_XS", &tables::format_iq4_xs, 30, false},
    {MixId::mxfp4_moe, "MXFP4_MOE", &tables::format_mxfp4, 38, false},
    {MixId::q3_k_l, "Q3_K_L", &tables::format_q3_k, 13, false},
    {MixId::q3_k_m, "Q3_K_M", &tables::format_q3_k, 12, false},
    {MixId::q3_k_s, "Q3_K_S", &tables::format_q3_k, 11, false},
    {MixId::q2_k, "Q2_K", &tables::format_q2_k, 10, false},
    {MixId::q2_k_s, "Q2_K_S", &tables::format_q2_k, 21, true},
};

// What a tensor does, as far as mixes care.
enum class Part { embedding, output, query, key, value, attention_out, up, gate, down, other };

bool contains(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

Part part_of(std::string_view name) {
  if (name == "output.weight") return Part::output;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Part::embedding;
  // A fused query-key-value matrix, and MLA's expansion of keys and values, count as values.
  for (const char* v : {"attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight"})
    if (contains(name, v)) return Part::value;
  if (contains(name, "attn_k.weight")) return Part::key;
  if (contains(name, "attn_q.weight")) return Part::query;
  if (contains(name, "attn_output.weight")) return Part::attention_out;
  if (contains(name, "ffn_up")) return Part::up;
  if (contains(name, "ffn_gate")) return Part::gate;
  if (contains(name, "ffn_down")) return Part::down;
  return Part::other;
}

// Small matrices whose rounding costs more than their bytes save: anything whose name contains one of these
// keeps its type.
constexpr const char* kKept[] = {"_norm.weight",
                                 "ffn_gate_inp.weight",
                                 "ffn_gate_tid2eid.weight",
                                 "altup",
                                 "laurel",
                                 "per_layer_model_proj",
                                 "ssm_conv1d",
                                 "shortconv.conv.weight",
                                 "indexer.k_proj.weight",
                                 "indexer.q_proj.weight",
                                 "time_mix_first.weight",
                                 "time_mix_w0.weight",
                                 "time_mix_w1.weight",
                                 "time_mix_w2.weight",
                                 "time_mix_v0.weight",
                                 "time_mix_v1.weight",
                                 "time_mix_v2.weight",
                                 "time_mix_a0.weight",
                                 "time_mix_a1.weight",
                                 "time_mix_a2.weight",
                                 "time_mix_g1.weight",
                                 "time_mix_g2.weight",
                                 "time_mix_decay_w1.weight",
                                 "time_mix_decay_w2.weight",
                                 "time_mix_lerp_fused.weight",
                                 "attn_rel_b.weight",
                                 ".position_embd",
                                 "sam.pos_embd",
                                 "sam.neck.",
                                 "sam.net_",
                                 ".rel_pos",
                                 ".patch_embd",
                                 ".patch_merger",
                                 "a.rvq.codebook",
                                 "mm.a.code_embd"};

bool is_kept(const MixTensor& t) {
  if (t.rows <= 1 && t.experts <= 1) return true;
  if (!t.name.ends_with("weight") || t.name == "position_embd.weight" || t.name == "token_types.weight")
    return true;
  return std::any_of(std::begin(kKept), std::end(kKept), [&](const char* k) { return contains(t.name, k); });
}

// N of a name that starts "blk.N."; -1 for others.
int layer_of(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  int layer = -1;
  const char* end = name.data() + name.size();
  const auto [after, error] = std::from_chars(name.data() + kPrefix.size(), end, layer);
  return error == std::errc() && after != end && *after == '.' ? layer : -1;
}

int position_of(const MixTensor& t) { return t.position >= 0 ? t.position : std::max(0, layer_of(t.name)); }

// Layer and number of layers for the feed-forward rules: with experts the layer in the name counts, as these
// tensors may come in any order.
int feed_forward_layer(const MixModel& model, const MixTensor& t) {
  if (model.experts <= 1) return position_of(t);
  const int layer = layer_of(t.name);
  if (layer < 0 || layer >= model.layers)
    fail(Fault::file, "tensor {}: its layer is not one of the model's {}", printable(t.name), model.layers);
  return layer;
}

// The first and the last eighth of the layers and every third between.
bool more_bits(int layer, int layers) {
  return layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2;
}

// Whether the model has eight query heads or so to a value head, and the reference calls it a 70B.
bool is_70b(const MixModel& m) {
  if (m.architecture == "llama") return m.layers == 80 && m.heads != m.kv_heads;
  if (m.architecture == "jais2") return m.layers == 68;
  return m.layers == 80 &&
         (m.architecture == "qwen2" || m.architecture == "deci" || m.architecture == "olmo");
}

const Format* value_format(const Mix& mix, const MixModel& model, const MixTensor& t) {
  if (model.experts == 8) return &q8_0;
  const bool shared =
      model.kv_heads > 0 && model.heads / model.kv_heads >= 4;  // few value heads: small tensors
  const int i = position_of(t), n = t.count >= 0 ? t.count : model.layers;
  const Format* chosen = mix.base;
  switch (mix.id) {
    case MixId::q2_k:
      chosen = shared ? &q4_k : &q3_k;
      break;
    case MixId::q2_k_s:
      chosen = shared ? &q4_k : mix.base;
      break;
    case MixId::q3_k_m:
      chosen = i < 2 ? &q5_k : &q4_k;
      break;
    case MixId::q3_k_l:
      chosen = &q5_k;
      break;
    case MixId::q4_k_s:
      chosen = i < 4 ? &q5_k : mix.base;
      break;
    case MixId::q4_k_m:
    case MixId::q5_k_m:
      chosen = more_bits(i, n) ? &q6_k : mix.base;
      break;
    case MixId::iq4_nl:
    case MixId::iq4_xs:
      chosen = shared ? &q5_k : mix.base;
      break;
    default:
      break;
  }
  if (is_70b(model) && (chosen == &q3_k || chosen == &q4_k)) chosen = &q5_k;
  return chosen;
}

const Format* down_format(const Mix& mix, const MixModel& model, const MixTensor& t) {
  const int i = feed_forward_layer(model, t), n = model.layers;
  const bool falcon = model.architecture == "falcon";
  switch (mix.id) {
    case MixId::q2_k:
      return &q3_k;
    case MixId::q2_k_s:
      return i < n / 8 ? &q4_k : mix.base;
    case MixId::q3_k_m:
      if (i < n / 16) return &q5_k;
      return !falcon || more_bits(i, n) ? &q4_k : mix.base;
    case MixId::q3_k_l:
      return falcon ? &q4_k : &q5_k;
    case MixId::q4_k_s:
      return !falcon && i < n / 8 ? &q5_k : mix.base;
    case MixId::q4_k_m:
      if (falcon && i >= n / 16) return more_bits(i, n) ? &q5_k : mix.base;
      return falcon || more_bits(i, n) ? &q6_k : mix.base;
    case MixId::q5_k_m:
      return more_bits(i, n) ? &q6_k : mix.base;
    case MixId::iq4_nl:
    case MixId::iq4_xs:
      return i < n / 8 && !model.importance ? &q5_k : mix.base;
    // With an importance matrix the first down projections go wrong under a scale alone.
    case MixId::q4_0:
      return model.importance && i < n / 8 ? &q4_1 : mix.base;
    case MixId::q5_0:
      return model.importance && i < n / 8 ? &q5_1 : mix.base;
    default:
      return mix.base;
  }
}

const Format* attention_out_format(const Mix& mix, const MixModel& model) {
  if (model.architecture == "falcon") return mix.id == MixId::q3_k_l ? &q4_k : mix.base;
  if (model.experts == 8) {
    switch (mix.id) {
      case MixId::q2_k:
      case MixId::q3_k_s:
      case MixId::q3_k_m:
      case MixId::q4_k_s:
      case MixId::q4_k_m:
      case MixId::iq4_nl:
      case MixId::iq4_xs:
        return &q5_k;
      default:
        return mix.base;
    }
  }
  switch (mix.id) {
    case MixId::q2_k:
      return &q3_k;
    case MixId::q3_k_m:
      return &q4_k;
    case MixId::q3_k_l:
      return &q5_k;
    default:
      return mix.base;
  }
}

// The output head, or the embedding that serves as one.
const Format* output_format(const Mix& mix, const MixModel& model, const MixTensor& t) {
  if (mix.id == MixId::mxfp4_moe || mix.base == &q8_0) return &q8_0;
  if (model.architecture == "falcon" || t.columns % mix.base->block != 0) return &q8_0;
  return &q6_k;
}

const Format* choose(const Mix& mix, const MixModel& model, const MixTensor& t) {
  const Part part = part_of(t.name);
  if (part == Part::output || (part == Part::embedding && model.tied)) return output_format(mix, model, t);
  if (mix.id == MixId::mxfp4_moe) {
    // Expert matrices only; bailingmoe3 has other tensors of three dimensions.
    const bool expert = part == Part::up || part == Part::gate || part == Part::down;
    return t.experts > 1 && (expert || model.architecture != "bailingmoe3") ? mix.base : &q8_0;
  }
  switch (part) {
    case Part::value:
      return value_format(mix, model, t);
    case Part::key:
      return model.experts == 8 ? &q8_0 : mix.base;
    case Part::down:
      return down_format(mix, model, t);
    case Part::attention_out:
      return attention_out_format(mix, model);
    case Part::up:
    case Part::gate:
      feed_forward_layer(model, t);
      return mix.base;
    default:
      return mix.base;
  }
}

// A format with a smaller block for rows that are no multiple of 256; f16 for rows that are no multiple of 32
// either.
const Format* fit_to_row(const Format* chosen, int64_t columns) {
  if (columns % chosen->block == 0) return chosen;
  const std::pair<const Format*, const Format*> smaller[] = {
      {&iq4_xs, &iq4_nl}, {&q2_k, &q4_0}, {&q3_k, &q4_0}, {&q4_k, &q5_0}, {&q5_k, &q5_1}, {&q6_k, &q8_0}};
  for (const auto& [large, small] : smaller)
    if (chosen == large) chosen = small;
  return columns % chosen->block == 0 ? chosen : &f16;
}

}  // namespace

std::span<const Mix> mixes() { return kMixes; }

const Mix* find_mix(std::string_view name) {
  std::string wanted(name);
  if (wanted.size() == 4 && wanted[1] >= '3' && wanted[1] <= '5' &&
      ::strcasecmp(wanted.c_str() + 2, "_k") == 0)
    wanted += "_M";
  for (const Mix& mix : kMixes)
    if (::strcasecmp(mix.name, wanted.c_str()) == 0) return &mix;
  return nullptr;
}

DType mix_type(const Mix& mix, const MixModel& model, const MixTensor& tensor) {
  if (is_kept(tensor)) return {};
  if (mix.base->kind != FormatKind::block) return *mix.base;
  return *fit_to_row(choose(mix, model, tensor), tensor.columns);
}

std::vector<DType> mix_types(const Mix& mix, MixModel model, std::span<const MixTensor> tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const int la = layer_of(tensors[a].name), lb = layer_of(tensors[b].name);
    return la != lb ? la < lb : tensors[a].name < tensors[b].name;
  });
  int values = 0, value = 0, down = 0;
  model.tied = true;
  for (const MixTensor& t : tensors) {
    values += part_of(t.name) == Part::value;
    if (part_of(t.name) == Part::output) model.tied = false;
  }
  std::vector<DType> types(tensors.size());
  for (const size_t i : order) {
    MixTensor t = tensors[i];
    const Part part = part_of(t.name);
    if (!is_kept(t) && part == Part::value) t.position = value++, t.count = values;
    if (!is_kept(t) && part == Part::down) t.position = down++;
    types[i] = mix_type(mix, model, t);
  }
  return types;
}

}  // namespace ridge

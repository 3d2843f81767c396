#include "nn/ssm.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "ops/causal_conv1d/causal_conv1d.h"
#include "ops/multiply/multiply.h"
#include "ops/selective_scan/selective_scan.h"
#include "ops/ssd/ssd.h"
#include "ops/view/view.h"
#include "state/mixed_state.h"

namespace ridge {
namespace {

Tensor ones(Device& device, int64_t n) {
  const Tensor t = device.make(f32, {n});
  if (t.has_data()) std::fill_n(t.ptr<float>(), n, 1.0f);
  return t;
}

}  // namespace

Tensor ShortConv::operator()(Context& cx, const Tensor& x, const Step& step, int entry) const {
  const bool fused = act == Activation::silu;
  const Tensor y = causal_conv1d(cx, x, weight, bias, step.spans, step.memory(entry), fused);
  return fused ? y : activation(cx, y, act);
}

void ShortConv::visit(WeightVisitor& v, int64_t layer, const std::string& hf, int64_t channels, int64_t width,
                      bool with_bias) {
  v.vector(weight, blk(layer, "ssm_conv1d.weight"), hf + ".weight", {channels, width},
           {.hf_shape = {channels, 1, width}});
  if (with_bias) v.vector(bias, blk(layer, "ssm_conv1d.bias"), hf + ".bias", {channels});
}

Tensor MambaMixer::operator()(Context& cx, const Tensor& hidden, const Step& step, int entry) const {
  const Tensor both = in(cx, hidden);
  const Tensor z = slice(cx, both, 1, inner, 2 * inner);
  const Tensor u = conv(cx, slice(cx, both, 1, 0, inner), step, entry);
  const Tensor inputs = x(cx, u);
  Tensor steps = slice(cx, inputs, 1, 0, rank);
  Tensor b = slice(cx, inputs, 1, rank, rank + n), c = slice(cx, inputs, 1, rank + n, rank + 2 * n);
  if (norms) steps = dt_norm(cx, steps), b = b_norm(cx, b), c = c_norm(cx, c);
  const Tensor y =
      selective_scan(cx, u, dt(cx, steps), {a_log, dt_bias, d}, b, c, z, step.spans, step.memory(entry + 1));
  return out(cx, y);
}

void MambaMixer::visit(WeightVisitor& v, int64_t i, const std::string& hf, int64_t dim) {
  in.visit(v, blk(i, "ssm_in"), hf + "in_proj", {2 * inner, dim}, bias);
  conv.visit(v, i, hf + "conv1d", inner, width, conv_bias);
  x.visit(v, blk(i, "ssm_x"), hf + "x_proj", {rank + 2 * n, inner});
  v.matrix(dt.weight, blk(i, "ssm_dt.weight"), hf + "dt_proj.weight", {inner, rank});
  v.vector(dt_bias, blk(i, "ssm_dt.bias"), hf + "dt_proj.bias", {inner});
  v.vector(a_log, blk(i, "ssm_a"), hf + "A_log", {inner, n}, {.gguf_layout = negative_exp()});
  v.vector(d, blk(i, "ssm_d"), hf + "D", {inner});
  out.visit(v, blk(i, "ssm_out"), hf + "out_proj", {dim, inner}, bias);
  if (!norms || !norm_weights) return;
  v.vector(dt_norm.weight, blk(i, "ssm_dt_norm.weight"), hf + "dt_layernorm.weight", {rank});
  v.vector(b_norm.weight, blk(i, "ssm_b_norm.weight"), hf + "b_layernorm.weight", {n});
  v.vector(c_norm.weight, blk(i, "ssm_c_norm.weight"), hf + "c_layernorm.weight", {n});
}

void MambaMixer::ready(Device& device) {
  if (!norms || norm_weights) return;
  dt_norm.weight = ones(device, rank);
  b_norm.weight = c_norm.weight = ones(device, n);
}

void MambaMixer::add_state(std::vector<RecurrentState::Entry>& entries) const {
  entries.push_back({{width - 1, inner}});
  entries.push_back({{n, inner}});
}

Tensor Mamba2Mixer::operator()(Context& cx, const Tensor& hidden, const Step& step, int entry) const {
  const int64_t tokens = hidden.dim(0), channels = conv_channels(), keys = groups * n;
  const Tensor all = in(cx, hidden);
  const Tensor gate = slice(cx, all, 1, 0, inner());
  const Tensor u = conv(cx, slice(cx, all, 1, inner(), inner() + channels), step, entry);
  const Tensor steps = slice(cx, all, 1, inner() + channels, inner() + channels + heads);
  const Tensor x = reshape(cx, slice(cx, u, 1, 0, inner()), {tokens, heads, p});
  const Tensor b = reshape(cx, slice(cx, u, 1, inner(), inner() + keys), {tokens, groups, n});
  const Tensor c = reshape(cx, slice(cx, u, 1, inner() + keys, channels), {tokens, groups, n});
  const Tensor y =
      ssd(cx, x, steps, {a_log, dt_bias, d, dt_min, dt_max}, b, c, step.spans, step.memory(entry + 1));
  return out(cx, gated_norm(cx, reshape(cx, y, {tokens, inner()}), gate));
}

Tensor Mamba2Mixer::gated_norm(Context& cx, const Tensor& x, const Tensor& gate) const {
  const Tensor y = gated(cx, gate, x, Activation::silu);
  if (norm_groups == 1) return norm(cx, y);
  const Tensor parts = reshape(cx, y, {y.dim(0) * norm_groups, inner() / norm_groups});
  return multiply(cx, reshape(cx, rms_norm(cx, parts, ones_, norm.eps), y.shape()), norm.weight);
}

void Mamba2Mixer::visit(WeightVisitor& v, int64_t i, const std::string& hf, int64_t dim) {
  in.visit(v, blk(i, "ssm_in"), hf + "in_proj", {inner() + conv_channels() + heads, dim}, in_bias);
  conv.visit(v, i, hf + "conv1d", conv_channels(), width, conv_bias);
  v.vector(dt_bias, blk(i, "ssm_dt.bias"), hf + "dt_bias", {heads});
  v.vector(a_log, blk(i, "ssm_a"), hf + "A_log", {heads},
           {.gguf_layout = negative_exp(), .gguf_shape = {heads, 1}});
  v.vector(d, blk(i, "ssm_d"), hf + "D", {heads}, {.gguf_shape = {heads, 1}});
  v.vector(norm.weight, blk(i, "ssm_norm.weight"), hf + "norm.weight", {inner()},
           {.gguf_shape = {groups, inner() / groups}});
  out.visit(v, blk(i, "ssm_out"), hf + "out_proj", {dim, inner()}, out_bias);
}

void Mamba2Mixer::ready(Device& device) {
  if (groups > 1) ones_ = ones(device, inner() / groups);
}

void Mamba2Mixer::add_state(std::vector<RecurrentState::Entry>& entries) const {
  entries.push_back({{width - 1, conv_channels()}});
  entries.push_back({{heads, n, p}});
}

std::string Mamba2Mixer::reference_fault() const {
  return groups > 1 ? "the reference's gated norm spans all groups, as in transformers up to 5.17" : "";
}

void Mamba2Mixer::check(const ConfigKeys& keys) const {
  if (heads < 1 || p < 1 || n < 1 || groups < 1 || heads % groups != 0)
    fail(Fault::file, "{}: {} heads of width {}, {} groups and a state of {} do not make a scan", keys.what(),
         heads, p, groups, n);
}

std::unique_ptr<State> HybridTransformer::make_state(Device& device, int slots, int64_t capacity,
                                                     DType kv) const {
  const auto entries = recurrent_entries();
  const auto layers = cache_layers();
  std::vector<std::unique_ptr<State>> parts;
  if (!layers.empty()) parts.push_back(std::make_unique<KvCache>(device, layers, slots, capacity, kv));
  if (!entries.empty()) parts.push_back(std::make_unique<RecurrentState>(device, entries, slots, capacity));
  if (parts.size() == 1) return std::move(parts[0]);
  return std::make_unique<MixedState>(std::move(parts));
}

std::vector<KvCache::Layer> HybridTransformer::cache_layers() const {
  std::vector<KvCache::Layer> layers;
  bool any = false;
  for (int64_t i = 0; i < layers_count; ++i) {
    any = any || attends(i);
    layers.push_back(attends(i) ? KvCache::Layer{kv_heads, d, d} : KvCache::Layer{0, 0, 0});
  }
  return any ? layers : std::vector<KvCache::Layer>{};
}

void HybridTransformer::time_step_rank(ConfigKeys& keys, int64_t& rank, const char* hf) {
  const Json* j = keys.json_in();
  if (j && j->contains(hf) && (*j)[hf] == "auto")
    rank = (dim + 15) / 16;
  else
    keys.integer(rank, hf, "ssm.time_step_rank", (dim + 15) / 16);
  if (rank < 1) fail(Fault::file, "{}: a time step rank of {}", keys.what(), rank);
}

void HybridTransformer::time_step_limit(ConfigKeys& keys, float& least, float& most) {
  constexpr const char* kKey = "time_step_limit";
  if (Json* j = keys.json_out()) {
    (*j)[kKey] = Json::array({least, std::isinf(most) ? Json{{"__float__", "Infinity"}} : Json(most)});
    return;
  }
  if (keys.is_gguf()) {
    float bound = std::isinf(most) ? 0 : most;  // 0: none
    keys.real(least, nullptr, "/ridge.time_step_min", 0.0);
    keys.real(bound, nullptr, "/ridge.time_step_max", 0.0);
    if (keys.is_reading() && bound > 0) most = bound;
    if (!(least >= 0) || !(most >= least))
      fail(Fault::file, "{}: time steps between {} and {}", keys.what(), least, most);
    return;
  }
  const auto it = keys.json_in()->find(kKey);
  if (it == keys.json_in()->end() || it->is_null()) return;
  if (!it->is_array() || it->size() != 2)
    fail(Fault::file, "{}: \"{}\" in config.json is no pair of numbers", keys.what(), kKey);
  const auto number = [&](const Json& x) -> double {
    if (x.is_number()) return x.get<double>();
    if (x.is_object() && x.value("__float__", Json()) == "Infinity")
      return std::numeric_limits<double>::infinity();
    fail(Fault::file, "{}: \"{}\" in config.json holds {}, expected numbers", keys.what(), kKey,
         printable(x.dump(), 40));
  };
  least = static_cast<float>(number((*it)[0]));
  most = static_cast<float>(number((*it)[1]));
  if (!(least >= 0) || !(most >= least))
    fail(Fault::file, "{}: time steps between {} and {}", keys.what(), least, most);
}

void HybridTransformer::attending_layers(ConfigKeys& keys, std::vector<bool>& attending) {
  if (!keys.is_gguf()) return;
  std::vector<int64_t> counts;
  if (!keys.is_reading())
    for (const bool a : attending) counts.push_back(a ? kv_heads : 0);
  keys.integers(counts, nullptr, "attention.head_count_kv");
  if (!keys.is_reading()) return;
  if (static_cast<int64_t>(counts.size()) != layers_count)
    fail(Fault::file, "{}: {} counts of KV heads for {} layers", keys.what(), counts.size(), layers_count);
  attending.clear();
  for (const int64_t c : counts) {
    attending.push_back(c != 0);
    if (c == 0) continue;
    if (kv_heads != 0 && c != kv_heads)
      fail(Fault::file, "{}: layers of {} and of {} KV heads are not supported", keys.what(), kv_heads, c);
    kv_heads = c;
  }
}

void HybridTransformer::unused_keys(ConfigKeys& keys) {
  if (keys.is_reading() || !keys.is_gguf()) return;
  int64_t none = 0;
  keys.integer(none, nullptr, "feed_forward_length");
  keys.integer(none, nullptr, "attention.head_count");
}

void conv_width(ConfigKeys& keys, int64_t& width, const char* hf, int64_t by_default) {
  keys.integer(width, hf, "ssm.conv_kernel", by_default);
  if (width < 1 || width > kMaxConvWidth)
    fail(Fault::file, "{}: a convolution of width {}; 1 to {} are supported", keys.what(), width,
         kMaxConvWidth);
}

}  // namespace ridge

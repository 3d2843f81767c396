#include "nn/vision.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "device/device.h"
#include "nn/resample.h"
#include "ops/add/add.h"
#include "ops/attention/attention.h"
#include "ops/average_pool/average_pool.h"
#include "ops/concat/concat.h"
#include "ops/embedding/embedding.h"
#include "ops/multiply/multiply.h"
#include "ops/patches/patches.h"
#include "ops/view/view.h"

namespace ridge {

const PreNormNames kClipLayer{
    "layer_norm1",        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj",
    "self_attn.out_proj", "layer_norm2",      "mlp.fc1",          "mlp.fc2"};
const VisionNames kClipVision{{"embeddings.class_embedding"},
                              "embeddings.patch_embedding",
                              "embeddings.position_embedding.weight",
                              "encoder.layers.",
                              "pre_layrnorm",
                              kClipLayer};
const VisionNames kSiglipVision{{},
                                "embeddings.patch_embedding",
                                "embeddings.position_embedding.weight",
                                "encoder.layers.",
                                nullptr,
                                kClipLayer};

void PreNormLayers::config(ConfigKeys& keys) {
  keys.integer(dim, "hidden_size", nullptr, dim);
  keys.integer(count, "num_hidden_layers", nullptr, count, 4096);
  keys.integer(heads, "num_attention_heads", nullptr, heads, 65536);
  keys.integer(hidden, "intermediate_size", nullptr, hidden);
  keys.real(eps, "layer_norm_eps", nullptr, double{eps});
  keys.text(act_name, "hidden_act", nullptr, act_name);
  if (keys.is_reading()) act = activation_of(keys, act_name);
}

void PreNormLayers::resize(const std::string& what) {
  if (dim < 1 || heads < 1 || hidden < 1 || dim % heads != 0)
    fail(Fault::file, "{}: width {}, {} heads and an MLP of width {} do not make a layer", what, dim, heads,
         hidden);
  layers.assign(static_cast<size_t>(count), {});
  for (Layer& l : layers) l.norm1.eps = l.norm2.eps = eps;
}

void PreNormLayers::visit(WeightVisitor& v, const std::string& gguf_prefix, const std::string& hf_prefix,
                          const PreNormNames& n) {
  for (size_t i = 0; i < layers.size(); ++i) {
    Layer& l = layers[i];
    const std::string gguf = gguf_prefix + std::to_string(i) + ".", hf = hf_prefix + std::to_string(i) + ".";
    l.norm1.visit(v, gguf + "ln1", hf + n.norm1, dim);
    l.q.visit(v, gguf + "attn_q", hf + n.q, {dim, dim}, qkv_bias);
    l.k.visit(v, gguf + "attn_k", hf + n.k, {dim, dim}, qkv_bias);
    l.v.visit(v, gguf + "attn_v", hf + n.v, {dim, dim}, qkv_bias);
    l.o.visit(v, gguf + "attn_out", hf + n.o, {dim, dim}, true);
    l.norm2.visit(v, gguf + "ln2", hf + n.norm2, dim);
    l.up.visit(v, gguf + "ffn_up", hf + n.up, {(gated ? 2 : 1) * hidden, dim}, true);
    l.down.visit(v, gguf + "ffn_down", hf + n.down, {dim, hidden}, true);
    if (!layer_scale) continue;
    v.vector(l.scale1, gguf + "ls1.weight", hf + "layer_scale1.lambda1", {dim});
    v.vector(l.scale2, gguf + "ls2.weight", hf + "layer_scale2.lambda1", {dim});
  }
}

Tensor PreNormLayers::operator()(Context& cx, int i, const Tensor& x,
                                 const std::vector<AttentionSegment>& segments, bool causal) const {
  const Context::Scope scope(cx, "layers", i);
  const Layer& l = layers[static_cast<size_t>(i)];
  const int64_t n = x.dim(0), d = dim / heads;
  const AttentionOptions options{.scale = 1 / std::sqrt(static_cast<float>(d)), .causal = causal};
  const auto by_head = [&](const Tensor& t) { return reshape(cx, t, {n, heads, d}); };
  const auto scaled = [&](const Tensor& t, const Tensor& s) { return s ? multiply(cx, t, s) : t; };
  Tensor h = l.norm1(cx, x);
  h = attention(cx, by_head(l.q(cx, h)), by_head(l.k(cx, h)), by_head(l.v(cx, h)), segments, options);
  h = add(cx, x, scaled(l.o(cx, reshape(cx, h, {n, dim})), l.scale1));
  Tensor m = l.up(cx, l.norm2(cx, h));
  m = gated ? ridge::gated(cx, slice(cx, m, 1, 0, hidden), slice(cx, m, 1, hidden, 2 * hidden), act)
            : activation(cx, m, act);
  return add(cx, h, scaled(l.down(cx, m), l.scale2));
}

Tensor PreNormLayers::operator()(Context& cx, Tensor x, const std::vector<AttentionSegment>& segments,
                                 bool causal) const {
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) x = (*this)(cx, i, x, segments, causal);
  return x;
}

void VisionTower::config(ConfigKeys& keys) {
  layers.config(keys);
  keys.integer(channels, "num_channels", nullptr, channels, 4096);
  size_pair(keys, image, "image_size", 65536);
  size_pair(keys, patch_size, "patch_size", 65536);
  if (!keys.is_reading()) return;
  layers.resize(keys.what());
  pre_norm_.eps = layers.eps;
  special_.assign(names->special.size(), {});
  if (channels < 1 || patch_size[0] < 1 || patch_size[1] < 1 || image[0] < patch_size[0] ||
      image[1] < patch_size[1])
    fail(Fault::file, "{}: images of {} x {} x {} in patches of {} x {} do not make a model", keys.what(),
         channels, image[0], image[1], patch_size[0], patch_size[1]);
}

void VisionTower::visit(WeightVisitor& v, const std::string& hf) {
  const int64_t dim = layers.dim;
  const char* const gguf[] = {"v.class_embd", "v.distillation_embd"};
  for (size_t i = 0; i < special_.size(); ++i) v.vector(special_[i], gguf[i], hf + names->special[i], {dim});
  patch_.visit(v, "v.patch_embd", hf + names->patch, {dim, channels * patch_size[0] * patch_size[1]},
               patch_bias);
  const int64_t count = special() + (image[0] / patch_size[0]) * (image[1] / patch_size[1]);
  v.vector(positions_, "v.position_embd.weight", hf + names->positions, {count, dim});
  if (names->pre_norm) pre_norm_.visit(v, "v.pre_ln", hf + names->pre_norm, dim);
  layers.visit(v, "v.blk.", hf + names->layers, names->layer);
}

int64_t VisionTower::patches_of(const Tensor& pixels) const {
  if (pixels.rank() != 4 || pixels.dim(1) != channels || pixels.dim(2) < patch_size[0] ||
      pixels.dim(3) < patch_size[1])
    fail(Fault::usage, "pixels {}: this model sees images [images, {}, height, width] of at least {} x {}",
         pixels.text(), channels, patch_size[0], patch_size[1]);
  return (pixels.dim(2) / patch_size[0]) * (pixels.dim(3) / patch_size[1]);
}

Tensor VisionTower::embed(Context& cx, const Tensor& pixels) const {
  const int64_t images = pixels.dim(0), dim = layers.dim, patch_count = patches_of(pixels);
  const Tensor rows = patch_(cx, patches(cx, pixels, patch_size[0], patch_size[1]));
  Tensor x = reshape(cx, rows, {images, 1, patch_count * dim});
  const std::vector<int32_t> zeros(static_cast<size_t>(images), 0);
  for (size_t i = special_.size(); i-- > 0;) {
    const Tensor token =
        embedding(cx, reshape(cx, special_[i], {1, dim}), cx.from_host(zeros.data(), images));
    x = concat(cx, reshape(cx, token, {images, 1, dim}), x);
  }
  const int64_t all = rows.dim(0) + images * special();
  const Tensor positions = positions_for(cx, pixels.dim(2), pixels.dim(3));
  x = add(cx, reshape(cx, x, {images, all / std::max<int64_t>(images, 1) * dim}),
          reshape(cx, positions, {positions.count()}));
  x = reshape(cx, x, {all, dim});
  return names->pre_norm ? pre_norm_(cx, x) : x;
}

// Positions of images of another size: the grid of patches resampled as torch's interpolate does (bicubic, A
// = -0.75, edges repeated, no antialiasing), which the published implementations call; the special rows stay.
Tensor VisionTower::positions_for(Context& cx, int64_t height, int64_t width) const {
  if (height == image[0] && width == image[1]) return positions_;
  const int64_t from[2] = {image[0] / patch_size[0], image[1] / patch_size[1]};
  const int64_t to[2] = {height / patch_size[0], width / patch_size[1]}, dim = layers.dim;
  if (from[0] == to[0] && from[1] == to[1]) return positions_;
  const Tensor grid = slice(cx, positions_, 0, special(), positions_.dim(0));
  const Tensor made = resample_grid(cx, reshape(cx, grid, {from[0], from[1], dim}), to[0], to[1]);
  if (special() == 0) return reshape(cx, made, {to[0] * to[1], dim});
  const Tensor head = slice(cx, positions_, 0, 0, special());
  const Tensor all =
      concat(cx, reshape(cx, head, {1, 1, special() * dim}), reshape(cx, made, {1, 1, to[0] * to[1] * dim}));
  return reshape(cx, all, {special() + to[0] * to[1], dim});
}

std::vector<AttentionSegment> VisionTower::segments(const Tensor& pixels) const {
  const int64_t n = rows(pixels);
  std::vector<AttentionSegment> all;
  for (int64_t i = 0; i < pixels.dim(0); ++i) all.push_back({i * n, n, i * n, n});
  return all;
}

Tensor VisionTower::operator()(Context& cx, const Tensor& pixels) const {
  const Context::Scope scope(cx, "vision");
  return layers(cx, embed(cx, pixels), segments(pixels), false);
}

std::vector<Tensor> VisionTower::hidden_states(Context& cx, const Tensor& pixels,
                                               const std::vector<int64_t>& which) const {
  const Context::Scope scope(cx, "vision");
  const auto seen = segments(pixels);
  std::vector<int64_t> at = which;
  for (int64_t& i : at)
    if (i < 0) i += layers.count + 1;
  std::vector<Tensor> states(at.size());
  Tensor x = embed(cx, pixels);
  for (int64_t i = 0; i <= *std::max_element(at.begin(), at.end()); ++i) {
    if (i > 0) x = layers(cx, static_cast<int>(i - 1), x, seen, false);
    for (size_t k = 0; k < at.size(); ++k)
      if (at[k] == i) states[k] = x;
  }
  return states;
}

Tensor VisionTower::row(Context& cx, const Tensor& x, const Tensor& pixels, int64_t index) const {
  const int64_t n = rows(pixels), images = pixels.dim(0);
  std::vector<int32_t> at;
  for (int64_t i = 0; i < images; ++i) at.push_back(static_cast<int32_t>(i * n + index));
  return embedding(cx, x, cx.from_host(at.data(), images));
}

Tensor VisionTower::mean_of_patches(Context& cx, const Tensor& x, const Tensor& pixels) const {
  const int64_t n = rows(pixels), images = pixels.dim(0), width = x.dim(1);
  Tensor all = reshape(cx, x, {images, n, width});
  if (special() > 0) all = contiguous(cx, slice(cx, all, 1, special(), n));
  return reshape(cx, average_pool(cx, reshape(cx, all, {images, n - special(), 1, width}), 1, 1),
                 {images, width});
}

void visit_unused_head(WeightVisitor& v, const std::string& hf, int64_t dim, int64_t hidden) {
  const struct {
    const char* name;
    Shape shape;
  } weights[] = {{"attention.in_proj_weight", {3 * dim, dim}},
                 {"attention.out_proj.weight", {dim, dim}},
                 {"mlp.fc1.weight", {hidden, dim}},
                 {"mlp.fc2.weight", {dim, hidden}},
                 {"attention.in_proj_bias", {3 * dim}},
                 {"attention.out_proj.bias", {dim}},
                 {"mlp.fc1.bias", {hidden}},
                 {"mlp.fc2.bias", {dim}},
                 {"probe", {dim}},
                 {"layernorm.weight", {dim}},
                 {"layernorm.bias", {dim}}};
  for (const auto& w : weights) {
    Tensor unused;
    const std::string gguf = std::string("v.head.unused.") + w.name;
    if (w.shape.rank() == 2)
      v.matrix(unused, gguf, hf + w.name, w.shape, {.optional = true});
    else
      v.vector(unused, gguf, hf + w.name, w.shape, {.optional = true});
  }
}

Inputs ImageModel::sample_input(Device& device, int64_t length, int count) const {
  Inputs in;
  const Shape s = image_shape();
  in.pixels = device.make(f32, {count, s[0], s[1], s[2]});
  if (in.pixels.has_data()) std::memset(in.pixels.data(), 0, static_cast<size_t>(in.pixels.bytes()));
  const ModelSize all = size();
  if (kind() == ModelKind::encoder && all.vocab > 0)
    in.text = Batch::of_length(std::min(length, all.context), false, count);
  return in;
}

Tensor normalize_rows(Context& cx, const Tensor& x) {
  // x / sqrt(mean(x^2)) / sqrt(n)
  const std::vector<float> scale(static_cast<size_t>(x.dim(-1)),
                                 1 / std::sqrt(static_cast<float>(x.dim(-1))));
  return rms_norm(cx, x, cx.from_host(scale.data(), {x.dim(-1)}), 0);
}

Activation activation_of(const ConfigKeys& keys, const std::string& name) {
  try {
    return parse_activation(name);
  } catch (const Error& e) {  // what a file got wrong
    fail(Fault::file, "{}: {}", keys.what(), e.what());
  }
}

bool class_ends_with(const ConfigKeys& keys, const std::string& end, bool otherwise) {
  const Json* j = keys.whole_in();
  const auto it = j ? j->find("architectures") : Json::const_iterator();
  if (!j || it == j->end() || !it->is_array() || it->empty() || !(*it)[0].is_string()) return otherwise;
  const std::string name = (*it)[0].get<std::string>();
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

int64_t label_count(const ConfigKeys& keys) {
  const Json* j = keys.whole_in();
  if (!j) return 2;
  if (const auto it = j->find("id2label"); it != j->end() && it->is_object())
    return static_cast<int64_t>(it->size());
  if (const auto it = j->find("num_labels"); it != j->end() && it->is_number_unsigned())
    return static_cast<int64_t>(std::min<uint64_t>(it->get<uint64_t>(), uint64_t{1} << 31));
  return 2;
}

void write_label_count(ConfigKeys& keys, int64_t labels) {
  if (Json* j = keys.json_out()) (*j)["num_labels"] = static_cast<uint64_t>(labels);
}

void size_pair(ConfigKeys& keys, int64_t (&pair)[2], const char* hf, int64_t most) {
  const auto it = keys.json_in() ? keys.json_in()->find(hf) : Json::const_iterator();
  if (keys.json_in() && it != keys.json_in()->end() && it->is_array()) {
    if (it->size() != 2 || !(*it)[0].is_number_unsigned() || !(*it)[1].is_number_unsigned() ||
        (*it)[0].get<uint64_t>() > static_cast<uint64_t>(most) ||
        (*it)[1].get<uint64_t>() > static_cast<uint64_t>(most))
      fail(Fault::file, "{}: \"{}\" in config.json is {}, expected a number or [height, width]", keys.what(),
           hf, printable(it->dump(), 40));
    pair[0] = (*it)[0].get<int64_t>(), pair[1] = (*it)[1].get<int64_t>();
    return;
  }
  if (!keys.is_reading() && pair[0] != pair[1]) {
    if (Json* out = keys.json_out()) (*out)[hf] = {pair[0], pair[1]};
    return;
  }
  keys.integer(pair[0], hf, nullptr, pair[0], most);
  if (keys.is_reading()) pair[1] = pair[0];
}

}  // namespace ridge

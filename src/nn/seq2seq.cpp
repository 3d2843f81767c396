#include "nn/seq2seq.h"

#include <cmath>

#include "base/error.h"
#include "ops/add/add.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/view/view.h"
#include "state/mixed_state.h"

namespace ridge {

Tensor CrossAttention::operator()(Context& cx, const Tensor& x, const Step& step, int layer,
                                  float scale) const {
  const int64_t n = x.dim(0);
  const Tensor queries = reshape(cx, q(cx, x), {n, heads, d});
  const Tensor mixed = step.attend_cross(cx, layer, queries, {.scale = scale, .causal = false});
  return o(cx, reshape(cx, mixed, {n, heads * d}));
}

namespace {

// The tokens of each source in the encoder's output, with the slot that remembers it.
std::vector<Batch::Span> source_spans(const Inputs& source, const Tensor& encoded) {
  if (!source.features) return source.text.spans;
  std::vector<Batch::Span> spans;
  const int64_t n = source.features.dim(0), length = encoded.dim(0) / n;
  for (int64_t i = 0; i < n; ++i) spans.push_back({static_cast<int>(i), i * length, length});
  return spans;
}

// x [tokens, heads, d] in memory of its own, in the format of keys and values; x itself where a tape runs.
Tensor kept(Context& cx, const Tensor& x, DType kv) {
  if (cx.tape) return x;
  const int64_t n = x.dim(0);
  const Tensor to = cx.device().make(kv, {x.dim(1), n, x.dim(2)}).transpose(0, 1);
  std::vector<int32_t> rows(static_cast<size_t>(n));
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int32_t>(i);
  scatter_rows(cx, x, to, cx.from_host(rows.data(), n));
  return to;
}

void check_source(const Inputs& source) {
  if (source.features ? source.features.rank() != 3 || source.features.dim(0) < 1
                      : source.text.tokens.empty())
    fail(Fault::usage, "encode: a source without tokens");
}

}  // namespace

Outputs Seq2Seq::encode(Context& cx, const Inputs& inputs, const std::set<std::string>&) {
  check_source(inputs);
  return {{"last_hidden_state", encode_source(cx, inputs)}};
}

Tensor Seq2Seq::remember_source(Context& cx, const Inputs& source, State& state) {
  auto* memory = state.find<CrossMemory>();
  if (!memory) fail(Fault::usage, "remember_source: the state has no memory of a source");
  check_source(source);
  const Tensor encoded = encode_source(cx, source);
  const auto* cache = state.find<KvCache>();
  const DType kv = cache && decoder_layers > 0 ? cache->keys(0).dtype() : DType(f32);
  auto layers = std::make_shared<CrossMemory::Layers>();
  for (int i = 0; i < decoder_layers; ++i) {
    const Context::Scope scope(cx, "cross", i);
    const CrossAttention& c = cross(i);
    const Shape heads{encoded.dim(0), c.heads, c.d};
    layers->keys.push_back(kept(cx, reshape(cx, c.k(cx, encoded), heads), kv));
    layers->values.push_back(kept(cx, reshape(cx, c.v(cx, encoded), heads), kv));
  }
  for (const auto& s : source_spans(source, encoded)) {
    if (s.slot < 0 || s.slot >= memory->slots())
      fail(Fault::usage, "remember_source: slot {} of {}", s.slot, memory->slots());
    memory->set(s.slot, {layers, s.begin, s.length});
  }
  return encoded;
}

std::unique_ptr<State> Seq2Seq::make_state(Device& device, int slots, int64_t capacity, DType kv) const {
  std::vector<std::unique_ptr<State>> parts;
  const std::vector<KvCache::Layer> layers(static_cast<size_t>(decoder_layers), cache_layer());
  parts.push_back(std::make_unique<KvCache>(device, layers, slots, capacity, kv));
  parts.push_back(std::make_unique<CrossMemory>(slots, capacity));
  return std::make_unique<MixedState>(std::move(parts));
}

Tensor Seq2Seq::run(Context& cx, const Batch& batch, State* state) {
  return logits(cx, run_hidden(cx, batch, state));
}

Tensor Seq2Seq::run_hidden(Context& cx, const Batch& batch, State* state) {
  const Step step(cx, batch, state);
  if (!step.cross) fail(Fault::usage, "forward: an encoder-decoder answers a source; none was remembered");
  return decode(cx, step);
}

void BartStacks::stack_sizes(ConfigKeys& keys, const Sizes& by_default) {
  keys.integer(dim, "d_model", nullptr, by_default.dim);
  keys.integer(encoder.layers_count, "encoder_layers", nullptr, by_default.layers, 4096);
  keys.integer(decoder.layers_count, "decoder_layers", nullptr, by_default.layers, 4096);
  keys.integer(encoder.heads, "encoder_attention_heads", nullptr, by_default.heads, 65536);
  keys.integer(decoder.heads, "decoder_attention_heads", nullptr, by_default.heads, 65536);
  keys.integer(encoder.hidden, "encoder_ffn_dim", nullptr, by_default.hidden);
  keys.integer(decoder.hidden, "decoder_ffn_dim", nullptr, by_default.hidden);
  keys.text(act_name, "activation_function", nullptr, "gelu");
  if (!keys.is_reading()) return;
  try {
    act = parse_activation(act_name);
  } catch (const Error& e) {  // what a file got wrong
    fail(Fault::file, "{}: {}", keys.what(), e.what());
  }
  for (Stack* s : {&encoder, &decoder}) {
    if (dim < 1 || vocab < 1 || s->heads < 1 || dim % s->heads != 0 || s->hidden < 1 || s->layers_count < 0)
      fail(Fault::file, "{}: width {}, {} heads, {} tokens, {} layers of {} do not make a model", keys.what(),
           dim, s->heads, vocab, s->layers_count, s->hidden);
    s->layers.assign(static_cast<size_t>(s->layers_count), {});
    for (BartLayer& l : s->layers) {
      l.self.heads = l.self.kv_heads = l.cross.heads = s->heads;
      l.self.d = l.cross.d = dim / s->heads;
    }
  }
  decoder_layers = static_cast<int>(decoder.layers_count);
}

ModelSize BartStacks::size() const { return {vocab, dim, decoder.layers_count, context}; }

void BartStacks::visit_stack(WeightVisitor& v, Stack& s, const std::string& hf, bool is_decoder) {
  if (with_embedding_norm) s.embedding_norm.visit(v, "", hf + "layernorm_embedding", dim);
  for (size_t i = 0; i < s.layers.size(); ++i) {
    BartLayer& l = s.layers[i];
    const std::string at = hf + "layers." + std::to_string(i) + ".";
    l.self.q.visit(v, "", at + "self_attn.q_proj", {dim, dim}, true);
    l.self.k.visit(v, "", at + "self_attn.k_proj", {dim, dim}, key_bias);
    l.self.v.visit(v, "", at + "self_attn.v_proj", {dim, dim}, true);
    l.self.o.visit(v, "", at + "self_attn.out_proj", {dim, dim}, true);
    l.self_norm.visit(v, "", at + "self_attn_layer_norm", dim);
    if (is_decoder) {
      l.cross.q.visit(v, "", at + "encoder_attn.q_proj", {dim, dim}, true);
      l.cross.k.visit(v, "", at + "encoder_attn.k_proj", {dim, dim}, key_bias);
      l.cross.v.visit(v, "", at + "encoder_attn.v_proj", {dim, dim}, true);
      l.cross.o.visit(v, "", at + "encoder_attn.out_proj", {dim, dim}, true);
      l.cross_norm.visit(v, "", at + "encoder_attn_layer_norm", dim);
    }
    l.mlp.up.visit(v, "", at + "fc1", {s.hidden, dim}, true);
    l.mlp.down.visit(v, "", at + "fc2", {dim, s.hidden}, true);
    l.mlp_norm.visit(v, "", at + "final_layer_norm", dim);
  }
  if (with_final_norm) s.final_norm.visit(v, "", hf + "layer_norm", dim);
}

namespace {

// A residual part with its norm before or after.
template <typename Part>
Tensor residual(Context& cx, const Tensor& x, const LayerNorm& norm, bool before, const Part& part) {
  return before ? add(cx, x, part(norm(cx, x))) : norm(cx, add(cx, x, part(x)));
}

}  // namespace

Tensor BartStacks::encoder_layers(Context& cx, Tensor x, const Step& step) const {
  const AttentionOptions full{.scale = 1 / std::sqrt(static_cast<float>(dim / encoder.heads)),
                              .causal = false};
  if (with_embedding_norm) x = encoder.embedding_norm(cx, x);
  for (int i = 0; i < static_cast<int>(encoder.layers.size()); ++i) {
    const Context::Scope scope(cx, "encoder", i);
    const BartLayer& l = encoder.layers[static_cast<size_t>(i)];
    x = residual(cx, x, l.self_norm, norm_before,
                 [&](const Tensor& y) { return l.self(cx, y, step, i, nullptr, full); });
    x = residual(cx, x, l.mlp_norm, norm_before, [&](const Tensor& y) { return l.mlp(cx, y, act); });
  }
  return with_final_norm ? encoder.final_norm(cx, x) : x;
}

Tensor BartStacks::decoder_layers_of(Context& cx, Tensor x, const Step& step) const {
  const float scale = 1 / std::sqrt(static_cast<float>(dim / decoder.heads));
  if (with_embedding_norm) x = decoder.embedding_norm(cx, x);
  for (int i = 0; i < decoder_layers; ++i) {
    const Context::Scope scope(cx, "decoder", i);
    const BartLayer& l = decoder.layers[static_cast<size_t>(i)];
    x = residual(cx, x, l.self_norm, norm_before,
                 [&](const Tensor& y) { return l.self(cx, y, step, i, nullptr, {.scale = scale}); });
    x = residual(cx, x, l.cross_norm, norm_before,
                 [&](const Tensor& y) { return l.cross(cx, y, step, i, scale); });
    x = residual(cx, x, l.mlp_norm, norm_before, [&](const Tensor& y) { return l.mlp(cx, y, act); });
  }
  x = step.wanted(cx, x);
  return with_final_norm ? decoder.final_norm(cx, x) : x;
}

Tensor sinusoids(Device& device, int64_t rows, int64_t dim) {
  const Tensor t = device.make(f32, {rows, dim});
  if (!t.has_data()) return t;
  const int64_t sines = (dim + 1) / 2;
  for (int64_t p = 0; p < rows; ++p)
    for (int64_t j = 0; j < dim; ++j) {
      const int64_t pair = j < sines ? j : j - sines;
      const double angle = static_cast<double>(p) /
                           std::pow(10000.0, static_cast<double>(2 * pair) / static_cast<double>(dim));
      t.ptr<float>()[p * dim + j] = static_cast<float>(j < sines ? std::sin(angle) : std::cos(angle));
    }
  return t;
}

void TokenTables::choose(const ConfigKeys& keys, bool tie, bool share, const char* prefix,
                         const char* head_name) {
  const std::string outer = prefix;
  // The name as the checkpoint has it, with the outermost module's name or without; "" where it has none.
  const auto there = [&](const std::string& name) -> std::string {
    if (keys.has_tensor(outer + name)) return outer + name;
    return keys.has_tensor(name) ? name : "";
  };
  const auto first = [](std::initializer_list<std::string> names) {
    for (const std::string& n : names)
      if (!n.empty()) return n;
    return std::string();
  };
  const std::string both = there("shared.weight"), encoder = there("encoder.embed_tokens.weight"),
                    decoder = there("decoder.embed_tokens.weight"),
                    own_head = keys.has_tensor(head_name) ? head_name : "";
  const std::string any = first({both, encoder, decoder, own_head});
  head_name_ = head_name;
  if (any.empty()) {
    source_name_ = outer + (share ? "shared.weight" : "encoder.embed_tokens.weight");
    target_name_ = outer + (share ? "shared.weight" : "decoder.embed_tokens.weight");
    tied_head = tie;
  } else {  // tables that are there are used, whatever the configuration says of tying
    source_name_ = first({encoder, both, any});
    target_name_ = first({decoder, both, any});
    tied_head = own_head.empty() ? tie : any == own_head;
  }
  shared = source_name_ == target_name_;
}

void TokenTables::visit(WeightVisitor& v, int64_t source_vocab, int64_t target_vocab, int64_t dim) {
  v.table(source, "token_embd.weight", source_name_, {source_vocab, dim});
  if (!shared) v.table(target, "", target_name_, {target_vocab, dim});
  if (!tied_head) v.matrix(head, "output.weight", head_name_, {target_vocab, dim});
}

void TokenTables::visit_target(WeightVisitor& v, int64_t vocab, int64_t dim) {
  shared = false;
  v.table(target, "", target_name_, {vocab, dim});
  if (!tied_head) v.matrix(head, "", head_name_, {vocab, dim});
}

}  // namespace ridge

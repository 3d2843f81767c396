#include "nn/transformer.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "ops/embedding/embedding.h"

namespace ridge {

void read_vocab(ConfigKeys& keys, int64_t& vocab) {
  std::optional<int64_t> fallback;
  if (const GgufMetadata* m = keys.gguf_in())
    if (const GgufValue* tokens = m->find("tokenizer.ggml.tokens"))
      fallback = static_cast<int64_t>(tokens->count());
  keys.integer(vocab, "vocab_size", "vocab_size", fallback);
}

std::vector<bool> sliding_layers(ConfigKeys& keys, int64_t layers, const std::vector<bool>& rule,
                                 const std::vector<bool>& now) {
  const auto n = static_cast<size_t>(layers);
  if (!keys.is_reading()) {
    if (Json* j = keys.json_out()) {
      Json& types = (*j)["layer_types"] = Json::array();
      for (const bool s : now) types.push_back(s ? "sliding_attention" : "full_attention");
    } else if (now != rule) {
      std::vector<GgufValue> flags;
      for (const bool s : now) flags.push_back(GgufValue::scalar(s));
      keys.gguf_out()->set(keys.gguf_key("attention.sliding_window_pattern"), GgufValue::nested(flags));
    }
    return now;
  }
  std::vector<bool> sliding = rule;
  if (keys.json_in()) {
    std::vector<std::string> types;
    keys.texts(types, "layer_types");
    if (types.empty()) return sliding;
    if (types.size() < n)
      fail(Fault::file, "{}: {} layer_types for {} layers", keys.what(), types.size(), layers);
    for (size_t i = 0; i < n; ++i) {
      sliding[i] = types[i] == "sliding_attention";
      if (!sliding[i] && types[i] != "full_attention")
        fail(Fault::file, "{}: a layer of type \"{}\" is not supported", keys.what(), printable(types[i]));
    }
  } else {
    std::vector<int64_t> flags;
    keys.integers(flags, nullptr, "attention.sliding_window_pattern");
    if (flags.size() == n)
      for (size_t i = 0; i < n; ++i) sliding[i] = flags[i] != 0;
    else if (flags.size() == 1 && flags[0] > 0)  // a period: its last layer sees all
      for (size_t i = 0; i < n; ++i) sliding[i] = (static_cast<int64_t>(i) + 1) % flags[0] != 0;
    else if (!flags.empty())
      fail(Fault::file, "{}: a sliding window pattern of {} for {} layers", keys.what(), flags.size(),
           layers);
  }
  return sliding;
}

void sliding_window(ConfigKeys& keys, int64_t& window, int64_t by_default) {
  if (!keys.is_reading()) {
    if (Json* j = keys.json_out())
      (*j)["sliding_window"] = window ? Json(window) : Json(nullptr);
    else if (window)
      keys.integer(window, nullptr, "attention.sliding_window");
    return;
  }
  const bool missing = keys.json_in() && !keys.mentions("sliding_window");
  keys.integer(window, "sliding_window", "attention.sliding_window", missing ? by_default : 0);
}

void Transformer::check_sizes(const ConfigKeys& keys) const {
  if (heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || dim < 1 || vocab < 1 || d < 1)
    fail(Fault::file, "{}: {} heads of width {}, {} KV heads, width {} and {} tokens do not make a model",
         keys.what(), heads, d, kv_heads, dim, vocab);
}

void Transformer::tying(ConfigKeys& keys, bool by_default) {
  if (!keys.is_gguf())
    keys.flag(tied, "tie_word_embeddings", nullptr, by_default);
  else if (keys.is_reading())
    tied = !keys.has_tensor("output.weight");
}

void Transformer::activation_key(ConfigKeys& keys, const char* hf, const char* by_default) {
  keys.text(act_name, hf, "/ridge.activation", by_default);
  if (!keys.is_reading()) return;
  try {
    act = parse_activation(act_name);
  } catch (const Error& e) {  // what a file got wrong
    fail(Fault::file, "{}: {}", keys.what(), e.what());
  }
}

std::vector<KvCache::Layer> Transformer::cache_layers() const {
  return std::vector<KvCache::Layer>(static_cast<size_t>(layers_count), {kv_heads, d, d});
}

std::unique_ptr<State> Transformer::make_state(Device& device, int slots, int64_t capacity, DType kv) const {
  return std::make_unique<KvCache>(device, cache_layers(), slots, capacity, kv);
}

AttentionOptions Transformer::attention_options(int) const {
  return {.scale = 1 / std::sqrt(static_cast<float>(d))};
}

Tensor Transformer::embed_tokens(Context& cx, const Step& step) { return embedding(cx, embed, step.ids); }

Tensor Transformer::logits(Context& cx, const Tensor& x) {
  return linear(cx, x, tied ? embed : head.weight, head.bias);
}

Tensor Transformer::run(Context& cx, const Batch& batch, State* state) {
  return logits(cx, run_hidden(cx, batch, state));
}

Tensor Transformer::run_hidden(Context& cx, const Batch& batch, State* state) {
  const Step step(cx, batch, state);
  Tensor x = step.with_embeddings(cx, embed_tokens(cx, step));
  for (int i = 0; i < static_cast<int>(layers_count); ++i) {
    const Context::Scope scope(cx, "layers", i);
    x = block(cx, i, x, step);
  }
  return final_norm(cx, step.wanted(cx, x));
}

}  // namespace ridge

// What all decoder-only transformers share: a token table, a row of blocks, a final norm, a head, and a KV
// cache. The architectures' files derive from it, or from Decoder, which is LLaMA's way of filling it in.
#pragma once
#include <vector>

#include "nn/attention.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "nn/step.h"

namespace ridge {

class Transformer : public Model {
 public:
  std::unique_ptr<State> make_state(Device& device, int slots, int64_t capacity, DType kv) const override;
  ModelSize size() const override { return {vocab, dim, layers_count, context}; }

 protected:
  Tensor run(Context& cx, const Batch& batch, State* state) override;
  Tensor run_hidden(Context& cx, const Batch& batch, State* state) override;

  virtual Tensor embed_tokens(Context& cx, const Step& step);  // default: look-up
  virtual Tensor block(Context& cx, int layer, const Tensor& x, const Step& step) = 0;
  virtual Tensor final_norm(Context& cx, const Tensor& x) = 0;
  virtual Tensor logits(Context& cx, const Tensor& x);          // default: the head
  virtual AttentionOptions attention_options(int layer) const;  // default: 1/sqrt(d), causal
  virtual std::vector<KvCache::Layer> cache_layers() const;

  // Fails on sizes that make no model.
  void check_sizes(const ConfigKeys& keys) const;
  // Reads or writes whether the head is the token table.
  void tying(ConfigKeys& keys, bool by_default);
  // Reads or writes the activation; `hf` names the key.
  void activation_key(ConfigKeys& keys, const char* hf, const char* by_default);

  int64_t vocab = 0, dim = 0, layers_count = 0, heads = 0, kv_heads = 0, d = 0, hidden = 0, context = 0;
  bool tied = false;
  Activation act = Activation::silu;
  std::string act_name;

  Tensor embed;
  Linear head;
};

// The token count a GGUF or config gives; from the tokens where the key is missing (most GGUF files).
void read_vocab(ConfigKeys& keys, int64_t& vocab);

// Which layers look at a sliding window only: `layer_types` where the configuration has it, else by `rule`.
// In GGUF the published key is a list of flags, written where it differs from the rule.
std::vector<bool> sliding_layers(ConfigKeys& keys, int64_t layers, const std::vector<bool>& rule,
                                 const std::vector<bool>& now);
// A window: absent or null is 0, none. `by_default` is for configurations that do not mention it.
void sliding_window(ConfigKeys& keys, int64_t& window, int64_t by_default);

}  // namespace ridge

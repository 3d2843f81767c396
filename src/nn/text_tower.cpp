#include "nn/text_tower.h"

#include "base/error.h"
#include "nn/step.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"

namespace ridge {

void TextTower::config(ConfigKeys& keys) {
  keys.integer(vocab, "vocab_size", nullptr, vocab);
  keys.integer(context, "max_position_embeddings", nullptr, context);
  layers.config(keys);
  norm.eps = layers.eps;
  if (!keys.is_reading()) return;
  layers.resize(keys.what());
  if (vocab < 1 || context < 1)
    fail(Fault::file, "{}: {} tokens and {} positions do not make a model", keys.what(), vocab, context);
}

void TextTower::visit(WeightVisitor& v, const std::string& hf) {
  v.table(embed, "t.token_embd.weight", hf + "embeddings.token_embedding.weight", {vocab, layers.dim});
  v.table(positions, "t.position_embd.weight", hf + "embeddings.position_embedding.weight",
          {context, layers.dim});
  layers.visit(v, "t.blk.", hf + "encoder.layers.", kClipLayer);
  norm.visit(v, "t.post_ln", hf + "final_layer_norm", layers.dim);
}

Tensor TextTower::operator()(Context& cx, const Batch& texts) const {
  const Context::Scope scope(cx, "text");
  const Step step(cx, texts, nullptr);
  const Tensor x =
      add(cx, embedding(cx, embed, step.ids), embedding(cx, positions, step.position_rows(cx, 0, context)));
  std::vector<AttentionSegment> segments;
  for (const auto& s : texts.spans) segments.push_back({s.begin, s.length, s.begin, s.length});
  return norm(cx, layers(cx, x, segments, causal));
}

}  // namespace ridge

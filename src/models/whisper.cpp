// Whisper (Radford et al. 2022): a Transformer that hears. Two convolutions over log-mel features, sinusoidal
// positions (stored) for the encoder and learned ones for the decoder, norms before each part, keys without
// bias.
#include <cstring>

#include <cmath>

#include "base/error.h"
#include "models/registry.h"
#include "nn/seq2seq.h"
#include "ops/add/add.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"
#include "ops/unfold/unfold.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

constexpr int64_t kFramesPerToken = 2;  // the second convolution takes every other frame

class Whisper final : public BartStacks {
  void config(ConfigKeys& keys) override {
    norm_before = with_final_norm = true;
    key_bias = false;
    keys.integer(vocab, "vocab_size", nullptr, 51865);
    keys.integer(mels, "num_mel_bins", nullptr, 80, 65536);
    keys.integer(source_positions, "max_source_positions", nullptr, 1500, 1 << 24);
    keys.integer(context, "max_target_positions", nullptr, 448, 1 << 24);
    stack_sizes(keys, {384, 4, 6, 1536});
    keys.flag(scaled, "scale_embedding", nullptr, false);
    keys.flag(tied, "tie_word_embeddings", nullptr, true);
    if (!keys.is_reading()) return;
    if (mels < 1 || source_positions < 1 || context < 1)
      fail(Fault::file, "{}: {} mel bins, {} source and {} target positions do not make a model", keys.what(),
           mels, source_positions, context);
    tables.choose(keys, tied, false, "model.", "proj_out.weight");
  }

  void visit(WeightVisitor& v) override {
    tables.visit_target(v, vocab, dim);
    visit_convolution(v, first_weight, first_bias, "model.encoder.conv1", mels);
    visit_convolution(v, second_weight, second_bias, "model.encoder.conv2", dim);
    v.table(encoder_positions, "", "model.encoder.embed_positions.weight", {source_positions, dim});
    v.table(decoder_positions, "", "model.decoder.embed_positions.weight", {context, dim});
    visit_stack(v, encoder, "model.encoder.", false);
    visit_stack(v, decoder, "model.decoder.", true);
  }
  void visit_convolution(WeightVisitor& v, Tensor& weight, Tensor& bias, const std::string& hf,
                         int64_t channels) const {
    v.matrix(weight, "", hf + ".weight", {dim, channels, 3});
    v.vector(bias, "", hf + ".bias", {dim});
  }
  void ready(Device&) override {}

  // Windows of the length that it hears.
  Inputs sample_input(Device& device, int64_t, int count) const override {
    Inputs in;
    in.features = device.make(f32, {count, mels, source_positions * kFramesPerToken});
    if (in.features.has_data()) std::memset(in.features.data(), 0, static_cast<size_t>(in.features.bytes()));
    return in;
  }

  Tensor encode_source(Context& cx, const Inputs& source) override {
    const Tensor& f = source.features;
    const int64_t frames = source_positions * kFramesPerToken;
    if (!f || f.dim(1) != mels || f.dim(2) != frames)
      fail(Fault::usage, "whisper: features {}, expected [sequences, {} mels, {} frames]",
           f ? f.text() : "none", mels, frames);
    const int64_t n = f.dim(0);
    Tensor x =
        activation(cx, conv1d(cx, transpose(cx, f, 1, 2), first_weight, first_bias, 1, 1), Activation::gelu);
    x = activation(cx, conv1d(cx, reshape(cx, x, {n, frames, dim}), second_weight, second_bias, 2, 1),
                   Activation::gelu);
    const Step step(cx, Batch::of_length(source_positions, false, static_cast<int>(n)), nullptr);
    x = add(cx, x, embedding(cx, encoder_positions, step.position_rows(cx, 0, source_positions)));
    return encoder_layers(cx, x, step);
  }

  Tensor decode(Context& cx, const Step& step) override {
    const Tensor x = step.with_embeddings(cx, embedding(cx, tables.of_target(), step.ids));
    return decoder_layers_of(
        cx, add(cx, x, embedding(cx, decoder_positions, step.position_rows(cx, 0, context))), step);
  }
  Tensor logits(Context& cx, const Tensor& x) override { return linear(cx, x, tables.of_head()); }

  int64_t mels = 0, source_positions = 0;
  bool scaled = false, tied = true;  // scale_embedding: read by the reference, and never applied
  TokenTables tables;
  Tensor first_weight, first_bias, second_weight, second_bias, encoder_positions, decoder_positions;
};

}  // namespace
namespace tables {
extern const ModelInfo model_whisper;
const ModelInfo model_whisper{"whisper",
                              "whisper",
                              "WhisperForConditionalGeneration",
                              nullptr,
                              nullptr,
                              []() -> std::unique_ptr<Model> { return std::make_unique<Whisper>(); },
                              "Radford et al. 2022"};
}  // namespace tables
}  // namespace ridge

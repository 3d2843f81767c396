// Texts through models that encode: their tokens, batches of texts of different lengths, and what is made of
// the outputs: embeddings, labels, guesses for masked tokens.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "context/context.h"
#include "engine/open.h"

namespace ridge {

// A text, or a pair of texts, as the model reads it.
struct TextTokens {
  std::vector<int32_t> ids, types;  // types: which of the two each token belongs to
  bool cut = false;                 // it was longer than the model's context
};

// The tokens with the special ones around. What is longer than the model's context is cut: of a pair from the
// end of the longer text. Models that read characters get code points, of the first `context` characters.
TextTokens tokens_of(const OpenedModel& opened, const std::string& text, const std::string* second = nullptr);

// The texts as one flat batch, without padding.
Batch batch_of(std::span<const TextTokens> texts);

struct EncodeTextOptions {
  ContextOptions context;
  int64_t batch_tokens = 2048;  // texts of together that many at once, one at least
  std::function<void(int64_t done, int64_t all)> progress;  // in texts
  std::function<bool()> cancelled;                          // then an Error(Fault::check)
};

// ---- labels

struct LabelScore {
  std::string label;
  int index;
  double probability;
};
// The labels that a checkpoint names; empty where it names none.
std::vector<std::string> labels_of(const Checkpoint& checkpoint);
// Probabilities of labels, the most probable first: softmax; each for itself (sigmoid) where `independent`.
std::vector<LabelScore> label_scores(std::span<const float> logits, const std::vector<std::string>& labels,
                                     bool independent);
// Whether a text can have several of the checkpoint's labels, or there is one only.
bool labels_independent(const Checkpoint& checkpoint);
// Scores of each text. An Error(Fault::usage) where the model has no labels for whole texts.
std::vector<std::vector<LabelScore>> classify_texts(const OpenedModel& opened,
                                                    std::span<const TextTokens> texts,
                                                    const EncodeTextOptions& options);

struct TokenLabel {
  int64_t token;  // its place in the text's tokens
  LabelScore best;
};
// The label of each token, without special ones, of models that label tokens.
std::vector<std::vector<TokenLabel>> label_tokens(const OpenedModel& opened,
                                                  std::span<const TextTokens> texts,
                                                  const EncodeTextOptions& options);
// Whether the model labels tokens, not texts.
bool labels_tokens(const Model& model);

// ---- masked tokens

struct MaskGuess {
  int32_t id;
  std::string text;  // as it reads in a sentence
  double probability;
};
struct MaskGuesses {
  int64_t token;  // place of the mask among the text's tokens
  std::vector<MaskGuess> best;
};
// The text with [MASK] and <mask> spelled as the model's own mask token. An Error(Fault::usage) where the
// model has none, or the text.
std::string with_own_mask(const OpenedModel& opened, const std::string& text);
// The `count` most probable tokens of each mask of each text.
std::vector<std::vector<MaskGuesses>> fill_masks(const OpenedModel& opened, std::span<const TextTokens> texts,
                                                 int count, const EncodeTextOptions& options);
// The text with the masks replaced by their first guesses.
std::string filled_text(const OpenedModel& opened, const TextTokens& text,
                        const std::vector<MaskGuesses>& guesses);

// ---- embeddings

enum class Pooling { mean, cls, last, pooler };
// "mean", "cls", "last" or "pooler".
Pooling parse_pooling(const std::string& name);
const char* pooling_name(Pooling pooling);
// What the checkpoint asks for (1_Pooling/config.json, GGUF's pooling_type), else the mean for encoders and
// the last token for models that write.
Pooling pooling_of(const OpenedModel& opened);

// One embedding a text, [texts][width]; `take` gets them in order. Works for models that write, too.
void embed_texts(const OpenedModel& opened, const std::vector<std::string>& texts, Pooling pooling,
                 bool normalize, const EncodeTextOptions& options,
                 const std::function<void(int64_t text, bool cut, std::span<const float>)>& take);

}  // namespace ridge

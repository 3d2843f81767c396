// What one forward pass is given: the next tokens of one or more sequences, laid end to end.
#pragma once
#include <cstdint>
#include <vector>

#include "tensor/tensor.h"

namespace ridge {

struct Batch {
  // Tokens [begin, begin + length) go to the end of sequence `slot`.
  struct Span {
    int slot;
    int64_t begin, length;
  };
  std::vector<int32_t> tokens;
  std::vector<Span> spans;
  // Indices into `tokens` whose logits are wanted; empty: all.
  std::vector<int32_t> outputs;
  // Segment of each token (token_type_ids of BERT); empty: all 0.
  std::vector<int32_t> types;
  // Tokens with global attention (Longformer); empty: none.
  std::vector<uint8_t> global;
  // 0 at padding, which stands behind the text of its span; empty: there is none. Only models whose outputs
  // depend on how far their input is padded (Model::reads_padding) are given any.
  std::vector<uint8_t> mask;
  // f32 [n, dim]: tokens with id kEmbedding take the next of these rows in place of a row of the token table
  // (images and other prompts that are no text).
  Tensor embeddings;
  static constexpr int32_t kEmbedding = -1;

  // The tokens continue texts and were just chosen (Context::generating).
  bool generated = false;

  int64_t size() const { return static_cast<int64_t>(tokens.size()); }

  // The next tokens of one sequence; logits of all of them, or of the last only.
  static Batch one(std::vector<int32_t> tokens, bool last_only = false, int slot = 0);
  // As many tokens as asked, all the same: for pricing, where only the count matters.
  static Batch of_length(int64_t length, bool last_only, int sequences = 1);
  // Adds the next tokens of another sequence; the logits of its last token are wanted, or of all.
  void add(int slot, const std::vector<int32_t>& next, bool last_only);
};

}  // namespace ridge

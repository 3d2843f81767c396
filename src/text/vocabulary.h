// A tokenizer as GGUF metadata stores it (the keys tokenizer.ggml.*), free of files and of tensors.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ridge {

// The values of tokenizer.ggml.token_type.
enum class TokenType : int32_t {
  undefined = 0,
  normal = 1,
  unknown = 2,
  control = 3,
  user_defined = 4,
  unused = 5,
  byte = 6
};

struct Vocabulary {
  std::string model;  // tokenizer.ggml.model: "llama" (SentencePiece BPE), "gpt2" (BPE), "bert", "t5"
                      // (Unigram), "rwkv"
  std::string pre;    // tokenizer.ggml.pre: name of the pre-tokenizer pattern, "" where the file has none
  std::vector<std::string> tokens;
  std::vector<float> scores;         // as many as tokens, or none
  std::vector<int32_t> token_types;  // TokenType; as many as tokens, or none
  std::vector<std::string> merges;   // "left right", best first

  std::optional<bool> add_bos, add_eos, add_space_prefix,
      remove_extra_whitespaces;      // nothing: the key is absent
  std::string precompiled_charsmap;  // bytes

  // tokenizer.ggml.<name>_token_id by name: bos, eos, unknown, separator, padding, cls, mask, eot, eom ...
  std::map<std::string, int32_t> special_ids;
  std::vector<int32_t>
      end_ids;  // further ids that end generation (eog); not a GGUF key, filled from configurations

  // tokenizer.huggingface.json: the text of tokenizer.json, where the fields above do not say all of it.
  std::string huggingface_json;
  // Why huggingface_json was needed, for people; not stored.
  std::string notice;
};

}  // namespace ridge

// What the files beside a vocabulary say: tokenizer_config.json, special_tokens_map.json, added_tokens.json,
// generation_config.json, config.json.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "text/core.h"

namespace ridge::text {

struct TokenizerConfig {
  bool present = false;        // whether there was a tokenizer_config.json
  Json json = Json::object();  // tokenizer_config.json with special_tokens_map.json below it
  std::vector<AddedToken> added;
  std::vector<int32_t> end_ids;
  std::optional<int32_t> bos_id, eos_id;  // of the model's configuration

  std::string class_name() const;             // "LlamaTokenizer" ..., without "Fast"; "" where none is named
  std::string token(const char* name) const;  // "bos_token" ...; "" where there is none
  std::optional<bool> flag(const char* name) const;
};

TokenizerConfig parse_config(std::string_view tokenizer_config, const std::string& what);
// Reads all of the folder.
TokenizerConfig read_config(const std::string& folder);

// The named special tokens and added tokens that `parts` does not have yet.
void extend(Parts& parts, const TokenizerConfig& config);
// Roles and ends; BOS and EOS as the configuration says for classes that go by it.
void apply(Tokenizer::Core& core, const TokenizerConfig& config);

Tokenizer from_parts(Parts parts, const TokenizerConfig& config, std::string source_json,
                     const std::string& what);
Tokenizer from_json(std::string_view text, const TokenizerConfig& config, const std::string& what);
Tokenizer from_sentencepiece(SentencePieceSpec spec, const TokenizerConfig& config, const std::string& what);
Tokenizer from_merges(std::string_view vocab, std::string_view merges, const TokenizerConfig& config,
                      const std::string& what);
Tokenizer from_bert(std::string_view text, const TokenizerConfig& config, const std::string& what);
Tokenizer from_tiktoken(std::string_view text, std::string_view pre, const TokenizerConfig& config,
                        const std::string& what);
// Marian: SentencePiece of the source language, ids of a joint vocabulary (vocab.json).
Tokenizer from_marian(SentencePieceSpec source, std::string_view vocab, const TokenizerConfig& config,
                      const std::string& what);

}  // namespace ridge::text

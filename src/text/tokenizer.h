// Tokenizers: text to ids and back, as the libraries that made the vocabularies do it.
//
// One pipeline serves all kinds: added tokens are cut out, the text between them is normalized, pre-tokenized
// into words, each word goes through the model (BPE, Unigram, WordPiece, WordLevel, a greedy trie), and a
// post-processor puts special tokens around. Sources: Hugging Face `tokenizer.json`, SentencePiece models
// (Kudo and Richardson, 2018), byte-level BPE (Radford et al., 2019), tiktoken ranks, RWKV World, BERT
// vocabularies, llama2.c, GGUF.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/vocabulary.h"

namespace ridge {

struct EncodeOptions {
  bool add_special = true;    // put BOS, EOS, [CLS] ... where the tokenizer says so
  bool parse_special = true;  // special tokens written in the text become their ids
};

struct DecodeOptions {
  bool skip_special = true;  // special tokens leave no text
};

// Ids that have a role; nothing where the tokenizer names none.
struct SpecialIds {
  std::optional<int32_t> bos, eos, unk, pad, sep, cls, mask;
  std::optional<int32_t> eot;  // end of turn in a chat
  friend bool operator==(const SpecialIds&, const SpecialIds&) = default;
};

class StreamDecoder;

// A tokenizer is a cheap value: copies share one immutable core. All const members may be called from many
// threads.
class Tokenizer {
 public:
  struct Core;
  explicit Tokenizer(std::shared_ptr<const Core> core) : core_(std::move(core)) {}

  // Ids of `text`. Text that is not UTF-8 is read with U+FFFD for what is malformed (RWKV and tiktoken
  // vocabularies take bytes as they are). Throws Error where the vocabulary has no id for a character and no
  // unknown token.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // The text of `ids`, always valid UTF-8; ids outside the vocabulary leave no text.
  std::string decode(std::span<const int32_t> ids, const DecodeOptions& options = {}) const;

  // One more than the largest id. Ids may have gaps: piece() of a gap is "".
  int32_t vocab_size() const;
  // The piece as the vocabulary spells it ("Ġthe", "▁the", "##ing"); "" outside the vocabulary.
  std::string_view piece(int32_t id) const;
  // The bytes that an id stands for, decoded alone (" the" for "Ġthe"); may be half a UTF-8 character.
  std::string bytes(int32_t id) const;
  // The id of a piece as the vocabulary spells it.
  std::optional<int32_t> id(std::string_view piece) const;

  const SpecialIds& special() const;
  bool is_special(int32_t id) const;
  // Ids after which generation stops: EOS, end of turn, and the published names of such tokens.
  const std::vector<int32_t>& end_of_generation() const;
  bool is_end_of_generation(int32_t id) const;
  // Whether encode(add_special) puts BOS first / EOS last.
  bool adds_bos() const;
  bool adds_eos() const;

  // "BPE", "Unigram", "WordPiece", "WordLevel", "RWKV" ...: for people.
  std::string kind() const;

  // The vocabulary as GGUF stores it. Where no published `pre` name fits, `notice` says so and
  // `huggingface_json` keeps what the other fields cannot say.
  Vocabulary vocabulary() const;
  // The same tokenizer as the text of a tokenizer.json, or as near as the format comes.
  std::string to_json() const;

  const Core& core() const { return *core_; }

 private:
  std::shared_ptr<const Core> core_;
};

// Decodes ids as they come: push() returns the text that is certain so far, never half a character, and the
// pieces joined with finish() equal Tokenizer::decode of all ids.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, const DecodeOptions& options = {});
  ~StreamDecoder();
  StreamDecoder(StreamDecoder&&) noexcept;
  StreamDecoder& operator=(StreamDecoder&&) noexcept;

  std::string push(int32_t id);
  std::string finish();  // what was held back; then the decoder is as new

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Loaders. `what` names the source in errors. All throw Error(Fault::file) on malformed input.

// The text of a tokenizer.json; `config` is the text of tokenizer_config.json, or "".
Tokenizer tokenizer_from_json(std::string_view text, std::string_view config = {},
                              const std::string& what = "tokenizer.json");
// The bytes of a SentencePiece model (.model, .spm), BPE, Unigram, word or char.
Tokenizer tokenizer_from_sentencepiece(std::string_view bytes, std::string_view config = {},
                                       const std::string& what = "tokenizer.model");
// Byte-level (GPT-2) or word-end (CLIP) BPE from vocab.json and merges.txt.
Tokenizer tokenizer_from_merges(std::string_view vocab_json, std::string_view merges_txt,
                                std::string_view config = {}, const std::string& what = "vocab.json");
// tiktoken ranks ("base64 rank" a line); `pre` names the pattern as GGUF does. The special tokens of Llama 3
// are added for pre = "llama-bpe" with 128,000 ranks, else those of `config`.
Tokenizer tokenizer_from_tiktoken(std::string_view text, std::string_view pre = "llama-bpe",
                                  std::string_view config = {}, const std::string& what = "tiktoken ranks");
// RWKV World: "id python-literal length" a line.
Tokenizer tokenizer_from_rwkv(std::string_view text, const std::string& what = "rwkv vocabulary");
// BERT vocab.txt: one piece a line.
Tokenizer tokenizer_from_bert(std::string_view text, std::string_view config = {},
                              const std::string& what = "vocab.txt");
// llama2.c tok*.bin; `vocab_size` 0 reads to the end of the file.
Tokenizer tokenizer_from_llama2c(std::string_view bytes, int32_t vocab_size = 0,
                                 const std::string& what = "tokenizer.bin");
// What a GGUF file says.
Tokenizer tokenizer_from_vocabulary(const Vocabulary& vocabulary,
                                    const std::string& what = "GGUF vocabulary");

// Whatever tokenizer the folder has: tokenizer.json, else tokenizer.model (or *.spm, SentencePiece or
// tiktoken), else vocab.json + merges.txt, vocab.txt, rwkv_vocab*.txt, tok*.bin; with tokenizer_config.json,
// special_tokens_map.json, added_tokens.json and generation_config.json beside it. Throws where there is
// none.
Tokenizer tokenizer_from_folder(const std::string& path);
bool folder_has_tokenizer(const std::string& path);

// A SentencePiece model file of a vocabulary of kind "llama" or "t5".
std::string sentencepiece_model(const Vocabulary& vocabulary);
// The text of a tokenizer_config.json that goes with to_json(): special tokens, add_bos_token, add_eos_token,
// class.
std::string tokenizer_config_json(const Tokenizer& tokenizer);

}  // namespace ridge

// The inside of a tokenizer, shared by its loaders.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/decoder.h"
#include "text/model.h"
#include "text/normalizer.h"
#include "text/pretokenize.h"
#include "text/sentencepiece.h"
#include "text/tokenizer.h"

namespace ridge::text {

// A token that is cut out of the text before the model sees it.
struct AddedToken {
  int32_t id = -1;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

// A tokenizer.json taken apart; what all loaders but SentencePiece and RWKV make.
struct Parts {
  Json normalizer, pre_tokenizer, post_processor, decoder;  // as in tokenizer.json, null where there is none
  std::vector<AddedToken> added;
  std::string type = "BPE";         // "BPE", "Unigram", "WordPiece", "WordLevel"
  std::vector<std::string> pieces;  // of the model, by id; "" is a gap
  std::vector<double> scores;       // Unigram
  std::vector<PairMerge> merges;    // BPE
  BpeOptions bpe;
  int32_t unk_id = -1;         // Unigram
  bool byte_fallback = false;  // Unigram
  std::string unk_token;       // WordPiece, WordLevel
  std::string prefix = "##";   // WordPiece
  size_t most_characters = 100;
};

Parts parse_parts(std::string_view tokenizer_json, const std::string& what);
std::string write_parts(const Parts& parts);

// Post-processor of one sequence: ids, with kSequence for the text.
inline constexpr int32_t kSequence = -1;
std::vector<int32_t> post_template(const Json& post_processor, const std::string& what);
Json post_processor_of(const std::vector<int32_t>& ids, const std::vector<std::string>& pieces);

// Upper bounds for what files may ask for.
inline constexpr size_t kMostPieces = size_t{1} << 24, kMostPieceBytes = size_t{1} << 27,
                        kLongestPiece = 1 << 16;
void check_pieces(const std::vector<std::string>& pieces, const std::string& what);

}  // namespace ridge::text

namespace ridge {

struct Tokenizer::Core {
  // ---- what is known of ids
  std::string what, kind;
  std::vector<std::string> pieces;  // by id, added tokens too
  text::PieceIndex index;           // of all pieces
  text::PieceIndex model_index;     // of the model's own
  std::vector<std::string>
      decode_pieces;  // as the decoder gets them, where that differs from `pieces` ("" elsewhere)
  std::vector<bool> is_special;
  SpecialIds special;
  std::vector<int32_t> end_of_generation;

  // ---- the pipeline
  std::vector<text::AddedToken> added;
  text::Trie raw_added, normalized_added;  // values: places in `added`
  bool raw_first[256] = {}, normalized_first[256] = {};
  text::Normalizers normalizers;
  text::PreTokenizers pre_tokenizers;
  text::FastPath fast;
  bool prefix_first = false;  // a Metaspace puts its prefix before the first word only
  bool takes_bytes = false;   // text goes to the model as it is (RWKV)
  std::unique_ptr<text::Model> model;
  std::unique_ptr<text::SentencePieceSpec> sp_spec;
  std::unique_ptr<text::SentencePieceEncoder> sp;  // instead of normalizers, pre_tokenizers and model
  bool prefix_every_segment = true;                // SentencePiece: the dummy prefix after special tokens too
  bool control_in_text = true;                     // whether special tokens in the text are looked for at all
  std::vector<int32_t> remap;                      // SentencePiece id to id, where the vocabulary has its own
  std::vector<int32_t> post{text::kSequence};
  std::function<std::vector<std::unique_ptr<text::DecodeStep>>()> make_steps;
  enum class Spelling { plain, byte_alphabet, metaspace, wordpiece, word_end } spelling = Spelling::plain;

  // ---- where it came from: the text of a tokenizer.json, parts of other files, or a vocabulary
  std::string source_json;
  std::shared_ptr<const text::Parts> source_parts;
  std::optional<Vocabulary> source_vocabulary;

  // Indexes pieces and added tokens; call when `pieces`, `added` and `normalizers` are complete.
  void finish();
  void set_decoder(const Json& json);

  // ---- encoding
  void encode(std::string_view text, const EncodeOptions& options, std::vector<int32_t>& out) const;

 private:
  using Segment = std::pair<std::string_view, int32_t>;  // text (id -1) or an added token
  void cut(std::string_view text, bool normalized, bool parse_special, std::vector<Segment>& out) const;
  void encode_text(std::string_view text, bool at_start, text::Scratch& scratch,
                   std::vector<int32_t>& out) const;
  void encode_word(std::string_view word, text::Scratch& scratch, std::vector<int32_t>& out) const;

  struct Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<text::Scratch>> free;
  };
  mutable Pool pool_;
};

namespace text {
// A core of the parts, without special ids.
std::shared_ptr<Tokenizer::Core> make_core(Parts parts, const std::string& what);
// A core of a SentencePiece model.
std::shared_ptr<Tokenizer::Core> make_core(SentencePieceSpec spec, const std::string& what);
// Puts BOS and EOS around where the flags say so; ids must be known.
void set_template(Tokenizer::Core& core, bool add_bos, bool add_eos);
// Completes the ids that end generation: EOS, end of turn, and special tokens with published names of that
// kind.
void complete_special(Tokenizer::Core& core, const std::vector<int32_t>& end_ids);

// The parts that a vocabulary of kind "gpt2" or "bert" stands for, and a vocabulary of parts.
Parts parts_of(const Vocabulary& vocabulary, const std::string& what);
SentencePieceSpec spec_of(const Vocabulary& vocabulary, const std::string& what);
Vocabulary vocabulary_of(const SentencePieceSpec& spec);

// Published pre-tokenizers by their name in GGUF.
struct PreName {
  const char* name;
  Json pre_tokenizer, normalizer;
  bool ignore_merges, add_bos, bytes;
};
const PreName* find_pre(std::string_view name);
// The name whose pre-tokenizer, normalizer and ignore_merges are those; the pre-tokenizer alone must fit, the
// rest may differ (then `exact` is false). None fits: nullptr.
const PreName* find_pre_by_parts(const Parts& parts, bool& exact);
// A pre-tokenizer's JSON without what does not matter for ids.
Json canonical_pre_tokenizer(const Json& json);
std::string pre_names();
}  // namespace text
}  // namespace ridge

// SentencePiece models (Kudo and Richardson, 2018): the file format and the encoders, bit for bit as the
// library does.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/charsmap.h"
#include "text/model.h"

namespace ridge::text {

enum class SentencePieceKind { unigram = 1, bpe = 2, word = 3, character = 4 };

// What a model file says, as far as encoding and decoding go.
struct SentencePieceSpec {
  std::vector<std::string> pieces;
  std::vector<float> scores;
  std::vector<int32_t> types;  // TokenType
  SentencePieceKind kind = SentencePieceKind::unigram;
  bool byte_fallback = false, add_dummy_prefix = true, remove_extra_whitespaces = true,
       escape_whitespaces = true;
  bool whitespace_as_suffix = false;
  std::string charsmap, denormalizer_charsmap;
  std::string unk_surface = " \xE2\x81\x87 ";
  int32_t unk = -1, bos = -1, eos = -1, pad = -1;  // ids; -1: none
};

// The protobuf message ModelProto. Throws Error(Fault::file).
SentencePieceSpec read_sentencepiece(std::string_view bytes, const std::string& what);
std::string write_sentencepiece(const SentencePieceSpec& spec);
bool looks_like_sentencepiece(std::string_view bytes);

class SentencePieceEncoder {
 public:
  // The spec must outlive the encoder.
  SentencePieceEncoder(const SentencePieceSpec& spec, const std::string& what);

  // Appends the ids of a text (any bytes). `prefix`: whether add_dummy_prefix applies to it.
  void encode(std::string_view text, bool prefix, Scratch& scratch, std::vector<int32_t>& out) const;
  std::string normalize(std::string_view text, bool prefix) const;
  // Where the pieces that the model does not know are looked up (Marian: the joint vocabulary of two
  // languages).
  void look_up_unknown(const PieceIndex* index) { elsewhere_ = index; }

 private:
  // A run of unknown pieces, which is one token.
  struct Unknown {
    bool open = false;
    std::string text;  // kept where it is looked up
  };
  const SentencePieceSpec& spec_;
  std::string what_;
  PieceIndex normal_;
  Trie user_defined_;
  CharsMap map_;
  MergeTable merges_;
  Trie trie_;  // Unigram: normal, user-defined and unused pieces
  std::vector<std::string>
      characters_;  // BPE: characters that occur in pieces but are none; symbols after the ids
  PieceIndex character_index_;
  std::vector<int32_t> byte_ids_;
  float least_ = 0;  // the least score of a normal piece
  int32_t unk_ = -1;
  const PieceIndex* elsewhere_ = nullptr;
  bool has_unused_ = false, cut_ = false;

  void build_merges();
  struct Prefix {
    std::string_view text;
    size_t consumed;
  };
  Prefix normalize_prefix(std::string_view text) const;
  std::pair<size_t, bool> next_symbol(std::string_view text) const;
  int32_t piece_id(std::string_view piece) const;
  // A piece with id unk becomes bytes or joins the unknown before it.
  void put(std::string_view piece, int32_t id, Unknown& unknown, std::vector<int32_t>& out) const;
  void encode_bpe(std::string_view text, Scratch& scratch, std::vector<int32_t>& out, Unknown& unknown) const;
  void encode_unigram(std::string_view text, std::vector<int32_t>& out) const;
  void resegment(int32_t id, std::string_view text, const std::vector<std::pair<int32_t, int32_t>>& halves,
                 std::vector<int32_t>& out, Unknown& unknown) const;
};

}  // namespace ridge::text

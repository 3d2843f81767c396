// Decoders: from pieces back to text, a piece at a time. A whole decode and a streamed one are the same
// steps.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace ridge::text {

// One step of a chain. A step whose input is already fused gets fragments of one long piece.
class DecodeStep {
 public:
  virtual ~DecodeStep() = default;
  virtual void piece(std::string_view text, int32_t id) = 0;
  virtual void finish() { next_->finish(); }
  void to(DecodeStep* next) { next_ = next; }

 protected:
  DecodeStep* next_ = nullptr;
};

// A running chain; ends in a buffer that holds back half characters and replaces malformed ones.
class DecodeChain {
 public:
  explicit DecodeChain(std::vector<std::unique_ptr<DecodeStep>> steps);
  ~DecodeChain();
  DecodeChain(DecodeChain&&) noexcept;
  void push(std::string_view piece, int32_t id) { first_->piece(piece, id); }
  std::string take();    // what is certain so far
  std::string finish();  // the rest

 private:
  class End;
  std::vector<std::unique_ptr<DecodeStep>> steps_;
  std::unique_ptr<End> end_;
  DecodeStep* first_;
};

// Steps for the JSON of "decoder"; for null the pieces are joined by blanks.
std::vector<std::unique_ptr<DecodeStep>> make_decode_steps(const Json& json, const std::string& what);

// Pieces are bytes: joined as they are.
std::unique_ptr<DecodeStep> join_step();

// What a SentencePiece model does (Kudo and Richardson, 2018): U+2581 is a blank, the first one goes, byte
// pieces are bytes. Types are those of tokenizer.ggml.token_type by id.
struct SentencePieceDecoding {
  const std::vector<std::string>* pieces = nullptr;
  const std::vector<int32_t>* types = nullptr;
  bool strip_one = true;   // add_dummy_prefix
  bool strip_all = false;  // remove_extra_whitespaces
  std::string unk_surface = " \xE2\x81\x87 ";
};
std::unique_ptr<DecodeStep> sentencepiece_step(const SentencePieceDecoding& how);

// The byte of "<0x41>", or -1.
int byte_piece(std::string_view piece);

}  // namespace ridge::text

// The protobuf wire format of SentencePiece's ModelProto, read and written.
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "text/sentencepiece.h"

namespace ridge::text {
namespace {

// Fields of one message.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& what) : bytes_(bytes), what_(what) {}

  struct Field {
    uint32_t number = 0, wire = 0;
    uint64_t value = 0;      // wire 0, 1, 5
    std::string_view bytes;  // wire 2
    float as_float() const {
      const auto bits = static_cast<uint32_t>(value);
      float f;
      std::memcpy(&f, &bits, 4);
      return f;
    }
  };

  bool next(Field& field) {
    if (at_ == bytes_.size()) return false;
    const uint64_t key = varint();
    field = {static_cast<uint32_t>(key >> 3), static_cast<uint32_t>(key & 7), 0, {}};
    if (key >> 3 == 0 || key >> 3 > 0x1FFFFFFF) bad();
    switch (field.wire) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        break;
      case 5:
        field.value = fixed(4);
        break;
      case 2: {
        const uint64_t n = varint();
        if (n > bytes_.size() - at_) bad();
        field.bytes = bytes_.substr(at_, n);
        at_ += n;
        break;
      }
      default:
        bad();
    }
    return true;
  }

 private:
  std::string_view bytes_;
  const std::string& what_;
  size_t at_ = 0;

  [[noreturn]] void bad() { fail(Fault::file, "{}: not a SentencePiece model (malformed protobuf)", what_); }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == bytes_.size()) bad();
      const auto b = static_cast<unsigned char>(bytes_[at_++]);
      value |= static_cast<uint64_t>(b & 0x7F) << shift;
      if (!(b & 0x80)) return value;
    }
    bad();
  }
  uint64_t fixed(size_t n) {
    if (n > bytes_.size() - at_) bad();
    uint64_t value = 0;
    std::memcpy(&value, bytes_.data() + at_, n);
    at_ += n;
    return value;
  }
};

void read_piece(std::string_view bytes, SentencePieceSpec& spec, const std::string& what) {
  Reader reader(bytes, what);
  Reader::Field f;
  std::string piece;
  float score = 0;
  int32_t type = 1;
  while (reader.next(f)) {
    if (f.number == 1 && f.wire == 2) piece = f.bytes;
    if (f.number == 2 && f.wire == 5) score = f.as_float();
    if (f.number == 3 && f.wire == 0) type = static_cast<int32_t>(f.value);
  }
  const size_t id = spec.pieces.size();
  if (piece.empty()) fail(Fault::file, "{}: piece {} is empty", what, id);
  if (piece.find('\0') != std::string::npos) fail(Fault::file, "{}: piece {} has a NUL", what, id);
  if (type < 1 || type > 6) fail(Fault::file, "{}: piece {} has the unknown type {}", what, id, type);
  if (!std::isfinite(score)) fail(Fault::file, "{}: piece {} has the score {}", what, id, score);
  spec.pieces.push_back(std::move(piece));
  spec.scores.push_back(score);
  spec.types.push_back(type);
}

void read_trainer(std::string_view bytes, SentencePieceSpec& spec, const std::string& what) {
  Reader reader(bytes, what);
  Reader::Field f;
  while (reader.next(f)) {
    const auto id = static_cast<int32_t>(f.value);
    switch (f.number) {
      case 3:
        if (f.value < 1 || f.value > 4)
          fail(Fault::file, "{}: model type {} (1 Unigram to 4 characters)", what, f.value);
        spec.kind = static_cast<SentencePieceKind>(f.value);
        break;
      case 24:
        spec.whitespace_as_suffix = f.value != 0;
        break;
      case 35:
        spec.byte_fallback = f.value != 0;
        break;
      case 40:
        spec.unk = id;
        break;
      case 41:
        spec.bos = id;
        break;
      case 42:
        spec.eos = id;
        break;
      case 43:
        spec.pad = id;
        break;
      case 44:
        spec.unk_surface = f.bytes;
        break;
      default:
        break;
    }
  }
}

void read_normalizer(std::string_view bytes, SentencePieceSpec& spec, const std::string& what) {
  Reader reader(bytes, what);
  Reader::Field f;
  while (reader.next(f)) {
    if (f.number == 2 && f.wire == 2) spec.charsmap = f.bytes;
    if (f.number == 3) spec.add_dummy_prefix = f.value != 0;
    if (f.number == 4) spec.remove_extra_whitespaces = f.value != 0;
    if (f.number == 5) spec.escape_whitespaces = f.value != 0;
  }
}

class Writer {
 public:
  std::string out;
  void varint(uint64_t v) {
    for (; v >= 0x80; v >>= 7) out += static_cast<char>(v | 0x80);
    out += static_cast<char>(v);
  }
  void number(uint32_t field, int64_t v) {
    varint(field << 3);
    varint(static_cast<uint64_t>(v));
  }
  void text(uint32_t field, std::string_view v) {
    varint(field << 3 | 2);
    varint(v.size());
    out += v;
  }
  void real(uint32_t field, float v) {
    varint(field << 3 | 5);
    char bytes[4];
    std::memcpy(bytes, &v, 4);
    out.append(bytes, 4);
  }
};

}  // namespace

SentencePieceSpec read_sentencepiece(std::string_view bytes, const std::string& what) {
  SentencePieceSpec spec;
  spec.unk = 0, spec.bos = 1, spec.eos = 2, spec.pad = -1;  // the defaults of TrainerSpec
  Reader reader(bytes, what);
  Reader::Field f;
  while (reader.next(f)) {
    if (f.wire != 2) continue;
    if (f.number == 1) read_piece(f.bytes, spec, what);
    if (f.number == 2) read_trainer(f.bytes, spec, what);
    if (f.number == 3) read_normalizer(f.bytes, spec, what);
    if (f.number == 5) {
      SentencePieceSpec denormalizer;
      read_normalizer(f.bytes, denormalizer, what);
      spec.denormalizer_charsmap = denormalizer.charsmap;
    }
  }
  const auto n = static_cast<int32_t>(spec.pieces.size());
  if (n == 0) fail(Fault::file, "{}: a SentencePiece model without pieces", what);
  spec.unk = -1;
  for (int32_t id = 0; id < n; ++id)
    if (spec.types[static_cast<size_t>(id)] == 2) spec.unk = id;
  if (spec.unk < 0) fail(Fault::file, "{}: a SentencePiece model without an unknown piece", what);
  for (int32_t* id : {&spec.bos, &spec.eos, &spec.pad})
    if (*id >= n || (*id >= 0 && spec.types[static_cast<size_t>(*id)] != 3)) *id = -1;
  return spec;
}

std::string write_sentencepiece(const SentencePieceSpec& spec) {
  Writer model;
  for (size_t id = 0; id < spec.pieces.size(); ++id) {
    Writer piece;
    piece.text(1, spec.pieces[id]);
    piece.real(2, spec.scores[id]);
    if (spec.types[id] != 1) piece.number(3, spec.types[id]);
    model.text(1, piece.out);
  }
  Writer trainer;
  trainer.number(3, static_cast<int>(spec.kind));
  trainer.number(4, static_cast<int64_t>(spec.pieces.size()));
  if (spec.whitespace_as_suffix) trainer.number(24, 1);
  trainer.number(35, spec.byte_fallback);
  trainer.number(40, spec.unk);
  trainer.number(41, spec.bos);
  trainer.number(42, spec.eos);
  trainer.number(43, spec.pad);
  trainer.text(44, spec.unk_surface);
  const auto name = [&](uint32_t field, int32_t id) {
    if (id >= 0) trainer.text(field, spec.pieces[static_cast<size_t>(id)]);
  };
  name(45, spec.unk), name(46, spec.bos), name(47, spec.eos), name(48, spec.pad);
  model.text(2, trainer.out);
  Writer normalizer;
  normalizer.text(1, spec.charsmap.empty() ? "identity" : "user_defined");
  normalizer.text(2, spec.charsmap);
  normalizer.number(3, spec.add_dummy_prefix);
  normalizer.number(4, spec.remove_extra_whitespaces);
  normalizer.number(5, spec.escape_whitespaces);
  model.text(3, normalizer.out);
  if (!spec.denormalizer_charsmap.empty()) {
    Writer denormalizer;
    denormalizer.text(2, spec.denormalizer_charsmap);
    model.text(5, denormalizer.out);
  }
  return std::move(model.out);
}

bool looks_like_sentencepiece(std::string_view bytes) {
  // Field 1, a message that begins with field 1 or (rarely) another of its fields.
  return bytes.size() > 4 && bytes[0] == '\x0A' && static_cast<unsigned char>(bytes[1]) < 0x80 &&
         (bytes[2] == '\x0A' || bytes[2] == '\x15' || bytes[2] == '\x18');
}

}  // namespace ridge::text

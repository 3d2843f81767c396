// The contract of a number or block format. A format is one object of this type in its own folder of
// src/formats; the engine reaches it through a pointer, so no list of formats exists anywhere but in the
// generated table.
#pragma once
#include <cstdint>
#include <span>

namespace ridge {

enum class FormatKind : uint8_t {
  real,     // one floating-point number an element: f32, f16, bf16
  integer,  // one integer an element: i8, i32, i64, u8
  block,    // `block` numbers share scales; only whole blocks exist
};

struct Format {
  const char* name;  // lower case: "f32", "q4_0"
  FormatKind kind;
  int32_t block;            // elements of a block (1 for real and integer)
  int32_t bytes;            // bytes of a block
  int32_t gguf_type;        // ggml_type in GGUF files, -1 where it has none
  const char* safetensors;  // dtype in safetensors files, nullptr where it has none

  // Decodes n elements (a multiple of `block`) to f32. Scalar and bit-exact: this is the definition of the
  // format.
  void (*decode)(const void* blocks, float* out, int64_t n);

  // Encodes n elements by the format's published rule. `importance` (n weights of the squared error, from an
  // importance matrix) may be null; with it, n is one row, whose mean square is part of some rules. Null
  // function where the format is only read. NaN and Inf in the input are the caller's to refuse.
  void (*encode)(const float* in, void* blocks, int64_t n, const float* importance);

  const char* summary;  // one line: layout and source
};

// All formats, in the order of the generated table.
std::span<const Format* const> format_table();

// A data type: a cheap handle on a Format.
class DType {
 public:
  constexpr DType() = default;
  constexpr DType(const Format& format) : format_(&format) {}  // NOLINT: a format is a data type
  constexpr const Format* operator->() const { return format_; }
  constexpr const Format& operator*() const { return *format_; }
  constexpr explicit operator bool() const { return format_ != nullptr; }
  friend constexpr bool operator==(DType a, DType b) { return a.format_ == b.format_; }

  const char* name() const { return format_ ? format_->name : "none"; }
  bool is_block() const { return format_->kind == FormatKind::block; }
  bool is_real() const { return format_->kind == FormatKind::real; }
  // Bytes of n elements; n must be a multiple of the block.
  int64_t bytes_of(int64_t n) const { return n / format_->block * format_->bytes; }

 private:
  const Format* format_ = nullptr;
};

// By name ("q4_0", any case) or by GGUF type or safetensors dtype; a null DType where there is none.
DType find_dtype(const char* name);
DType dtype_of_gguf(int64_t gguf_type);
DType dtype_of_safetensors(const char* name);

}  // namespace ridge

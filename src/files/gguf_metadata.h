// The key-value metadata of a GGUF file: read, looked up by type, changed, and written back.
// Source: the GGUF specification (ggml, docs/gguf.md), versions 2 and 3.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ridge {

// Value types, by their number in the file.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

const char* gguf_type_name(GgufType type);  // "u32"

// One value: a view of its encoding, in a mapped file or in memory of its own. Copies are cheap.
class GgufValue {
 public:
  // `encoded` is the value's payload as the file holds it, already checked by the reader: for arrays the
  // elements without their type and count.
  GgufValue(GgufType type, GgufType element, uint64_t count, std::string_view encoded,
            std::shared_ptr<const void> owner)
      : type_(type), element_(element), count_(count), encoded_(encoded), owner_(std::move(owner)) {}

  // T: (u)int8_t ... (u)int64_t, float, double, bool.
  template <typename T>
  static GgufValue scalar(T value);
  template <typename T>
  static GgufValue array(std::span<const T> values);
  static GgufValue string(std::string_view text);
  static GgufValue strings(std::span<const std::string> values);
  // An array of arrays (or of anything): all elements of one type. Throws Error(Fault::usage) otherwise.
  static GgufValue nested(std::span<const GgufValue> values);

  GgufType type() const { return type_; }
  bool is_array() const { return type_ == GgufType::array; }
  GgufType element_type() const { return element_; }  // of an array
  uint64_t count() const { return count_; }           // elements of an array, 1 otherwise
  std::string_view encoded() const { return encoded_; }

  // The value as asked, or nothing where its type or range does not allow it. Any integer type (and bool, as
  // 0 or 1) serves as an integer, any number as a real; a scalar serves as an array of one.
  std::optional<int64_t> as_i64() const;
  std::optional<uint64_t> as_u64() const;
  std::optional<double> as_f64() const;
  std::optional<bool> as_bool() const;
  std::optional<std::string_view> as_string() const;  // a view: valid while the value (or its file) lives
  std::optional<std::vector<std::string_view>> as_strings() const;
  std::optional<std::vector<float>> as_floats() const;
  std::optional<std::vector<int64_t>> as_integers() const;
  std::vector<GgufValue> elements() const;  // of an array; one element for a scalar

  // For people: `17`, `"text"`, `[1, 2, 3, ...] (32000 i32)`; about `most` characters at most.
  std::string text(size_t most = 80) const;

 private:
  GgufType type_, element_;
  uint64_t count_;
  std::string_view encoded_;
  std::shared_ptr<const void> owner_;
};

// Keys in the order of the file. The getters throw Error(Fault::file) naming the file, the key and what it
// holds.
class GgufMetadata {
 public:
  explicit GgufMetadata(std::string file = "GGUF metadata") : file_(std::move(file)) {}

  struct Entry {
    std::string key;
    GgufValue value;
  };
  const std::vector<Entry>& entries() const { return entries_; }
  const GgufValue* find(std::string_view key) const;  // null where there is none
  bool has(std::string_view key) const { return find(key) != nullptr; }

  // Required: missing, of another type or out of range is an error.
  uint32_t u32(std::string_view key) const;
  uint64_t u64(std::string_view key) const;
  int64_t i64(std::string_view key) const;
  float f32(std::string_view key) const;
  bool flag(std::string_view key) const;
  std::string string(std::string_view key) const;
  std::vector<std::string> strings(std::string_view key) const;
  std::vector<std::string_view> string_views(
      std::string_view key) const;  // without a copy; valid while this lives
  std::vector<float> floats(std::string_view key) const;
  std::vector<int64_t> integers(
      std::string_view key) const;  // also token types, merges' ids, per-layer counts

  // Missing gives nothing or the fallback; of another type or out of range is still an error.
  std::optional<uint32_t> optional_u32(std::string_view key) const;
  std::optional<int64_t> optional_i64(std::string_view key) const;
  std::optional<float> optional_f32(std::string_view key) const;
  std::optional<bool> optional_flag(std::string_view key) const;
  std::optional<std::string> optional_string(std::string_view key) const;
  std::optional<std::vector<float>> optional_floats(std::string_view key) const;
  std::optional<std::vector<int64_t>> optional_integers(std::string_view key) const;
  uint32_t u32_or(std::string_view key, uint32_t fallback) const {
    return optional_u32(key).value_or(fallback);
  }
  float f32_or(std::string_view key, float fallback) const { return optional_f32(key).value_or(fallback); }
  bool flag_or(std::string_view key, bool fallback) const { return optional_flag(key).value_or(fallback); }
  std::string string_or(std::string_view key, const std::string& fallback) const {
    return optional_string(key).value_or(fallback);
  }

  // Adds a key at the end, or replaces its value in place.
  void set(const std::string& key, GgufValue value);
  void set_u32(const std::string& key, uint32_t v) { set(key, GgufValue::scalar(v)); }
  void set_u64(const std::string& key, uint64_t v) { set(key, GgufValue::scalar(v)); }
  void set_i32(const std::string& key, int32_t v) { set(key, GgufValue::scalar(v)); }
  void set_f32(const std::string& key, float v) { set(key, GgufValue::scalar(v)); }
  void set_flag(const std::string& key, bool v) { set(key, GgufValue::scalar(v)); }
  void set_string(const std::string& key, std::string_view v) { set(key, GgufValue::string(v)); }
  void set_strings(const std::string& key, std::span<const std::string> v) {
    set(key, GgufValue::strings(v));
  }
  void set_floats(const std::string& key, std::span<const float> v) { set(key, GgufValue::array(v)); }
  void set_i32s(const std::string& key, std::span<const int32_t> v) { set(key, GgufValue::array(v)); }
  void erase(std::string_view key);

  const std::string& file() const { return file_; }

 private:
  const GgufValue& required(std::string_view key) const;
  [[noreturn]] void wrong(std::string_view key, const GgufValue& value, const char* asked) const;

  std::string file_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;  // ordered: hostile keys cannot make look-up quadratic
};

}  // namespace ridge

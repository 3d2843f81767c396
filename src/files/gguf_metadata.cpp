#include "files/gguf_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "base/error.h"

namespace ridge {
namespace {

template <typename T>
T load(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof(T));
  return v;
}

// Calls f with the number (or bool) of `type` that lies at p; false where the type is not a number.
template <typename F>
bool visit_number(GgufType type, const char* p, F&& f) {
  switch (type) {
    case GgufType::u8:
      f(load<uint8_t>(p));
      return true;
    case GgufType::i8:
      f(load<int8_t>(p));
      return true;
    case GgufType::u16:
      f(load<uint16_t>(p));
      return true;
    case GgufType::i16:
      f(load<int16_t>(p));
      return true;
    case GgufType::u32:
      f(load<uint32_t>(p));
      return true;
    case GgufType::i32:
      f(load<int32_t>(p));
      return true;
    case GgufType::u64:
      f(load<uint64_t>(p));
      return true;
    case GgufType::i64:
      f(load<int64_t>(p));
      return true;
    case GgufType::f32:
      f(load<float>(p));
      return true;
    case GgufType::f64:
      f(load<double>(p));
      return true;
    case GgufType::boolean:
      f(load<uint8_t>(p) != 0);
      return true;
    case GgufType::string:
    case GgufType::array:
      return false;
  }
  return false;
}

size_t size_of(GgufType type) {
  size_t size = 0;
  const char zeros[8] = {};
  visit_number(type, zeros, [&](auto v) { size = sizeof(v); });
  return size;
}

// An integer of the file as int64; nothing where it is no integer or does not fit.
std::optional<int64_t> integer_at(GgufType type, const char* p) {
  std::optional<int64_t> out;
  visit_number(type, p, [&](auto v) {
    using T = decltype(v);
    if constexpr (std::is_integral_v<T>) {
      if (std::in_range<int64_t>(static_cast<std::conditional_t<std::is_same_v<T, bool>, int, T>>(v)))
        out = static_cast<int64_t>(v);
    }
  });
  return out;
}

template <typename T>
constexpr GgufType type_of() {
  if constexpr (std::is_same_v<T, uint8_t>) return GgufType::u8;
  if constexpr (std::is_same_v<T, int8_t>) return GgufType::i8;
  if constexpr (std::is_same_v<T, uint16_t>) return GgufType::u16;
  if constexpr (std::is_same_v<T, int16_t>) return GgufType::i16;
  if constexpr (std::is_same_v<T, uint32_t>) return GgufType::u32;
  if constexpr (std::is_same_v<T, int32_t>) return GgufType::i32;
  if constexpr (std::is_same_v<T, uint64_t>) return GgufType::u64;
  if constexpr (std::is_same_v<T, int64_t>) return GgufType::i64;
  if constexpr (std::is_same_v<T, float>) return GgufType::f32;
  if constexpr (std::is_same_v<T, double>) return GgufType::f64;
  if constexpr (std::is_same_v<T, bool>) return GgufType::boolean;
}

GgufValue owned(GgufType type, GgufType element, uint64_t count, std::string encoded) {
  auto text = std::make_shared<const std::string>(std::move(encoded));
  const std::string_view view = *text;
  return {type, element, count, view, std::move(text)};
}

void append_u64(std::string& out, uint64_t v) { out.append(reinterpret_cast<const char*>(&v), sizeof(v)); }
void append_string(std::string& out, std::string_view s) {
  append_u64(out, s.size());
  out.append(s);
}

// Bytes that one element takes at p. The reader has checked that it lies inside.
size_t element_size(GgufType type, const char* p) {
  if (type == GgufType::string) return 8 + load<uint64_t>(p);
  if (type != GgufType::array) return size_of(type);
  const auto inner = static_cast<GgufType>(load<uint32_t>(p));
  const auto count = load<uint64_t>(p + 4);
  if (inner != GgufType::string && inner != GgufType::array) return 12 + count * size_of(inner);
  size_t size = 12;
  for (uint64_t i = 0; i < count; ++i) size += element_size(inner, p + size);
  return size;
}

}  // namespace

const char* gguf_type_name(GgufType type) {
  static constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                           "bool", "string", "array", "u64", "i64", "f64"};
  const auto i = static_cast<size_t>(type);
  return i < std::size(kNames) ? kNames[i] : "unknown";
}

template <typename T>
GgufValue GgufValue::scalar(T value) {
  return owned(type_of<T>(), type_of<T>(), 1, std::string(reinterpret_cast<const char*>(&value), sizeof(T)));
}

template <typename T>
GgufValue GgufValue::array(std::span<const T> values) {
  return owned(GgufType::array, type_of<T>(), values.size(),
               std::string(reinterpret_cast<const char*>(values.data()), values.size_bytes()));
}

#define RIDGE_GGUF_TYPE(T)                    \
  template GgufValue GgufValue::scalar<T>(T); \
  template GgufValue GgufValue::array<T>(std::span<const T>);
RIDGE_GGUF_TYPE(uint8_t)
RIDGE_GGUF_TYPE(int8_t)
RIDGE_GGUF_TYPE(uint16_t)
RIDGE_GGUF_TYPE(int16_t)
RIDGE_GGUF_TYPE(uint32_t)
RIDGE_GGUF_TYPE(int32_t)
RIDGE_GGUF_TYPE(uint64_t)
RIDGE_GGUF_TYPE(int64_t)
RIDGE_GGUF_TYPE(float)
RIDGE_GGUF_TYPE(double)
RIDGE_GGUF_TYPE(bool)
#undef RIDGE_GGUF_TYPE

GgufValue GgufValue::string(std::string_view text) {
  std::string encoded;
  append_string(encoded, text);
  return owned(GgufType::string, GgufType::string, 1, std::move(encoded));
}

GgufValue GgufValue::strings(std::span<const std::string> values) {
  std::string encoded;
  for (const std::string& s : values) append_string(encoded, s);
  return owned(GgufType::array, GgufType::string, values.size(), std::move(encoded));
}

GgufValue GgufValue::nested(std::span<const GgufValue> values) {
  const GgufType element = values.empty() ? GgufType::array : values[0].type();
  std::string encoded;
  for (const GgufValue& v : values) {
    if (v.type() != element)
      fail(Fault::usage, "a GGUF array holds values of one type, not {} and {}", gguf_type_name(element),
           gguf_type_name(v.type()));
    if (v.is_array()) {
      const auto inner = static_cast<uint32_t>(v.element_type());
      encoded.append(reinterpret_cast<const char*>(&inner), sizeof(inner));
      append_u64(encoded, v.count());
    }
    encoded.append(v.encoded());
  }
  return owned(GgufType::array, element, values.size(), std::move(encoded));
}

std::optional<int64_t> GgufValue::as_i64() const { return integer_at(type_, encoded_.data()); }

std::optional<uint64_t> GgufValue::as_u64() const {
  if (type_ == GgufType::u64) return load<uint64_t>(encoded_.data());
  const std::optional<int64_t> v = as_i64();
  if (!v || *v < 0) return {};
  return static_cast<uint64_t>(*v);
}

std::optional<double> GgufValue::as_f64() const {
  std::optional<double> out;
  if (type_ != GgufType::boolean)
    visit_number(type_, encoded_.data(), [&](auto v) { out = static_cast<double>(v); });
  return out;
}

std::optional<bool> GgufValue::as_bool() const {
  const std::optional<int64_t> v = as_i64();
  if (!v || (*v != 0 && *v != 1)) return {};
  return *v == 1;
}

std::optional<std::string_view> GgufValue::as_string() const {
  if (type_ != GgufType::string) return {};
  return encoded_.substr(8);
}

std::optional<std::vector<std::string_view>> GgufValue::as_strings() const {
  if ((is_array() ? element_ : type_) != GgufType::string) return {};
  std::vector<std::string_view> out;
  out.reserve(count_);
  const char* p = encoded_.data();
  for (uint64_t i = 0; i < count_; ++i) {
    const auto size = load<uint64_t>(p);
    out.emplace_back(p + 8, size);
    p += 8 + size;
  }
  return out;
}

std::optional<std::vector<float>> GgufValue::as_floats() const {
  const GgufType type = is_array() ? element_ : type_;
  const size_t size = size_of(type);
  if (size == 0 || type == GgufType::boolean) return {};
  std::vector<float> out(count_);
  for (uint64_t i = 0; i < count_; ++i)
    visit_number(type, encoded_.data() + i * size, [&](auto v) { out[i] = static_cast<float>(v); });
  return out;
}

std::optional<std::vector<int64_t>> GgufValue::as_integers() const {
  const GgufType type = is_array() ? element_ : type_;
  const size_t size = size_of(type);
  if (size == 0 || type == GgufType::f32 || type == GgufType::f64) return {};
  std::vector<int64_t> out(count_);
  for (uint64_t i = 0; i < count_; ++i) {
    const std::optional<int64_t> v = integer_at(type, encoded_.data() + i * size);
    if (!v) return {};
    out[i] = *v;
  }
  return out;
}

std::vector<GgufValue> GgufValue::elements() const {
  if (!is_array()) return {*this};
  std::vector<GgufValue> out;
  out.reserve(count_);
  const char* p = encoded_.data();
  for (uint64_t i = 0; i < count_; ++i) {
    const size_t size = element_size(element_, p);
    if (element_ == GgufType::array)
      out.emplace_back(element_, static_cast<GgufType>(load<uint32_t>(p)), load<uint64_t>(p + 4),
                       std::string_view(p + 12, size - 12), owner_);
    else
      out.emplace_back(element_, element_, 1, std::string_view(p, size), owner_);
    p += size;
  }
  return out;
}

std::string GgufValue::text(size_t most) const {
  if (type_ == GgufType::string) return fmt::format("\"{}\"", printable(encoded_.substr(8), most));
  std::string out;
  if (!is_array()) {
    if (type_ == GgufType::boolean) return *as_i64() ? "true" : "false";
    visit_number(type_, encoded_.data(), [&](auto v) { out = fmt::format("{}", v); });
    return out;
  }
  const char* p = encoded_.data();
  uint64_t shown = 0;
  for (; shown < count_ && out.size() + 3 < most; ++shown) {
    if (shown) out += ", ";
    const size_t size = element_size(element_, p);
    if (element_ == GgufType::array)
      out += fmt::format("[{} {}]", load<uint64_t>(p + 4),
                         gguf_type_name(static_cast<GgufType>(load<uint32_t>(p))));
    else
      out += GgufValue(element_, element_, 1, {p, size}, owner_).text(std::max<size_t>(most / 4, 8));
    p += size;
  }
  return fmt::format("[{}{}] ({} {})", out, shown < count_ ? ", ..." : "", count_, gguf_type_name(element_));
}

const GgufValue* GgufMetadata::find(std::string_view key) const {
  const auto it = index_.find(key);
  return it == index_.end() ? nullptr : &entries_[it->second].value;
}

const GgufValue& GgufMetadata::required(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) fail(Fault::file, "{}: the metadata key {} is missing", printable(file_, 400), printable(key));
  return *value;
}

void GgufMetadata::wrong(std::string_view key, const GgufValue& value, const char* asked) const {
  fail(Fault::file, "{}: the metadata key {} is {} {}, not {}", printable(file_, 400), printable(key),
       gguf_type_name(value.type()), value.text(40), asked);
}

std::optional<uint32_t> GgufMetadata::optional_u32(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  const std::optional<uint64_t> v = value->as_u64();
  if (!v || *v > std::numeric_limits<uint32_t>::max()) wrong(key, *value, "an integer from 0 to 4294967295");
  return static_cast<uint32_t>(*v);
}

std::optional<int64_t> GgufMetadata::optional_i64(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (const auto v = value->as_i64()) return v;
  wrong(key, *value, "an integer");
}

std::optional<float> GgufMetadata::optional_f32(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (const auto v = value->as_f64()) return static_cast<float>(*v);
  wrong(key, *value, "a number");
}

std::optional<bool> GgufMetadata::optional_flag(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (const auto v = value->as_bool()) return v;
  wrong(key, *value, "true or false");
}

std::optional<std::string> GgufMetadata::optional_string(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (const auto v = value->as_string()) return std::string(*v);
  wrong(key, *value, "a string");
}

std::optional<std::vector<float>> GgufMetadata::optional_floats(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (auto v = value->as_floats()) return v;
  wrong(key, *value, "an array of numbers");
}

std::optional<std::vector<int64_t>> GgufMetadata::optional_integers(std::string_view key) const {
  const GgufValue* value = find(key);
  if (!value) return {};
  if (auto v = value->as_integers()) return v;
  wrong(key, *value, "an array of integers");
}

uint32_t GgufMetadata::u32(std::string_view key) const { return required(key), *optional_u32(key); }
int64_t GgufMetadata::i64(std::string_view key) const { return required(key), *optional_i64(key); }
float GgufMetadata::f32(std::string_view key) const { return required(key), *optional_f32(key); }
bool GgufMetadata::flag(std::string_view key) const { return required(key), *optional_flag(key); }
std::string GgufMetadata::string(std::string_view key) const { return required(key), *optional_string(key); }
std::vector<float> GgufMetadata::floats(std::string_view key) const {
  return required(key), *optional_floats(key);
}
std::vector<int64_t> GgufMetadata::integers(std::string_view key) const {
  return required(key), *optional_integers(key);
}

uint64_t GgufMetadata::u64(std::string_view key) const {
  const GgufValue& value = required(key);
  if (const auto v = value.as_u64()) return *v;
  wrong(key, value, "an integer from 0");
}

std::vector<std::string_view> GgufMetadata::string_views(std::string_view key) const {
  const GgufValue& value = required(key);
  if (auto v = value.as_strings()) return std::move(*v);
  wrong(key, value, "an array of strings");
}

std::vector<std::string> GgufMetadata::strings(std::string_view key) const {
  const std::vector<std::string_view> views = string_views(key);
  return {views.begin(), views.end()};
}

void GgufMetadata::set(const std::string& key, GgufValue value) {
  const auto [it, added] = index_.try_emplace(key, entries_.size());
  if (added)
    entries_.push_back({key, std::move(value)});
  else
    entries_[it->second].value = std::move(value);
}

void GgufMetadata::erase(std::string_view key) {
  const auto it = index_.find(key);
  if (it == index_.end()) return;
  const size_t at = it->second;
  entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(at));
  index_.erase(it);
  for (auto& [name, i] : index_)
    if (i > at) --i;
}

}  // namespace ridge

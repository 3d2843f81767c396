#include "files/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <tuple>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "files/by_name.h"
#include "files/tensor_view.h"

namespace ridge {
namespace {

constexpr size_t kMaxDepth = 64;

// Bits of an element, for the dtypes of the published format; 0 for others.
uint64_t bits_of(std::string_view dtype) {
  static constexpr std::pair<std::string_view, int> kBits[] = {
      {"BOOL", 8},        {"U8", 8},          {"I8", 8},    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8},
      {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"F4", 4},    {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"I16", 16},
      {"U16", 16},        {"F16", 16},        {"BF16", 16}, {"I32", 32},    {"U32", 32},    {"F32", 32},
      {"F64", 64},        {"I64", 64},        {"U64", 64},  {"C64", 64}};
  for (const auto& [name, bits] : kBits)
    if (name == dtype) return static_cast<uint64_t>(bits);
  const DType known = dtype_of_safetensors(std::string(dtype).c_str());
  return known && known->block == 1 ? static_cast<uint64_t>(known->bytes) * 8 : 0;
}

std::string describe(const SafetensorsTensor& t) {
  return fmt::format("tensor {} ({} {})", printable(t.name), printable(t.dtype, 20), t.shape.text());
}

// Builds the tensors while the JSON parser walks the header: nothing but the tensors is ever allocated.
class HeaderReader : public nlohmann::json_sax<Json> {
 public:
  HeaderReader(const std::string& file, std::vector<SafetensorsTensor>& tensors,
               std::map<std::string, std::string>& metadata)
      : file_(file), tensors_(tensors), metadata_(metadata) {}

  bool null() override { return other("null"); }
  bool boolean(bool) override { return other("true or false"); }
  bool number_integer(number_integer_t v) override {
    return state_ == State::shape || state_ == State::offsets ? integer(v < 0, static_cast<uint64_t>(v))
                                                              : other("a number");
  }
  bool number_unsigned(number_unsigned_t v) override {
    return state_ == State::shape || state_ == State::offsets ? integer(false, v) : other("a number");
  }
  bool number_float(number_float_t, const string_t& text) override {
    if (state_ == State::shape || state_ == State::offsets)
      bad("holds {}, not an integer that fits", printable(text, 30));
    return other("a number");
  }
  bool binary(binary_t&) override { return other("binary data"); }

  bool string(string_t& text) override {
    if (state_ == State::metadata) {
      if (!metadata_.try_emplace(key_, text).second)
        fail(Fault::file, "{}: the key {} occurs twice in __metadata__", file_, printable(key_));
      return true;
    }
    if (state_ == State::dtype) {
      tensor().dtype = text;
      state_ = State::tensor;
      return true;
    }
    return other("a string");
  }

  bool start_object(size_t) override {
    switch (state_) {
      case State::start:
        state_ = State::top;
        return true;
      case State::metadata_value:
        state_ = State::metadata;
        return true;
      case State::tensor_value:
        state_ = State::tensor;
        seen_ = 0;
        return true;
      default:
        return nested("an object");
    }
  }
  bool end_object() override {
    if (skipping_) return leave();
    if (state_ == State::tensor) finish_tensor();
    state_ = state_ == State::top ? State::end : State::top;
    return true;
  }
  bool start_array(size_t) override {
    if (state_ == State::shape_value) {
      state_ = State::shape;
      return true;
    }
    if (state_ == State::offsets_value) {
      state_ = State::offsets;
      offsets_ = 0;
      return true;
    }
    return nested("an array");
  }
  bool end_array() override {
    if (skipping_) return leave();
    if (state_ == State::offsets && offsets_ != 2) bad("has {} data_offsets, not 2", offsets_);
    state_ = State::tensor;
    return true;
  }

  bool key(string_t& name) override {
    if (skipping_) return true;
    if (state_ == State::top) {
      start_entry(name);
    } else if (state_ == State::metadata) {
      key_ = name;
    } else {
      // The reference reader ignores fields that it does not know.
      state_ = name == "dtype"          ? once(1, name, State::dtype)
               : name == "shape"        ? once(2, name, State::shape_value)
               : name == "data_offsets" ? once(4, name, State::offsets_value)
                                        : State::unknown;
    }
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    fail(Fault::file, "{}: the safetensors header is not valid JSON at its byte {} ({})", file_, position,
         printable(e.what(), 160));
  }

  bool complete() const { return state_ == State::end; }

 private:
  enum class State {
    start,
    top,
    end,  // the outer object
    metadata_value,
    metadata,  // __metadata__
    tensor_value,
    tensor,
    dtype,
    shape_value,
    shape,
    offsets_value,
    offsets,  // one tensor
    unknown,  // a field that is skipped
  };

  SafetensorsTensor& tensor() { return tensors_.back(); }

  template <typename... Args>
  [[noreturn]] void bad(fmt::format_string<Args...> text, Args&&... args) {
    fail(Fault::file, "{}: tensor {} {}", file_, printable(tensor().name),
         fmt::format(text, std::forward<Args>(args)...));
  }

  void start_entry(const std::string& name) {
    if (name == "__metadata__") {
      if (seen_metadata_) fail(Fault::file, "{}: __metadata__ occurs twice", file_);
      seen_metadata_ = true;
      state_ = State::metadata_value;
      return;
    }
    if (name.empty() || name.find('\0') != name.npos)
      fail(Fault::file, "{}: tensor name \"{}\" is empty or holds a NUL byte", file_, printable(name));
    tensors_.push_back({name, "", {}, 0, 0, 0});
    state_ = State::tensor_value;
  }

  State once(int field, const std::string& name, State next) {
    if (seen_ & field) bad("has {} twice", name);
    seen_ |= field;
    return next;
  }

  bool integer(bool negative, uint64_t v) {
    if (negative || v > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      bad("holds an integer below 0 or past 2^63");
    if (state_ == State::shape) {
      if (tensor().shape.rank() == kMaxRank) bad("has more than {} dimensions", kMaxRank);
      tensor().shape.push(static_cast<int64_t>(v));
    } else {
      if (offsets_ == 0) tensor().offset = v;
      if (offsets_ == 1) tensor().bytes = v;  // the end, until finish_tensor
      if (++offsets_ > 2) bad("has more than 2 data_offsets");
    }
    return true;
  }

  void finish_tensor() {
    if (seen_ != 7) bad("lacks one of dtype, shape, data_offsets");
    SafetensorsTensor& t = tensor();
    if (t.bytes < t.offset) bad("ends at {}, before its start {}", t.bytes, t.offset);
    t.bytes -= t.offset;
    uint64_t count = 0, bits = 0;
    if (!count_fits(t.shape, &count)) bad("is too large: {}", t.shape.text());
    const uint64_t element = bits_of(t.dtype);
    if (element == 0) return;
    if (!mul_fits(count, element, &bits) || bits % 8 != 0 || bits / 8 != t.bytes)
      fail(Fault::file, "{}: {} is {} bytes in the file, which its shape and dtype do not make", file_,
           describe(t), t.bytes);
  }

  // A value where another was expected: skipped inside an unknown field, an error elsewhere.
  bool other(const char* what) {
    if (skipping_) return true;
    if (state_ == State::unknown) {
      state_ = State::tensor;
      return true;
    }
    fail(Fault::file, "{}: unexpected {} in the safetensors header{}{}", file_, what,
         tensors_.empty() ? "" : " at tensor ", tensors_.empty() ? "" : printable(tensors_.back().name));
  }
  bool nested(const char* what) {
    if (state_ != State::unknown) return other(what);
    if (++skipping_ > kMaxDepth)
      fail(Fault::file, "{}: the safetensors header is nested deeper than {}", file_, kMaxDepth);
    return true;
  }
  bool leave() {
    if (--skipping_ == 0) state_ = State::tensor;
    return true;
  }

  const std::string& file_;
  std::vector<SafetensorsTensor>& tensors_;
  std::map<std::string, std::string>& metadata_;
  State state_ = State::start;
  size_t skipping_ = 0;  // depth inside an unknown field
  int seen_ = 0;         // fields of the current tensor
  int offsets_ = 0;
  bool seen_metadata_ = false;
  std::string key_;
};

// Tensors fill the data from its first byte to its last, one after the other.
void check_layout(const std::string& file, std::vector<SafetensorsTensor>& tensors, uint64_t data_bytes) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return std::tie(a.offset, a.bytes) < std::tie(b.offset, b.bytes);
  });
  uint64_t end = 0;
  for (const SafetensorsTensor& t : tensors) {
    if (t.offset != end)
      fail(Fault::file,
           "{}: {} starts at byte {} of the data, where {} was expected: tensors must neither overlap nor "
           "leave holes",
           file, describe(t), t.offset, end);
    if (!add_fits(end, t.bytes, &end) || end > data_bytes)
      fail(Fault::file, "{}: {} reaches past the {} bytes of data: the file is truncated or damaged", file,
           describe(t), data_bytes);
  }
  if (end != data_bytes)
    fail(Fault::file, "{}: the tensors take {} bytes, the file holds {}", file, end, data_bytes);
}

bool plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

}  // namespace

Safetensors Safetensors::parse(FileBytes bytes) {
  const std::string name = printable(bytes.name, 400);
  if (bytes.size < 8) fail(Fault::file, "{}: {} bytes are too few for a safetensors file", name, bytes.size);
  uint64_t header = 0;
  std::memcpy(&header, bytes.data, 8);
  if (header > kSafetensorsMaxHeader)
    fail(Fault::file, "{}: not a safetensors file: its header would take {} bytes, at most {} are allowed",
         name, header, kSafetensorsMaxHeader);
  if (header > bytes.size - 8)
    fail(Fault::file,
         "{}: the header takes {} bytes, {} are left: the file is truncated or no safetensors file", name,
         header, bytes.size - 8);
  const std::string_view json = bytes.text().substr(8, header);
  if (!json.starts_with('{'))
    fail(Fault::file, "{}: not a safetensors file: its header does not start with {{", name);
  Safetensors file;
  HeaderReader reader(name, file.tensors_, file.metadata_);
  if (!Json::sax_parse(json.begin(), json.end(), &reader) || !reader.complete())
    fail(Fault::file, "{}: the safetensors header is not one JSON object", name);
  check_layout(name, file.tensors_, bytes.size - 8 - header);
  for (SafetensorsTensor& t : file.tensors_) t.offset += 8 + header;
  file.files_.push_back({bytes, storage_of(bytes)});
  file.build_index();
  return file;
}

Safetensors Safetensors::open(const std::string& path) { return parse(map_file(path)); }

void Safetensors::build_index() {
  by_name_ = sort_by_name(tensors_);
  const SafetensorsTensor* t = find_duplicate(tensors_, by_name_);
  if (!t) return;
  const SafetensorsTensor* first = t;
  for (const SafetensorsTensor& other : tensors_)
    if (&other != t && other.name == t->name) first = &other;
  if (first->file == t->file)
    fail(Fault::file, "{}: two tensors are named {}", printable(file(t->file), 400), printable(t->name));
  fail(Fault::file, "{} and {} both hold a tensor {}", printable(file(first->file), 400),
       printable(file(t->file), 400), printable(t->name));
}

void Safetensors::add_file(Safetensors&& other) {
  const auto index = static_cast<int>(files_.size());
  for (SafetensorsTensor& t : other.tensors_) {
    t.file = index;
    tensors_.push_back(std::move(t));
  }
  metadata_.insert(other.metadata_.begin(), other.metadata_.end());
  files_.push_back(std::move(other.files_[0]));
}

Safetensors Safetensors::open_all(const std::vector<std::string>& paths) {
  Safetensors all;
  for (const std::string& path : paths) all.add_file(open(path));
  all.build_index();
  return all;
}

Safetensors Safetensors::open_index(const std::string& index_path) {
  const std::string name = printable(index_path, 400);
  const Json index = parse_json(read_file(index_path, kSafetensorsMaxHeader), name);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object())
    fail(Fault::file, "{}: has no object weight_map", name);
  const Json& map = index["weight_map"];
  const size_t slash = index_path.rfind('/');
  const std::string folder = slash == index_path.npos ? "" : index_path.substr(0, slash + 1);
  std::map<std::string, int> shards;  // file name to number
  for (const auto& [tensor, file] : map.items()) {
    if (!file.is_string() || !plain_file_name(file.get_ref<const std::string&>()))
      fail(Fault::file, "{}: the shard of tensor {} is not the plain name of a file", name,
           printable(tensor));
    shards.try_emplace(file.get<std::string>(), 0);
  }
  Safetensors all;
  for (auto& [file, number] : shards) {
    number = static_cast<int>(all.files_.size());
    Safetensors shard = open(folder + file);
    std::erase_if(shard.tensors_, [&, &shard_name = file](const SafetensorsTensor& t) {
      const auto it = map.find(t.name);
      return it == map.end() || it->get_ref<const std::string&>() != shard_name;
    });
    all.add_file(std::move(shard));
  }
  all.build_index();
  for (const auto& [tensor, file] : map.items())
    if (!all.find(tensor))
      fail(Fault::file, "{}: tensor {} is not in {}", name, printable(tensor),
           printable(file.get<std::string>()));
  return all;
}

const SafetensorsTensor* Safetensors::find(std::string_view name) const {
  return find_by_name(tensors_, by_name_, name);
}

uint64_t Safetensors::file_bytes() const {
  return std::accumulate(files_.begin(), files_.end(), uint64_t{0},
                         [](uint64_t sum, const File& f) { return sum + f.bytes.size; });
}

Tensor Safetensors::tensor(const SafetensorsTensor& info) const {
  const File& from = files_[static_cast<size_t>(info.file)];
  const DType dtype = dtype_of_safetensors(info.dtype.c_str());
  if (!dtype)
    fail(Fault::file, "{}: {} is of a type that is not supported", printable(from.bytes.name, 400),
         describe(info));
  const bool whole = dtype->block == 1 || (info.shape.rank() > 0 && info.shape[-1] % dtype->block == 0);
  if (!whole || static_cast<uint64_t>(dtype.bytes_of(info.shape.count())) != info.bytes)
    fail(Fault::file, "{}: {} is {} bytes in the file, which its shape and dtype do not make",
         printable(from.bytes.name, 400), describe(info), info.bytes);
  return view_of(from.storage, dtype, info.shape, info.offset);
}

}  // namespace ridge

#include "files/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <tuple>

#include "base/error.h"
#include "files/by_name.h"
#include "files/tensor_view.h"

namespace ridge {
namespace {

constexpr int kMaxArrayDepth = 8;

// The published ggml types: names for messages and `inspect`, sizes to check files that hold formats Ridge
// lacks.
struct GgmlType {
  uint32_t id;
  const char* name;
  uint32_t block, bytes;  // 0 where files of that type are not defined
};
constexpr GgmlType kGgmlTypes[] = {
    {0, "F32", 1, 4},         {1, "F16", 1, 2},         {2, "Q4_0", 32, 18},      {3, "Q4_1", 32, 20},
    {6, "Q5_0", 32, 22},      {7, "Q5_1", 32, 24},      {8, "Q8_0", 32, 34},      {9, "Q8_1", 0, 0},
    {10, "Q2_K", 256, 84},    {11, "Q3_K", 256, 110},   {12, "Q4_K", 256, 144},   {13, "Q5_K", 256, 176},
    {14, "Q6_K", 256, 210},   {15, "Q8_K", 256, 292},   {16, "IQ2_XXS", 256, 66}, {17, "IQ2_XS", 256, 74},
    {18, "IQ3_XXS", 256, 98}, {19, "IQ1_S", 256, 50},   {20, "IQ4_NL", 32, 18},   {21, "IQ3_S", 256, 110},
    {22, "IQ2_S", 256, 82},   {23, "IQ4_XS", 256, 136}, {24, "I8", 1, 1},         {25, "I16", 1, 2},
    {26, "I32", 1, 4},        {27, "I64", 1, 8},        {28, "F64", 1, 8},        {29, "IQ1_M", 256, 56},
    {30, "BF16", 1, 2},       {34, "TQ1_0", 256, 54},   {35, "TQ2_0", 256, 66},   {39, "MXFP4", 32, 17},
    {40, "NVFP4", 64, 36},    {41, "Q1_0", 128, 18},    {42, "Q2_0", 64, 18},
};

const GgmlType* find_ggml_type(uint32_t id) {
  for (const GgmlType& t : kGgmlTypes)
    if (t.id == id) return &t;
  return nullptr;
}

struct BlockSize {
  uint64_t block, bytes;
};
std::optional<BlockSize> block_size(uint32_t type) {
  if (const DType dtype = dtype_of_gguf(type))
    return BlockSize{static_cast<uint64_t>(dtype->block), static_cast<uint64_t>(dtype->bytes)};
  const GgmlType* known = find_ggml_type(type);
  if (!known || known->block == 0) return {};
  return BlockSize{known->block, known->bytes};
}

std::string describe(const GgufTensor& t) {
  return fmt::format("tensor {} ({} {})", printable(t.name), ggml_type_name(t.type), t.shape.text());
}

}  // namespace

std::string ggml_type_name(uint32_t type) {
  const GgmlType* known = find_ggml_type(type);
  if (known) return known->name;
  const DType dtype = dtype_of_gguf(type);
  return dtype ? dtype.name() : fmt::format("type {}", type);
}

// Walks one file. Every count is compared with the bytes that are left before anything is allocated for it.
class Gguf::Reader {
 public:
  explicit Reader(const FileBytes& bytes) : bytes_(bytes), name_(printable(bytes.name, 400)) {}

  Gguf read() {
    Gguf file;
    file.parts_.push_back({bytes_, storage_of(bytes_)});
    file.version_ = header();
    const uint64_t tensors = u64("the number of tensors"), keys = u64("the number of metadata keys");
    bound(keys, 13, "metadata keys");
    bound(tensors, 25, "tensors");
    file.metadata_ = GgufMetadata(bytes_.name);
    for (uint64_t i = 0; i < keys; ++i) key_value(file.metadata_);
    file.alignment_ = alignment(file.metadata_);
    bound(tensors, 25, "tensors");
    file.tensors_.reserve(tensors);
    for (uint64_t i = 0; i < tensors; ++i) file.tensors_.push_back(tensor_info());
    place(file);
    return file;
  }

 private:
  uint64_t left() const { return bytes_.size - at_; }
  const char* here() const { return reinterpret_cast<const char*>(bytes_.data) + at_; }

  void need(uint64_t bytes, const char* what) const {
    if (bytes > left())
      fail(Fault::file, "{}: {} at byte {} wants {} bytes, {} are left: the file is truncated or damaged",
           name_, what, at_, bytes, left());
  }
  void bound(uint64_t count, uint64_t least_bytes, const char* what) const {
    if (count > left() / least_bytes)
      fail(Fault::file, "{}: {} {} do not fit in the {} bytes left: the file is truncated or damaged", name_,
           count, what, left());
  }
  template <typename T>
  T number(const char* what) {
    need(sizeof(T), what);
    T v;
    std::memcpy(&v, here(), sizeof(T));
    at_ += sizeof(T);
    return v;
  }
  uint32_t u32(const char* what) { return number<uint32_t>(what); }
  uint64_t u64(const char* what) { return number<uint64_t>(what); }
  std::string_view string(const char* what) {
    const uint64_t size = u64(what);
    need(size, what);
    const std::string_view s(here(), static_cast<size_t>(size));
    at_ += size;
    return s;
  }
  // A key or a tensor's name.
  std::string identifier(const char* what) {
    const std::string_view s = string(what);
    if (s.empty()) fail(Fault::file, "{}: {} before byte {} is empty", name_, what, at_);
    if (s.find('\0') != s.npos) fail(Fault::file, "{}: {} {} holds a NUL byte", name_, what, printable(s));
    return std::string(s);
  }

  uint32_t header() {
    need(4, "the magic");
    const std::string_view magic(here(), 4);
    if (magic == "lmgg" || magic == "fmgg" || magic == "tjgg")
      fail(Fault::file, "{}: a GGML file from before GGUF, which is not read; convert it to GGUF first",
           name_);
    if (magic != "GGUF")
      fail(Fault::file, "{}: not a GGUF file (it starts with \"{}\")", name_, printable(magic));
    at_ += 4;
    const uint32_t version = u32("the version");
    if (version != 0 && (version & 0xFFFF) == 0)
      fail(Fault::file, "{}: a big-endian GGUF file; only little-endian ones are read", name_);
    if (version != 2 && version != 3)
      fail(Fault::file, "{}: GGUF version {}; versions 2 and 3 are read", name_, version);
    return version;
  }

  GgufType value_type(const char* what) {
    const uint32_t type = u32(what);
    if (type > static_cast<uint32_t>(GgufType::f64))
      fail(Fault::file, "{}: {} before byte {} is {}, which is no GGUF type", name_, what, at_, type);
    return static_cast<GgufType>(type);
  }

  static uint64_t size_of(GgufType type) {
    switch (type) {
      case GgufType::u8:
      case GgufType::i8:
      case GgufType::boolean:
        return 1;
      case GgufType::u16:
      case GgufType::i16:
        return 2;
      case GgufType::u32:
      case GgufType::i32:
      case GgufType::f32:
        return 4;
      case GgufType::u64:
      case GgufType::i64:
      case GgufType::f64:
        return 8;
      case GgufType::string:
      case GgufType::array:
        return 0;
    }
    return 0;
  }

  void skip_bools(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i)
      if (here()[i] != 0 && here()[i] != 1)
        fail(Fault::file, "{}: the bool at byte {} is {}, not 0 or 1", name_, at_ + i, here()[i] & 0xFF);
    at_ += count;
  }

  // Checks `count` values of a type and steps over them.
  void skip_values(GgufType type, uint64_t count, int depth) {
    if (const uint64_t size = size_of(type)) {
      bound(count, size, "array elements");
      if (type == GgufType::boolean)
        skip_bools(count);
      else
        at_ += count * size;
    } else if (type == GgufType::string) {
      bound(count, 8, "strings");
      for (uint64_t i = 0; i < count; ++i) string("a string");
    } else {
      if (depth == kMaxArrayDepth)
        fail(Fault::file, "{}: metadata arrays nested deeper than {} at byte {}", name_, kMaxArrayDepth, at_);
      bound(count, 12, "arrays");
      for (uint64_t i = 0; i < count; ++i) {
        const GgufType inner = value_type("an array's element type");
        const uint64_t inner_count = u64("an array's length");
        skip_values(inner, inner_count, depth + 1);
      }
    }
  }

  void key_value(GgufMetadata& metadata) {
    const std::string key = identifier("a metadata key");
    if (metadata.has(key)) fail(Fault::file, "{}: the metadata key {} occurs twice", name_, printable(key));
    const GgufType type = value_type("a value's type");
    GgufType element = type;
    uint64_t count = 1;
    if (type == GgufType::array) {
      element = value_type("an array's element type");
      count = u64("an array's length");
    }
    const uint64_t start = at_;
    skip_values(element, count, type == GgufType::array ? 1 : 0);
    const std::string_view encoded(reinterpret_cast<const char*>(bytes_.data) + start, at_ - start);
    metadata.set(key, GgufValue(type, element, count, encoded, bytes_.owner));
  }

  uint64_t alignment(const GgufMetadata& metadata) const {
    if (!metadata.has("general.alignment")) return 32;
    const uint64_t a = metadata.u64("general.alignment");
    if (a == 0 || (a & (a - 1)) != 0 || a > kGgufMaxAlignment)
      fail(Fault::file, "{}: general.alignment is {}, not a power of two up to {}", name_, a,
           kGgufMaxAlignment);
    return a;
  }

  GgufTensor tensor_info() {
    GgufTensor t{identifier("a tensor's name"), {}, 0, 0, 0, 0};
    const uint32_t rank = u32("a tensor's rank");
    if (rank > kGgufMaxRank)
      fail(Fault::file, "{}: tensor {} has {} dimensions, at most {} are read", name_, printable(t.name),
           rank, kGgufMaxRank);
    uint64_t dims[kGgufMaxRank] = {};
    for (uint32_t i = 0; i < rank; ++i) {
      dims[i] = u64("a tensor's extent");
      if (dims[i] == 0 || dims[i] > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        fail(Fault::file, "{}: dimension {} of tensor {} is {}", name_, i, printable(t.name), dims[i]);
    }
    for (uint32_t i = rank; i-- > 0;) t.shape.push(static_cast<int64_t>(dims[i]));
    t.type = u32("a tensor's type");
    t.offset = u64("a tensor's offset");
    uint64_t count = 0;
    if (!count_fits(t.shape, &count)) fail(Fault::file, "{}: {} is too large", name_, describe(t));
    if (const std::optional<BlockSize> size = block_size(t.type)) {
      if ((rank == 0 ? 1 : dims[0]) % size->block != 0)
        fail(Fault::file, "{}: {} has rows that are no whole blocks of {}", name_, describe(t), size->block);
      if (!mul_fits(count / size->block, size->bytes, &t.bytes))
        fail(Fault::file, "{}: {} is too large", name_, describe(t));
    }
    return t;
  }

  // Turns offsets from the start of the data into offsets from the start of the file.
  void place(Gguf& file) const {
    if (file.tensors_.empty()) return;
    const uint64_t start = (at_ + file.alignment_ - 1) / file.alignment_ * file.alignment_;
    for (GgufTensor& t : file.tensors_) {
      if (t.offset % file.alignment_ != 0)
        fail(Fault::file, "{}: {} lies at offset {}, not a multiple of the alignment {}", name_, describe(t),
             t.offset, file.alignment_);
      uint64_t end = 0;
      if (!add_fits(start, t.offset, &t.offset) || !add_fits(t.offset, t.bytes, &end) || end > bytes_.size)
        fail(Fault::file,
             "{}: {} needs {} bytes from byte {} on, the file has {}: it is truncated or damaged", name_,
             describe(t), t.bytes, t.offset, bytes_.size);
    }
  }

  FileBytes bytes_;
  std::string name_;
  uint64_t at_ = 0;
};

void Gguf::check_layout() const {
  std::vector<const GgufTensor*> order;
  order.reserve(tensors_.size());
  for (const GgufTensor& t : tensors_) order.push_back(&t);
  std::sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return std::tie(a->part, a->offset, a->bytes) < std::tie(b->part, b->offset, b->bytes);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor &a = *order[i - 1], &b = *order[i];
    if (a.part == b.part && a.offset + a.bytes > b.offset)
      fail(Fault::file, "{}: {} and {} overlap at byte {}",
           printable(parts_[static_cast<size_t>(a.part)].bytes.name, 400), describe(a), describe(b),
           b.offset);
  }
}

void Gguf::build_index() {
  by_name_ = sort_by_name(tensors_);
  if (const GgufTensor* t = find_duplicate(tensors_, by_name_))
    fail(Fault::file, "{}: two tensors are named {}", printable(path(), 400), printable(t->name));
}

Gguf Gguf::parse(FileBytes bytes) {
  Gguf file = Reader(bytes).read();
  file.check_layout();
  file.build_index();
  return file;
}

void Gguf::add_part(Gguf&& part, size_t number, size_t count) {
  const GgufMetadata& m = part.metadata_;
  if (m.u32("split.no") != number || m.u32("split.count") != count)
    fail(Fault::file, "{}: says that it is part {} of {}, its name says {} of {}",
         printable(part.path(), 400), uint64_t{m.u32("split.no")} + 1, m.u32("split.count"), number + 1,
         count);
  for (GgufTensor& t : part.tensors_) {
    t.part = static_cast<int>(number);
    tensors_.push_back(std::move(t));
  }
  if (number == 0) {
    version_ = part.version_;
    alignment_ = part.alignment_;
    metadata_ = std::move(part.metadata_);
  }
  parts_.push_back(std::move(part.parts_[0]));
}

Gguf Gguf::open(const std::string& path) {
  Gguf opened = parse(map_file(path));
  const uint32_t count = opened.metadata_.u32_or("split.count", 1);
  if (count <= 1) return opened;
  const uint32_t no = opened.metadata_.u32("split.no");
  const std::string end = fmt::format("-{:05}-of-{:05}.gguf", uint64_t{no} + 1, count);
  if (no >= count || count > 0xFFFF || !path.ends_with(end))
    fail(
        Fault::file,
        "{}: part {} of {} of a split model, but its name does not end in {}: parts are found by their names",
        printable(path, 400), uint64_t{no} + 1, count, end);
  const std::string stem = path.substr(0, path.size() - end.size());
  Gguf all;
  for (uint32_t i = 0; i < count; ++i) {
    if (i == no)
      all.add_part(std::move(opened), i, count);
    else
      all.add_part(parse(map_file(fmt::format("{}-{:05}-of-{:05}.gguf", stem, i + 1, count))), i, count);
  }
  if (const auto total = all.metadata_.optional_i64("split.tensors.count");
      total && *total != static_cast<int64_t>(all.tensors_.size()))
    fail(Fault::file, "{}: split.tensors.count is {}, the {} parts hold {}", printable(path, 400), *total,
         count, all.tensors_.size());
  all.build_index();
  return all;
}

const GgufTensor* Gguf::find(std::string_view name) const { return find_by_name(tensors_, by_name_, name); }

uint64_t Gguf::file_bytes() const {
  return std::accumulate(parts_.begin(), parts_.end(), uint64_t{0},
                         [](uint64_t sum, const Part& p) { return sum + p.bytes.size; });
}

Tensor Gguf::tensor(const GgufTensor& info) const {
  const Part& part = parts_[static_cast<size_t>(info.part)];
  const DType dtype = dtype_of_gguf(info.type);
  if (!dtype)
    fail(Fault::file, "{}: {} is of a type that is not supported", printable(part.bytes.name, 400),
         describe(info));
  return view_of(part.storage, dtype, info.shape, info.offset);
}

}  // namespace ridge

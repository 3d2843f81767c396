#include "files/llama2c.h"

#include <fmt/format.h>

#include <cstring>
#include <new>

#include "base/error.h"
#include "base/file.h"
#include "files/by_name.h"
#include "files/tensor_view.h"

namespace ridge {
namespace {

constexpr uint32_t kMagic = 0x616b3432;  // "ak42"
constexpr uint64_t kHeaderBytes = 256;   // of versions 1 and 2
constexpr int64_t kMaxExtent = int64_t{1} << 28;
constexpr int64_t kMaxLayers = 4096;

template <typename T>
T load(const FileBytes& bytes, uint64_t at) {
  T v;
  std::memcpy(&v, bytes.data + at, sizeof(T));
  return v;
}

// Lays tensors one after the other, as the exporter writes them. Extents are at most 2^28, so a matrix takes
// less than 2^59 bytes and the running position is checked after each.
class Layout {
 public:
  Layout(const Llama2c::Header& h, uint64_t start, uint64_t size, std::vector<Llama2c::Entry>& out)
      : h_(h), at_(start), size_(size), out_(out) {}

  bool fits() const { return fits_; }
  uint64_t at() const { return at_; }
  void skip(uint64_t bytes) { fits_ = fits_ && add_fits(at_, bytes, &at_) && at_ <= size_; }

  void one(const std::string& name, const Shape& shape) {
    if (!fits_) return;
    Llama2c::Entry entry{name, shape, at_, 0};
    const auto count = static_cast<uint64_t>(shape.count());
    if (h_.version == 2 && shape.rank() == 2) {
      if (count % static_cast<uint64_t>(h_.group_size) != 0) {
        fits_ = false;
        return;
      }
      skip(count);
      entry.scales = at_;
      skip(count / static_cast<uint64_t>(h_.group_size) * 4);
    } else {
      skip(count * 4);
    }
    if (fits_) out_.push_back(std::move(entry));
  }

  void every_layer(const char* name, const Shape& shape) {
    for (int64_t i = 0; i < h_.layers && fits_; ++i) one(fmt::format("blk.{}.{}.weight", i, name), shape);
  }

 private:
  const Llama2c::Header& h_;
  uint64_t at_, size_;
  std::vector<Llama2c::Entry>& out_;
  bool fits_ = true;
};

Llama2c::Header read_header(const FileBytes& bytes) {
  const std::string name = printable(bytes.name, 400);
  Llama2c::Header h;
  if (bytes.size < 28) fail(Fault::file, "{}: {} bytes are too few for a llama2.c file", name, bytes.size);
  uint64_t at = 0;
  if (load<uint32_t>(bytes, 0) == kMagic) {
    h.version = load<int32_t>(bytes, 4);
    if (h.version != 1 && h.version != 2)
      fail(Fault::file, "{}: llama2.c version {}; versions 0, 1 and 2 are read", name, h.version);
    if (bytes.size < kHeaderBytes)
      fail(Fault::file, "{}: {} bytes, the header alone takes {}: the file is truncated", name, bytes.size,
           kHeaderBytes);
    at = 8;
  }
  int64_t* const fields[] = {&h.dim, &h.hidden_dim, &h.layers, &h.heads, &h.kv_heads, &h.vocab, &h.context};
  for (int64_t* field : fields) {
    *field = load<int32_t>(bytes, at);
    at += 4;
  }
  if (h.version == 0) {
    h.tied = h.vocab > 0;
    h.vocab = h.vocab < 0 ? -h.vocab : h.vocab;
  } else {
    const auto flag = load<uint8_t>(bytes, at);
    if (flag > 1) fail(Fault::file, "{}: the flag of a shared output matrix is {}, not 0 or 1", name, flag);
    h.tied = flag == 1;
  }
  if (h.version == 2) h.group_size = load<int32_t>(bytes, at + 1);
  return h;
}

void check_header(const Llama2c::Header& h, const std::string& name) {
  bool sane = h.layers > 0 && h.layers <= kMaxLayers && (h.version != 2 || h.group_size > 0);
  for (const int64_t v : {h.dim, h.hidden_dim, h.heads, h.kv_heads, h.vocab, h.context})
    sane = sane && v > 0 && v <= kMaxExtent;
  if (!sane || h.dim % h.heads != 0 || h.heads % h.kv_heads != 0 || h.dim / h.heads % 2 != 0)
    fail(Fault::file,
         "{}: not a llama2.c file: as one it would have dim {}, hidden_dim {}, {} layers, {} heads, {} "
         "kv_heads, vocab {}, "
         "context {}",
         name, h.dim, h.hidden_dim, h.layers, h.heads, h.kv_heads, h.vocab, h.context);
}

// The exporters' orders: the old one of version 0, and one with the norms first.
void lay_out(const Llama2c::Header& h, Layout& to) {
  const int64_t kv_dim = h.dim / h.heads * h.kv_heads;
  const Shape norm{h.dim}, embedding{h.vocab, h.dim};
  const auto attention = [&] {
    to.every_layer("attn_q", {h.dim, h.dim});
    to.every_layer("attn_k", {kv_dim, h.dim});
    to.every_layer("attn_v", {kv_dim, h.dim});
    to.every_layer("attn_output", {h.dim, h.dim});
  };
  const auto feed_forward = [&] {
    to.every_layer("ffn_gate", {h.hidden_dim, h.dim});
    to.every_layer("ffn_down", {h.dim, h.hidden_dim});
    to.every_layer("ffn_up", {h.hidden_dim, h.dim});
  };
  if (h.version == 0) {
    to.one("token_embd.weight", embedding);
    to.every_layer("attn_norm", norm);
    attention();
    to.every_layer("ffn_norm", norm);
    feed_forward();
    to.one("output_norm.weight", norm);
    to.skip(static_cast<uint64_t>(h.context) * static_cast<uint64_t>(h.dim / h.heads) *
            4);  // RoPE tables, unused
  } else {
    to.every_layer("attn_norm", norm);
    to.every_layer("ffn_norm", norm);
    to.one("output_norm.weight", norm);
    to.one("token_embd.weight", embedding);
    attention();
    feed_forward();
  }
  if (!h.tied) to.one("output.weight", embedding);
}

}  // namespace

Llama2c Llama2c::parse(FileBytes bytes) {
  const std::string name = printable(bytes.name, 400);
  Llama2c file;
  file.header_ = read_header(bytes);
  check_header(file.header_, name);
  Layout layout(file.header_, file.header_.version == 0 ? 28 : kHeaderBytes, bytes.size, file.tensors_);
  lay_out(file.header_, layout);
  if (!layout.fits() || layout.at() != bytes.size)
    fail(Fault::file,
         "{}: {} bytes are not what its header asks for (dim {}, {} layers, vocab {}): truncated, or not a "
         "llama2.c file",
         name, bytes.size, file.header_.dim, file.header_.layers, file.header_.vocab);
  file.by_name_ = sort_by_name(file.tensors_);
  file.storage_ = storage_of(bytes);
  file.bytes_ = std::move(bytes);
  return file;
}

Llama2c Llama2c::open(const std::string& path) { return parse(map_file(path)); }

const Llama2c::Entry* Llama2c::find(std::string_view name) const {
  return find_by_name(tensors_, by_name_, name);
}

Tensor Llama2c::tensor(const Entry& entry) const {
  if (entry.scales == 0) return view_of(storage_, f32, entry.shape, entry.offset);
  const auto count = static_cast<uint64_t>(entry.shape.count());
  const auto group = static_cast<uint64_t>(header_.group_size);
  std::shared_ptr<void> memory(::operator new (count * 4, std::align_val_t{64}),
                               [](void* p) { ::operator delete (p, std::align_val_t{64}); });
  auto* out = static_cast<float*>(memory.get());
  for (uint64_t g = 0; g < count / group; ++g) {
    const auto scale = load<float>(bytes_, entry.scales + g * 4);
    for (uint64_t i = g * group; i < (g + 1) * group; ++i)
      out[i] = static_cast<float>(load<int8_t>(bytes_, entry.offset + i)) * scale;
  }
  return {std::make_shared<Storage>(out, static_cast<int64_t>(count * 4), memory, false), f32, entry.shape};
}

GgufMetadata Llama2c::metadata() const {
  const auto u32 = [](int64_t v) { return static_cast<uint32_t>(v); };
  GgufMetadata m(bytes_.name);
  m.set_string("general.architecture", "llama");
  m.set_u32("llama.vocab_size", u32(header_.vocab));
  m.set_u32("llama.context_length", u32(header_.context));
  m.set_u32("llama.embedding_length", u32(header_.dim));
  m.set_u32("llama.block_count", u32(header_.layers));
  m.set_u32("llama.feed_forward_length", u32(header_.hidden_dim));
  m.set_u32("llama.attention.head_count", u32(header_.heads));
  m.set_u32("llama.attention.head_count_kv", u32(header_.kv_heads));
  m.set_u32("llama.rope.dimension_count", u32(header_.dim / header_.heads));
  m.set_f32("llama.rope.freq_base", 10000.0F);
  m.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  return m;
}

std::string Llama2c::tokenizer_path() const {
  const size_t slash = bytes_.name.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : bytes_.name.substr(0, slash + 1);
  for (const std::string& name : {fmt::format("tok{}.bin", header_.vocab), std::string("tokenizer.bin")})
    if (file_exists(folder + name)) return folder + name;
  return "";
}

}  // namespace ridge

#include "files/rwkv_bin.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <map>

#include "base/error.h"
#include "device/device.h"
#include "files/by_name.h"
#include "files/gguf.h"
#include "files/tensor_view.h"

namespace ridge {
namespace {

constexpr uint32_t kMagic = 0x67676d66;  // "fmgg" in the file
constexpr int64_t kMaxExtent = int64_t{1} << 28, kMaxLayers = 4096;
constexpr uint64_t kMaxName = 256;

// The format's data types as GGUF numbers them; -1: one that is not read.
int gguf_type_of(int32_t type) {
  switch (type) {
    case 0:
    case 1:
    case 2:
    case 3:
      return type;  // F32, F16, Q4_0, Q4_1
    case 7:
      return 6;  // Q5_0
    case 8:
      return 7;  // Q5_1
    case 9:
      return 8;  // Q8_0
    default:
      return -1;
  }
}

// Names of a layer's tensors, less ".weight" at either end.
const std::map<std::string, std::string, std::less<>>& layer_names() {
  static const std::map<std::string, std::string, std::less<>> names = [] {
    std::map<std::string, std::string, std::less<>> m{
        {"ln1", "attn_norm"},
        {"ln2", "attn_norm_2"},
        {"att.ln_x", "time_mix_ln"},
        {"att.time_decay", "time_mix_decay"},
        {"att.time_first", "time_mix_first"},
        {"att.time_faaaa", "time_mix_first"},
        {"att.time_maa_x", "time_mix_lerp_x"},
        {"att.time_maa_w1", "time_mix_w1"},
        {"att.time_maa_w2", "time_mix_w2"},
        {"att.time_decay_w1", "time_mix_decay_w1"},
        {"att.time_decay_w2", "time_mix_decay_w2"},
        {"att.x_rwkvag", "time_mix_lerp_fused"},
        {"ffn.x_k", "channel_mix_lerp_k"},
    };
    for (const char* part : {"key", "value", "receptance", "gate", "output"})
      m[fmt::format("att.{}", part)] = fmt::format("time_mix_{}", part);
    for (const char* part : {"key", "value", "receptance"})
      m[fmt::format("ffn.{}", part)] = fmt::format("channel_mix_{}", part);
    for (const char* part : {"k", "v", "r", "g"})
      m[fmt::format("att.time_mix_{}", part)] = fmt::format("time_mix_lerp_{}", part);
    for (const char* part : {"k", "r"}) {
      m[fmt::format("ffn.time_mix_{}", part)] = fmt::format("channel_mix_lerp_{}", part);
      m[fmt::format("ffn.time_maa_{}", part)] = fmt::format("channel_mix_lerp_{}", part);
    }
    for (const char* part :
         {"w0", "w1", "w2", "a0", "a1", "a2", "v0", "v1", "v2", "g1", "g2", "k_k", "k_a", "r_k"})
      m[fmt::format("att.{}", part)] = fmt::format("time_mix_{}", part);
    return m;
  }();
  return names;
}

// RWKV-6 has its five mixes apart; GGUF stacks them in this order.
constexpr std::string_view kStacked[] = {"w", "k", "v", "r", "g"};

// Where a file's tensor goes: a GGUF name, and its place where several are stacked.
struct Place {
  std::string name;
  int part = -1;
};

Place place_of(std::string_view file_name) {
  std::string_view stem = file_name;
  std::string end = ".weight";
  if (stem.ends_with(".weight"))
    stem.remove_suffix(7);
  else if (stem.ends_with(".bias"))
    stem.remove_suffix(5), end = ".bias";
  if (stem == "emb") return {"token_embd" + end};
  if (stem == "head") return {"output" + end};
  if (stem == "ln_out") return {"output_norm" + end};
  if (stem == "blocks.0.ln0") return {"token_embd_norm" + end};
  if (!stem.starts_with("blocks.")) return {};
  stem.remove_prefix(7);
  const size_t dot = stem.find('.');
  if (dot == std::string_view::npos) return {};
  int64_t layer = -1;
  const auto number = std::from_chars(stem.data(), stem.data() + dot, layer);
  if (number.ec != std::errc() || number.ptr != stem.data() + dot || layer < 0 || layer >= kMaxLayers)
    return {};
  stem.remove_prefix(dot + 1);
  for (int i = 0; i < 5; ++i)
    if (stem == fmt::format("att.time_maa_{}", kStacked[i]))
      return {fmt::format("blk.{}.time_mix_lerp_fused.weight", layer), i};
  const auto found = layer_names().find(stem);
  return found == layer_names().end() ? Place{}
                                      : Place{fmt::format("blk.{}.{}{}", layer, found->second, end)};
}

}  // namespace

// Walks the file. What is read is compared with the bytes that are left before anything is made of it.
class RwkvBin::Reader {
 public:
  explicit Reader(const FileBytes& bytes) : bytes_(bytes), name_(printable(bytes.name, 400)) {}

  void read(RwkvBin& file) {
    header(file.header_);
    while (at_ < bytes_.size) tensor(file);
    for (size_t i = 0; i < file.tensors_.size(); ++i)
      for (const uint64_t offset : file.tensors_[i].offsets)
        if (offset == 0) fail(Fault::file, "{}: a part of {} is missing", name_, file.tensors_[i].name);
    generation(file);
  }

 private:
  int32_t number() {
    if (bytes_.size - at_ < 4) cut_off();
    int32_t v;
    std::memcpy(&v, bytes_.data + at_, 4);
    at_ += 4;
    return v;
  }
  [[noreturn]] void cut_off() const {
    fail(Fault::file, "{}: ends at byte {} inside a tensor: truncated, or not an rwkv.cpp file", name_,
         bytes_.size);
  }

  void header(Header& h) {
    if (bytes_.size < 24)
      fail(Fault::file, "{}: {} bytes are too few for an rwkv.cpp file", name_, bytes_.size);
    if (static_cast<uint32_t>(number()) != kMagic) fail(Fault::file, "{}: not an rwkv.cpp file", name_);
    h.version = number();
    h.vocab = number(), h.dim = number(), h.layers = number();
    number();  // the type of most tensors; each has its own
    if (h.version != 100 && h.version != 101)
      fail(Fault::file, "{}: rwkv.cpp version {}; versions 100 and 101 are read", name_, h.version);
    if (h.vocab < 1 || h.vocab > kMaxExtent || h.dim < 1 || h.dim > kMaxExtent || h.layers < 1 ||
        h.layers > kMaxLayers)
      fail(Fault::file, "{}: {} tokens, width {} and {} layers do not make a model", name_, h.vocab, h.dim,
           h.layers);
    version_ = h.version;
  }

  void tensor(RwkvBin& file) {
    const int32_t dims = number();
    const auto length = static_cast<uint32_t>(number());
    const int32_t type = number();
    if (dims < 1 || dims > 3 || length > kMaxName)
      fail(Fault::file, "{}: a tensor of {} dimensions with a name of {} bytes at byte {}", name_, dims,
           length, at_ - 12);
    int64_t extents[3];
    for (int i = 0; i < dims; ++i) {
      extents[i] = number();
      if (extents[i] < 1 || extents[i] > kMaxExtent)
        fail(Fault::file, "{}: a tensor with an extent of {} at byte {}", name_, extents[i], at_ - 4);
    }
    if (bytes_.size - at_ < length) cut_off();
    const std::string_view name = bytes_.text().substr(at_, length);
    at_ += length;
    const int known = gguf_type_of(type);
    const DType dtype = known < 0 ? DType() : dtype_of_gguf(static_cast<uint32_t>(known));
    if (!dtype)
      fail(Fault::file, "{}: tensor {} has type {}, which is not supported", name_, printable(name), type);
    if (version_ == 100 && dtype.is_block())
      fail(Fault::file,
           "{}: tensor {} is in blocks of the old layout of version 100; quantize the model anew", name_,
           printable(name));
    Shape whole, shape;  // outermost first; `shape` without extents of 1
    for (int i = dims - 1; i >= 0; --i) {
      whole.push(extents[i]);
      if (extents[i] > 1) shape.push(extents[i]);
    }
    if (shape.rank() == 0) shape.push(1);
    uint64_t count = 0;
    if (!count_fits(whole, &count) || extents[0] % dtype->block != 0)
      fail(Fault::file, "{}: tensor {} {} is no {}", name_, printable(name), whole.text(), dtype.name());
    if (name.ends_with(".time_decay")) shape = {whole.count()};  // by heads in some files
    uint64_t size = 0;
    if (!mul_fits(count / static_cast<uint64_t>(dtype->block), static_cast<uint64_t>(dtype->bytes), &size) ||
        size > bytes_.size - at_)
      cut_off();
    take(file, name, dtype, shape);
    at_ += size;
  }

  void take(RwkvBin& file, std::string_view name, DType dtype, const Shape& shape) {
    const Place place = place_of(name);
    if (place.name.empty())
      fail(Fault::file, "{}: tensor {} belongs to no RWKV that is known", name_, printable(name));
    const auto [it, is_new] = index_.try_emplace(place.name, file.tensors_.size());
    if (is_new) {
      Entry e{place.name, dtype, shape, {}, 0};
      if (place.part >= 0) {
        if (shape.rank() != 1 || shape[0] != file.header_.dim || !dtype.is_real())
          fail(Fault::file, "{}: tensor {} is {}, expected [{}]", name_, printable(name), shape.text(),
               file.header_.dim);
        e.shape = {5, shape[0]};
        e.offsets.assign(5, 0);
      } else {
        e.offsets = {at_};
      }
      file.tensors_.push_back(std::move(e));
    }
    Entry& e = file.tensors_[it->second];
    if (place.part < 0) {
      if (!is_new) fail(Fault::file, "{}: tensor {} occurs twice", name_, printable(name));
      return;
    }
    if (e.offsets.size() != 5)  // the whole stack stands in the file too
      fail(Fault::file, "{}: tensor {} occurs twice", name_, printable(name));
    uint64_t& offset = e.offsets[static_cast<size_t>(place.part)];
    if (offset != 0 || !(e.dtype == dtype) || !(Shape{5, shape[0]} == e.shape) || shape.rank() != 1)
      fail(Fault::file, "{}: tensor {} occurs twice, or is not like its siblings", name_, printable(name));
    offset = at_;
  }

  const Entry* find(const RwkvBin& file, const char* name) const {
    const auto it = index_.find(name);
    return it == index_.end() ? nullptr : &file.tensors_[it->second];
  }

  // Which RWKV it is, and what its tensors say of its sizes.
  void generation(RwkvBin& file) const {
    Header& h = file.header_;
    const Entry* heads = find(file, "blk.0.time_mix_r_k.weight");
    h.generation = heads ? 7 : 0;
    if (!heads) {
      heads = find(file, "blk.0.time_mix_first.weight");
      if (find(file, "blk.0.time_mix_lerp_x.weight"))
        h.generation = 6;
      else if (find(file, "blk.0.time_mix_ln.weight"))
        h.generation = 5;
      else if (find(file, "blk.0.time_mix_decay.weight"))
        h.generation = 4;
    }
    const Entry* hidden = find(file, "blk.0.channel_mix_key.weight");
    if (h.generation == 0 || !heads || !hidden || hidden->shape.rank() != 2)
      fail(Fault::file, "{}: lacks the tensors that tell which RWKV it is", name_);
    h.hidden = hidden->shape[0];
    h.head_size = heads->shape[-1];
    for (Entry& e : file.tensors_)
      if (e.name.ends_with(".time_mix_r_k.weight")) e.shape = {e.shape.count()};
    if (h.generation == 5 && heads->shape.rank() == 1 && heads->shape[0] != h.dim)
      fail(Fault::file, "{}: RWKV-5.0 and 5.1 (one decay a head) are not supported", name_);
    if (h.generation == 4 || h.generation == 5)
      for (Entry& e : file.tensors_)
        if (e.name.ends_with(".time_mix_decay.weight")) {
          e.undo_exp = h.generation - 3;
          if (!e.dtype.is_real()) fail(Fault::file, "{}: {} is in blocks", name_, e.name);
        }
  }

  const FileBytes& bytes_;
  const std::string name_;
  uint64_t at_ = 0;
  int32_t version_ = 0;
  std::map<std::string, size_t> index_;
};

RwkvBin RwkvBin::parse(FileBytes bytes) {
  RwkvBin file;
  Reader(bytes).read(file);
  file.storage_ = storage_of(bytes);
  file.bytes_ = std::move(bytes);
  return file;
}

RwkvBin RwkvBin::open(const std::string& path) { return parse(map_file(path)); }

Tensor RwkvBin::tensor(const Entry& e) const {
  if (e.offsets.size() == 1 && e.undo_exp == 0) return view_of(storage_, e.dtype, e.shape, e.offsets[0]);
  const int64_t count = e.shape.count(), parts = static_cast<int64_t>(e.offsets.size()), n = count / parts;
  const Tensor out = cpu_device().make(f32, e.shape);
  for (int64_t i = 0; i < parts; ++i) {
    const Tensor part = view_of(storage_, e.dtype, {n}, e.offsets[static_cast<size_t>(i)]);
    part.dtype()->decode(part.data(), out.ptr<float>() + i * n, n);
  }
  for (int64_t i = 0; i < count && e.undo_exp > 0; ++i) {
    double w = out.ptr<float>()[i];
    if (e.undo_exp == 2) w = std::log(w);
    out.ptr<float>()[i] = static_cast<float>(std::log(-w));
  }
  return out;
}

GgufMetadata RwkvBin::metadata() const {
  const auto u32 = [](int64_t v) { return static_cast<uint32_t>(v); };
  const std::string arch = fmt::format("rwkv{}", header_.generation);
  const auto key = [&](const char* name) { return arch + "." + name; };
  GgufMetadata m(bytes_.name);
  m.set_string("general.architecture", arch);
  m.set_u32(key("vocab_size"), u32(header_.vocab));
  m.set_u32(key("context_length"), 1 << 20);  // as published conversions say: there is no end
  m.set_u32(key("embedding_length"), u32(header_.dim));
  m.set_u32(key("block_count"), u32(header_.layers));
  m.set_u32(key("feed_forward_length"), u32(header_.hidden));
  m.set_u32(key("attention.head_count"), 0);
  m.set_f32(key("attention.layer_norm_epsilon"), 1e-5F);
  if (header_.generation > 4) m.set_u32(key("wkv.head_size"), u32(header_.head_size));
  for (const Entry& e : tensors_) {
    const auto rows = [&](const char* name, const char* of, int64_t parts) {
      if (e.name == fmt::format("blk.0.{}.weight", of) || e.name == fmt::format("blk.1.{}.weight", of))
        m.set_u32(key(name), u32(e.shape[0] / parts));
    };
    if (header_.generation == 6)
      rows("time_mix_extra_dim", "time_mix_w1", 5), rows("time_decay_extra_dim", "time_mix_decay_w1", 1);
    if (header_.generation == 7) {
      rows("attention.decay_lora_rank", "time_mix_w1", 1);
      rows("attention.iclr_lora_rank", "time_mix_a1", 1);
      rows("attention.value_residual_mix_lora_rank", "time_mix_v1", 1);
      rows("attention.gate_lora_rank", "time_mix_g1", 1);
    }
  }
  if (header_.vocab != 256) return m;
  std::vector<std::string> bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(fmt::format("\\x{:02x}", i));
  m.set_string("tokenizer.ggml.model", "rwkv");
  m.set_strings("tokenizer.ggml.tokens", bytes);
  m.set_i32s("tokenizer.ggml.token_type", std::vector<int32_t>(256, 1));
  m.set_flag("tokenizer.ggml.add_bos_token", false);
  return m;
}

}  // namespace ridge

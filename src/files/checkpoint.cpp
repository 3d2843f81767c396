#include "files/checkpoint.h"

#include <fmt/format.h>

#include <filesystem>
#include <limits>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "files/by_name.h"
#include "files/gguf.h"
#include "files/llama2c.h"
#include "files/rwkv_bin.h"
#include "files/safetensors.h"

namespace ridge {

struct Checkpoint::Impl {
  std::string path, folder;
  Layout layout = Layout::huggingface;
  std::optional<Gguf> gguf;
  std::optional<Safetensors> safetensors;
  std::optional<Llama2c> llama2c;
  std::optional<RwkvBin> rwkv;
  Json config = Json::object(), generation_config = Json::object();
  GgufMetadata metadata;
  std::vector<std::string> files;
  std::vector<TensorInfo> tensors;  // in the order of the reader that is open
  std::vector<size_t> by_name;
};

namespace {

constexpr size_t kMaxConfig = size_t{64} << 20;

std::string shown(const std::string& path) { return printable(path, 400); }

std::string folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}
std::string in_folder(const std::string& folder, const std::string& name) {
  return folder == "." ? name : folder.ends_with('/') ? folder + name : folder + "/" + name;
}

// Python's json writes Infinity and NaN, which JSON has not: the largest double and null stand for them.
std::string without_python_numbers(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest(text.data() + i, text.size() - i);
    if (quoted) {
      if (text[i] == '\\' && i + 1 < text.size())
        out += text[i++];
      else if (text[i] == '"')
        quoted = false;
    } else if (text[i] == '"') {
      quoted = true;
    } else if (rest.starts_with("Infinity")) {
      out += "1.7976931348623157e308";
      i += 7;
      continue;
    } else if (rest.starts_with("NaN")) {
      out += "null";
      i += 2;
      continue;
    }
    out += text[i];
  }
  return out;
}

Json read_config(const std::string& path) {
  const std::string text = read_file(path, kMaxConfig);
  if (text.starts_with("version https://git-lfs"))
    fail(Fault::file, "{}: a git-lfs pointer, not the file itself: fetch it with `git lfs pull`",
         shown(path));
  Json json = parse_json(without_python_numbers(text), shown(path));
  if (!json.is_object()) fail(Fault::file, "{}: not a JSON object", shown(path));
  return json;
}

struct ShardName {
  std::string stem;
  int number, count;
};
// "model-00001-of-00003" -> model, 1, 3
std::optional<ShardName> shard_name(std::string_view file, std::string_view extension) {
  if (!file.ends_with(extension) || file.size() < extension.size() + 15) return {};
  file.remove_suffix(extension.size());
  const std::string_view tail = file.substr(file.size() - 15);
  const auto digits = [](std::string_view s) {
    return s.find_first_not_of("0123456789") == s.npos ? std::stoi(std::string(s)) : -1;
  };
  const int number = digits(tail.substr(1, 5)), count = digits(tail.substr(10));
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || number < 0 || count < 0) return {};
  return ShardName{std::string(file.substr(0, file.size() - 15)), number, count};
}

// What lies in a folder, as far as it matters here.
struct Folder {
  std::string path;
  std::set<std::string> safetensors, indices, ggufs, pytorch;
  bool has_config = false;

  explicit Folder(const std::string& folder) : path(folder) {
    std::error_code error;
    for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
         it.increment(error)) {
      const std::string name = it->path().filename().string();
      if (!file_exists(in_folder(folder, name))) continue;
      if (name == "config.json") has_config = true;
      // expected.safetensors holds the outputs that `ridge verify` compares with, adapter_* what is added to
      // a model.
      if (name.ends_with(".safetensors") && name != "expected.safetensors" && !name.starts_with("adapter_"))
        safetensors.insert(name);
      if (name.ends_with(".safetensors.index.json")) indices.insert(name);
      if (name.ends_with(".gguf")) add_gguf(name);
      if ((name.starts_with("pytorch_model") && name.ends_with(".bin")) || name.ends_with(".pt") ||
          name.ends_with(".pth") || name.ends_with(".ckpt"))
        pytorch.insert(name);
    }
    if (error) fail(Fault::file, "{}: cannot read the folder: {}", shown(folder), error.message());
  }

  // A split model counts once, by its first part.
  void add_gguf(const std::string& name) {
    const std::optional<ShardName> shard = shard_name(name, ".gguf");
    if (!shard || shard->number <= 1) ggufs.insert(name);
  }

  std::string file(const std::string& name) const { return in_folder(path, name); }

  std::optional<Safetensors> open_safetensors() const {
    if (safetensors.empty() && indices.empty()) return {};
    if (safetensors.contains("model.safetensors")) return Safetensors::open(file("model.safetensors"));
    if (indices.contains("model.safetensors.index.json"))
      return Safetensors::open_index(file("model.safetensors.index.json"));
    if (indices.size() == 1) return Safetensors::open_index(file(*indices.begin()));
    std::vector<std::string> paths;
    for (const std::string& name : safetensors) {
      check_complete(name);
      paths.push_back(file(name));
    }
    return Safetensors::open_all(paths);
  }

  void check_complete(const std::string& name) const {
    const std::optional<ShardName> shard = shard_name(name, ".safetensors");
    for (int i = 1; shard && i <= shard->count; ++i) {
      const std::string other = fmt::format("{}-{:05}-of-{:05}.safetensors", shard->stem, i, shard->count);
      if (!safetensors.contains(other))
        fail(Fault::file, "{}: shard {} of {} is missing", shown(file(other)), i, shard->count);
    }
  }
};

void use(Checkpoint::Impl& to, Gguf file) {
  to.layout = Checkpoint::Layout::gguf;
  to.metadata = file.metadata();
  for (size_t i = 0; i < file.parts(); ++i) to.files.push_back(file.part_path(i));
  for (const GgufTensor& t : file.tensors())
    to.tensors.push_back({t.name, ggml_type_name(t.type), dtype_of_gguf(t.type), t.shape, t.bytes});
  to.gguf = std::move(file);
}

void use(Checkpoint::Impl& to, Safetensors file) {
  for (size_t i = 0; i < file.files(); ++i) to.files.push_back(file.file(static_cast<int>(i)));
  for (const SafetensorsTensor& t : file.tensors())
    to.tensors.push_back({t.name, t.dtype, dtype_of_safetensors(t.dtype.c_str()), t.shape, t.bytes});
  to.safetensors = std::move(file);
}

void use(Checkpoint::Impl& to, Llama2c file) {
  to.layout = Checkpoint::Layout::llama2c;
  to.metadata = file.metadata();
  to.files.push_back(to.path);
  for (const Llama2c::Entry& t : file.tensors()) {
    const auto count = static_cast<uint64_t>(t.shape.count());
    const bool groups = t.scales != 0;
    const uint64_t bytes =
        groups ? count + count / static_cast<uint64_t>(file.header().group_size) * 4 : count * 4;
    to.tensors.push_back({t.name, groups ? "INT8" : "F32", f32, t.shape, bytes});
  }
  to.llama2c = std::move(file);
}

void use(Checkpoint::Impl& to, RwkvBin file) {
  to.layout = Checkpoint::Layout::rwkv_bin;
  to.metadata = file.metadata();
  to.files.push_back(to.path);
  for (const RwkvBin::Entry& t : file.tensors()) {
    const bool as_it_lies = t.offsets.size() == 1 && t.undo_exp == 0;
    const int64_t bytes = t.dtype.bytes_of(t.shape.count());
    to.tensors.push_back({t.name, ggml_type_name(static_cast<uint32_t>(t.dtype->gguf_type)),
                          as_it_lies ? t.dtype : DType(f32), t.shape, static_cast<uint64_t>(bytes)});
  }
  to.rwkv = std::move(file);
}

void read_configs(Checkpoint::Impl& to, const std::string& config) {
  to.config = read_config(config);
  const std::string generation = in_folder(to.folder, "generation_config.json");
  if (file_exists(generation)) to.generation_config = read_config(generation);
}

void open_gguf_of_folder(Checkpoint::Impl& to, const Folder& folder) {
  if (folder.ggufs.size() > 1)
    fail(Fault::file, "{}: holds {} GGUF files ({}, {} ...): name one of them", shown(folder.path),
         folder.ggufs.size(), printable(*folder.ggufs.begin()), printable(*std::next(folder.ggufs.begin())));
  use(to, Gguf::open(folder.file(*folder.ggufs.begin())));
}

void open_folder(Checkpoint::Impl& to) {
  const Folder folder(to.folder);
  const bool safetensors = !folder.safetensors.empty() || !folder.indices.empty();
  if (!folder.ggufs.empty() && !(safetensors && folder.has_config)) return open_gguf_of_folder(to, folder);
  if (!folder.has_config && !safetensors)
    fail(Fault::file, "{}: no config.json and no GGUF file in this folder: not a model", shown(to.path));
  if (!safetensors && !folder.pytorch.empty())
    fail(Fault::file, "{}: holds only PyTorch weights ({}); convert it to safetensors first", shown(to.path),
         printable(*folder.pytorch.begin()));
  if (folder.has_config) read_configs(to, folder.file("config.json"));
  if (std::optional<Safetensors> file = folder.open_safetensors()) use(to, std::move(*file));
}

void open_safetensors_file(Checkpoint::Impl& to) {
  const std::string config = in_folder(to.folder, "config.json");
  std::optional<Safetensors> file;
  if (to.path.ends_with(".index.json")) {
    file = Safetensors::open_index(to.path);
  } else if (const auto shard = shard_name(to.path, ".safetensors"); shard && shard->count > 1) {
    const std::string index = shard->stem + ".safetensors.index.json";
    if (file_exists(index)) {
      file = Safetensors::open_index(index);
    } else {
      std::vector<std::string> paths;
      for (int i = 1; i <= shard->count; ++i)
        paths.push_back(fmt::format("{}-{:05}-of-{:05}.safetensors", shard->stem, i, shard->count));
      file = Safetensors::open_all(paths);
    }
  } else {
    file = Safetensors::open(to.path);
  }
  // Without one the architecture may still be known by its tensors: find_model() says what is missing.
  if (file_exists(config)) read_configs(to, config);
  use(to, std::move(*file));
}

void open_file(Checkpoint::Impl& to) {
  const std::string& path = to.path;
  if (path.ends_with(".safetensors") || path.ends_with(".safetensors.index.json"))
    return open_safetensors_file(to);
  if (path.ends_with(".json")) return read_configs(to, path);
  const FileBytes bytes = map_file(path);
  const std::string_view start = bytes.text().substr(0, 4);
  const auto starts = [&](std::string_view magic) { return start.starts_with(magic); };
  // llama.cpp's own files had this magic too, with small version numbers.
  const bool rwkv = starts("fmgg") && bytes.size > 4 && bytes.data[4] >= std::byte{100};
  if (rwkv) return use(to, RwkvBin::open(path));
  const bool ggml = starts("lmgg") || starts("fmgg") || starts("tjgg");
  if (starts("GGUF") || ggml || path.ends_with(".gguf")) return use(to, Gguf::open(path));
  if (starts("PK\x03\x04") || starts("\x80\x02"))
    fail(Fault::file, "{}: a PyTorch checkpoint; convert it to safetensors first", shown(path));
  if (path.ends_with(".bin")) return use(to, Llama2c::open(path));
  fail(Fault::file, "{}: not a GGUF, safetensors, llama2.c or rwkv.cpp .bin file", shown(path));
}

}  // namespace

Checkpoint Checkpoint::open(const std::string& path) {
  auto impl = std::make_shared<Impl>();
  impl->path = path;
  if (is_directory(path)) {
    impl->folder = path;
    while (impl->folder.size() > 1 && impl->folder.ends_with('/')) impl->folder.pop_back();
    open_folder(*impl);
  } else if (file_exists(path)) {
    impl->folder = folder_of(path);
    open_file(*impl);
  } else {
    fail(Fault::file, "{}: no such file or folder", shown(path));
  }
  impl->by_name = sort_by_name(impl->tensors);
  return Checkpoint(std::move(impl));
}

const std::string& Checkpoint::path() const { return impl_->path; }
const std::string& Checkpoint::folder() const { return impl_->folder; }
Checkpoint::Layout Checkpoint::layout() const { return impl_->layout; }
bool Checkpoint::has_weights() const { return !impl_->tensors.empty(); }
const std::vector<std::string>& Checkpoint::files() const { return impl_->files; }
const std::vector<Checkpoint::TensorInfo>& Checkpoint::tensors() const { return impl_->tensors; }
const Json& Checkpoint::config() const { return impl_->config; }
const Json& Checkpoint::generation_config() const { return impl_->generation_config; }
const GgufMetadata& Checkpoint::metadata() const { return impl_->metadata; }

const Checkpoint::TensorInfo* Checkpoint::info(std::string_view name) const {
  return find_by_name(impl_->tensors, impl_->by_name, name);
}

std::optional<Tensor> Checkpoint::find(std::string_view name) const {
  const TensorInfo* found = info(name);
  if (!found) return {};
  const auto i = static_cast<size_t>(found - impl_->tensors.data());
  if (impl_->gguf) return impl_->gguf->tensor(impl_->gguf->tensors()[i]);
  if (impl_->safetensors) return impl_->safetensors->tensor(impl_->safetensors->tensors()[i]);
  if (impl_->rwkv) return impl_->rwkv->tensor(impl_->rwkv->tensors()[i]);
  return impl_->llama2c->tensor(impl_->llama2c->tensors()[i]);
}

Tensor Checkpoint::get(std::string_view name) const {
  std::optional<Tensor> t = find(name);
  if (!t) fail(Fault::file, "{}: has no tensor {}", shown(impl_->path), printable(name));
  return *t;
}

std::string Checkpoint::llama2c_tokenizer() const {
  return impl_->llama2c ? impl_->llama2c->tokenizer_path() : "";
}

uint64_t Checkpoint::weight_bytes() const {
  uint64_t sum = 0;
  for (const TensorInfo& t : impl_->tensors) sum += t.bytes;
  return sum;
}

uint64_t Checkpoint::file_bytes() const {
  if (impl_->gguf) return impl_->gguf->file_bytes();
  if (impl_->safetensors) return impl_->safetensors->file_bytes();
  if (impl_->rwkv) return impl_->rwkv->file_bytes();
  return impl_->llama2c ? impl_->llama2c->file_bytes() : 0;
}

int64_t Checkpoint::parameters() const {
  int64_t sum = 0;
  for (const TensorInfo& t : impl_->tensors)
    if (__builtin_add_overflow(sum, t.shape.count(), &sum)) return std::numeric_limits<int64_t>::max();
  return sum;
}

const char* layout_name(Checkpoint::Layout layout) {
  switch (layout) {
    case Checkpoint::Layout::gguf:
      return "gguf";
    case Checkpoint::Layout::huggingface:
      return "huggingface";
    case Checkpoint::Layout::llama2c:
      return "llama2c";
    case Checkpoint::Layout::rwkv_bin:
      return "rwkv_bin";
  }
  return "";
}

}  // namespace ridge

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "device/device.h"
#include "models/export/metadata.h"
#include "models/export/weights.h"
#include "models/registry.h"

namespace ridge {
namespace {

namespace fs = std::filesystem;
using exporting::Item;

constexpr uint64_t kShardBytes = 5'000'000'000;

// A folder that is made beside its place and moved there in commit(); without it nothing stays.
class NewFolder {
 public:
  explicit NewFolder(const std::string& path) : target_(path) {
    while (target_.size() > 1 && target_.back() == '/') target_.pop_back();
    std::error_code e;
    const bool exists = fs::exists(target_, e);
    if (exists && (!fs::is_directory(target_, e) || !fs::is_empty(target_, e)))
      fail(Fault::usage, "{}: exists; name a new folder", printable(target_, 300));
    std::string name = target_ + ".partial-XXXXXX";
    if (!::mkdtemp(name.data()))
      fail(Fault::check, "{}: cannot be made: {}", printable(target_, 300), std::strerror(errno));
    path_ = name;
    fs::permissions(path_,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                        fs::perms::others_read | fs::perms::others_exec,
                    e);
  }
  ~NewFolder() {
    std::error_code e;
    if (!path_.empty()) fs::remove_all(path_, e);
  }
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  void commit() {
    if (::rename(path_.c_str(), target_.c_str()) != 0)
      fail(Fault::check, "{}: cannot be made: {}", printable(target_, 300), std::strerror(errno));
    path_.clear();
  }
  const std::string& target() const { return target_; }

 private:
  std::string target_, path_;
};

// Every value of t is one of `dtype`: nothing is lost by writing it so.
bool fits(const Tensor& t, DType dtype) {
  const Tensor wide = to_f32(t);
  std::vector<char> narrow(static_cast<size_t>(dtype.bytes_of(wide.count())));
  std::vector<float> back(static_cast<size_t>(wide.count()));
  dtype->encode(wide.ptr<float>(), narrow.data(), wide.count(), nullptr);
  dtype->decode(narrow.data(), back.data(), wide.count());
  return std::memcmp(back.data(), wide.data(), back.size() * 4) == 0;
}

// The type of most weights, as far as it is a plain one; bf16 for a quantized model.
DType usual_type(const std::vector<Item>& items) {
  std::map<std::string, int64_t> bytes;
  for (const Item& i : items)
    if (!i.vector && i.source.is_real()) bytes[i.source.name()] += i.shape.count();
  std::string most = "bf16";
  int64_t count = 0, quantized = 0;
  for (const Item& i : items) quantized += i.source.is_block() ? i.shape.count() : 0;
  for (const auto& [name, n] : bytes)
    if (n > count) most = name, count = n;
  return find_dtype(quantized > count ? "bf16" : most.c_str());
}

void choose_types(const Checkpoint& source, const ExportOptions& options, DType usual,
                  std::vector<Item>& items) {
  std::map<std::string, DType> said;
  if (source.layout() == Checkpoint::Layout::gguf && source.metadata().has("ridge.tensor_types"))
    for (const std::string& line : source.metadata().strings("ridge.tensor_types")) {
      const size_t blank = line.rfind(' ');
      if (blank == std::string::npos) continue;
      const DType t = find_dtype(line.substr(blank + 1).c_str());
      if (t && t.is_real()) said[line.substr(0, blank)] = t;
    }
  for (Item& i : items) {
    if (i.source->kind == FormatKind::integer) {
      i.target = i.source;  // a setting that is stored as a tensor
    } else if (!options.type.empty()) {
      i.target = usual;
    } else if (const auto it = said.find(i.name); it != said.end()) {
      i.target = it->second;
    } else if (i.vector && source.layout() != Checkpoint::Layout::huggingface) {
      i.target = fits(i.parts.at(0)(), usual) ? usual : DType(f32);
    } else if (!i.target.is_real() || !i.target->safetensors) {
      i.target = usual;
    }
  }
}

// Vectors that the GGUF layout had to round.
void restore_exact(const Checkpoint& source, Model& model, std::vector<Item>& items) {
  class Restorer final : public WeightVisitor {
   public:
    Restorer(const GgufMetadata& m, std::vector<Item>& items) : m_(m), items_(items) {}
    void visit(Tensor&, const WeightSpec& spec) override {
      const std::string key = "ridge.exact." + spec.gguf;
      if (spec.hf.size() != 1 || !m_.has(key)) return;
      const std::vector<float> values = m_.floats(key);
      if (static_cast<int64_t>(values.size()) != spec.shape.count())
        fail(Fault::file, "{}: {} holds {} values for {}", m_.file(), key, values.size(), spec.shape.text());
      const Tensor t = cpu_device().make(f32, spec.shape);
      std::copy(values.begin(), values.end(), t.ptr<float>());
      for (Item& i : items_)
        if (i.name == spec.hf[0]) i.parts = {[t] { return t; }};
    }

   private:
    const GgufMetadata& m_;
    std::vector<Item>& items_;
  };
  if (source.layout() != Checkpoint::Layout::gguf) return;
  Restorer r(source.metadata(), items);
  model.visit(r);
}

const char* torch_name(DType t) {
  return t == DType(f32) ? "float32" : t == find_dtype("f16") ? "float16" : "bfloat16";
}

Json config_of(const Checkpoint& source, Model& model, const Tokenizer* tokenizer, DType usual,
               bool retyped) {
  Json config = exporting::known_config(source);
  if (config.empty()) {
    ConfigKeys keys = ConfigKeys::writing_json(config);
    model.config(keys);
    const std::string types = model.info->hf_types;
    if (!config.contains("model_type")) config["model_type"] = types.substr(0, types.find(' '));
    config["dtype"] = torch_name(usual);
    // Said even where there are none: what is left out has a default, which may lie outside the vocabulary.
    const SpecialIds none, &s = tokenizer ? tokenizer->special() : none;
    for (const auto& [name, id] :
         {std::pair{"bos_token_id", s.bos}, {"eos_token_id", s.eos}, {"pad_token_id", s.pad}})
      config[name] = id ? Json(*id) : Json(nullptr);
  }
  if (retyped) {
    config.erase("torch_dtype");
    config["dtype"] = torch_name(usual);
  }
  config["architectures"] = Json::array({model.hf_class()});
  // Readers before "dtype" look for "torch_dtype".
  if (!config.contains("torch_dtype") && config.contains("dtype")) config["torch_dtype"] = config["dtype"];
  return config;
}

std::string pretty(const Json& j) { return j.dump(2) + "\n"; }

// The tokenizer's own files where the source has them, else made from what was loaded.
void write_tokenizer(const Checkpoint& source, const ExportOptions& options, const NewFolder& folder,
                     ExportReport& report) {
  const auto put = [&](const std::string& name, const std::string& text) {
    write_file(folder / name, text);
    report.files.push_back(folder.target() + "/" + name);
  };
  bool copied = false;
  if (source.layout() == Checkpoint::Layout::huggingface)
    for (const char* name :
         {"tokenizer.json", "tokenizer.model", "tokenizer_config.json", "vocab.json", "merges.txt",
          "vocab.txt", "special_tokens_map.json", "added_tokens.json", "chat_template.jinja"})
      if (const std::string from = source.folder() + "/" + name; file_exists(from)) {
        put(name, read_file(from));
        copied = true;
      }
  if (copied) return;
  if (!options.tokenizer) {
    report.notices.emplace_back("no tokenizer: the folder has none");
    return;
  }
  // SentencePiece has a file of its own, which says more of it than a tokenizer.json can.
  const Vocabulary v = options.tokenizer->vocabulary();
  if (v.huggingface_json.empty() && (v.model == "llama" || v.model == "t5"))
    put("tokenizer.model", sentencepiece_model(v));
  else
    put("tokenizer.json", options.tokenizer->to_json());
  put("tokenizer_config.json", tokenizer_config_json(*options.tokenizer));
  if (!options.chat_template.empty()) put("chat_template.jinja", options.chat_template);
}

Json generation_of(const Checkpoint& source, const Json& config) {
  if (source.layout() == Checkpoint::Layout::huggingface) return source.generation_config();
  if (const auto text = source.metadata().optional_string("ridge.generation_config"))
    return parse_json(*text, source.path() + ": ridge.generation_config");
  Json g = Json::object();
  for (const char* key : {"bos_token_id", "eos_token_id", "pad_token_id"})
    if (config.contains(key) && !config[key].is_null()) g[key] = config[key];
  return g;
}

}  // namespace

ExportReport export_huggingface(const Checkpoint& source, const std::string& path,
                                const ExportOptions& options) {
  DType usual;
  if (!options.type.empty()) {
    usual = find_dtype(options.type.c_str());
    if (!usual || !usual.is_real() || !usual->safetensors || usual->bytes < 2 || usual->bytes > 4)
      fail(Fault::usage, "unknown type \"{}\" for a Hugging Face folder (known: F32, F16, BF16)",
           printable(options.type));
  }
  ExportReport report;
  const auto model = exporting::open_settings(source);
  const WeightReader reader(source);
  std::vector<Item> items = exporting::huggingface_items(*model, reader);
  if (!usual) usual = exporting::config_dtype(exporting::known_config(source));
  if (!usual) usual = usual_type(items);
  restore_exact(source, *model, items);
  choose_types(source, options, usual, items);

  NewFolder folder(path);
  const Json config = config_of(source, *model, options.tokenizer, usual, !options.type.empty());
  write_file(folder / "config.json", pretty(config));
  const Json generation = generation_of(source, config);
  if (!generation.empty()) write_file(folder / "generation_config.json", pretty(generation));
  write_tokenizer(source, options, folder, report);
  std::vector<std::string> made = std::move(report.files);
  const auto writer = write_safetensors(folder / "model.safetensors",
                                        {options.max_file_bytes ? options.max_file_bytes : kShardBytes});
  exporting::write_items(*writer, items, options, report);
  for (std::string& f : report.files) f = folder.target() + f.substr(f.rfind('/'));
  report.files.push_back(folder.target() + "/config.json");
  if (!generation.empty()) report.files.push_back(folder.target() + "/generation_config.json");
  report.files.insert(report.files.end(), made.begin(), made.end());
  folder.commit();
  return report;
}

}  // namespace ridge

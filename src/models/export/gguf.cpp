#include <algorithm>
#include <map>

#include "base/error.h"
#include "formats/mixes.h"
#include "models/export/metadata.h"
#include "models/export/weights.h"
#include "models/load.h"
#include "models/registry.h"

namespace ridge {
namespace {

using exporting::Item;

// The published name of a folder or file: its last part without ending.
std::string name_of(const std::string& path) {
  std::string s = path;
  while (s.size() > 1 && s.back() == '/') s.pop_back();
  s = s.substr(s.rfind('/') + 1);
  for (const char* end : {".gguf", ".bin", ".safetensors", ".json"})
    if (s.size() > std::string(end).size() &&
        s.compare(s.size() - std::string(end).size(), std::string::npos, end) == 0)
      s.resize(s.size() - std::string(end).size());
  return s;
}

// The number of layers and heads that a mix goes by, out of the metadata just written.
MixModel mix_model(const GgufMetadata& m) {
  MixModel model;
  const GgufValue* arch = m.find("general.architecture");
  model.architecture = *arch->as_string();
  const auto number = [&](const char* key) {
    const auto list = m.optional_integers(std::string(model.architecture) + "." + key);
    return list && !list->empty() ? static_cast<int>((*list)[0]) : 0;
  };
  model.layers = number("block_count");
  model.heads = number("attention.head_count");
  model.kv_heads = number("attention.head_count_kv");
  if (model.kv_heads == 0) model.kv_heads = model.heads;
  model.experts = number("expert_count");
  return model;
}

void apply_mix(const Mix& mix, const GgufMetadata& metadata, std::vector<Item>& items) {
  std::vector<MixTensor> tensors;
  for (const Item& i : items) {
    MixTensor t;
    t.name = i.name;
    t.columns = i.shape[-1];
    t.rows = i.shape.rank() > 1 ? i.shape[-2] : 1;
    t.experts = i.shape.rank() > 2 ? i.shape[-3] : 1;
    tensors.push_back(t);
  }
  const std::vector<DType> types = mix_types(mix, mix_model(metadata), tensors);
  for (size_t i = 0; i < items.size(); ++i)
    if (types[i])
      items[i].target = types[i];
    else if (items[i].target.is_real())
      items[i].target = f32;  // what a mix leaves alone (norms, routers, positions) converters write in f32
}

// general.file_type of a file whose weights keep their types: by the type of most of them.
int file_type_of(const std::vector<Item>& items) {
  std::map<std::string, int64_t> bytes;
  for (const Item& i : items)
    if (!i.vector) bytes[i.target.name()] += i.target.bytes_of(i.shape.count());
  const auto most = std::max_element(bytes.begin(), bytes.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most == bytes.end()) return 0;
  for (const Mix& m : mixes())
    if (most->first == m.base->name) return m.file_type;
  return 1024;  // "guessed"
}

GgufMetadata fresh_metadata(const Checkpoint& source, Model& model, const WeightReader& reader,
                            const ExportOptions& options, ExportReport& report) {
  GgufMetadata m;
  if (!model.info->gguf)
    fail(Fault::usage, "{}: GGUF has no name for the architecture \"{}\"", source.path(), model.info->name);
  m.set_string("general.architecture", model.info->gguf);
  m.set_string("general.type", "model");
  m.set_string("general.name", name_of(source.path()));
  ConfigKeys keys = ConfigKeys::writing_gguf(m, model.info->gguf);
  model.config(keys);
  m.set_string("ridge.architecture", model.info->name);
  if (reader.huggingface()) exporting::remember(m, model, reader);
  exporting::write_vocabulary(m, options.tokenizer, options.chat_template, model.size().vocab, report);
  return m;
}

// Of a GGUF source all keys stay.
GgufMetadata kept_metadata(const Checkpoint& source) {
  GgufMetadata m;
  for (const auto& e : source.metadata().entries()) m.set(e.key, e.value);
  return m;
}

void set_types(GgufMetadata& m, const std::vector<Item>& items, const Mix* mix) {
  const bool quantized =
      std::any_of(items.begin(), items.end(), [](const Item& i) { return i.target.is_block(); });
  if (mix || !m.has("general.file_type"))
    m.set_u32("general.file_type", static_cast<uint32_t>(mix ? mix->file_type : file_type_of(items)));
  if (quantized) m.set_u32("general.quantization_version", 2);
}

const Mix* mix_named(const std::string& type) {
  if (type.empty()) return nullptr;
  if (const Mix* mix = find_mix(type)) return mix;
  std::string known;
  for (const Mix& m : mixes()) known += (known.empty() ? "" : ", ") + std::string(m.name);
  fail(Fault::usage, "unknown type \"{}\" (known: {})", printable(type), known);
}

// Random weights under GGUF's names, each made when its turn comes.
class RandomCollector final : public WeightVisitor {
 public:
  std::vector<Item> items;

  void visit(Tensor&, const WeightSpec& spec) override {
    check_weight_shape(spec);
    if (spec.optional || spec.gguf.empty()) return;
    Item item;
    item.name = spec.gguf;
    item.shape = spec.gguf_shape.rank() > 0 ? spec.gguf_shape : spec.shape;
    item.vector = spec.kind == WeightSpec::Kind::vector;
    item.source = item.target = f32;
    const int64_t parts = item.shape.rank() > 2 ? item.shape[0] : 1;  // an expert at a time
    Shape one;
    for (int i = parts > 1 ? 1 : 0; i < item.shape.rank(); ++i) one.push(item.shape[i]);
    for (int64_t p = 0; p < parts; ++p)
      item.parts.push_back([one, vector = item.vector, stream = ++stream_] {
        const Tensor t = cpu_device().make(f32, one);
        random_values(t, vector, 1, stream);
        return t;
      });
    items.push_back(std::move(item));
  }

 private:
  uint64_t stream_ = 0;
};

}  // namespace

ExportReport export_random_gguf(ConfigKeys& keys, const std::string& name, const std::string& path,
                                const ExportOptions& options) {
  const Mix* mix = mix_named(options.type.empty() ? "F16" : options.type);
  const auto model = make_model(keys);
  if (!model->info->gguf)
    fail(Fault::usage, "{}: GGUF has no name for the architecture \"{}\"", name, model->info->name);
  GgufMetadata metadata;
  metadata.set_string("general.architecture", model->info->gguf);
  metadata.set_string("general.type", "model");
  metadata.set_string("general.name", "random " + name);
  ConfigKeys writing = ConfigKeys::writing_gguf(metadata, model->info->gguf);
  model->config(writing);
  metadata.set_string("ridge.architecture", model->info->name);
  metadata.set_string("tokenizer.ggml.model", "no_vocab");  // as llama.cpp names what has none
  RandomCollector c;
  model->visit(c);
  apply_mix(*mix, metadata, c.items);
  set_types(metadata, c.items, mix);
  ExportReport report;
  const auto writer = write_gguf(path, std::move(metadata), {options.max_file_bytes});
  exporting::write_items(*writer, c.items, options, report);
  return report;
}

ExportReport export_gguf(const Checkpoint& source, const std::string& path, const ExportOptions& options) {
  const Mix* mix = mix_named(options.type);
  ExportReport report;
  const auto model = exporting::open_settings(source);
  const WeightReader reader(source);
  GgufMetadata metadata = source.layout() == Checkpoint::Layout::gguf
                              ? kept_metadata(source)
                              : fresh_metadata(source, *model, reader, options, report);
  std::vector<Item> items = exporting::gguf_items(*model, reader);
  for (Item& i : items)
    if (i.target->gguf_type < 0) i.target = f32;
  if (mix) apply_mix(*mix, metadata, items);
  if (mix && mix->wants_importance)
    report.notices.push_back(
        fmt::format("{} is published for use with an importance matrix; none was used", mix->name));
  set_types(metadata, items, mix);
  const auto writer = write_gguf(path, std::move(metadata), {options.max_file_bytes});
  exporting::write_items(*writer, items, options, report);
  return report;
}

}  // namespace ridge

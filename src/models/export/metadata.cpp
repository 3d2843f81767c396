#include "models/export/metadata.h"

#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "device/device.h"
#include "nn/config_keys.h"

namespace ridge::exporting {
namespace {

constexpr const char* kPrefix = "tokenizer.ggml.";

// Files are padded where the embedding has more rows than the tokenizer has tokens: readers count tokens.
void pad(Vocabulary& v, size_t vocab) {
  for (size_t i = v.tokens.size(); i < vocab; ++i) {
    v.tokens.push_back("[PAD" + std::to_string(i) + "]");
    if (!v.scores.empty()) v.scores.push_back(-1000);
    if (!v.token_types.empty()) v.token_types.push_back(static_cast<int32_t>(TokenType::unused));
  }
}

// What a vector is in the file, against what the published GGUF layout can give back.
class Rememberer final : public WeightVisitor {
 public:
  Rememberer(GgufMetadata& out, const WeightReader& reader, DType usual)
      : out_(out), reader_(reader), usual_(usual) {}

  void visit(Tensor&, const WeightSpec& spec) override {
    for (const std::string& name : spec.hf) {
      const Tensor t = reader_.one(name);
      if (!t) continue;
      if (!(t.dtype() == usual_)) types.push_back(name + " " + t.dtype().name());
      if (spec.kind != WeightSpec::Kind::vector) continue;
      if (spec.hf_layout.to_file) exact(spec, t);
      if (spec.gguf_layout.to_file) exact_gguf(spec, t);
    }
  }
  std::vector<std::string> types;

 private:
  // f32 holds w + 1 of an 8-bit significand exactly unless w is tiny; of f32 weights often not.
  void exact(const WeightSpec& spec, const Tensor& file) {
    const Tensor wide = to_f32(file);
    const Tensor back = spec.hf_layout.to_file(spec.hf_layout.from_file(wide));
    std::vector<char> narrow(static_cast<size_t>(file.bytes()));
    file.dtype()->encode(back.ptr<float>(), narrow.data(), back.count(), nullptr);
    if (std::memcmp(narrow.data(), file.data(), narrow.size()) == 0) return;
    out_.set_floats("ridge.exact." + spec.gguf, {wide.ptr<float>(), static_cast<size_t>(wide.count())});
  }
  // Where it is the GGUF side that computes.
  void exact_gguf(const WeightSpec& spec, const Tensor& file) {
    const Tensor wide = to_f32(file);
    const Tensor back = spec.gguf_layout.from_file(spec.gguf_layout.to_file(wide));
    if (std::memcmp(back.data(), wide.data(), static_cast<size_t>(wide.bytes())) != 0)
      out_.set_floats("ridge.exact." + spec.gguf, {wide.ptr<float>(), static_cast<size_t>(wide.count())});
  }
  GgufMetadata& out_;
  const WeightReader& reader_;
  DType usual_;
};

}  // namespace

void write_vocabulary(GgufMetadata& out, const Tokenizer* tokenizer, const std::string& chat_template,
                      int64_t vocab, ExportReport& report) {
  const auto key = [](const std::string& rest) { return kPrefix + rest; };
  if (!tokenizer) {
    out.set_string(key("model"), "no_vocab");
    report.notices.emplace_back("no tokenizer: the file has no vocabulary");
    return;
  }
  Vocabulary v = tokenizer->vocabulary();
  if (!v.notice.empty()) report.notices.push_back(v.notice);
  if (static_cast<int64_t>(v.tokens.size()) > vocab)
    report.notices.push_back(
        fmt::format("the tokenizer has {} tokens, the model {}", v.tokens.size(), vocab));
  pad(v, static_cast<size_t>(vocab));
  out.set_string(key("model"), v.model);
  if (!v.pre.empty()) out.set_string(key("pre"), v.pre);
  out.set_strings(key("tokens"), v.tokens);
  if (!v.scores.empty()) out.set_floats(key("scores"), v.scores);
  if (!v.token_types.empty()) out.set_i32s(key("token_type"), v.token_types);
  // Readers of BPE vocabularies insist on the list, be it empty.
  if (!v.merges.empty() || v.model == "gpt2") out.set_strings(key("merges"), v.merges);
  for (const auto& [role, id] : v.special_ids) {
    if (id < 0) continue;
    const std::string published = role == "separator" ? "seperator" : role;  // the key is spelled so
    out.set_u32(key(published + "_token_id"), static_cast<uint32_t>(id));
  }
  if (v.add_bos) out.set_flag(key("add_bos_token"), *v.add_bos);
  if (v.add_eos) out.set_flag(key("add_eos_token"), *v.add_eos);
  if (v.add_space_prefix) out.set_flag(key("add_space_prefix"), *v.add_space_prefix);
  if (v.remove_extra_whitespaces) out.set_flag(key("remove_extra_whitespaces"), *v.remove_extra_whitespaces);
  if (!v.precompiled_charsmap.empty()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(v.precompiled_charsmap.data());
    out.set(key("precompiled_charsmap"),
            GgufValue::array(std::span<const uint8_t>(bytes, v.precompiled_charsmap.size())));
  }
  if (!v.huggingface_json.empty()) out.set_string("tokenizer.huggingface.json", v.huggingface_json);
  if (!v.end_ids.empty()) out.set_i32s("ridge.end_token_ids", v.end_ids);
  if (!chat_template.empty()) out.set_string("tokenizer.chat_template", chat_template);
}

DType config_dtype(const Json& config) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    const auto it = config.find(key);
    if (it == config.end() || !it->is_string()) continue;
    const std::string name = it->get<std::string>();
    if (name == "float32") return f32;
    if (name == "bfloat16") return find_dtype("bf16");
    if (name == "float16") return find_dtype("f16");
  }
  return {};
}

Json known_config(const Checkpoint& source) {
  Json config = source.config();
  if (source.layout() != Checkpoint::Layout::huggingface) {
    const auto text = source.metadata().optional_string("ridge.config");
    config = text ? parse_json(*text, source.path() + ": ridge.config") : Json::object();
  }
  if (const auto text = config.find("text_config"); text != config.end() && text->is_object()) {
    Json inner = *text;
    if (!inner.contains("dtype") && config_dtype(config))
      inner["dtype"] = config.value("dtype", config.value("torch_dtype", ""));
    config = std::move(inner);
  }
  if (!config.is_object()) config = Json::object();
  return config;
}

void remember(GgufMetadata& out, Model& model, const WeightReader& reader) {
  const Json config = known_config(reader.checkpoint());
  out.set_string("ridge.config", config.dump());
  const Json& generation = reader.checkpoint().generation_config();
  if (!generation.empty()) out.set_string("ridge.generation_config", generation.dump());
  Rememberer r(out, reader, config_dtype(config));
  model.visit(r);
  if (!r.types.empty()) out.set_strings("ridge.tensor_types", r.types);
}

}  // namespace ridge::exporting

#include "engine/open.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "models/load.h"

namespace ridge {
namespace {

constexpr const char* kPrefix = "tokenizer.ggml.";

std::vector<int32_t> to_i32(const std::vector<int64_t>& v, const GgufMetadata& m, const char* key) {
  std::vector<int32_t> out;
  out.reserve(v.size());
  for (const int64_t x : v) {
    if (x < INT32_MIN || x > INT32_MAX) fail(Fault::file, "{}: {} holds {}", m.file(), key, x);
    out.push_back(static_cast<int32_t>(x));
  }
  return out;
}

// Ids by role: every key tokenizer.ggml.<role>_token_id. Ids outside the vocabulary (some converters write -1
// or 2^32 - 1 for "none") name nothing.
void read_special_ids(const GgufMetadata& m, Vocabulary& v) {
  const std::string_view prefix = kPrefix, suffix = "_token_id";
  for (const auto& e : m.entries()) {
    const std::string_view key = e.key;
    if (key.size() <= prefix.size() + suffix.size() || key.substr(0, prefix.size()) != prefix ||
        key.substr(key.size() - suffix.size()) != suffix)
      continue;
    const auto id = e.value.as_i64();
    if (!id || *id < 0 || *id >= static_cast<int64_t>(v.tokens.size())) continue;
    const auto role = key.substr(prefix.size(), key.size() - prefix.size() - suffix.size());
    v.special_ids[std::string(role)] = static_cast<int32_t>(*id);
  }
}

std::string template_text(const Json& config, const std::string& name, const std::string& what) {
  const auto it = config.find("chat_template");
  if (it == config.end() || it->is_null()) return "";
  if (it->is_string()) return it->get<std::string>();
  if (!it->is_array()) fail(Fault::file, "{}: chat_template is neither text nor a list", what);
  std::string first;
  for (const auto& t : *it) {
    if (!t.is_object() || !t.contains("template") || !t["template"].is_string())
      fail(Fault::file, "{}: an entry of chat_template has no template", what);
    if (t.value("name", "") == name) return t["template"].get<std::string>();
    if (first.empty()) first = t["template"].get<std::string>();
  }
  return name == "default" ? first : "";
}

std::string folder_template(const std::string& folder, const std::string& name) {
  const std::string own = folder + "/chat_template.jinja";
  const std::string named = folder + "/additional_chat_templates/" + name + ".jinja";
  if (name != "default" && file_exists(named)) return read_file(named, size_t{4} << 20);
  if (name == "default" && file_exists(own)) return read_file(own, size_t{4} << 20);
  for (const char* file : {"/chat_template.json", "/tokenizer_config.json"})
    if (file_exists(folder + file)) {
      const Json config = read_json(folder + file);
      if (!config.is_object()) fail(Fault::file, "{}: not an object", folder + file);
      const std::string text = template_text(config, name, folder + file);
      if (!text.empty()) return text;
    }
  return "";
}

}  // namespace

std::optional<Vocabulary> vocabulary_of(const GgufMetadata& m) {
  const auto key = [](const char* rest) { return std::string(kPrefix) + rest; };
  const auto model = m.optional_string(key("model"));
  // A vocabulary that GGUF has no name for may still be there whole, as a tokenizer.json.
  const bool unnamed = model && (*model == "none" || *model == "no_vocab");
  if (!model || (unnamed && !m.has("tokenizer.huggingface.json"))) return {};
  Vocabulary v;
  v.model = *model;
  v.pre = m.string_or(key("pre"), "");
  v.tokens = m.strings(key("tokens"));
  v.scores = m.optional_floats(key("scores")).value_or(std::vector<float>{});
  if (const auto types = m.optional_integers(key("token_type")))
    v.token_types = to_i32(*types, m, "tokenizer.ggml.token_type");
  if (m.has(key("merges"))) v.merges = m.strings(key("merges"));
  v.add_bos = m.optional_flag(key("add_bos_token"));
  v.add_eos = m.optional_flag(key("add_eos_token"));
  v.add_space_prefix = m.optional_flag(key("add_space_prefix"));
  v.remove_extra_whitespaces = m.optional_flag(key("remove_extra_whitespaces"));
  if (const GgufValue* map = m.find(key("precompiled_charsmap"))) {
    if (map->type() != GgufType::array ||
        (map->element_type() != GgufType::u8 && map->element_type() != GgufType::i8))
      fail(Fault::file, "{}: tokenizer.ggml.precompiled_charsmap is no array of bytes", m.file());
    v.precompiled_charsmap = std::string(map->encoded());
  }
  read_special_ids(m, v);
  if (const auto ends = m.optional_integers("ridge.end_token_ids"))
    for (const int64_t id : *ends)
      if (id >= 0 && id < static_cast<int64_t>(v.tokens.size()))
        v.end_ids.push_back(static_cast<int32_t>(id));
  v.huggingface_json = m.string_or("tokenizer.huggingface.json", "");
  return v;
}

Tokenizer tokenizer_of(const Checkpoint& c) {
  switch (c.layout()) {
    case Checkpoint::Layout::gguf:
    case Checkpoint::Layout::rwkv_bin:  // a vocabulary of bytes, or none
      if (const auto v = vocabulary_of(c.metadata())) return tokenizer_from_vocabulary(*v, c.path());
      break;
    case Checkpoint::Layout::llama2c: {
      const std::string path = c.llama2c_tokenizer();
      if (path.empty()) fail(Fault::file, "{}: no tok*.bin or tokenizer.bin beside it", c.path());
      const auto size = c.metadata().optional_i64("llama.vocab_size").value_or(0);
      return tokenizer_from_llama2c(read_file(path, size_t{1} << 28), static_cast<int32_t>(size), path);
    }
    case Checkpoint::Layout::huggingface:
      break;
  }
  if (folder_has_tokenizer(c.folder())) return tokenizer_from_folder(c.folder());
  fail(Fault::file, "{}: no tokenizer (none in the file, no tokenizer.json, tokenizer.model ... beside it)",
       c.path());
}

std::string chat_template_of(const Checkpoint& c, const std::string& name) {
  if (c.layout() == Checkpoint::Layout::gguf) {
    const std::string key = "tokenizer.chat_template" + (name == "default" ? "" : "." + name);
    if (const auto text = c.metadata().optional_string(key)) return *text;
    if (c.metadata().has("tokenizer.ggml.model")) return "";
  }
  return folder_template(c.folder(), name);
}

const Tokenizer& OpenedModel::text() const {
  if (!tokenizer) fail(Fault::file, "{}", tokenizer_error);
  return *tokenizer;
}

OpenedModel open_model(const std::string& path) {
  OpenedModel opened{Checkpoint::open(path), nullptr, {}, {}};
  opened.model = load_model(opened.checkpoint);
  try {
    opened.tokenizer = tokenizer_of(opened.checkpoint);
  } catch (const Error& e) {
    opened.tokenizer_error = e.what();
  }
  return opened;
}

}  // namespace ridge

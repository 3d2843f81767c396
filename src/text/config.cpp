#include "text/config.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/file.h"
#include "text/json_fields.h"

namespace ridge::text {
namespace {

constexpr std::array kNames = {"bos_token", "eos_token", "unk_token", "pad_token",
                               "sep_token", "cls_token", "mask_token"};

AddedToken added_of(const Json& json, const std::string& what) {
  AddedToken a;
  if (json.is_string()) {
    a.content = json.get<std::string>();
    return a;
  }
  a.content = text_field(json, "content", what);
  a.lstrip = flag_field(json, "lstrip", false, what);
  a.rstrip = flag_field(json, "rstrip", false, what);
  a.single_word = flag_field(json, "single_word", false, what);
  a.special = flag_field(json, "special", false, what);
  a.normalized = flag_field(json, "normalized", !a.special, what);
  return a;
}

void read_added_decoder(TokenizerConfig& config, const std::string& what) {
  if (!config.json.contains("added_tokens_decoder")) return;
  const Json& table = config.json["added_tokens_decoder"];
  if (!table.is_object()) fail(Fault::file, "{}: \"added_tokens_decoder\" is not an object", what);
  for (const auto& [key, value] : table.items()) {
    AddedToken a = added_of(value, what);
    const auto end = key.data() + key.size();
    if (std::from_chars(key.data(), end, a.id).ptr != end || a.id < 0 ||
        static_cast<size_t>(a.id) >= kMostPieces)
      fail(Fault::file, "{}: {} is not the id of an added token", what, printable(key));
    if (!a.content.empty()) config.added.push_back(std::move(a));
  }
}

void read_ids(const Json& json, TokenizerConfig& config, bool ends) {
  const auto id = [&](const char* key) -> std::optional<int32_t> {
    if (!json.contains(key)) return std::nullopt;
    const Json& v = json[key];
    const Json& one = v.is_array() && !v.empty() ? v[0] : v;
    if (!one.is_number_unsigned() || one.get<uint64_t>() >= kMostPieces) return std::nullopt;
    return one.get<int32_t>();
  };
  if (!config.bos_id) config.bos_id = id("bos_token_id");
  if (!config.eos_id) config.eos_id = id("eos_token_id");
  if (!ends || !json.contains("eos_token_id")) return;
  const Json& eos = json["eos_token_id"];
  for (const Json& each : eos.is_array() ? eos : Json::array({eos}))
    if (each.is_number_unsigned() && each.get<uint64_t>() < kMostPieces)
      config.end_ids.push_back(each.get<int32_t>());
}

std::optional<int32_t> find(const Tokenizer::Core& core, const std::string& piece) {
  const int32_t id = piece.empty() ? -1 : core.index.find(piece);
  return id < 0 ? std::nullopt : std::optional(id);
}

}  // namespace

std::string TokenizerConfig::class_name() const {
  std::string name = json.contains("tokenizer_class") && json["tokenizer_class"].is_string()
                         ? json["tokenizer_class"].get<std::string>()
                         : "";
  if (name.ends_with("Fast")) name.resize(name.size() - 4);
  return name;
}

std::string TokenizerConfig::token(const char* name) const {
  if (!json.contains(name)) return "";
  const Json& v = json[name];
  if (v.is_string()) return v.get<std::string>();
  return v.is_object() && v.contains("content") && v["content"].is_string() ? v["content"].get<std::string>()
                                                                            : "";
}

std::optional<bool> TokenizerConfig::flag(const char* name) const {
  if (!json.contains(name) || !json[name].is_boolean()) return std::nullopt;
  return json[name].get<bool>();
}

TokenizerConfig parse_config(std::string_view text, const std::string& what) {
  TokenizerConfig config;
  if (text.empty()) return config;
  config.present = true;
  config.json = parse_json(text, what);
  if (!config.json.is_object()) fail(Fault::file, "{}: not an object", what);
  read_added_decoder(config, what);
  return config;
}

TokenizerConfig read_config(const std::string& folder) {
  const auto path = [&](const char* name) { return folder + "/" + name; };
  TokenizerConfig config;
  if (file_exists(path("tokenizer_config.json")))
    config = parse_config(read_file(path("tokenizer_config.json")), path("tokenizer_config.json"));
  const auto object = [&](const char* name) {
    const Json json = file_exists(path(name)) ? read_json(path(name)) : Json::object();
    if (!json.is_object()) fail(Fault::file, "{}: not an object", path(name));
    return json;
  };
  const Json map = object("special_tokens_map.json");
  for (const char* name : kNames)
    if (map.contains(name) && !config.json.contains(name)) config.json[name] = map[name];
  const Json added_tokens = object("added_tokens.json");
  for (const auto& [piece, id] : added_tokens.items()) {
    if (!id.is_number_unsigned() || id.get<uint64_t>() >= kMostPieces)
      fail(Fault::file, "{}: {} has no id", path("added_tokens.json"), printable(piece));
    AddedToken a;
    a.content = piece;
    a.id = id.get<int32_t>();
    const bool known = std::any_of(config.added.begin(), config.added.end(),
                                   [&](const AddedToken& other) { return other.content == a.content; });
    if (!known && !piece.empty()) config.added.push_back(std::move(a));
  }
  const Json generation = object("generation_config.json");
  read_ids(generation, config, true);
  const Json model = object("config.json");
  read_ids(model, config, config.end_ids.empty());
  if (model.contains("text_config") && model["text_config"].is_object())
    read_ids(model["text_config"], config, config.end_ids.empty());
  return config;
}

void extend(Parts& parts, const TokenizerConfig& config) {
  const auto has = [&](const std::string& content) {
    return std::any_of(parts.added.begin(), parts.added.end(),
                       [&](const auto& a) { return a.content == content; });
  };
  PieceIndex index;
  for (size_t id = 0; id < parts.pieces.size(); ++id)
    if (!parts.pieces[id].empty()) index.add(parts.pieces[id], static_cast<int32_t>(id));
  for (AddedToken a : config.added) {
    if (has(a.content)) continue;
    if (const int32_t id = index.find(a.content); id >= 0) a.id = id;
    if (static_cast<size_t>(a.id) < parts.pieces.size() * 4 + (size_t{1} << 20))
      parts.added.push_back(std::move(a));
  }
  const auto special = [&](const std::string& content) {
    if (content.empty()) return;
    for (auto& a : parts.added)
      if (a.content == content) {
        a.special = true;
        return;
      }
    AddedToken a;
    a.id = index.find(content);
    a.content = content;
    a.special = true;
    if (a.id >= 0) parts.added.push_back(std::move(a));
  };
  for (const char* name : kNames) special(config.token(name));
  if (config.json.contains("additional_special_tokens") &&
      config.json["additional_special_tokens"].is_array())
    for (const Json& each : config.json["additional_special_tokens"])
      special(each.is_string() ? each.get<std::string>() : each.is_object() ? each.value("content", "") : "");
}

void apply(Tokenizer::Core& core, const TokenizerConfig& config) {
  SpecialIds& s = core.special;
  const auto role = [&](const char* name, std::optional<int32_t>& id) {
    if (const auto found = find(core, config.token(name))) id = found;
  };
  role("bos_token", s.bos), role("eos_token", s.eos), role("unk_token", s.unk), role("pad_token", s.pad);
  role("sep_token", s.sep), role("cls_token", s.cls), role("mask_token", s.mask);
  if (!s.bos) s.bos = config.bos_id;
  if (!s.eos) s.eos = config.eos_id;
  complete_special(core, config.end_ids);
}

}  // namespace ridge::text

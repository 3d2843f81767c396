// An architecture's settings, listed once and read from or written to either kind of checkpoint: config.json
// of a Hugging Face folder (older and newer key layout), or GGUF metadata.
#pragma once
#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace ridge {

class GgufMetadata;
class Checkpoint;

class ConfigKeys {
 public:
  // Reading a checkpoint. `what` names it in errors.
  static ConfigKeys reading(const Checkpoint& checkpoint);
  static ConfigKeys reading_json(const nlohmann::json& config, const std::string& what);
  // Writing; the target must outlive this. `arch` is the GGUF architecture, the prefix of its keys.
  static ConfigKeys writing_json(nlohmann::json& config);
  static ConfigKeys writing_gguf(GgufMetadata& metadata, const std::string& arch);

  // The settings of an object of the whole config.json, of a model that is made of several ("vision_config";
  // "": the whole, which json_in() is not where that has a text_config). `defaults` is JSON: values of keys
  // that the object does not have. Not for GGUF.
  ConfigKeys within(const char* object, const char* defaults = "{}") const;
  // The whole of config.json; null for other layouts.
  const nlohmann::json* whole_in() const { return whole_in_; }

  bool is_reading() const { return reading_; }
  bool is_gguf() const { return gguf_in_ || gguf_out_; }
  const std::string& arch() const { return arch_; }
  const std::string& what() const { return what_; }
  // Whether the checkpoint being read has this tensor (under its GGUF name); false where nothing is read.
  bool has_tensor(const std::string& name) const;

  // Whether config.json has the key at all, be it null; false for other layouts.
  bool mentions(const char* hf) const;

  // Each reads or writes one setting. `hf` may list older names behind '|' ("num_local_experts|num_experts");
  // "a.b" goes into nested objects. `gguf` is without the architecture's prefix; a name with a leading '/' is
  // taken as it is ("/ridge.x" for what GGUF has no key for: written only where it is not the fallback).
  // nullptr: the layout has no such key. A missing key without fallback, a wrong type or a number out of
  // range is an Error(Fault::file).
  void integer(int64_t& value, const char* hf, const char* gguf, std::optional<int64_t> fallback = {},
               int64_t most = int64_t{1} << 31);
  void real(double& value, const char* hf, const char* gguf, std::optional<double> fallback = {});
  void real(float& value, const char* hf, const char* gguf, std::optional<double> fallback = {});
  void flag(bool& value, const char* hf, const char* gguf, std::optional<bool> fallback = {});
  void text(std::string& value, const char* hf, const char* gguf, std::optional<std::string> fallback = {});
  void reals(std::vector<double>& values, const char* hf, const char* gguf);      // missing: left empty
  void integers(std::vector<int64_t>& values, const char* hf, const char* gguf);  // missing: left empty
  void texts(std::vector<std::string>& values, const char* hf);                   // missing: left empty

  // The objects themselves, for what does not fit the pattern; null for the other layout.
  const nlohmann::json* json_in() const { return json_in_; }
  nlohmann::json* json_out() const { return json_out_; }
  const GgufMetadata* gguf_in() const { return gguf_in_; }
  GgufMetadata* gguf_out() const { return gguf_out_; }
  std::string gguf_key(const char* name) const;

 private:
  ConfigKeys() = default;
  const nlohmann::json* find(const char* names) const;
  nlohmann::json& place(const char* names) const;
  template <typename T, typename U>
  bool left_out(const char* gguf, const T& value, const std::optional<U>& fallback) const;
  [[noreturn]] void missing(const char* hf, const char* gguf) const;
  bool reading_ = true;
  const Checkpoint* checkpoint_ = nullptr;
  const nlohmann::json* json_in_ = nullptr;
  nlohmann::json* json_out_ = nullptr;
  const nlohmann::json* whole_in_ = nullptr;
  std::shared_ptr<const nlohmann::json> owned_;  // json_in_ where defaults were filled in
  const GgufMetadata* gguf_in_ = nullptr;
  GgufMetadata* gguf_out_ = nullptr;
  std::string arch_, what_;
};

}  // namespace ridge

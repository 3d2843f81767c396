#include "nn/config_keys.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "files/checkpoint.h"

namespace ridge {
namespace {

std::string first_of(const char* names) {
  const std::string s = names;
  return s.substr(0, s.find('|'));
}

}  // namespace

ConfigKeys ConfigKeys::reading(const Checkpoint& c) {
  ConfigKeys k;
  k.what_ = c.path();
  k.checkpoint_ = &c;
  if (c.layout() == Checkpoint::Layout::huggingface) {
    k.json_in_ = k.whole_in_ = &c.config();
    // A multimodal configuration wraps that of its language model.
    const auto text = k.json_in_->find("text_config");
    if (text != k.json_in_->end() && text->is_object()) k.json_in_ = &*text;
  } else {
    k.gguf_in_ = &c.metadata();
    k.arch_ = c.metadata().string("general.architecture");
  }
  return k;
}

ConfigKeys ConfigKeys::reading_json(const Json& config, const std::string& what) {
  ConfigKeys k;
  k.what_ = what;
  k.json_in_ = k.whole_in_ = &config;
  return k;
}

ConfigKeys ConfigKeys::writing_json(Json& config) {
  ConfigKeys k;
  k.reading_ = false;
  k.json_out_ = &config;
  return k;
}

ConfigKeys ConfigKeys::writing_gguf(GgufMetadata& metadata, const std::string& arch) {
  ConfigKeys k;
  k.reading_ = false;
  k.gguf_out_ = &metadata;
  k.arch_ = arch;
  return k;
}

ConfigKeys ConfigKeys::within(const char* object, const char* defaults) const {
  ConfigKeys k = *this;
  const std::string name = object;
  if (json_out_ && !name.empty()) k.json_out_ = &(*json_out_)[name];
  if (!whole_in_) return k;
  Json all = Json::parse(defaults);
  const Json* given = whole_in_;
  if (!name.empty()) {
    const auto it = whole_in_->find(name);
    given = it != whole_in_->end() && it->is_object() ? &*it : nullptr;
  }
  if (given)
    for (const auto& [key, value] : given->items()) all[key] = value;
  k.owned_ = std::make_shared<const Json>(std::move(all));
  k.json_in_ = k.whole_in_ = k.owned_.get();
  return k;
}

bool ConfigKeys::has_tensor(const std::string& name) const {
  return checkpoint_ && checkpoint_->contains(name);
}

std::string ConfigKeys::gguf_key(const char* name) const {
  return name[0] == '/' ? name + 1 : arch_ + "." + name;
}

const Json* ConfigKeys::find(const char* names) const {
  const std::string all = names;
  for (size_t at = 0; at <= all.size();) {
    const size_t bar = std::min(all.find('|', at), all.size());
    const Json* j = json_in_;
    std::string path = all.substr(at, bar - at);
    at = bar + 1;
    while (j) {
      const size_t dot = path.find('.');
      const auto it = j->is_object() ? j->find(path.substr(0, dot)) : j->end();
      j = !j->is_object() || it == j->end() || it->is_null() ? nullptr : &*it;
      if (dot == std::string::npos) break;
      path = path.substr(dot + 1);
    }
    if (j) return j;
  }
  return nullptr;
}

Json& ConfigKeys::place(const char* names) const {
  std::string path = first_of(names);
  Json* j = json_out_;
  for (size_t dot; (dot = path.find('.')) != std::string::npos; path = path.substr(dot + 1))
    j = &(*j)[path.substr(0, dot)];
  return (*j)[path];
}

void ConfigKeys::missing(const char* hf, const char* gguf) const {
  if (json_in_) fail(Fault::file, "{}: config.json has no \"{}\"", what_, hf ? first_of(hf) : "?");
  fail(Fault::file, "{}: no metadata {}", what_, gguf ? gguf_key(gguf) : "?");
}

bool ConfigKeys::mentions(const char* hf) const { return json_in_ && json_in_->contains(hf); }

// Keys of our own are written only where they say something.
template <typename T, typename U>
bool ConfigKeys::left_out(const char* gguf, const T& value, const std::optional<U>& fallback) const {
  return gguf[0] == '/' && fallback && *fallback == value;
}

void ConfigKeys::integer(int64_t& value, const char* hf, const char* gguf, std::optional<int64_t> fallback,
                         int64_t most) {
  if (!reading_) {
    if (json_out_ && hf) place(hf) = value;
    if (gguf_out_ && gguf && !left_out(gguf, value, fallback))
      gguf_out_->set_u32(gguf_key(gguf), static_cast<uint32_t>(value));
    return;
  }
  std::optional<int64_t> found;
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_number_integer() &&
          !(j->is_number_float() && std::floor(j->get<double>()) == j->get<double>() &&
            std::fabs(j->get<double>()) < 1e15))
        fail(Fault::file, "{}: \"{}\" in config.json is {}, expected an integer", what_, first_of(hf),
             printable(j->dump(), 40));
      if (j->is_number_unsigned() && j->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        fail(Fault::file, "{}: \"{}\" in config.json is out of range", what_, first_of(hf));
      found = j->get<int64_t>();
    }
  } else if (gguf_in_ && gguf) {
    // Some files give a list, one value a layer; where all are the same it is one value.
    const GgufValue* v = gguf_in_->find(gguf_key(gguf));
    if (v && v->is_array()) {
      const auto list = gguf_in_->integers(gguf_key(gguf));
      for (const int64_t x : list)
        if (x != list[0])
          fail(Fault::file, "{}: {} differs from layer to layer, which this architecture does not do", what_,
               gguf_key(gguf));
      if (!list.empty()) found = list[0];
    } else {
      found = gguf_in_->optional_i64(gguf_key(gguf));
    }
  }
  if (!found && !fallback) missing(hf, gguf);
  value = found ? *found : *fallback;
  if (found && (value < 0 || value > most))
    fail(Fault::file, "{}: {} is {}, expected 0 to {}", what_, json_in_ ? first_of(hf) : gguf_key(gguf),
         value, most);
}

void ConfigKeys::real(double& value, const char* hf, const char* gguf, std::optional<double> fallback) {
  if (!reading_) {
    if (json_out_ && hf) place(hf) = value;
    if (gguf_out_ && gguf && !left_out(gguf, value, fallback))
      gguf_out_->set_f32(gguf_key(gguf), static_cast<float>(value));
    return;
  }
  std::optional<double> found;
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_number())
        fail(Fault::file, "{}: \"{}\" in config.json is {}, expected a number", what_, first_of(hf),
             printable(j->dump(), 40));
      found = j->get<double>();
    }
  } else if (gguf_in_ && gguf) {
    if (const auto f = gguf_in_->optional_f32(gguf_key(gguf))) found = *f;
  }
  if (!found && !fallback) missing(hf, gguf);
  value = found ? *found : *fallback;
  if (!std::isfinite(value))
    fail(Fault::file, "{}: {} is not finite", what_, json_in_ ? first_of(hf) : gguf_key(gguf));
}

void ConfigKeys::real(float& value, const char* hf, const char* gguf, std::optional<double> fallback) {
  double wide = value;
  // What goes out is the shortest decimal of the float, not its binary expansion.
  if (!reading_ && json_out_ && hf) wide = std::stod(fmt::format("{}", value));
  real(wide, hf, gguf, fallback);
  value = static_cast<float>(wide);
}

void ConfigKeys::flag(bool& value, const char* hf, const char* gguf, std::optional<bool> fallback) {
  if (!reading_) {
    if (json_out_ && hf) place(hf) = value;
    if (gguf_out_ && gguf && !left_out(gguf, value, fallback)) gguf_out_->set_flag(gguf_key(gguf), value);
    return;
  }
  std::optional<bool> found;
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_boolean())
        fail(Fault::file, "{}: \"{}\" in config.json is {}, expected true or false", what_, first_of(hf),
             printable(j->dump(), 40));
      found = j->get<bool>();
    }
  } else if (gguf_in_ && gguf) {
    found = gguf_in_->optional_flag(gguf_key(gguf));
  }
  if (!found && !fallback) missing(hf, gguf);
  value = found ? *found : *fallback;
}

void ConfigKeys::text(std::string& value, const char* hf, const char* gguf,
                      std::optional<std::string> fallback) {
  if (!reading_) {
    if (json_out_ && hf) place(hf) = value;
    if (gguf_out_ && gguf && !left_out(gguf, value, fallback)) gguf_out_->set_string(gguf_key(gguf), value);
    return;
  }
  std::optional<std::string> found;
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_string())
        fail(Fault::file, "{}: \"{}\" in config.json is {}, expected text", what_, first_of(hf),
             printable(j->dump(), 40));
      found = j->get<std::string>();
    }
  } else if (gguf_in_ && gguf) {
    found = gguf_in_->optional_string(gguf_key(gguf));
  }
  if (!found && !fallback) missing(hf, gguf);
  value = found ? *found : *fallback;
}

void ConfigKeys::reals(std::vector<double>& values, const char* hf, const char* gguf) {
  if (!reading_) {
    if (values.empty()) return;
    if (json_out_ && hf) place(hf) = values;
    if (gguf_out_ && gguf) {
      const std::vector<float> narrow(values.begin(), values.end());
      gguf_out_->set(gguf_key(gguf), GgufValue::array<float>(narrow));
    }
    return;
  }
  values.clear();
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_array()) fail(Fault::file, "{}: \"{}\" in config.json is not a list", what_, first_of(hf));
      for (const Json& x : *j) {
        if (!x.is_number())
          fail(Fault::file, "{}: \"{}\" in config.json holds {}, expected numbers", what_, first_of(hf),
               printable(x.dump(), 40));
        values.push_back(x.get<double>());
      }
    }
  } else if (gguf_in_ && gguf) {
    if (const auto f = gguf_in_->optional_floats(gguf_key(gguf))) values.assign(f->begin(), f->end());
  }
}

void ConfigKeys::integers(std::vector<int64_t>& values, const char* hf, const char* gguf) {
  if (!reading_) {
    if (values.empty()) return;
    if (json_out_ && hf) place(hf) = values;
    if (gguf_out_ && gguf) {
      const std::vector<int32_t> narrow(values.begin(), values.end());
      gguf_out_->set(gguf_key(gguf), GgufValue::array<int32_t>(narrow));
    }
    return;
  }
  values.clear();
  if (json_in_ && hf) {
    if (const Json* j = find(hf)) {
      if (!j->is_array()) fail(Fault::file, "{}: \"{}\" in config.json is not a list", what_, first_of(hf));
      for (const Json& x : *j) {
        if (!x.is_number_integer() && !x.is_boolean())
          fail(Fault::file, "{}: \"{}\" in config.json holds {}, expected integers", what_, first_of(hf),
               printable(x.dump(), 40));
        values.push_back(x.is_boolean() ? x.get<bool>() : x.get<int64_t>());
      }
    }
  } else if (gguf_in_ && gguf) {
    if (const auto list = gguf_in_->optional_integers(gguf_key(gguf))) values = *list;
  }
}

void ConfigKeys::texts(std::vector<std::string>& values, const char* hf) {
  if (!reading_) {
    if (!values.empty() && json_out_ && hf) place(hf) = values;
    return;
  }
  values.clear();
  if (!json_in_) return;
  if (const Json* j = find(hf)) {
    if (!j->is_array()) fail(Fault::file, "{}: \"{}\" in config.json is not a list", what_, first_of(hf));
    for (const Json& x : *j) {
      if (!x.is_string())
        fail(Fault::file, "{}: \"{}\" in config.json holds {}, expected texts", what_, first_of(hf),
             printable(x.dump(), 40));
      values.push_back(x.get<std::string>());
    }
  }
}

}  // namespace ridge

#include "models/registry.h"

#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"

namespace ridge {
namespace {

bool lists(const char* blanks_between, const std::string& word) {
  std::istringstream in(blanks_between);
  for (std::string w; in >> w;)
    if (w == word) return true;
  return false;
}

std::string known() {
  std::string s;
  for (const ModelInfo* m : model_table()) s += (s.empty() ? "" : ", ") + std::string(m->name);
  return s;
}

}  // namespace

const ModelInfo& find_model(const ConfigKeys& keys) {
  if (const Json* j = keys.json_in()) {
    // The whole of a model made of several, where it is known, else the language model in it.
    if (const Json* whole = keys.whole_in(); whole && whole != j)
      if (const auto t = whole->find("model_type"); t != whole->end() && t->is_string())
        for (const ModelInfo* m : model_table())
          if (lists(m->hf_types, t->get<std::string>())) return *m;
    const auto type = j->find("model_type");
    if (j->empty()) {
      for (const ModelInfo* m : model_table())
        if (m->signature && keys.has_tensor(m->signature)) return *m;
      fail(Fault::file, "{}: needs its config.json beside it, which says what the tensors mean", keys.what());
    }
    if (type == j->end() || !type->is_string())
      fail(Fault::file, "{}: config.json has no \"model_type\"", keys.what());
    for (const ModelInfo* m : model_table())
      if (lists(m->hf_types, type->get<std::string>())) return *m;
    fail(Fault::file, "{}: model_type \"{}\" is not supported (known: {})", keys.what(),
         printable(type->get<std::string>()), known());
  }
  // Where one GGUF architecture stands for several, a file of our own says which.
  const std::string own = keys.gguf_in()->string_or("ridge.architecture", "");
  for (const ModelInfo* m : model_table())
    if (m->gguf && keys.arch() == m->gguf && own == m->name) return *m;
  for (const ModelInfo* m : model_table())
    if (m->gguf && keys.arch() == m->gguf && (!m->matches_gguf || m->matches_gguf(*keys.gguf_in())))
      return *m;
  fail(Fault::file, "{}: architecture \"{}\" is not supported (known: {})", keys.what(),
       printable(keys.arch()), known());
}

namespace {

std::unique_ptr<Model> make(const ModelInfo& info, ConfigKeys& keys) {
  auto model = info.make();
  model->info = &info;
  model->from_gguf = keys.is_gguf();
  model->config(keys);
  return model;
}

}  // namespace

std::unique_ptr<Model> make_model(ConfigKeys& keys) { return make(find_model(keys), keys); }

std::unique_ptr<Model> make_model(const std::string& name, ConfigKeys& keys) {
  for (const ModelInfo* m : model_table())
    if (name == m->name) return make(*m, keys);
  fail(Fault::file, "{}: architecture \"{}\" is not supported (known: {})", keys.what(), name, known());
}

}  // namespace ridge

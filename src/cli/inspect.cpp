// ridge inspect: what a model file says of itself.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"

namespace ridge {
namespace {

struct InspectCommand {
  ModelOptions model;
  bool tensors = false;
  std::string key;

  void add(Options& o) {
    model.add_model(o, " or config.json (default: the model that Ridge comes with)");
    o.flag(tensors, "--tensors", "list the tensors: name, type, shape, size");
    o.text(key, "--key", "KEY", "print one value of the metadata, whole");
    model.add_json(o);
  }
};

struct TypeTotal {
  int64_t tensors = 0, elements = 0;
  uint64_t bytes = 0;
};

std::map<std::string, TypeTotal> totals(const Checkpoint& c) {
  std::map<std::string, TypeTotal> all;
  for (const auto& t : c.tensors()) {
    TypeTotal& total = all[t.type];
    ++total.tensors;
    total.elements += t.shape.count();
    total.bytes += t.bytes;
  }
  return all;
}

// Scalars as they are; of arrays the whole up to `most` elements, else the first.
OrderedJson value_json(const GgufValue& v, uint64_t most) {
  const auto utf8 = [](std::string_view s) { return std::string(s); };
  switch (v.type()) {
    case GgufType::string:
      return utf8(*v.as_string());
    case GgufType::boolean:
      return *v.as_bool();
    case GgufType::f32:
    case GgufType::f64:
      return *v.as_f64();
    case GgufType::array:
      break;
    default:
      if (const auto n = v.as_i64()) return *n;
      return *v.as_u64();
  }
  OrderedJson list = OrderedJson::array();
  if (v.element_type() != GgufType::array) {
    if (v.count() <= most) {
      for (const GgufValue& e : v.elements()) list.push_back(value_json(e, most));
      return list;
    }
    return {{"type", gguf_type_name(v.element_type())}, {"count", v.count()}, {"text", v.text()}};
  }
  return {{"type", "array"}, {"count", v.count()}, {"text", v.text()}};
}

OrderedJson ordered(const Json& j) {
  return OrderedJson::parse(j.dump(-1, ' ', false, Json::error_handler_t::replace));
}

OrderedJson inspect_json(const Checkpoint& c, const InspectCommand& o) {
  OrderedJson types = OrderedJson::object(), metadata = OrderedJson::object(), list = OrderedJson::array();
  for (const auto& [type, t] : totals(c))
    types[type] = {{"tensors", t.tensors}, {"elements", t.elements}, {"bytes", t.bytes}};
  for (const auto& e : c.metadata().entries())
    metadata.push_back({printable(e.key, 300), value_json(e.value, 64)});
  OrderedJson j = {{"path", c.path()},
                   {"layout", layout_name(c.layout())},
                   {"files", c.files()},
                   {"file_bytes", c.file_bytes()},
                   {"parameters", c.parameters()},
                   {"weight_bytes", c.weight_bytes()},
                   {"tensor_count", c.tensors().size()},
                   {"types", types}};
  if (c.layout() == Checkpoint::Layout::huggingface) {
    j["config"] = ordered(c.config());
    j["generation_config"] = ordered(c.generation_config());
  } else {
    j["metadata"] = metadata;
  }
  if (o.tensors) {
    for (const auto& t : c.tensors()) {
      OrderedJson shape = OrderedJson::array();
      for (int i = 0; i < t.shape.rank(); ++i) shape.push_back(t.shape[i]);
      list.push_back({{"name", t.name}, {"type", t.type}, {"shape", shape}, {"bytes", t.bytes}});
    }
    j["tensors"] = list;
  }
  return j;
}

void print_metadata(const Checkpoint& c) {
  if (c.layout() == Checkpoint::Layout::huggingface) {
    fmt::print("\nconfig.json:\n");
    for (const auto& [key, value] : c.config().items())
      fmt::print("  {:<40} {}\n", printable(key),
                 printable(value.dump(-1, ' ', false, Json::error_handler_t::replace), 120));
    return;
  }
  size_t width = 0;
  for (const auto& e : c.metadata().entries())
    width = std::max(width, std::min<size_t>(printable(e.key).size(), 48));
  fmt::print("\nmetadata:\n");
  for (const auto& e : c.metadata().entries())
    fmt::print("  {:<{}}  {}\n", printable(e.key), width, printable(e.value.text(), 160));
}

int print_key(const Checkpoint& c, const std::string& key) {
  if (c.layout() == Checkpoint::Layout::huggingface) {
    const Json* at = &c.config();
    if (!at->contains(key)) fail(Fault::usage, "{}: config.json has no {}", c.path(), printable(key));
    fmt::print("{}\n", (*at)[key].dump(2, ' ', false, Json::error_handler_t::replace));
    return 0;
  }
  const GgufValue* v = c.metadata().find(key);
  if (!v) fail(Fault::usage, "{}: no key {}", c.path(), printable(key));
  if (const auto text = v->as_string())
    std::fwrite(text->data(), 1, text->size(), stdout);
  else
    fmt::print("{}\n",
               value_json(*v, UINT64_MAX).dump(-1, ' ', false, OrderedJson::error_handler_t::replace));
  return 0;
}

int inspect(const InspectCommand& o) {
  const Checkpoint c = Checkpoint::open(o.model.path());
  if (!o.key.empty()) return print_key(c, o.key);
  if (o.model.json) {
    print_json(inspect_json(c, o));
    return 0;
  }
  fmt::print("{}: {}, {} file{}, {}\n", printable(c.path(), 300), layout_name(c.layout()), c.files().size(),
             c.files().size() == 1 ? "" : "s", bytes_text(static_cast<double>(c.file_bytes())));
  fmt::print("{} tensors, {} parameters, {} of weights\n", c.tensors().size(),
             count_text(static_cast<double>(c.parameters()), ""),
             bytes_text(static_cast<double>(c.weight_bytes())));
  for (const auto& [type, t] : totals(c))
    fmt::print("  {:<8} {:>6} tensors {:>10} elements {:>10}\n", printable(type), t.tensors,
               count_text(static_cast<double>(t.elements), ""), bytes_text(static_cast<double>(t.bytes)));
  print_metadata(c);
  if (o.tensors) {
    fmt::print("\ntensors:\n");
    for (const auto& t : c.tensors())
      fmt::print("  {:<56} {:<8} {:<24} {:>10}\n", printable(t.name), printable(t.type), t.shape.text(),
                 bytes_text(static_cast<double>(t.bytes)));
  }
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_inspect;
const Command command_inspect{"inspect",
                              "what a model file holds: metadata, tensors, types, sizes",
                              "Reads headers only.",
                              kFilesGroup,
                              "ridge inspect\n"
                              "ridge inspect model.gguf --tensors\n"
                              "ridge inspect model.gguf --json\n"
                              "ridge inspect model.gguf --key tokenizer.chat_template",
                              [](Options& o) -> CommandRun {
                                auto options = std::make_shared<InspectCommand>();
                                options->add(o);
                                return [options] { return inspect(*options); };
                              }};
}  // namespace tables
}  // namespace ridge

#include "text/chat_template.h"

#include <cmath>

#include "base/error.h"
#include "base/json.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_lexer.h"
#include "text/jinja_unicode.h"

namespace ridge {
namespace {

using jinja::Integer;
using jinja::Kind;
using jinja::Run;
using jinja::Value;

Value from_json(Run& run, const OrderedJson& json) {
  jinja::Level level(run);
  run.step();
  switch (json.type()) {
    case OrderedJson::value_t::boolean:
      return Value(json.get<bool>());
    case OrderedJson::value_t::number_integer:
      return Value(Integer{json.get<int64_t>()});
    case OrderedJson::value_t::number_unsigned:
      return Value(Integer{json.get<uint64_t>()});
    case OrderedJson::value_t::number_float:
      return Value(json.get<double>());
    case OrderedJson::value_t::string: {
      const auto& s = json.get_ref<const std::string&>();
      return run.text(jinja::valid_utf8(s) ? s : jinja::repair_utf8(s));
    }
    case OrderedJson::value_t::array: {
      std::vector<Value> items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(from_json(run, item));
      return run.list(std::move(items));
    }
    case OrderedJson::value_t::object: {
      auto dict = run.new_dict();
      for (const auto& [key, value] : json.items()) {
        run.put(*dict, run.text(jinja::valid_utf8(key) ? key : jinja::repair_utf8(key)),
                from_json(run, value));
      }
      return Value(Kind::dict, std::move(dict));
    }
    default:
      return Value::none();
  }
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Tree tree;
};

ChatTemplate::ChatTemplate(std::string source, std::string name, const TemplateLimits& limits)
    : source_(std::move(source)), name_(std::move(name)), program_(std::make_unique<Program>()) {
  if (source_.size() > limits.source_bytes) {
    fail(Fault::file, "{}: a template of {} bytes is over the limit of {}", printable(name_), source_.size(),
         limits.source_bytes);
  }
  if (!jinja::valid_utf8(source_)) fail(Fault::file, "{}: the template is not UTF-8", printable(name_));
  try {
    program_->tree = jinja::parse(source_);
  } catch (const jinja::SyntaxFailure& e) {
    fail(Fault::file, "{}:{}: {}", printable(name_), e.line, printable(e.message, 400));
  }
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

std::string ChatTemplate::render(const OrderedJson& variables, const RenderOptions& options) const {
  if (!variables.is_object())
    fail(Fault::usage, "{}: the variables of a template are a JSON object", printable(name_));
  Run run(options.limits, options.now);
  try {
    const auto& names = program_->tree.names;
    std::vector<std::optional<Value>> context(names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      const auto it = variables.find(names[i]);
      if (it != variables.end()) context[i] = from_json(run, *it);
    }
    return jinja::Interpreter(run, program_->tree, std::move(context)).render();
  } catch (const jinja::Failure& e) {
    fail(Fault::file, "{}:{}: {}", printable(name_), run.line, printable(e.message, 400));
  }
}

}  // namespace ridge

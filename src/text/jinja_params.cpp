#include "text/jinja_params.h"

#include <cstring>

namespace ridge::jinja {

Params::Params(const char* function, const Args& args, std::initializer_list<const char*> names,
               size_t required)
    : function_(function) {
  if (args.positional.size() > names.size()) {
    raise("{}() takes at most {} arguments ({} given)", function, names.size(), args.positional.size());
  }
  for (size_t i = 0; i < args.positional.size(); ++i) at_[i] = &args.positional[i];
  for (const auto& [name, value] : args.named) {
    size_t i = 0;
    while (i < names.size() && name != names.begin()[i]) ++i;
    if (i == names.size() || name.empty())
      raise("{}() got an unexpected keyword argument {}", function, repr(name));
    if (at_[i]) raise("{}() got multiple values for argument {}", function, repr(name));
    at_[i] = &value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!at_[i]) raise("{}() misses its required argument {}", function, i + 1);
  }
}

Integer Params::integer(size_t i) const {
  const Value& v = *at_[i];
  if (v.is_undefined()) raise_undefined(v);
  if (!v.is_whole()) raise("{}(): '{}' object cannot be interpreted as an integer", function_, type_name(v));
  return v.whole();
}

const std::string& Params::text(size_t i) const {
  const Value& v = *at_[i];
  if (!v.is_text()) raise("{}() argument {} must be str, not {}", function_, i + 1, type_name(v));
  return v.str();
}

}  // namespace ridge::jinja

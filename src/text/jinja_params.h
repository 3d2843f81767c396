// Binding of arguments to the parameters of built-in functions, with Python's rules.
#pragma once
#include <array>
#include <initializer_list>
#include <string>

#include "text/jinja_value.h"

namespace ridge::jinja {

// Params p("replace", args, {"old", "new", "count"}, 2): three parameters, the first two required. A name
// that is empty can only be given by position.
class Params {
 public:
  Params(const char* function, const Args& args, std::initializer_list<const char*> names,
         size_t required = 0);

  bool has(size_t i) const { return at_[i] != nullptr; }
  bool given(size_t i) const { return at_[i] && !at_[i]->is_none(); }  // and not None
  const Value& operator[](size_t i) const { return *at_[i]; }
  Integer integer(size_t i) const;
  Integer integer(size_t i, Integer otherwise) const { return at_[i] ? integer(i) : otherwise; }
  bool truth(size_t i, bool otherwise) const { return at_[i] ? jinja::truth(*at_[i]) : otherwise; }
  const std::string& text(size_t i) const;

 private:
  const char* function_;
  std::array<const Value*, 8> at_{};
};

}  // namespace ridge::jinja

// Text operations that methods and filters share.
#pragma once
#include "text/jinja_value.h"

namespace ridge::jinja {

using Method = Value (*)(Run&, const Value&, const Args&);
std::optional<Value> find_text_method(Run& run, const Value& self, const std::string& name);

std::vector<std::string_view> split_lines(Run& run, std::string_view utf8, bool keep_ends = false);
// The first `most` places (all where negative).
std::string replace_text(Run& run, std::string_view in, std::string_view old, std::string_view with,
                         Integer most);
std::string pad_text(Run& run, const Text& text, Integer width, const std::string& fill, bool on_left);
std::string center_text(Run& run, const Text& text, Integer width, const std::string& fill);

}  // namespace ridge::jinja

// The two halves of jinja2's filters.
#pragma once
#include "text/jinja_value.h"

namespace ridge::jinja {

using FilterTable = std::unordered_map<std::string_view, Filter>;
const FilterTable& text_filters();  // of strings and numbers
const FilterTable& item_filters();  // of sequences and mappings

}  // namespace ridge::jinja

// JSON through nlohmann-json, with bounds: text from files and users cannot recurse or allocate without
// limit.
#pragma once
#include <nlohmann/json.hpp>

#include <string>
#include <string_view>

namespace ridge {

using Json = nlohmann::json;                 // objects sorted by key: large vocabularies
using OrderedJson = nlohmann::ordered_json;  // objects in the order of the text: templates, chats

struct JsonLimits {
  size_t depth = 128;                // nesting of arrays and objects
  size_t members_of_ordered = 4096;  // of one object, where the order is kept (look-up there is linear)
};

// Parses `text`; throws Error(Fault::file) with "`what`: ..." where it is malformed or past the limits.
Json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits = {});
OrderedJson parse_ordered_json(std::string_view text, const std::string& what, const JsonLimits& limits = {});

// Reads and parses a file.
Json read_json(const std::string& path);

}  // namespace ridge

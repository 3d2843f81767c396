#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

namespace ridge {
namespace {

// Brackets outside of strings never nest deeper than the limit. Checked before the parser builds anything;
// text that is no JSON is the parser's to report.
void check_depth(std::string_view text, const std::string& what, size_t limit) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit) fail(Fault::file, "{}: JSON nested deeper than {}", what, limit);
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
}

[[noreturn]] void not_json(const std::string& what, const nlohmann::json::exception& e) {
  fail(Fault::file, "{}: not valid JSON ({})", what, printable(e.what(), 160));
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  check_depth(text, what, limits.depth);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const nlohmann::json::exception& e) {
    not_json(what, e);
  }
}

// An ordered object looks for each new member among all it has: their number is bounded too.
OrderedJson parse_ordered_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  check_depth(text, what, limits.depth);
  std::vector<size_t> members;
  const auto callback = [&](int, OrderedJson::parse_event_t event, OrderedJson&) {
    using Event = OrderedJson::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      members.push_back(0);
    } else if (event == Event::object_end || event == Event::array_end) {
      if (!members.empty()) members.pop_back();
    } else if (event == Event::key && !members.empty() && ++members.back() > limits.members_of_ordered) {
      fail(Fault::file, "{}: a JSON object with more than {} members", what, limits.members_of_ordered);
    }
    return true;
  };
  try {
    return OrderedJson::parse(text.begin(), text.end(), callback);
  } catch (const nlohmann::json::exception& e) {
    not_json(what, e);
  }
}

Json read_json(const std::string& path) { return parse_json(read_file(path), path); }

}  // namespace ridge

#include "base/json.h"

#include "base/error.h"
#include "base/file.h"

namespace ridge {
namespace {

// Limits are checked in the parser's callback, before a deeper value is built.
template <typename J>
J parse(std::string_view text, const std::string& what, const JsonLimits& limits) {
  constexpr bool kOrdered = std::is_same_v<J, OrderedJson>;
  std::vector<size_t> members;
  const auto callback = [&](int depth, typename J::parse_event_t event, J&) {
    using Event = typename J::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      if (static_cast<size_t>(depth) >= limits.depth)
        fail(Fault::file, "{}: JSON nested deeper than {}", what, limits.depth);
      if constexpr (kOrdered) members.push_back(0);
    } else if constexpr (kOrdered) {
      if (event == Event::object_end || event == Event::array_end) {
        if (!members.empty()) members.pop_back();
      } else if (event == Event::key && !members.empty() && ++members.back() > limits.members_of_ordered) {
        fail(Fault::file, "{}: a JSON object with more than {} members", what, limits.members_of_ordered);
      }
    }
    return true;
  };
  try {
    return J::parse(text.begin(), text.end(), callback);
  } catch (const nlohmann::json::exception& e) {
    fail(Fault::file, "{}: not valid JSON ({})", what, printable(e.what(), 160));
  }
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  return parse<Json>(text, what, limits);
}
OrderedJson parse_ordered_json(std::string_view text, const std::string& what, const JsonLimits& limits) {
  return parse<OrderedJson>(text, what, limits);
}
Json read_json(const std::string& path) { return parse_json(read_file(path), path); }

}  // namespace ridge

#include "engine/stop_matcher.h"

#include <algorithm>
#include <utility>

namespace ridge {

StopMatcher::StopMatcher(std::vector<std::string> stops) : stops_(std::move(stops)) {
  stops_.erase(std::remove(stops_.begin(), stops_.end(), std::string()), stops_.end());
}

std::string StopMatcher::push(const std::string& text) {
  if (matched_) return "";
  held_ += text;
  // The match that ends first, so that the pieces in which the text comes do not matter; of two that end
  // together the longer.
  size_t begin = std::string::npos, end = std::string::npos;
  for (const auto& s : stops_) {
    const size_t at = held_.find(s);
    if (at == std::string::npos) continue;
    if (at + s.size() < end || (at + s.size() == end && at < begin)) begin = at, end = at + s.size();
  }
  if (begin != std::string::npos) {
    matched_ = true;
    std::string before = held_.substr(0, begin);
    held_.clear();
    return before;
  }
  size_t keep = 0;  // the longest end of held_ that begins a stop string
  for (const auto& s : stops_)
    for (size_t n = std::min(s.size() - 1, held_.size()); n > keep; --n)
      if (held_.compare(held_.size() - n, n, s, 0, n) == 0) keep = n;
  std::string certain = held_.substr(0, held_.size() - keep);
  held_.erase(0, certain.size());
  return certain;
}

std::string StopMatcher::finish() { return matched_ ? "" : std::exchange(held_, ""); }

}  // namespace ridge

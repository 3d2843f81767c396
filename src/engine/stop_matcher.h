// Finds stop strings in text that comes in pieces, and holds back what may be the beginning of one.
#pragma once
#include <string>
#include <vector>

namespace ridge {

class StopMatcher {
 public:
  // Empty strings are left out.
  explicit StopMatcher(std::vector<std::string> stops);

  // The text that is certain to be before any stop string. After a match: "" always.
  std::string push(const std::string& text);
  // What was held back, at the end without a match.
  std::string finish();
  bool matched() const { return matched_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool matched_ = false;
};

}  // namespace ridge

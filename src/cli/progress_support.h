// A progress bar on standard error, where that is a terminal.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace ridge {

class ProgressBar {
 public:
  explicit ProgressBar(std::string unit);
  ~ProgressBar() { finish(); }
  // Redraws at most ten times a second. `note` goes to the end of the line.
  void show(int64_t done, int64_t all, const std::string& note = "");
  void finish();  // takes the bar away

 private:
  using Clock = std::chrono::steady_clock;
  std::string unit_;
  bool terminal_, drawn_ = false;
  Clock::time_point start_, last_;
};

}  // namespace ridge

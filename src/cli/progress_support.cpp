#include "cli/progress_support.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace ridge {

ProgressBar::ProgressBar(std::string unit)
    : unit_(std::move(unit)), terminal_(isatty(2) != 0), start_(Clock::now()), last_(start_) {}

void ProgressBar::show(int64_t done, int64_t all, const std::string& note) {
  const auto now = Clock::now();
  if (!terminal_ || all < 1 || (done < all && drawn_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  constexpr int kWidth = 24;
  const double share = static_cast<double>(done) / static_cast<double>(all);
  const int full = std::clamp(static_cast<int>(share * kWidth), 0, kWidth);
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double left = done > 0 ? seconds * static_cast<double>(all - done) / static_cast<double>(done) : 0;
  fmt::print(stderr, "\r\033[K[{}{}] {}/{} {}  {:.0f} s left  {}",
             std::string(static_cast<size_t>(full), '#'),
             std::string(static_cast<size_t>(kWidth - full), '.'), done, all, unit_, left, note);
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressBar::finish() {
  if (drawn_) fmt::print(stderr, "\r\033[K");
  drawn_ = false;
}

}  // namespace ridge

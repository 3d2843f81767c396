// Errors that a user or a file caused. Programming mistakes assert.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace ridge {

// What was at fault; the value is the exit code of the command line.
enum class Fault {
  check = 1,  // the input was fine, a check on it failed, or the machine could not do it (disk full ...)
  usage = 2,  // wrong options, wrong shapes, an op or kernel that cannot do what was asked
  file = 3,   // a malformed, truncated or unsupported file
};

class Error : public std::runtime_error {
 public:
  Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}
  Fault fault() const { return fault_; }

 private:
  Fault fault_;
};

// fail(Fault::file, "{}: {} tensors are too many", path, n)
template <typename... Args>
[[noreturn]] void fail(Fault fault, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(fault, fmt::format(text, std::forward<Args>(args)...));
}

// The text with control characters escaped and cut at `most` bytes: names out of files go through it before
// printing.
std::string printable(std::string_view text, size_t most = 80);

}  // namespace ridge

// Errors that a user or a file caused.
#pragma once
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

}  // namespace ridge

// Errors that a user or a file caused. Programming mistakes assert.
#pragma once
#include <fmt/core.h>

#include <string>
#include <string_view>

#include "ridge/error.h"

namespace ridge {

// fail(Fault::file, "{}: {} tensors are too many", path, n)
template <typename... Args>
[[noreturn]] void fail(Fault fault, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(fault, fmt::format(text, std::forward<Args>(args)...));
}

// The text with control characters escaped and cut at `most` bytes: names out of files go through it before
// printing.
std::string printable(std::string_view text, size_t most = 80);

}  // namespace ridge

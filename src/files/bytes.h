// The bytes of a file that a reader looks at: mapped, or in memory (tests and fuzzers feed the readers that
// way).
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ridge {

struct FileBytes {
  std::string name;  // for error messages: the path
  const std::byte* data = nullptr;
  uint64_t size = 0;
  std::shared_ptr<const void> owner;  // keeps `data` alive

  std::string_view text() const { return {reinterpret_cast<const char*>(data), static_cast<size_t>(size)}; }
};

// Maps a weights file. Throws Error(Fault::file) where there is none, it is empty, or it is a git-lfs
// pointer.
FileBytes map_file(const std::string& path);

// A copy of `contents` in memory, under the name `name`.
FileBytes bytes_in_memory(std::string_view contents, std::string name);

// a * b and a + b into `out`; false where they do not fit.
inline bool mul_fits(uint64_t a, uint64_t b, uint64_t* out) { return !__builtin_mul_overflow(a, b, out); }
inline bool add_fits(uint64_t a, uint64_t b, uint64_t* out) { return !__builtin_add_overflow(a, b, out); }

}  // namespace ridge

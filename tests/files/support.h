// What the tests of src/files share: building hostile files by hand, and looking at everything a reader
// offers.
#pragma once
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "files/bytes.h"
#include "files/gguf.h"
#include "files/llama2c.h"
#include "files/safetensors.h"

namespace ridge::testing {

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A folder of its own that goes with the test.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "ridge-files-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() { std::filesystem::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }
  std::string put(const std::string& name, std::string_view contents) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << contents;
    return path_ + "/" + name;
  }
  size_t count() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

// Little-endian bytes by hand.
struct Bytes {
  std::string out;
  template <typename T>
  Bytes& put(T v) {
    out.append(reinterpret_cast<const char*>(&v), sizeof(v));
    return *this;
  }
  Bytes& u32(uint32_t v) { return put(v); }
  Bytes& u64(uint64_t v) { return put(v); }
  Bytes& raw(std::string_view s) {
    out.append(s);
    return *this;
  }
  Bytes& str(std::string_view s) { return u64(s.size()).raw(s); }
};

// The one line of the Error(Fault::file) that f has to throw; it names `file`.
inline std::string file_fault(const std::function<void()>& f, const std::string& file = "t") {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
    EXPECT_NE(std::string(e.what()).find(file), std::string::npos) << e.what();
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
    return e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "not an Error: " << e.what();
    return "";
  }
  ADD_FAILURE() << "opened, though it is malformed";
  return "";
}

#define EXPECT_FAULT(statement, part)                                          \
  do {                                                                         \
    const std::string line = ::ridge::testing::file_fault([&] { statement; }); \
    EXPECT_NE(line.find(part), std::string::npos) << line;                     \
  } while (0)

// Reads every byte of a tensor; all of them lie in `file` or in memory of the tensor's own. Returns their
// sum, so that nothing is optimised away.
inline uint64_t read_all(const Tensor& t, const FileBytes& file) {
  const auto* p = static_cast<const std::byte*>(t.data());
  const auto bytes = static_cast<uint64_t>(t.bytes());
  if (bytes == 0) return 0;
  const bool inside = p >= file.data && p + bytes <= file.data + file.size;
  const bool own = p == t.storage()->data() && t.bytes() == t.storage()->bytes();
  EXPECT_TRUE(inside || own) << t.text();
  uint64_t sum = 0;
  for (uint64_t i = 0; i < bytes; ++i) sum += static_cast<uint64_t>(p[i]);
  return sum;
}

// Calls f, which may refuse what a file holds.
template <typename F>
void allowing_file_faults(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
  }
}

inline void look_at(const GgufValue& v, int depth = 0) {
  v.text();
  v.as_i64(), v.as_u64(), v.as_f64(), v.as_bool(), v.as_string();
  v.as_strings(), v.as_floats(), v.as_integers();
  if (v.is_array())
    for (const GgufValue& e : v.elements())
      if (depth < 16) look_at(e, depth + 1);
}

// Opens a file in memory and reads all of it. False where the reader refuses it.
inline bool read_gguf(std::string_view contents) {
  const FileBytes bytes = bytes_in_memory(contents, "t");
  try {
    const Gguf file = Gguf::parse(bytes);
    for (const auto& e : file.metadata().entries()) look_at(e.value);
    for (const GgufTensor& t : file.tensors()) {
      EXPECT_EQ(file.find(t.name), &t);
      allowing_file_faults([&] { read_all(file.tensor(t), bytes); });
    }
    return true;
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
    return false;
  }
}

inline bool read_safetensors(std::string_view contents) {
  const FileBytes bytes = bytes_in_memory(contents, "t");
  try {
    const Safetensors file = Safetensors::parse(bytes);
    for (const SafetensorsTensor& t : file.tensors()) {
      EXPECT_EQ(file.find(t.name), &t);
      allowing_file_faults([&] { read_all(file.tensor(t), bytes); });
    }
    return true;
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
    return false;
  }
}

inline bool read_llama2c(std::string_view contents) {
  const FileBytes bytes = bytes_in_memory(contents, "t");
  try {
    const Llama2c file = Llama2c::parse(bytes);
    for (const Llama2c::Entry& t : file.tensors()) {
      EXPECT_EQ(file.find(t.name), &t);
      read_all(file.tensor(t), bytes);
    }
    return true;
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file) << e.what();
    return false;
  }
}

}  // namespace ridge::testing

// GGUF: opens, or throws ridge::Error; all that opened is read.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "files/gguf.h"

namespace {

void look_at(const ridge::GgufValue& v, int depth) {
  v.text();
  v.as_i64(), v.as_u64(), v.as_bool(), v.as_string();
  v.as_strings(), v.as_floats(), v.as_integers();
  if (v.is_array() && depth < 16)
    for (const ridge::GgufValue& e : v.elements()) look_at(e, depth + 1);
}

volatile unsigned sink;

void read(const ridge::Tensor& t) {
  const auto* p = static_cast<const unsigned char*>(t.data());
  unsigned sum = 0;
  for (int64_t i = 0; i < t.bytes(); ++i) sum += p[i];
  sink = sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto bytes = ridge::bytes_in_memory({reinterpret_cast<const char*>(data), size}, "fuzz");
    const ridge::Gguf file = ridge::Gguf::parse(bytes);
    for (const auto& e : file.metadata().entries()) look_at(e.value, 0);
    for (const ridge::GgufTensor& t : file.tensors()) {
      if (file.find(t.name) != &t) __builtin_trap();
      try {
        read(file.tensor(t));
      } catch (const ridge::Error&) {
      }
    }
  } catch (const ridge::Error&) {
  }
  return 0;
}

// safetensors: opens, or throws ridge::Error; all that opened is read.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "files/safetensors.h"

namespace {

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
    const ridge::Safetensors file = ridge::Safetensors::parse(bytes);
    for (const ridge::SafetensorsTensor& t : file.tensors()) {
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

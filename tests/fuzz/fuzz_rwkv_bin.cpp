// rwkv.cpp .bin: opens, or throws ridge::Error; all that opened is read.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "files/rwkv_bin.h"

namespace {
volatile unsigned sink;
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto bytes = ridge::bytes_in_memory({reinterpret_cast<const char*>(data), size}, "fuzz");
    const ridge::RwkvBin file = ridge::RwkvBin::parse(bytes);
    file.metadata();
    for (const ridge::RwkvBin::Entry& e : file.tensors()) {
      const ridge::Tensor t = file.tensor(e);
      const auto* p = static_cast<const unsigned char*>(t.data());
      unsigned sum = 0;
      for (int64_t i = 0; i < t.bytes(); ++i) sum += p[i];
      sink = sum;
    }
  } catch (const ridge::Error&) {
  }
  return 0;
}

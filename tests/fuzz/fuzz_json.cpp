// JSON: parses, or throws ridge::Error; what parsed is written out and parsed again.
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const ridge::Json json = ridge::parse_json(text, "fuzz");
    const std::string once = json.dump();
    if (ridge::parse_json(once, "again").dump() != once) __builtin_trap();
  } catch (const ridge::Error&) {
  }
  try {
    const ridge::OrderedJson json = ridge::parse_ordered_json(text, "fuzz");
    const std::string once = json.dump();
    if (ridge::parse_ordered_json(once, "again").dump() != once) __builtin_trap();
  } catch (const ridge::Error&) {
  }
  return 0;
}

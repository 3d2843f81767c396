// Normalizers of tokenizer.json.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"

namespace ridge::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void apply(std::string& text) const = 0;  // valid UTF-8 stays valid UTF-8
};
using Normalizers = std::vector<std::unique_ptr<Normalizer>>;

// From the JSON of "normalizer"; a Sequence is flattened.
Normalizers make_normalizers(const Json& json, const std::string& what);

std::string base64_decode(std::string_view text, const std::string& what);
std::string base64_encode(std::string_view bytes);

}  // namespace ridge::text

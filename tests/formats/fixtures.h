// The fixtures of tests/data/gguf: NAME.gguf holds one tensor of 8 x 512 encoded by the formats' reference,
// and expected.safetensors its input and what the reference decodes. Read by hand: the engine's own readers
// come later in the house, and a test of formats should not rest on them.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "testing.h"

namespace ridge::testing {

inline constexpr int kFixtureRows = 8, kFixtureColumns = 512;
inline constexpr int kFixtureElements = kFixtureRows * kFixtureColumns;

inline std::string read_whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot open " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// A tensor of expected.safetensors.
inline std::vector<float> expected_tensor(const std::string& name) {
  const std::string bytes = read_whole(data("gguf/expected.safetensors"));
  uint64_t header = 0;
  std::memcpy(&header, bytes.data(), 8);
  const auto json = nlohmann::json::parse(bytes.substr(8, header));
  const uint64_t begin = json.at(name).at("data_offsets")[0], end = json.at(name).at("data_offsets")[1];
  std::vector<float> out((end - begin) / 4);
  std::memcpy(out.data(), bytes.data() + 8 + header + begin, end - begin);
  return out;
}

struct Encoded {
  int64_t type;  // ggml_type
  std::vector<uint8_t> bytes;
};

// The tensor of NAME.gguf: three texts or numbers of metadata, one tensor, its data at the next multiple
// of 32.
inline Encoded encoded_tensor(const std::string& name) {
  const std::string bytes = read_whole(data("gguf/" + name + ".gguf"));
  size_t at = 0;
  const auto number = [&](size_t width) {
    uint64_t v = 0;
    std::memcpy(&v, bytes.data() + at, width);
    at += width;
    return v;
  };
  const auto text = [&] {
    const size_t n = number(8);
    at += n;
    return bytes.substr(at - n, n);
  };
  if (number(4) != 0x46554747 || number(4) != 3 || number(8) != 1)
    throw std::runtime_error(name + ": not a fixture");
  for (uint64_t pairs = number(8); pairs > 0; --pairs) {
    text();
    if (const uint64_t kind = number(4); kind == 8)
      text();
    else
      number(4);
  }
  text();
  if (number(4) != 2 || number(8) != kFixtureColumns || number(8) != kFixtureRows)
    throw std::runtime_error(name + ": unexpected shape");
  const auto type = static_cast<int64_t>(number(4));
  const uint64_t offset = number(8);
  at = (at + 31) / 32 * 32 + offset;
  return {type, {bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end()}};
}

// Elements whose bits differ; NaNs and signed zeros are not forgiven.
inline int64_t count_differing_bits(const float* a, const float* b, int64_t n) {
  int64_t differing = 0;
  for (int64_t i = 0; i < n; ++i) differing += std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i]);
  return differing;
}

}  // namespace ridge::testing

// Decoding and encoding against what the formats' reference (llama.cpp's ggml-quants.c) made.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "fixtures.h"
#include "odd_rows.h"
#include "tensor/format.h"

namespace ridge {
namespace {

using namespace testing;

// The types of tests/data/gguf, of which a format that is added to src/formats is one more.
std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& e : std::filesystem::directory_iterator(testing::data("gguf")))
    if (e.path().extension() == ".gguf") found.push_back(e.path().stem().string());
  std::sort(found.begin(), found.end());
  return found;
}

class Golden : public ::testing::TestWithParam<std::string> {};

TEST_P(Golden, DecodesBitForBit) {
  const Encoded encoded = encoded_tensor(GetParam());
  const DType type = find_dtype(GetParam().c_str());
  if (!type) GTEST_SKIP() << "not run: Ridge does not read " << GetParam();
  EXPECT_EQ(type->gguf_type, encoded.type);
  ASSERT_GE(static_cast<int64_t>(encoded.bytes.size()), type.bytes_of(kFixtureElements));
  std::vector<float> out(kFixtureElements);
  type->decode(encoded.bytes.data(), out.data(), kFixtureElements);
  const std::vector<float> expected = expected_tensor(GetParam());
  ASSERT_EQ(expected.size(), out.size());
  EXPECT_EQ(count_differing_bits(out.data(), expected.data(), kFixtureElements), 0);
}

TEST_P(Golden, EncodesByteForByte) {
  const Encoded encoded = encoded_tensor(GetParam());
  const DType type = find_dtype(GetParam().c_str());
  if (!type) GTEST_SKIP() << "not run: Ridge does not read " << GetParam();
  const std::vector<float> input = expected_tensor("input");
  std::vector<uint8_t> out(static_cast<size_t>(type.bytes_of(kFixtureElements)));
  type->encode(input.data(), out.data(), kFixtureElements, nullptr);
  int64_t differing = 0;
  for (size_t i = 0; i < out.size(); ++i) differing += out[i] != encoded.bytes[i];
  EXPECT_EQ(differing, 0) << "of " << out.size() << " bytes";
}

INSTANTIATE_TEST_SUITE_P(Formats, Golden, ::testing::ValuesIn(names()),
                         [](const auto& info) { return info.param; });

// Digests of what the reference encodes for odd_rows.h, without and with importance weights: ggml-quants.c of
// llama.cpp 0c1e57098, built without fused multiply-add (GCC 12 -O2 -ffp-contract=off); a build that fuses
// rounds some ties the other way.
struct Digest {
  const char* format;
  uint64_t plain, weighted;
};
constexpr Digest kDigests[] = {
    {"q8_0", 0xe8c0b7a090edc719u, 0xe8c0b7a090edc719u},
    {"q4_0", 0x452a1072ae96bdbeu, 0x1454fb86d8ac76c0u},
    {"q4_1", 0x616095695c914caeu, 0xb0e0c8b2638728d2u},
    {"q5_0", 0xfa4a5aff6f897657u, 0xa989bfab3b373ca0u},
    {"q5_1", 0x361bce29ba528db1u, 0xefc9a21e8ca7fb68u},
    {"q2_k", 0xe939b78d3200fce1u, 0x4ea6c5a4d6e6e9c0u},
    {"q3_k", 0x678c4c6f5886260au, 0xe0c884d743a43feeu},
    {"q4_k", 0xeb81287ec4bea610u, 0xcffd16a31fe7ca39u},
    {"q5_k", 0xc614c3891fe0dbd0u, 0xf8cf37e47aa22d17u},
    {"q6_k", 0xaa9d7862220501b7u, 0x6d44367098280ea9u},
    {"iq4_nl", 0x4e14702e05c3d2b6u, 0x2092b845e12304e0u},
    {"iq4_xs", 0x812c070ee3014609u, 0x933c8f5b158283afu},
    {"mxfp4", 0x4b6815a7b69848c8u, 0x4b6815a7b69848c8u},
    {"nvfp4", 0xf95dce2e805bbf32u, 0xf95dce2e805bbf32u},
};

TEST(Encode, OddRowsEqualTheReference) {
  for (const Digest& d : kDigests) {
    const DType type = find_dtype(d.format);
    ASSERT_TRUE(type) << d.format;
    for (const bool weighted : {false, true}) {
      uint64_t hash = digest(nullptr, 0);
      for (int kind = 0; kind < kOddKinds; ++kind)
        for (int round = 0; round < 20; ++round) {
          const std::vector<float> x = odd_row(kind, round), w = odd_importance(kind, round);
          std::vector<uint8_t> out(static_cast<size_t>(type.bytes_of(kOddRow)));
          type->encode(x.data(), out.data(), kOddRow, weighted ? w.data() : nullptr);
          hash = digest(out.data(), out.size(), hash);
        }
      EXPECT_EQ(hash, weighted ? d.weighted : d.plain) << d.format << (weighted ? " weighted" : "");
    }
  }
}

TEST(Comparator, CatchesPlantedFaults) {
  const std::vector<float> good = expected_tensor("Q4_K");
  const auto n = static_cast<int64_t>(good.size());
  EXPECT_EQ(count_differing_bits(good.data(), good.data(), n), 0);
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, inf, -good[100], std::nextafter(good[100], inf), 0.0f}) {
    std::vector<float> damaged = good;
    damaged[100] = bad;
    EXPECT_EQ(count_differing_bits(good.data(), damaged.data(), n), 1) << bad;
  }
  const float zero = 0.0f, minus = -0.0f;
  EXPECT_EQ(count_differing_bits(&zero, &minus, 1), 1);

  // A single flipped bit anywhere in a block shows in its decoded values. Two exceptions are the reference's:
  // the sign of a zero E2M1 code, and the sign bits of NVFP4's four scales.
  for (const Digest& d : kDigests) {
    const DType type = find_dtype(d.format);
    const std::vector<float> x = odd_row(0, 1);
    std::vector<uint8_t> bytes(static_cast<size_t>(type.bytes_of(type->block)));
    std::vector<float> before(static_cast<size_t>(type->block)), after(before);
    type->encode(x.data(), bytes.data(), type->block, nullptr);
    type->decode(bytes.data(), before.data(), type->block);
    int silent = 0;
    for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      type->decode(bytes.data(), after.data(), type->block);
      silent += count_differing_bits(before.data(), after.data(), type->block) == 0;
      bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
    }
    const std::string_view name = d.format;
    int64_t ignored = name == "nvfp4" ? 4 : 0;
    if (name.ends_with("fp4")) ignored += std::count(before.begin(), before.end(), 0.0f);
    EXPECT_EQ(silent, ignored) << name;
  }
}

}  // namespace
}  // namespace ridge

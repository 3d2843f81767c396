// What every format of the table promises, and how good the block formats are.
#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstring>
#include <set>
#include <string>

#include "odd_rows.h"
#include "tensor/format.h"

namespace ridge {
namespace {

using namespace testing;

std::vector<float> round_trip(DType type, const std::vector<float>& x, const float* importance = nullptr) {
  const auto n = static_cast<int64_t>(x.size());
  std::vector<uint8_t> bytes(static_cast<size_t>(type.bytes_of(n)));
  std::vector<float> out(x.size());
  type->encode(x.data(), bytes.data(), n, importance);
  type->decode(bytes.data(), out.data(), n);
  return out;
}

double weighted_error(const std::vector<float>& x, const std::vector<float>& y,
                      const std::vector<float>* weights) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double w = weights ? (*weights)[i] : 1.0, difference = static_cast<double>(x[i]) - y[i];
    error += w * difference * difference, norm += w * x[i] * x[i];
  }
  return std::sqrt(error / norm);
}

TEST(Contract, NamesAndCodesAreUnique) {
  std::set<std::string> names, safetensors;
  std::set<int> gguf;
  ASSERT_GE(format_table().size(), 16u);
  for (const Format* f : format_table()) {
    EXPECT_TRUE(names.insert(f->name).second) << f->name;
    for (const char* c = f->name; *c; ++c)
      EXPECT_FALSE(std::isupper(static_cast<unsigned char>(*c))) << f->name;
    EXPECT_TRUE(f->gguf_type < 0 || gguf.insert(f->gguf_type).second) << f->name;
    EXPECT_TRUE(!f->safetensors || safetensors.insert(f->safetensors).second) << f->name;
    EXPECT_GT(f->block, 0);
    EXPECT_GT(f->bytes, 0);
    EXPECT_EQ(f->kind == FormatKind::block, f->block > 1) << f->name;
    EXPECT_TRUE(f->summary && *f->summary) << f->name;
    EXPECT_EQ(find_dtype(f->name), DType(*f));
    EXPECT_TRUE(f->gguf_type < 0 || dtype_of_gguf(f->gguf_type) == DType(*f)) << f->name;
    EXPECT_TRUE(!f->safetensors || dtype_of_safetensors(f->safetensors) == DType(*f)) << f->name;
  }
  EXPECT_FALSE(find_dtype("q9_z"));
  EXPECT_FALSE(dtype_of_gguf(4));  // a retired type
}

TEST(Contract, WritesItsBytesAndNoOthers) {
  for (const Format* f : format_table()) {
    const DType type = *f;
    const int64_t n = 3 * f->block;
    const auto size = static_cast<size_t>(type.bytes_of(n));
    const std::vector<float> x = odd_row(0, 2);
    std::vector<uint8_t> bytes(size + 64, 0xa5);
    if (f->encode) {
      f->encode(x.data(), bytes.data() + 32, n, nullptr);
      std::vector<uint8_t> again(size + 64, 0x5a);
      f->encode(x.data(), again.data() + 32, n, nullptr);
      EXPECT_EQ(std::memcmp(bytes.data() + 32, again.data() + 32, size), 0)
          << f->name << " leaves bytes unwritten";
    }
    for (int i = 0; i < 32; ++i) EXPECT_TRUE(bytes[i] == 0xa5 && bytes[32 + size + i] == 0xa5) << f->name;
    std::vector<float> out(static_cast<size_t>(n) + 16, 12345.0f), again(out.size(), -1.0f);
    std::fill(bytes.begin(), bytes.begin() + 32, 0);
    f->decode(bytes.data() + 32, out.data() + 8, n);
    f->decode(bytes.data() + 32, again.data() + 8, n);
    EXPECT_EQ(std::memcmp(out.data() + 8, again.data() + 8, static_cast<size_t>(n) * 4), 0) << f->name;
    for (int i = 0; i < 8; ++i)
      EXPECT_TRUE(out[i] == 12345.0f && out[8 + static_cast<size_t>(n) + i] == 12345.0f) << f->name;
  }
}

TEST(Contract, DecodesAnyBytes) {
  Lcg rng{42};
  for (const Format* f : format_table()) {
    const int64_t n = 4 * f->block;
    std::vector<uint8_t> bytes(static_cast<size_t>(f->bytes) * 4);
    std::vector<float> out(static_cast<size_t>(n));
    for (int round = 0; round < 200; ++round) {
      for (uint8_t& b : bytes) b = static_cast<uint8_t>(rng.bits());
      f->decode(bytes.data(), out.data(), n);
    }
    std::fill(bytes.begin(), bytes.end(), uint8_t{0xff});
    f->decode(bytes.data(), out.data(), n);
  }
}

TEST(Contract, ZerosStayZeros) {
  for (const Format* f : format_table()) {
    if (!f->encode) continue;
    for (const float v : round_trip(*f, std::vector<float>(768, 0.0f))) ASSERT_EQ(v, 0.0f) << f->name;
  }
}

// Subnormal numbers stay tiny; the largest ones may overflow a scale, but no encoder or decoder goes astray
// (run under the sanitizers).
TEST(Contract, TinyAndHugeNumbers) {
  for (const Format* f : format_table()) {
    if (!f->encode) continue;
    for (const bool weighted : {false, true})
      for (const float unit : {1e-45f, 1e-41f, 1e-38f, 1e30f, 3e37f}) {
        std::vector<float> x = odd_row(0, 4), w = odd_importance(0, 5);
        for (float& v : x) v *= unit;
        const std::vector<float> y = round_trip(*f, x, weighted ? w.data() : nullptr);
        for (size_t i = 0; i < x.size() && unit < 1; ++i) ASSERT_LE(std::fabs(y[i]), 1e-37f) << f->name;
      }
  }
}

// Blocks do not see one another without an importance matrix.
TEST(Contract, BlocksAreIndependent) {
  for (const Format* f : format_table()) {
    if (!f->encode) continue;
    const std::vector<float> x = odd_row(2, 5);
    const DType type = *f;
    std::vector<uint8_t> whole(static_cast<size_t>(type.bytes_of(768))), one(static_cast<size_t>(f->bytes));
    f->encode(x.data(), whole.data(), 768, nullptr);
    for (int64_t b = 0; b < 768 / f->block; ++b) {
      f->encode(x.data() + b * f->block, one.data(), f->block, nullptr);
      ASSERT_EQ(std::memcmp(one.data(), whole.data() + b * f->bytes, one.size()), 0)
          << f->name << " block " << b;
    }
  }
}

// Encoding what was decoded changes nothing where a block's extreme element comes back exactly.
TEST(Contract, RoundTripsAreStable) {
  for (const char* name : {"f16", "bf16", "f64", "f8_e4m3", "f8_e5m2", "q8_0", "q4_0", "q5_0", "mxfp4"})
    for (int kind : {0, 1, 2, 9, 11, 12}) {
      const DType type = find_dtype(name);
      const std::vector<float> once = round_trip(type, odd_row(kind, 3)), twice = round_trip(type, once);
      for (size_t i = 0; i < once.size(); ++i) ASSERT_EQ(once[i], twice[i]) << name << " kind " << kind;
    }
}

// The formats with one scale and no search have a bound on every element.
TEST(Error, EachElementWithinItsStep) {
  for (int kind = 0; kind < kOddKinds; ++kind) {
    for (int round = 0; round < 10; ++round) {
      const std::vector<float> x = odd_row(kind, round);
      // steps: the most that an element may be off in units of the block's largest magnitude; q4_0 and q5_0
      // lack the code for the far side of their extreme, so a value there is off by a whole step.
      const std::pair<const char*, double> steps[] = {
          {"q8_0", 0.5 / 127}, {"q4_0", 1.0 / 8}, {"q5_0", 1.0 / 16}, {"q4_1", 1.0 / 15}, {"q5_1", 1.0 / 31}};
      for (const auto& [name, step] : steps) {
        const std::vector<float> y = round_trip(find_dtype(name), x);
        for (size_t b = 0; b < x.size(); b += 32) {
          double most = 0;
          for (size_t i = b; i < b + 32; ++i) most = std::max(most, std::fabs(static_cast<double>(x[i])));
          if (most > 65504) continue;  // no f16 offset reaches it
          // f16 rounds scale and offset by 2^-11 each (127 steps of it for q8_0's largest), or by 2^-25 where
          // subnormal.
          const double bound = most * (step + 0x1p-9) + 128 * 0x1p-25;
          for (size_t i = b; i < b + 32; ++i)
            ASSERT_LE(std::fabs(static_cast<double>(x[i]) - y[i]), bound) << name << " " << kind;
        }
      }
    }
  }
}

TEST(Error, MoreBitsAreBetter) {
  const std::pair<const char*, double> bounds[] = {
      {"q8_0", 0.006}, {"q6_k", 0.02},   {"q5_k", 0.04},   {"q5_1", 0.045}, {"q5_0", 0.05},
      {"q4_k", 0.075}, {"iq4_xs", 0.08}, {"iq4_nl", 0.08}, {"q4_1", 0.09},  {"q4_0", 0.1},
      {"nvfp4", 0.11}, {"mxfp4", 0.13},  {"q3_k", 0.17},   {"q2_k", 0.32}};
  for (const auto& [name, bound] : bounds) {
    double sum = 0;
    for (int round = 0; round < 20; ++round) {
      const std::vector<float> x = odd_row(1, round);
      sum += weighted_error(x, round_trip(find_dtype(name), x), nullptr);
    }
    EXPECT_LE(sum / 20, bound) << name;
    EXPECT_GE(sum / 20, bound / 2) << name << ": the bound says nothing";
  }
}

TEST(Error, ImportanceLowersTheWeightedError) {
  for (const char* name :
       {"q4_0", "q4_1", "q5_0", "q5_1", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq4_nl", "iq4_xs"}) {
    double plain = 0, weighted = 0;
    for (int round = 0; round < 40; round += 2) {
      const std::vector<float> x = odd_row(1, round), w = odd_importance(1, round);
      plain += weighted_error(x, round_trip(find_dtype(name), x), &w);
      weighted += weighted_error(x, round_trip(find_dtype(name), x, w.data()), &w);
    }
    EXPECT_LT(weighted, plain) << name;
  }
}

}  // namespace
}  // namespace ridge

// Files from an enemy: cut at every byte, every bit of them flipped, and built by hand to overflow, overlap
// and recurse. Whatever they hold, a reader opens them or throws one Error(Fault::file), reads only inside
// the file, and allocates no more than a small multiple of its size.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "support.h"
#include "testing.h"

namespace {
thread_local size_t allocated = 0;  // bytes asked of operator new in this thread, ever
}  // namespace

void* operator new(size_t bytes) {
  allocated += bytes;
  if (void* p = std::malloc(bytes ? bytes : 1)) return p;
  throw std::bad_alloc();
}
void* operator new(size_t bytes, std::align_val_t alignment) {
  allocated += bytes;
  const auto a = static_cast<size_t>(alignment);
  if (void* p = std::aligned_alloc(a, (bytes + a - 1) / a * a)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace ridge {
namespace {

using testing::Bytes;
using testing::file_fault;
using testing::slurp;

// Runs a reader and compares what it allocates, in total over its life, with the file's size.
template <typename Read>
bool bounded(const Read& read, std::string_view contents) {
  const size_t before = allocated;
  const bool opened = read(contents);
  EXPECT_LT(allocated - before, 200 * contents.size() + 100000) << contents.size();
  return opened;
}

template <typename Read>
void cut_everywhere(const Read& read, const std::string& file, bool may_open_when_cut = false) {
  EXPECT_TRUE(bounded(read, file));
  for (size_t n = 0; n < file.size(); ++n)
    EXPECT_TRUE(!bounded(read, file.substr(0, n)) || may_open_when_cut) << "opened though cut at " << n;
}

// Flips every bit of the first `header` bytes; returns how many of the results open.
template <typename Read>
int flip_everywhere(const Read& read, std::string file, size_t header) {
  int opened = 0;
  for (size_t bit = 0; bit < header * 8; ++bit) {
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
    opened += bounded(read, file);
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ (1 << (bit % 8)));
  }
  return opened;
}

// Overwrites every aligned and misaligned 8 bytes of the header by values that overflow.
template <typename Read>
void overwrite_everywhere(const Read& read, const std::string& file, size_t header) {
  for (const uint64_t v :
       {UINT64_MAX, uint64_t{1} << 63, uint64_t{1} << 60, (uint64_t{1} << 32) - 1, uint64_t{0}})
    for (size_t at = 0; at + 8 <= header; ++at) {
      std::string bytes = file;
      std::memcpy(bytes.data() + at, &v, 8);
      bounded(read, bytes);
    }
}

TEST(Hostile, GgufCutAndFlipped) {
  const std::string file = slurp(testing::data("files/all_types.gguf"));
  const size_t header = Gguf::parse(bytes_in_memory(file, "t")).find("a.f32")->offset;
  // The padding after the last tensor is no part of it.
  const GgufTensor last = *Gguf::parse(bytes_in_memory(file, "t")).find("f.unknown");
  cut_everywhere(testing::read_gguf, file.substr(0, last.offset + last.bytes));
  const int opened = flip_everywhere(testing::read_gguf, file, header);
  EXPECT_GT(opened, 100);  // bits of values and names
  EXPECT_LT(opened, static_cast<int>(header * 8));
  overwrite_everywhere(testing::read_gguf, file, header);
}

TEST(Hostile, GgufPartCutAndFlipped) {
  const std::string file = slurp(testing::data("files/split-00001-of-00003.gguf"));
  cut_everywhere(testing::read_gguf, file);
  flip_everywhere(testing::read_gguf, file, file.size());
}

TEST(Hostile, SafetensorsCutAndFlipped) {
  const std::string file = slurp(testing::data("files/plain.safetensors"));
  cut_everywhere(testing::read_safetensors, file);
  const int opened = flip_everywhere(testing::read_safetensors, file, file.size());
  EXPECT_GT(opened, 100);
  overwrite_everywhere(testing::read_safetensors, file, file.size());
}

TEST(Hostile, Llama2cCutAndFlipped) {
  for (const char* name : {"v0", "v1", "v2"}) {
    const std::string file = slurp(testing::data(std::string("files/llama2c/") + name + ".bin"));
    cut_everywhere(testing::read_llama2c, file);
    flip_everywhere(testing::read_llama2c, file, 260);
    overwrite_everywhere(testing::read_llama2c, file, 64);
  }
}

// A GGUF file in the making: keys, then tensors.
Bytes gguf(uint64_t tensors, uint64_t keys, uint32_t version = 3) {
  Bytes b;
  b.raw("GGUF").u32(version).u64(tensors).u64(keys);
  return b;
}
constexpr uint32_t kU32 = 4, kBool = 7, kString = 8, kArray = 9, kU64 = 10;
constexpr uint64_t kHuge = uint64_t{1} << 60;

void refused(const Bytes& b, const char* part) {
  const size_t before = allocated;
  const std::string line = file_fault([&] { Gguf::parse(bytes_in_memory(b.out, "t")); });
  EXPECT_NE(line.find(part), std::string::npos) << line;
  EXPECT_LT(allocated - before, 200 * b.out.size() + 100000);
}

TEST(Hostile, GgufCounts) {
  refused(gguf(kHuge, 0), "tensors do not fit");
  refused(gguf(0, kHuge), "metadata keys do not fit");
  refused(gguf(UINT64_MAX, UINT64_MAX), "do not fit");
  refused(gguf(1, 0), "tensors do not fit");
  refused(gguf(0, 1).u64(kHuge).raw(std::string(20, 'x')), "wants 1152921504606846976 bytes");
  refused(gguf(0, 1).str("k").u32(kString).u64(UINT64_MAX), "wants 18446744073709551615 bytes");
  refused(gguf(0, 1).str("k").u32(kArray).u32(kU32).u64(kHuge), "array elements do not fit");
  refused(gguf(0, 1).str("k").u32(kArray).u32(kU64).u64(kHuge * 2),
          "array elements do not fit");  // x 8 wraps to 0
  refused(gguf(0, 1).str("k").u32(kArray).u32(kString).u64(kHuge), "strings do not fit");
  refused(gguf(0, 1).str("k").u32(kArray).u32(kArray).u64(kHuge), "arrays do not fit");
}

TEST(Hostile, GgufKeys) {
  refused(gguf(0, 1).str("").u32(kU32).u32(1).u32(0), "is empty");
  refused(gguf(0, 1).str(std::string_view("a\0b", 3)).u32(kU32).u32(1), "NUL");
  refused(gguf(0, 2).str("k").u32(kU32).u32(1).str("k").u32(kU32).u32(1), "k occurs twice");
  refused(gguf(0, 1).str("k").u32(13).u32(1).u32(1), "no GGUF type");
  refused(gguf(0, 1).str("k").u32(kArray).u32(UINT32_MAX).u64(0), "no GGUF type");
  refused(gguf(0, 1).str("kkkk").u32(kBool).put<uint8_t>(2), "not 0 or 1");
  refused(gguf(0, 1).str("k").u32(kArray).u32(kBool).u64(2).put<uint8_t>(1).put<uint8_t>(7), "not 0 or 1");
}

TEST(Hostile, GgufNesting) {
  for (const int depth : {2, 8, 9, 100000}) {
    Bytes b = gguf(0, 1).str("k").u32(kArray);
    for (int i = 1; i < depth; ++i) b.u32(kArray).u64(1);
    b.u32(kU32).u64(1).u32(5);
    if (depth > 8)
      refused(b, "nested deeper than 8");
    else
      EXPECT_TRUE(testing::read_gguf(b.out)) << depth;
  }
  // Wide and nested: the work stays linear in the size of the file.
  Bytes b = gguf(0, 1).str("k").u32(kArray).u32(kArray).u64(200000);
  for (int i = 0; i < 200000; ++i) b.u32(kArray).u64(0);
  EXPECT_TRUE(testing::read_gguf(b.out));
}

TEST(Hostile, GgufAlignment) {
  for (const uint64_t a : {uint64_t{0}, uint64_t{3}, uint64_t{48}, uint64_t{1} << 40, UINT64_MAX})
    refused(gguf(0, 1).str("general.alignment").u32(kU64).u64(a), "not a power of two");
  refused(gguf(0, 1).str("general.alignment").u32(kString).str("32"), "general.alignment is string");
  // Below the size of an element: the view becomes a copy.
  Bytes b = gguf(1, 1)
                .str("general.alignment")
                .u32(kU32)
                .u32(1)
                .str("a")
                .u32(1)
                .u64(2)
                .u32(0)
                .u64(0)
                .put(1.5f)
                .put(2.5f);
  const Gguf file = Gguf::parse(bytes_in_memory(b.out, "t"));
  const Tensor t = file.tensor(file.tensors()[0]);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data()) % 4, 0u);
  EXPECT_EQ(t.ptr<float>()[1], 2.5f);
}

// One file of tensors {name, dims, type, offset} with `data` bytes behind.
struct Info {
  std::string name;
  std::vector<uint64_t> dims;
  uint32_t type;
  uint64_t offset;
};
Bytes with_tensors(const std::vector<Info>& tensors, size_t data) {
  Bytes b = gguf(tensors.size(), 0);
  for (const Info& t : tensors) {
    b.str(t.name).u32(static_cast<uint32_t>(t.dims.size()));
    for (const uint64_t d : t.dims) b.u64(d);
    b.u32(t.type).u64(t.offset);
  }
  b.raw(std::string((b.out.size() + 31) / 32 * 32 - b.out.size() + data, '\0'));
  return b;
}

TEST(Hostile, GgufTensors) {
  EXPECT_TRUE(testing::read_gguf(with_tensors({{"a", {8}, 0, 0}, {"b", {8}, 0, 32}}, 64).out));
  EXPECT_TRUE(testing::read_gguf(with_tensors({{"b", {8}, 0, 32}, {"a", {8}, 0, 0}}, 64).out));
  refused(with_tensors({{"a", {8}, 0, 0}}, 31), "truncated");
  refused(with_tensors({{"a", {8}, 0, 0}, {"a", {8}, 0, 32}}, 64), "two tensors are named a");
  refused(with_tensors({{"", {8}, 0, 0}}, 64), "is empty");
  refused(with_tensors({{std::string("a\0b", 3), {8}, 0, 0}}, 64), "NUL");
  refused(with_tensors({{"a", {0}, 0, 0}}, 64), "dimension 0 of tensor a is 0");
  refused(with_tensors({{"a", {8, uint64_t{1} << 63}, 0, 0}}, 64),
          "dimension 1 of tensor a is 9223372036854775808");
  refused(with_tensors({{"a", {UINT64_MAX}, 0, 0}}, 64), "dimension 0");
  refused(with_tensors({{"a", {uint64_t{1} << 32, uint64_t{1} << 32}, 0, 0}}, 64),
          "too large");                                                        // wraps to 0
  refused(with_tensors({{"a", {uint64_t{1} << 62}, 0, 0}}, 64), "too large");  // x 4 wraps to 0
  refused(with_tensors({{"a", {uint64_t{1} << 61}, 0, 0}}, 64), "truncated");
  refused(with_tensors({{"a", {1, 1, 1, 1, 1}, 0, 0}}, 64), "5 dimensions");
  refused(with_tensors({{"a", {33}, 2, 0}}, 64), "no whole blocks of 32");
  refused(with_tensors({{"a", {}, 2, 0}}, 64), "no whole blocks of 32");
  refused(with_tensors({{"a", {8}, 0, 1}}, 64), "multiple of the alignment");
  refused(with_tensors({{"a", {8}, 0, 64}}, 64), "truncated");
  refused(with_tensors({{"a", {8}, 0, UINT64_MAX - 31}}, 64), "truncated");  // start + offset wraps
  refused(with_tensors({{"a", {8}, 99, 96}}, 64), "truncated");              // of unknown size
  refused(with_tensors({{"a", {9}, 0, 0}, {"b", {8}, 0, 32}}, 64), "overlap");
  refused(with_tensors({{"a", {8}, 0, 0}, {"b", {8}, 0, 0}}, 64), "overlap");
  // A scalar, and a rank that lies about the bytes that follow.
  EXPECT_TRUE(testing::read_gguf(with_tensors({{"a", {}, 0, 0}}, 4).out));
  refused(gguf(1, 0).str("a").u32(UINT32_MAX).raw(std::string(64, '\0')), "4294967295 dimensions");
}

TEST(Hostile, GgufMagic) {
  refused(Bytes().raw("GGU"), "the magic");
  refused(Bytes().raw("GGML"), "not a GGUF file");
  refused(Bytes().raw("tjgg"), "from before GGUF");
  refused(Bytes().raw("\x7f"
                      "ELF"),
          "not a GGUF file");
  refused(gguf(0, 0, 0), "GGUF version 0");
  refused(gguf(0, 0, 0x03000000), "big-endian");
  EXPECT_TRUE(testing::read_gguf(gguf(0, 0).out));
}

TEST(Hostile, ManyKeysWithManyTensorsStayLinear) {
  Bytes b = gguf(20000, 20000);
  for (int i = 0; i < 20000; ++i) b.str(std::string("key").append(std::to_string(i))).u32(kU32).u32(1);
  for (int i = 0; i < 20000; ++i)
    b.str(std::string("t").append(std::to_string(i))).u32(1).u64(8).u32(0).u64(static_cast<uint64_t>(i) * 32);
  b.raw(std::string((b.out.size() + 31) / 32 * 32 - b.out.size() + 20000 * 32, '\0'));
  EXPECT_TRUE(bounded(testing::read_gguf, b.out));
}

TEST(Hostile, SafetensorsOfAMillionTokensStaysSmall) {
  // JSON that a document tree would blow up to many times its size.
  for (const char* piece : {"[],", "{},", "0,", "\"\","}) {
    std::string json = R"({"a":{"x":[)";
    while (json.size() < 1000000) json += piece;
    json += R"(0],"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
    Bytes b;
    b.u64(json.size()).raw(json).put<uint8_t>(0);
    const size_t before = allocated;
    EXPECT_TRUE(testing::read_safetensors(b.out));
    EXPECT_LT(allocated - before, 4 * b.out.size() + 100000) << piece;
  }
}

}  // namespace
}  // namespace ridge

// safetensors against files that the PyPI package `safetensors` wrote (tests/data/files/make.py), and our own
// read back.
#include "files/safetensors.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "files/writer.h"
#include "support.h"
#include "testing.h"

namespace ridge {
namespace {

using testing::slurp;

float ramp(int64_t i) { return static_cast<float>(i - 3) / 4; }

Safetensors plain() { return Safetensors::open(testing::data("files/plain.safetensors")); }

TEST(Safetensors, ReadsWhatThePublishedPackageWrites) {
  const Safetensors file = plain();
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("note"), "h\u00e9");
  EXPECT_EQ(file.tensors().size(), 7u);
  const Tensor f = file.tensor(*file.find("f32"));
  EXPECT_EQ(f.shape(), (Shape{2, 3}));
  for (int64_t i = 0; i < 6; ++i) EXPECT_EQ(f.ptr<float>()[i], ramp(i));
  const Tensor h = file.tensor(*file.find("f16"));
  EXPECT_EQ(h.dtype(), find_dtype("f16"));
  float decoded[5];
  h.dtype()->decode(h.data(), decoded, 5);
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(decoded[i], ramp(i));
  const Tensor n = file.tensor(*file.find("i64"));
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(n.ptr<int64_t>()[i], i);
  EXPECT_EQ(file.tensor(*file.find("scalar")).rank(), 0);
  EXPECT_EQ(*file.tensor(*file.find("scalar")).ptr<float>(), 2.5f);
  EXPECT_EQ(file.tensor(*file.find("empty")).shape(), (Shape{2, 0}));
  EXPECT_EQ(file.find("zzz"), nullptr);
}

TEST(Safetensors, UnknownTypesAreListedAndRefusedAtUse) {
  std::string bytes = slurp(testing::data("files/plain.safetensors"));
  bytes.replace(bytes.find("U64"), 3, "Q99");
  const Safetensors file = Safetensors::parse(bytes_in_memory(bytes, "t"));
  EXPECT_FAULT(file.tensor(*file.find("unknown")), "tensor unknown (Q99 [2])");
}

TEST(Safetensors, MisalignedElementsAreCopied) {
  // A one-byte tensor first: the floats after it stand at an odd address.
  const std::string header =
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  testing::Bytes b;
  b.u64(header.size()).raw(header).put<uint8_t>(1).put(1.5f).put(-2.5f);
  const Safetensors file = Safetensors::parse(bytes_in_memory(b.out, "t"));
  const Tensor t = file.tensor(*file.find("b"));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t.data()) % 4, 0u);
  EXPECT_EQ(t.ptr<float>()[0], 1.5f);
  EXPECT_EQ(t.ptr<float>()[1], -2.5f);
}

TEST(Safetensors, ShardsByIndexAndWithout) {
  const std::string dir = testing::data("files/folder/");
  const std::string one = dir + "model-00001-of-00002.safetensors",
                    two = dir + "model-00002-of-00002.safetensors";
  const Safetensors by_index = Safetensors::open_index(dir + "model.safetensors.index.json");
  const Safetensors all = Safetensors::open_all({one, two});
  for (const Safetensors* s : {&by_index, &all}) {
    EXPECT_EQ(s->files(), 2u);
    EXPECT_EQ(s->tensors().size(), 3u);
    EXPECT_EQ(s->find("c")->file, 1);
    EXPECT_EQ(s->tensor(*s->find("c")).ptr<float>()[2], ramp(2));
  }
  const std::string line = testing::file_fault([&] { Safetensors::open_all({one, two, one}); }, one);
  EXPECT_NE(line.find("both hold a tensor"), std::string::npos) << line;
}

TEST(Safetensors, HostileIndices) {
  const std::string shard = slurp(testing::data("files/folder/model-00002-of-00002.safetensors"));
  const auto open = [&](const std::string& index) {
    const testing::Scratch dir;
    dir.put("s.safetensors", shard);
    return testing::file_fault(
        [&] { Safetensors::open_index(dir.put("model.safetensors.index.json", index)); }, "safetensors");
  };
  EXPECT_NE(open(R"({"weight_map":{"c":"../s.safetensors"}})").find("plain name"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"c":"/etc/passwd"}})").find("plain name"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"c":"a\u0000b"}})").find("plain name"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"c":5}})").find("plain name"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"c":""}})").find("plain name"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"d":"s.safetensors"}})").find("tensor d is not in"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":{"c":"gone.safetensors"}})").find("gone.safetensors"), std::string::npos);
  EXPECT_NE(open(R"({"weight_map":[]})").find("weight_map"), std::string::npos);
  EXPECT_NE(open("[]").find("weight_map"), std::string::npos);
  open("");
  open(std::string(100000, '['));
}

// Builds a file around a header; `data` zero bytes follow.
std::string with_header(const std::string& json, size_t data) {
  testing::Bytes b;
  b.u64(json.size()).raw(json).raw(std::string(data, '\0'));
  return b.out;
}

TEST(Safetensors, MalformedHeaders) {
  const auto line = [](const std::string& json, size_t data = 0) {
    return testing::file_fault([&] { Safetensors::parse(bytes_in_memory(with_header(json, data), "t")); });
  };
  const auto expect = [&](const char* part, const std::string& json, size_t data = 0) {
    const std::string l = line(json, data);
    EXPECT_NE(l.find(part), std::string::npos) << json.substr(0, 200) << "\n" << l;
  };
  const auto tensor = [](const std::string& fields) { return "{\"a\":{" + fields + "}}"; };
  const auto f32_of = [&](const std::string& shape, const std::string& offsets) {
    return tensor("\"dtype\":\"F32\",\"shape\":" + shape + ",\"data_offsets\":" + offsets);
  };
  expect("does not start with {", "[]");
  expect("does not start with {", " {}");
  expect("not valid JSON", "{");
  expect("not valid JSON", "{}x");
  expect("not valid JSON", "{\"a\xff\":1}");
  expect("unexpected a number", R"({"a":1})");
  expect("unexpected an array", R"({"a":[]})");
  expect("lacks one of", R"({"a":{}})");
  expect("lacks one of", tensor(R"("dtype":"F32","shape":[1])"), 4);
  expect("has shape twice", tensor(R"("dtype":"F32","shape":[1],"shape":[1],"data_offsets":[0,4])"), 4);
  expect(
      "two tensors are named a",
      R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
      2);
  expect("occurs twice", R"({"__metadata__":{"k":"v","k":"w"}})");
  expect("__metadata__ occurs twice", R"({"__metadata__":{},"__metadata__":{}})");
  expect("unexpected a number", R"({"__metadata__":{"k":1}})");
  expect("unexpected an object", R"({"__metadata__":{"k":{}}})");
  expect("NUL byte", R"({"a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  expect("is empty", R"({"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1);
  expect("below 0", f32_of("[-1]", "[0,4]"), 4);
  expect("past 2^63", f32_of("[9223372036854775808]", "[0,4]"), 4);
  expect("not an integer that fits", f32_of("[1e3]", "[0,4]"), 4);
  expect("not an integer that fits", f32_of("[99999999999999999999999]", "[0,4]"), 4);
  expect("unexpected a string", f32_of("[\"1\"]", "[0,4]"), 4);
  expect("unexpected an array", f32_of("[[1]]", "[0,4]"), 4);
  expect("too large", f32_of("[4611686018427387904,4]", "[0,0]"));
  expect("too large", f32_of("[0,4611686018427387904,4]", "[0,0]"));
  expect("do not make", f32_of("[4611686018427387904]", "[0,0]"));  // times 4 bytes wraps to 0
  expect("do not make", f32_of("[1]", "[0,8]"), 8);
  expect("more than 6 dimensions", f32_of("[1,1,1,1,1,1,1]", "[0,4]"), 4);
  expect("ends at 0, before its start 4", f32_of("[1]", "[4,0]"), 4);
  expect("has 1 data_offsets", f32_of("[1]", "[4]"), 4);
  expect("more than 2 data_offsets", f32_of("[1]", "[0,4,8]"), 4);
  expect("starts at byte 4", f32_of("[1]", "[4,8]"), 8);  // a hole at the start
  expect("reaches past the 3 bytes", f32_of("[1]", "[0,4]"), 3);
  expect("the tensors take 4 bytes, the file holds 5", f32_of("[1]", "[0,4]"), 5);
  expect("the tensors take 0 bytes, the file holds 5", "{}", 5);
  expect(
      "neither overlap",
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})",
      6);
  expect(
      "neither overlap",
      R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
      4);
  expect("nested deeper", tensor("\"x\":" + std::string(100000, '[') + std::string(100000, ']')));
  expect("unexpected an array", "{\"a\":" + std::string(100000, '['));
  expect("nested deeper", "{\"a\":{\"x\":" + std::string(100000, '['));
  expect("do not make", tensor(R"("dtype":"F4","shape":[3],"data_offsets":[0,1])"),
         1);  // one and a half bytes
}

TEST(Safetensors, HeaderLengths) {
  const auto line = [](uint64_t length, const std::string& rest) {
    testing::Bytes b;
    b.u64(length).raw(rest);
    return testing::file_fault([&] { Safetensors::parse(bytes_in_memory(b.out, "t")); });
  };
  EXPECT_NE(line(UINT64_MAX, "{}").find("at most"), std::string::npos);
  EXPECT_NE(line(uint64_t{1} << 60, "{}").find("at most"), std::string::npos);
  EXPECT_NE(line(kSafetensorsMaxHeader, "{}").find("truncated"), std::string::npos);
  EXPECT_NE(line(3, "{}").find("truncated"), std::string::npos);
  EXPECT_NE(line(0, "{}").find("start with"), std::string::npos);
  EXPECT_FAULT(Safetensors::parse(bytes_in_memory("1234567", "t")), "too few");
}

TEST(Safetensors, FieldsThatItDoesNotKnowAreIgnored) {
  const std::string json =
      R"({"a":{"x":[1,{"y":[2.5,"z",null,true]}],"dtype":"U8","w":-1,"shape":[1],"v":{"shape":[9]},"data_offsets":[0,1]}})";
  const Safetensors file = Safetensors::parse(bytes_in_memory(with_header(json, 1), "t"));
  EXPECT_EQ(file.find("a")->shape, (Shape{1}));
}

std::vector<std::string> copy(const Safetensors& in, const std::string& path, SplitOptions split = {}) {
  const auto out = write_safetensors(path, split);
  for (const SafetensorsTensor& t : in.tensors())
    if (const DType dtype = dtype_of_safetensors(t.dtype.c_str())) out->declare(t.name, dtype, t.shape);
  for (const TensorWriter::Declared& d : out->order()) out->write(in.tensor(*in.find(d.name)));
  return out->finish();
}

TEST(SafetensorsWriter, RoundTrip) {
  const testing::Scratch dir;
  const Safetensors in = plain();
  EXPECT_EQ(copy(in, dir / "out.safetensors").size(), 1u);
  const Safetensors out = Safetensors::open(dir / "out.safetensors");
  EXPECT_EQ(out.metadata().at("format"), "pt");
  for (const SafetensorsTensor& t : out.tensors()) {
    const Tensor a = out.tensor(t), b = in.tensor(*in.find(t.name));
    EXPECT_EQ(a.shape(), b.shape());
    EXPECT_EQ(a.dtype(), b.dtype());
    EXPECT_EQ(t.offset % static_cast<uint64_t>(a.dtype()->bytes), 0u);
    EXPECT_EQ(std::memcmp(a.data(), b.data(), t.bytes), 0);
  }
}

TEST(SafetensorsWriter, ShardsWithTheirIndex) {
  const testing::Scratch dir;
  const Safetensors in = Safetensors::open_index(testing::data("files/folder/model.safetensors.index.json"));
  const std::vector<std::string> paths = copy(in, dir / "model.safetensors", {.max_bytes = 40});
  EXPECT_EQ(paths, (std::vector<std::string>{dir / "model-00001-of-00002.safetensors",
                                             dir / "model-00002-of-00002.safetensors",
                                             dir / "model.safetensors.index.json"}));
  EXPECT_EQ(dir.count(), 3u);
  const auto index = nlohmann::json::parse(slurp(paths[2]));
  EXPECT_EQ(index["metadata"]["total_size"], 52);
  EXPECT_EQ(index["weight_map"]["c"], "model-00002-of-00002.safetensors");
  const Safetensors out = Safetensors::open_index(paths[2]);
  for (const SafetensorsTensor& t : in.tensors())
    EXPECT_EQ(std::memcmp(out.tensor(*out.find(t.name)).data(), in.tensor(t).data(), t.bytes), 0);
}

TEST(SafetensorsWriter, RefusesAndLeavesNothing) {
  const testing::Scratch dir;
  {
    const auto out = write_safetensors(dir / "x.safetensors");
    EXPECT_THROW(out->declare("q", find_dtype("q4_0"), {32}), Error);
    EXPECT_THROW(out->declare("__metadata__", f32, {1}), Error);
    EXPECT_THROW(out->declare("bad\xff", f32, {1}), Error);
    out->declare("ok", f32, {1});
    EXPECT_THROW(out->finish(), Error);
  }
  EXPECT_EQ(dir.count(), 0u);
}

TEST(SafetensorsWriter, NamesAreEscaped) {
  const testing::Scratch dir;
  const auto out = write_safetensors(dir / "x.safetensors");
  const std::string name = "a\"b\\c\n{}\u00e9";
  out->declare(name, f32, {1});
  const float v = 3;
  out->write(&v, 4);
  out->finish();
  const Safetensors in = Safetensors::open(dir / "x.safetensors");
  ASSERT_NE(in.find(name), nullptr);
  EXPECT_EQ(*in.tensor(*in.find(name)).ptr<float>(), 3.0f);
}

}  // namespace
}  // namespace ridge

// GGUF against files that the PyPI package `gguf` wrote (tests/data/files/make.py), and our own files read
// back.
#include "files/gguf.h"

#include <gtest/gtest.h>

#include <cmath>

#include "files/writer.h"
#include "support.h"
#include "testing.h"

namespace ridge {
namespace {

using testing::slurp;

// Element i of a float tensor in the fixtures.
float ramp(int64_t i) { return static_cast<float>(i - 3) / 4; }

void expect_ramp(const Tensor& t, float plus = 0) {
  ASSERT_EQ(t.dtype(), DType(f32));
  for (int64_t i = 0; i < t.count(); ++i) EXPECT_EQ(t.ptr<float>()[i], ramp(i) + plus) << i;
}

void expect_all_types_metadata(const GgufMetadata& m) {
  EXPECT_EQ(m.string("general.architecture"), "llama");
  EXPECT_EQ(m.u32("general.alignment"), 64u);
  EXPECT_EQ(m.u32("t.u8"), 200u);
  EXPECT_EQ(m.i64("t.i8"), -100);
  EXPECT_EQ(m.u32("t.u16"), 60000u);
  EXPECT_EQ(m.i64("t.i16"), -30000);
  EXPECT_EQ(m.u32("t.u32"), 4000000000u);
  EXPECT_EQ(m.i64("t.i32"), -2000000000);
  EXPECT_EQ(m.u64("t.u64"), (uint64_t{1} << 63) + 5);
  EXPECT_EQ(m.i64("t.i64"), -(int64_t{1} << 62));
  EXPECT_EQ(m.f32("t.f32"), 0.25f);
  EXPECT_EQ(m.find("t.f64")->as_f64(), 1e300);
  EXPECT_TRUE(m.flag("t.bool"));
  EXPECT_EQ(m.string("t.string"), "h\u00e9llo");
  EXPECT_EQ(m.strings("t.strings"), (std::vector<std::string>{"a", "", "\u65e5\u672c"}));
  EXPECT_EQ(m.integers("t.ints"), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(m.floats("t.floats"), (std::vector<float>{0.5f, -1.5f}));
  EXPECT_EQ(m.integers("t.bools"), (std::vector<int64_t>{1, 0, 1}));
  const std::vector<GgufValue> nested = m.find("t.nested")->elements();
  ASSERT_EQ(nested.size(), 2u);
  EXPECT_EQ(nested[0].as_integers(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(nested[1].as_integers(), (std::vector<int64_t>{3}));
}

TEST(Gguf, ReadsEveryMetadataType) {
  const Gguf file = Gguf::open(testing::data("files/all_types.gguf"));
  EXPECT_EQ(file.version(), 3u);
  EXPECT_EQ(file.alignment(), 64u);
  expect_all_types_metadata(file.metadata());
  EXPECT_EQ(file.metadata().entries()[0].key, "general.architecture");
  EXPECT_EQ(file.metadata().entries().back().key, "t.nested");
}

TEST(Gguf, GettersRefuseOtherTypesAndRanges) {
  const GgufMetadata m = Gguf::open(testing::data("files/all_types.gguf")).metadata();
  const auto line = [&](auto f) { return testing::file_fault([&] { f(); }, "all_types.gguf"); };
  EXPECT_NE(line([&] { m.u32("llama.block_count"); }).find("llama.block_count is missing"),
            std::string::npos);
  EXPECT_NE(line([&] { m.u32("t.string"); }).find("t.string is string"), std::string::npos);
  EXPECT_NE(line([&] { m.u32("t.i8"); }).find("-100"), std::string::npos);
  EXPECT_NE(line([&] { m.u32("t.u64"); }).find("9223372036854775813"), std::string::npos);
  line([&] { m.i64("t.u64"); });
  line([&] { m.u32("t.f32"); });
  line([&] { m.flag("t.u8"); });
  line([&] { m.string("t.u8"); });
  line([&] { m.strings("t.ints"); });
  line([&] { m.integers("t.floats"); });
  line([&] { m.floats("t.strings"); });
  line([&] { m.floats("t.nested"); });
  line([&] { m.u32_or("t.string", 1); });
  EXPECT_EQ(m.u32_or("none", 7), 7u);
  EXPECT_FALSE(m.optional_string("none"));
  EXPECT_EQ(m.integers("t.u8"), (std::vector<int64_t>{200}));  // a scalar serves as an array of one
}

TEST(Gguf, TensorsAreViewsOutermostFirst) {
  const Gguf file = Gguf::open(testing::data("files/all_types.gguf"));
  const std::string bytes = slurp(testing::data("files/all_types.gguf"));
  EXPECT_EQ(file.tensor(*file.find("a.f32")).shape(), (Shape{2, 3}));
  expect_ramp(file.tensor(*file.find("a.f32")));
  const Tensor e = file.tensor(*file.find("e.i32"));
  EXPECT_EQ(e.shape(), (Shape{1, 2, 2}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(e.ptr<int32_t>()[i], i);
  const GgufTensor& q = *file.find("c.q8_0");
  EXPECT_EQ(q.shape, (Shape{2, 32}));
  EXPECT_EQ(q.bytes, 2u * 34);
  const Tensor t = file.tensor(q);
  EXPECT_EQ(std::memcmp(t.data(), bytes.data() + q.offset, q.bytes), 0);
  EXPECT_FALSE(t.storage()->writable());
  std::vector<float> decoded(64);
  t.dtype()->decode(t.data(), decoded.data(), 64);
  // Half a step of the row's scale, which is itself rounded to f16.
  for (int64_t i = 0; i < 64; ++i)
    EXPECT_NEAR(decoded[static_cast<size_t>(i)], ramp(i), 0.5 * 15.0 / 127 + std::abs(ramp(i)) / 2048) << i;
  EXPECT_EQ(file.find("zzz"), nullptr);
}

TEST(Gguf, ViewsOutliveTheReader) {
  Tensor t;
  {
    const Gguf file = Gguf::open(testing::data("files/all_types.gguf"));
    t = file.tensor(*file.find("a.f32"));
  }
  expect_ramp(t);
}

TEST(Gguf, UnknownTypesAreListedAndRefusedAtUse) {
  std::string bytes = slurp(testing::data("files/all_types.gguf"));
  const GgufTensor known = *Gguf::parse(bytes_in_memory(bytes, "t")).find("f.unknown");
  EXPECT_EQ(ggml_type_name(known.type), "IQ1_S");
  EXPECT_EQ(known.bytes, 50u);
  const uint32_t type = 99;  // after the name: the rank, two extents, the type
  std::memcpy(bytes.data() + bytes.find("f.unknown") + 9 + 4 + 16, &type, 4);
  const Gguf file = Gguf::parse(bytes_in_memory(bytes, "t"));
  EXPECT_EQ(file.tensors().size(), 6u);
  const GgufTensor* t = file.find("f.unknown");
  ASSERT_NE(t, nullptr);
  EXPECT_EQ(t->shape, (Shape{1, 256}));
  EXPECT_EQ(t->bytes, 0u);
  EXPECT_FAULT(file.tensor(*t), "tensor f.unknown (type 99 [1, 256])");
}

TEST(Gguf, Version2IsReadVersion1And4AreNot) {
  std::string bytes = slurp(testing::data("files/all_types.gguf"));
  bytes[4] = 2;
  const Gguf file = Gguf::parse(bytes_in_memory(bytes, "t"));
  EXPECT_EQ(file.version(), 2u);
  expect_all_types_metadata(file.metadata());
  for (const char v : {0, 1, 4, 17}) {
    bytes[4] = v;
    EXPECT_FAULT(Gguf::parse(bytes_in_memory(bytes, "t")), "versions 2 and 3 are read");
  }
}

TEST(Gguf, BigEndianIsNamed) {
  const std::string line =
      testing::file_fault([] { Gguf::open(testing::data("files/big_endian.gguf")); }, "big_endian.gguf");
  EXPECT_NE(line.find("big-endian"), std::string::npos) << line;
}

TEST(Gguf, SplitFilesOpenFromAnyPart) {
  for (const char* part : {"1", "2", "3"}) {
    const Gguf file = Gguf::open(testing::data(std::string("files/split-0000") + part + "-of-00003.gguf"));
    EXPECT_EQ(file.parts(), 3u);
    ASSERT_EQ(file.tensors().size(), 5u);
    EXPECT_EQ(file.metadata().string("t.string"), "first part");
    for (int i = 0; i < 5; ++i) {
      const GgufTensor* t = file.find("blk." + std::to_string(i) + ".w");
      ASSERT_NE(t, nullptr);
      EXPECT_EQ(t->part, i / 2);
      expect_ramp(file.tensor(*t), static_cast<float>(i));
    }
  }
}

TEST(Gguf, BrokenSplitsAreNamed) {
  const auto part = [](int i) {
    return slurp(testing::data("files/split-0000" + std::to_string(i) + "-of-00003.gguf"));
  };
  {
    testing::Scratch dir;
    const std::string path = dir.put("x-00001-of-00003.gguf", part(1));
    testing::file_fault([&] { Gguf::open(path); }, "x-00002-of-00003.gguf");  // missing
    dir.put("x-00002-of-00003.gguf", part(3));                                // mixed up
    const std::string line = testing::file_fault([&] { Gguf::open(path); }, "x-00002-of-00003.gguf");
    EXPECT_NE(line.find("part 3 of 3"), std::string::npos) << line;
    dir.put("x-00002-of-00003.gguf", part(1));
    testing::file_fault([&] { Gguf::open(path); }, "x-00002-of-00003.gguf");
  }
  testing::Scratch dir;
  const std::string path = dir.put("renamed.gguf", part(1));
  const std::string line = testing::file_fault([&] { Gguf::open(path); }, "renamed.gguf");
  EXPECT_NE(line.find("-00001-of-00003.gguf"), std::string::npos) << line;
}

// Writes what `in` holds again, in small pieces.
std::vector<std::string> copy(const Gguf& in, const std::string& path, SplitOptions split = {}) {
  const auto out = write_gguf(path, in.metadata(), split);
  for (const GgufTensor& t : in.tensors())
    if (dtype_of_gguf(t.type)) out->declare(t.name, dtype_of_gguf(t.type), t.shape);
  for (const TensorWriter::Declared& d : out->order()) {
    const Tensor t = in.tensor(*in.find(d.name));
    for (uint64_t i = 0; i < d.bytes; i += 7)
      out->write(static_cast<const char*>(t.data()) + i, std::min<uint64_t>(7, d.bytes - i));
  }
  return out->finish();
}

TEST(GgufWriter, RoundTripKeepsMetadataAndTensors) {
  const testing::Scratch dir;
  const Gguf in = Gguf::open(testing::data("files/all_types.gguf"));
  EXPECT_EQ(copy(in, dir / "out.gguf"), (std::vector<std::string>{dir / "out.gguf"}));
  const Gguf out = Gguf::open(dir / "out.gguf");
  expect_all_types_metadata(out.metadata());
  ASSERT_EQ(out.metadata().entries().size(), in.metadata().entries().size());
  for (size_t i = 0; i < in.metadata().entries().size(); ++i) {
    EXPECT_EQ(out.metadata().entries()[i].key, in.metadata().entries()[i].key);
    EXPECT_EQ(out.metadata().entries()[i].value.type(), in.metadata().entries()[i].value.type());
    EXPECT_EQ(out.metadata().entries()[i].value.encoded(), in.metadata().entries()[i].value.encoded());
  }
  ASSERT_EQ(out.tensors().size(), in.tensors().size() - 1);  // without the unknown type
  for (const GgufTensor& t : out.tensors()) {
    EXPECT_EQ(t.offset % 64, 0u);
    EXPECT_EQ(std::memcmp(out.tensor(t).data(), in.tensor(*in.find(t.name)).data(), t.bytes), 0) << t.name;
  }
}

TEST(GgufWriter, WritesWhatThePublishedPackageWrites) {
  // Each of the three split files: the same keys, types and values, the same tensors, the same padding and so
  // size.
  const testing::Scratch dir;
  const Gguf in = Gguf::open(testing::data("files/split-00001-of-00003.gguf"));
  const std::vector<std::string> paths = copy(in, dir / "split.gguf", {.max_bytes = 64});
  ASSERT_EQ(paths.size(), 3u);
  for (const std::string& path : paths) {
    const std::string name = path.substr(path.rfind('/') + 1);
    const Gguf ours = Gguf::parse(map_file(path)),
               theirs = Gguf::parse(map_file(testing::data("files/" + name)));
    EXPECT_EQ(slurp(path).size(), slurp(testing::data("files/" + name)).size()) << name;
    EXPECT_EQ(ours.tensors().size(), theirs.tensors().size());
    for (const auto& e : theirs.metadata().entries()) {
      const GgufValue* v = ours.metadata().find(e.key);
      ASSERT_NE(v, nullptr) << e.key;
      EXPECT_EQ(v->type(), e.value.type()) << e.key;
      EXPECT_EQ(v->encoded(), e.value.encoded()) << e.key;
    }
  }
  const Gguf again = Gguf::open(paths[1]);
  EXPECT_EQ(again.tensors().size(), 5u);
  // And back to one file: the split keys go.
  copy(again, dir / "one.gguf");
  EXPECT_FALSE(Gguf::open(dir / "one.gguf").metadata().has("split.count"));
}

TEST(GgufWriter, EveryTypeThatCanBeSetReadsBack) {
  const testing::Scratch dir;
  GgufMetadata m;
  m.set_u32("u", 5);
  m.set_flag("b", false);
  m.set("i8", GgufValue::scalar<int8_t>(-3));
  m.set_strings("s", std::vector<std::string>{"x", "yz"});
  m.set_floats("f", std::vector<float>{1, 2});
  m.set("bools", GgufValue::array<uint8_t>(std::vector<uint8_t>{7}));
  m.set("nest",
        GgufValue::nested(std::vector<GgufValue>{GgufValue::strings(std::vector<std::string>{"q"}),
                                                 GgufValue::array<double>(std::vector<double>{0.5})}));
  m.set_u32("u", 6);  // replaced in place
  m.set_u32("gone", 1);
  m.erase("gone");
  m.set_string("last", "");
  write_gguf(dir / "m.gguf", m)->finish();
  const GgufMetadata r = Gguf::open(dir / "m.gguf").metadata();
  EXPECT_EQ(r.entries().size(), 8u);
  EXPECT_EQ(r.entries()[0].key, "u");
  EXPECT_EQ(r.u32("u"), 6u);
  EXPECT_FALSE(r.flag("b"));
  EXPECT_EQ(r.i64("i8"), -3);
  EXPECT_EQ(r.strings("s"), (std::vector<std::string>{"x", "yz"}));
  EXPECT_EQ(r.find("nest")->elements()[0].as_strings(), (std::vector<std::string_view>{"q"}));
  EXPECT_EQ(r.find("nest")->elements()[1].as_floats(), (std::vector<float>{0.5f}));
  EXPECT_EQ(r.string("last"), "");
  EXPECT_EQ(r.find("s")->text(), "[\"x\", \"yz\"] (2 string)");
  EXPECT_THROW(GgufValue::nested(std::vector<GgufValue>{GgufValue::scalar(1.0), GgufValue::string("a")}),
               Error);
}

TEST(GgufWriter, AbandonedFilesLeaveNothing) {
  const testing::Scratch dir;
  {
    const auto out = write_gguf(dir / "x.gguf", GgufMetadata());
    out->declare("a", f32, {4});
    out->order();
    const float one = 1;
    out->write(&one, 4);
    EXPECT_THROW(out->finish(), Error);
  }
  EXPECT_EQ(dir.count(), 0u);
}

TEST(GgufWriter, RefusesWhatTheFormatCannotHold) {
  const testing::Scratch dir;
  const auto out = write_gguf(dir / "x.gguf", GgufMetadata());
  out->declare("a", f32, {4});
  EXPECT_THROW(out->declare("a", f32, {4}), Error);
  EXPECT_THROW(out->declare("", f32, {4}), Error);
  EXPECT_THROW(out->declare("rank", f32, {1, 1, 1, 1, 1}), Error);
  EXPECT_THROW(out->declare("type", u8, {4}), Error);
  EXPECT_THROW(out->declare("rows", find_dtype("q8_0"), {2, 33}), Error);
  EXPECT_THROW(out->declare("empty", f32, {0, 4}), Error);
  const float data[5] = {};
  EXPECT_THROW(out->write(data, 20), Error);
  GgufMetadata m;
  m.set_u32("general.alignment", 3);
  EXPECT_THROW(write_gguf(dir / "y.gguf", m), Error);
}

TEST(Gguf, GoldenFilesOpenAndDecode) {
  RIDGE_NEEDS_SHARED(shared);
  int opened = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared + "/golden/gguf")) {
    if (entry.path().extension() != ".gguf") continue;
    const Gguf file = Gguf::open(entry.path().string());
    EXPECT_FALSE(file.tensors().empty()) << entry.path();
    for (const GgufTensor& t : file.tensors()) {
      if (!dtype_of_gguf(t.type)) continue;
      EXPECT_EQ(static_cast<uint64_t>(file.tensor(t).bytes()), t.bytes) << entry.path();
    }
    ++opened;
  }
  EXPECT_EQ(opened, 27);
}

TEST(Gguf, VocabularyFilesOpen) {
  RIDGE_NEEDS_SHARED(shared);
  int opened = 0;
  for (const auto& entry : std::filesystem::directory_iterator(shared + "/data/vocab")) {
    if (entry.path().extension() != ".gguf") continue;
    const Gguf file = Gguf::open(entry.path().string());
    EXPECT_GT(file.metadata().strings("tokenizer.ggml.tokens").size(), 1000u);
    EXPECT_EQ(file.metadata().integers("tokenizer.ggml.token_type").size(),
              file.metadata().string_views("tokenizer.ggml.tokens").size());
    ++opened;
  }
  EXPECT_GE(opened, 4);
}

}  // namespace
}  // namespace ridge

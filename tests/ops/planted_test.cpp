// The harness must see what is wrong: kernels with one deliberate fault each, judged by the same verdict as
// the real ones.
#include <gtest/gtest.h>

#include <cmath>

#include "ops/add/args.h"
#include "ops/harness.h"

namespace ridge {
namespace {

using namespace testing;  // NOLINT: the harness

struct Rows {
  int64_t rows, n;
};

float* at(const View& v, int64_t r, int64_t i) { return static_cast<float*>(v.data) + r * v.stride[0] + i; }

// y = a + scale b over [0, rows) x [begin, n + extra): right where begin = extra = 0.
void sums(const AddArgs& a, int64_t begin, int64_t extra) {
  for (int64_t r = 0; r < a.y.dim[0]; ++r)
    for (int64_t i = begin; i < a.y.dim[1] + extra; ++i)
      *at(a.y, r, i) = *at(a.a, r, i) + a.scale * *at(a.b, r, i);
}

// What the verdict says of a kernel of add on [rows, n].
std::string judged(Rows size, void (*kernel)(const AddArgs&)) {
  Context cx(cpu_device(), watched_options(1, true));
  CaseInputs in(cx, 3);
  const Tensor a = in.normal("a", {size.rows, size.n}), b = in.normal("b", {size.rows, size.n});
  const Tensor y = cx.make(f32, {size.rows, size.n});
  const AddArgs args{a.view(), b.view(), y.view(), 0.5f};
  std::vector<float> expected;
  const auto va = host(a), vb = host(b);
  for (size_t i = 0; i < va.size(); ++i) expected.push_back(va[i] + 0.5f * vb[i]);
  kernel(args);
  return verdict(cx, {y}, {expected}, Rounding::f32, 1);
}

TEST(PlantedFaults, TheRightKernelPasses) {
  for (const Rows r : {Rows{1, 1}, Rows{3, 16}, Rows{5, 33}, Rows{40, 130}})
    EXPECT_EQ(judged(r, [](const AddArgs& a) { sums(a, 0, 0); }), "");
}

// One element past the last row: only the guard can see it, the output itself is right.
TEST(PlantedFaults, WriteBehindTheOutput) {
  for (const Rows r : {Rows{1, 1}, Rows{3, 16}, Rows{5, 33}, Rows{40, 130}}) {
    const std::string found = judged(r, [](const AddArgs& a) {
      sums(a, 0, 0);
      *at(a.y, a.y.dim[0] - 1, a.y.dim[1]) = 1;
    });
    EXPECT_EQ(found, fmt::format("byte {} of an activation of {} bytes was written", r.rows * r.n * 4,
                                 r.rows * r.n * 4));
  }
}

TEST(PlantedFaults, WriteBeforeTheOutput) {
  EXPECT_EQ(judged({3, 16},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     reinterpret_cast<char*>(a.y.data)[-1] = 0;
                   }),
            "byte -1 of an activation of 192 bytes was written");
}

// A vector stored whole over a tail.
TEST(PlantedFaults, StoreWiderThanTheTail) {
  EXPECT_NE(judged({2, 33},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     for (int64_t i = 33; i < 48; ++i) *at(a.y, 1, i) = 0;
                   }),
            "");
}

TEST(PlantedFaults, WriteIntoAnInputsSurroundings) {
  EXPECT_NE(judged({2, 33},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     *at(a.b, 1, 33) = 0;
                   }),
            "");
}

TEST(PlantedFaults, ReadBehindTheInput) {
  EXPECT_NE(judged({1, 16},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     *at(a.y, 0, 15) += 0 * *at(a.a, 0, 16);  // NaN stands there
                   }),
            "");
}

TEST(PlantedFaults, ReadOfTheOutputBeforeItIsWritten) {
  EXPECT_NE(judged({2, 5},
                   [](const AddArgs& a) {
                     for (int64_t r = 0; r < 2; ++r)
                       for (int64_t i = 0; i < 5; ++i)
                         *at(a.y, r, i) += *at(a.a, r, i) + 0.5f * *at(a.b, r, i);
                   }),
            "");
}

TEST(PlantedFaults, ElementsLeftOut) {
  EXPECT_NE(judged({3, 33}, [](const AddArgs& a) { sums(a, 1, 0); }), "");
  EXPECT_NE(judged({3, 33}, [](const AddArgs& a) { sums(a, 0, -1); }), "");
}

TEST(PlantedFaults, WrongSignOfOneElement) {
  EXPECT_NE(judged({40, 130},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     *at(a.y, 17, 77) = -*at(a.y, 17, 77);
                   }),
            "");
}

TEST(PlantedFaults, WrongSignThroughout) {
  EXPECT_NE(judged({3, 16},
                   [](const AddArgs& a) {
                     AddArgs wrong = a;
                     wrong.scale = -a.scale;
                     sums(wrong, 0, 0);
                   }),
            "");
}

// The tail computed from the neighbouring column.
TEST(PlantedFaults, WrongTail) {
  EXPECT_NE(judged({3, 33},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     for (int64_t r = 0; r < 3; ++r)
                       *at(a.y, r, 32) = *at(a.a, r, 31) + a.scale * *at(a.b, r, 31);
                   }),
            "");
}

TEST(PlantedFaults, PrecisionOfHalf) {
  EXPECT_NE(judged({3, 130},
                   [](const AddArgs& a) {
                     sums(a, 0, 0);
                     for (int64_t r = 0; r < 3; ++r)
                       for (int64_t i = 0; i < 130; ++i)
                         *at(a.y, r, i) *= 1 + ((i & 1) != 0 ? 5e-4f : -5e-4f);
                   }),
            "");
}

// The comparator alone.
TEST(Comparator, CatchesPlantedFaults) {
  std::vector<float> reference(1000);
  for (size_t i = 0; i < reference.size(); ++i) reference[i] = std::sin(static_cast<float>(i));
  const auto caught = [&](const std::function<void(std::vector<float>&)>& fault) {
    auto v = reference;
    fault(v);
    const Difference d = difference(v.data(), reference.data(), 1000);
    const double allowed = tolerance(Rounding::f32, 1000);
    return d.relative > allowed || d.worst > 8 * allowed;
  };
  EXPECT_FALSE(caught([](auto&) {}));
  EXPECT_FALSE(caught([](auto& v) {
    for (float& x : v) x *= 1 + 1e-7f;
  }));
  EXPECT_TRUE(caught([](auto& v) { v[500] = NAN; }));
  EXPECT_TRUE(caught([](auto& v) { v[500] = INFINITY; }));
  EXPECT_TRUE(caught([](auto& v) { v[7] = -v[7]; }));
  EXPECT_TRUE(caught([](auto& v) { v[999] = 0; }));
  EXPECT_TRUE(caught([](auto& v) { v[3] += 1e-3f; }));
  EXPECT_TRUE(caught([](auto& v) {
    for (float& x : v) x *= 1 + 1e-4f;
  }));
  EXPECT_TRUE(caught([](auto& v) { std::swap(v[1], v[2]); }));
  std::vector<float> nan(3, NAN);
  EXPECT_GT(difference(reference.data(), nan.data(), 3).relative, 1e30);
}

// Damage is found when the activation is gone, too.
TEST(Guard, SeesDamageOfFreedActivations) {
  Context cx(cpu_device(), watched_options(1, true));
  {
    const Tensor t = cx.make(f32, {10});
    t.ptr<float>()[10] = 1;
  }
  EXPECT_EQ(cx.guard_damage(), "byte 40 of an activation of 40 bytes was written");
  Context clean(cpu_device(), watched_options(1, true));
  {
    const Tensor t = clean.make(f32, {10});
    t.ptr<float>()[9] = 1;
  }
  EXPECT_EQ(clean.guard_damage(), "");
}

}  // namespace
}  // namespace ridge

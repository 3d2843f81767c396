// The contract of the dot kernels (src/formats/dot.h), at every level that this machine has: an output
// depends on its own two rows alone, bit for bit; nothing is read or written outside; extreme values.
#include "formats/dots.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <map>
#include <vector>

#include "base/cpu.h"
#include "base/random.h"

namespace ridge {
namespace {

// Memory that ends at a page which must not be touched, and so does its beginning where it is whole pages.
class Guarded {
 public:
  explicit Guarded(int64_t bytes, int64_t align = 1) {
    const int64_t page = ::sysconf(_SC_PAGESIZE);
    const int64_t inside = (bytes + align + page - 1) / page * page;
    size_ = inside + 2 * page;
    base_ = static_cast<char*>(
        ::mmap(nullptr, static_cast<size_t>(size_), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(0, ::mprotect(base_ + page, static_cast<size_t>(inside), PROT_READ | PROT_WRITE));
    data_ = base_ + page + (inside - bytes) / align * align;
    std::memset(base_ + page, 0xa5, static_cast<size_t>(inside));
  }
  ~Guarded() { ::munmap(base_, static_cast<size_t>(size_)); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  char* data() const { return data_; }

 private:
  char *base_, *data_;
  int64_t size_;
};

// Fast or not: what the processor can execute is tested.
bool can_run(const DotKernel& d) {
  return (d.needs & ~(cpu_info().features | uint64_t{kCpuFastBf16Dot})) == 0;
}

std::string label(const DotKernel& d) { return std::string(d.format) + " " + d.isa; }

// Rows of weights in a format and rows of activations, and the product of any part of them by a kernel.
struct Problem {
  Problem(const DotKernel& kernel, int64_t rows_a, int64_t rows_w, int64_t length, float scale = 1)
      : d(kernel),
        format(*find_dtype(kernel.format)),
        m(rows_a),
        n(rows_w),
        k(length),
        row_bytes(k / format.block * format.bytes),
        // a stride longer than the row, and at odd addresses where blocks are
        w_stride(row_bytes + (format.block > 1 ? format.bytes : 4 * format.bytes)),
        weights((n - 1) * w_stride + row_bytes),
        x(static_cast<size_t>(m * k)) {
    Random random(1, 2);
    std::vector<float> row(static_cast<size_t>(k));
    for (int64_t j = 0; j < n; ++j) {
      for (float& v : row) v = 0.5f * random.normal();
      format.encode(row.data(), weights.data() + j * w_stride, k, nullptr);
    }
    for (float& v : x) v = scale * random.normal();
  }

  // y [m1 - m0][n1 - n0]
  std::vector<float> product(int64_t m0, int64_t m1, int64_t n0, int64_t n1) const {
    const int64_t rows = m1 - m0, columns = n1 - n0, y_stride = columns + 3;
    const int64_t bytes = d.activation_bytes ? d.activation_bytes(k) : k * 4;
    const int64_t a_stride = d.activation_bytes ? (bytes + 63) / 64 * 64 : bytes + 12;
    const Guarded a((rows - 1) * a_stride + bytes, d.activation_bytes ? 64 : 4);
    const Guarded scratch(d.scratch_bytes ? d.scratch_bytes(k) : 0, 64);
    const Guarded y(((rows - 1) * y_stride + columns) * 4, 4);
    for (int64_t r = 0; r < rows; ++r)
      if (d.prepare)
        d.prepare(&x[static_cast<size_t>((m0 + r) * k)], a.data() + r * a_stride, k);
      else
        std::memcpy(a.data() + r * a_stride, &x[static_cast<size_t>((m0 + r) * k)],
                    static_cast<size_t>(k) * 4);
    d.multiply({weights.data() + n0 * w_stride, w_stride, a.data(), a_stride, rows, columns, k,
                reinterpret_cast<float*>(y.data()), y_stride, scratch.data()});
    std::vector<float> out(static_cast<size_t>(rows * columns));
    for (int64_t r = 0; r < rows; ++r) {
      const char* from = y.data() + r * y_stride * 4;
      std::memcpy(&out[static_cast<size_t>(r * columns)], from, static_cast<size_t>(columns) * 4);
      for (int64_t i = columns * 4; i < y_stride * 4 && r + 1 < rows; ++i)
        EXPECT_EQ(from[i], static_cast<char>(0xa5)) << "written beyond row " << r << " of y";
    }
    return out;
  }

  std::vector<double> exact() const {
    std::vector<float> w(static_cast<size_t>(n * k));
    for (int64_t j = 0; j < n; ++j)
      format.decode(weights.data() + j * w_stride, &w[static_cast<size_t>(j * k)], k);
    if (d.for_prompts && d.rounding != Rounding::f32) {  // decoded to bf16
      const DType bf16 = find_dtype("bf16");
      std::vector<uint16_t> codes(w.size());
      bf16->encode(w.data(), codes.data(), n * k, nullptr);
      bf16->decode(codes.data(), w.data(), n * k);
    }
    std::vector<double> y(static_cast<size_t>(m * n));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t l = 0; l < k; ++l)
          sum += static_cast<double>(x[static_cast<size_t>(i * k + l)]) * w[static_cast<size_t>(j * k + l)];
        y[static_cast<size_t>(i * n + j)] = sum;
      }
    return y;
  }

  static std::vector<double> first_row(const std::vector<double>& y, int64_t n) {
    return {y.begin(), y.begin() + n};
  }

  const DotKernel& d;
  const Format& format;
  int64_t m, n, k, row_bytes, w_stride;
  Guarded weights;
  std::vector<float> x;
};

uint32_t bits(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return u;
}

std::vector<int64_t> lengths(const Format& f) {
  if (f.block > 1) return {f.block, 3 * f.block, 2048 + f.block};
  return {1, 7, 31, 33, 128, 1057, 2052};
}

// The error of a product relative to its norm that the rounding of the activations explains.
double allowed(Rounding rounding, int64_t k) {
  switch (rounding) {
    case Rounding::f32:
      return 4 * 0x1p-24 * (8 + std::sqrt(static_cast<double>(k)));
    case Rounding::bf16_activation:
      return 2 * 0x1p-9;
    case Rounding::q8_activation:
      return 2 * 2.5 / 127 / 3.46;
  }
  return 0;
}

double relative_error(const std::vector<float>& y, const std::vector<double>& exact) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    error += (y[i] - exact[i]) * (y[i] - exact[i]);
    norm += exact[i] * exact[i];
  }
  return std::isnan(error) ? INFINITY : std::sqrt(error / norm);
}

class EveryDot : public ::testing::TestWithParam<const DotKernel*> {
 protected:
  void SetUp() override {
    if (!can_run(*GetParam())) GTEST_SKIP() << "not run: this processor lacks " << GetParam()->isa;
  }
};

TEST_P(EveryDot, OutputsDependOnTheirOwnRowsOnly) {
  const DotKernel& d = *GetParam();
  for (const int64_t k : lengths(*find_dtype(d.format))) {
    const Problem p(d, 70, 67, k);
    const auto whole = p.product(0, p.m, 0, p.n);
    const auto same = [&](int64_t m0, int64_t m1, int64_t n0, int64_t n1) {
      const auto part = p.product(m0, m1, n0, n1);
      for (int64_t i = m0; i < m1; ++i)
        for (int64_t j = n0; j < n1; ++j) {
          const float a = whole[static_cast<size_t>(i * p.n + j)],
                      b = part[static_cast<size_t>((i - m0) * (n1 - n0) + j - n0)];
          if (bits(a) != bits(b)) {
            ADD_FAILURE() << label(d) << " k " << k << ": y[" << i << "][" << j << "] is " << a
                          << " in a call of " << p.m << " x " << p.n << " and " << b << " in rows " << m0
                          << " to " << m1 << " x " << n0 << " to " << n1;
            return;
          }
        }
    };
    for (int64_t i = 0; i < p.m; i += 3) same(i, i + 1, 0, p.n);  // one row of activations
    for (int64_t j = 0; j < p.n; ++j) same(0, 9, j, j + 1);       // one row of weights
    for (int64_t rows = 1; rows <= 33; ++rows) same(rows, 2 * rows, 0, p.n);
    Random random(3, 4);
    for (int trial = 0; trial < 40; ++trial) {
      const auto below = [&](int64_t bound) {
        return static_cast<int64_t>(random.next() % static_cast<uint64_t>(bound));
      };
      const int64_t m0 = below(p.m), n0 = below(p.n);
      same(m0, m0 + 1 + below(p.m - m0), n0, n0 + 1 + below(p.n - n0));
    }
  }
}

TEST_P(EveryDot, AgreesWithTheExactProduct) {
  const DotKernel& d = *GetParam();
  for (const int64_t k : lengths(*find_dtype(d.format)))
    for (const float scale : {1e-30f, 1e-3f, 1.0f, 1e30f}) {
      const Problem p(d, 9, 35, k, scale);
      EXPECT_LE(relative_error(p.product(0, p.m, 0, p.n), p.exact()), allowed(d.rounding, k))
          << label(d) << " k " << k << " scale " << scale;
    }
}

// Activations that the rounding leaves as they are: then only sums in f32 separate the product from the exact
// one.
TEST_P(EveryDot, ActivationsThatNeedNoRoundingGiveTheProductInF32) {
  const DotKernel& d = *GetParam();
  for (const int64_t k : lengths(*find_dtype(d.format))) {
    Problem p(d, d.for_prompts ? 53 : 9, 35, k);  // tiles of 16 and 32 rows, and what does not fill one
    Random random(5, 6);
    for (size_t i = 0; i < p.x.size();
         ++i)  // 8 bits: integers, the largest of each block 127; as bf16 exact too
      p.x[i] = i % 32 == 0 ? -127.0f : static_cast<float>(static_cast<int>(random.below(255)) - 127);
    EXPECT_LE(relative_error(p.product(0, p.m, 0, p.n), p.exact()), allowed(Rounding::f32, k))
        << label(d) << " k " << k;
    EXPECT_LE(relative_error(p.product(0, 1, 0, p.n), Problem::first_row(p.exact(), p.n)),
              allowed(Rounding::f32, k))
        << label(d) << " k " << k;
  }
}

// Rows of zeros give zeros; subnormal ones nothing but what is near zero; NaN and Inf reach every output of
// their row and no other.
TEST_P(EveryDot, ExtremeRows) {
  const DotKernel& d = *GetParam();
  const int64_t k = find_dtype(d.format)->block > 1 ? 2 * find_dtype(d.format)->block : 100;
  Problem p(d, 9, 35, k);
  const auto before = p.product(0, p.m, 0, p.n);
  const auto row = [&](int64_t i) { return &p.x[static_cast<size_t>(i * k)]; };
  for (int64_t l = 0; l < k; ++l) {
    row(1)[l] = 0;
    row(2)[l] *= 1e-42f;
    row(7)[l] = 0;
  }
  row(4)[k / 2] = NAN;
  row(6)[k - 1] = INFINITY;
  row(7)[k - 1] = -0.0f;
  for (const bool one_by_one : {false, true}) {
    std::vector<float> y;
    for (int64_t i = 0; one_by_one && i < p.m; ++i)
      for (const float v : p.product(i, i + 1, 0, p.n)) y.push_back(v);
    if (!one_by_one) y = p.product(0, p.m, 0, p.n);
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        const float v = y[static_cast<size_t>(i * p.n + j)];
        if (i == 1 || i == 7)
          EXPECT_EQ(v, 0) << label(d);
        else if (i == 2)
          EXPECT_LT(std::fabs(v), 1e-38f) << label(d);
        else if (i == 4 || i == 6)
          EXPECT_FALSE(std::isfinite(v)) << label(d) << " row " << i << " column " << j;
        else
          EXPECT_EQ(bits(v), bits(before[static_cast<size_t>(i * p.n + j)])) << label(d);
      }
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryDot, ::testing::ValuesIn(dot_table().begin(), dot_table().end()),
                         [](const auto& info) {
                           return std::string(info.param->format) + "_" + info.param->isa;
                         });

// Where activations are rounded to 8 bits the sums of a block are exact integers, and the levels round alike.
TEST(Dots, EightBitKernelsAgreeBitForBitAcrossLevels) {
  std::map<std::string, std::vector<float>> first;
  for (const DotKernel* d : dot_table()) {
    if (d->rounding != Rounding::q8_activation || !can_run(*d)) continue;
    const Problem p(*d, 11, 45, 2048 + find_dtype(d->format)->block);
    const auto y = p.product(0, p.m, 0, p.n);
    const auto [at, is_new] = first.emplace(d->format, y);
    if (!is_new) {
      EXPECT_EQ(0, std::memcmp(at->second.data(), y.data(), y.size() * 4)) << label(*d);
    }
  }
}

TEST(Dots, TheHighestLevelThatTheFeaturesAllowIsFound) {
  for (const DotKernel* d : dot_table()) {
    const DotKernel* found =
        find_dot(*find_dtype(d->format), d->needs, d->rounding == Rounding::f32, d->for_prompts);
    ASSERT_NE(found, nullptr) << label(*d);
    EXPECT_GE(found->rank, d->rank) << label(*d);
    EXPECT_EQ(found->needs & ~d->needs, 0u) << label(*d);
  }
  // On Intel's cores vdpbf16ps is slow: it is taken only where the processor says that it is fast.
  const uint64_t intel = cpu_level("amx") & ~uint64_t{kCpuFastBf16Dot};
  EXPECT_EQ(find_dot(*find_dtype("bf16"), intel, false)->rounding, Rounding::f32);
}

}  // namespace
}  // namespace ridge

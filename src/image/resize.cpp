#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "image/image.h"

namespace ridge {
namespace {

constexpr double kPi = 3.14159265358979323846;

double sinc(double x) { return x == 0 ? 1 : std::sin(x * kPi) / (x * kPi); }

struct Kernel {
  double support;
  double (*at)(double x);
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }
double triangle(double x) { return std::max(0.0, 1 - std::fabs(x)); }
double hamming(double x) {
  x = std::fabs(x);
  return x == 0 ? 1 : x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * std::cos(kPi * x));
}
double bicubic(double x) {  // Keys 1981 with a = -0.5
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

Kernel kernel_of(Filter f) {
  switch (f) {
    case Filter::box:
      return {0.5, box};
    case Filter::bilinear:
      return {1, triangle};
    case Filter::hamming:
      return {1, hamming};
    case Filter::bicubic:
      return {2, bicubic};
    default:
      return {3, lanczos};
  }
}

// Which inputs an output is made of, and their weights as fixed-point numbers.
struct Window {
  int64_t first = 0;
  std::vector<int32_t> weights;
};
constexpr int kBits = 22;

std::vector<Window> windows(int64_t from, int64_t to, const Kernel& kernel) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), stretch = std::max(1.0, scale);
  const double support = kernel.support * stretch;
  std::vector<Window> all(static_cast<size_t>(to));
  std::vector<double> w;
  for (int64_t i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(0, static_cast<int64_t>(center - support + 0.5));
    const auto last = std::min(from, static_cast<int64_t>(center + support + 0.5));
    w.clear();
    double sum = 0;
    for (int64_t x = first; x < last; ++x) {
      w.push_back(kernel.at((static_cast<double>(x) - center + 0.5) * (1 / stretch)));
      sum += w.back();
    }
    Window& o = all[static_cast<size_t>(i)];
    o.first = first;
    for (double v : w) {
      if (sum != 0) v /= sum;
      o.weights.push_back(static_cast<int32_t>(v * (1 << kBits) + (v < 0 ? -0.5 : 0.5)));
    }
  }
  return all;
}

uint8_t clip(int32_t v) {
  v >>= kBits;
  return static_cast<uint8_t>(v < 0 ? 0 : v > 255 ? 255 : v);
}

Image across(const Image& in, int64_t width, const Kernel& kernel) {
  const auto all = windows(in.width, width, kernel);
  Image out{width, in.height, std::vector<uint8_t>(static_cast<size_t>(width * in.height * 3))};
  uint8_t* to = out.pixels.data();
  for (int64_t y = 0; y < in.height; ++y)
    for (const Window& w : all) {
      const uint8_t* from = in.pixels.data() + (y * in.width + w.first) * 3;
      int32_t s[3] = {1 << (kBits - 1), 1 << (kBits - 1), 1 << (kBits - 1)};
      for (const int32_t k : w.weights)
        for (int c = 0; c < 3; ++c) s[c] += k * *from++;
      for (const int32_t v : s) *to++ = clip(v);
    }
  return out;
}

Image down(const Image& in, int64_t height, const Kernel& kernel) {
  const auto all = windows(in.height, height, kernel);
  const int64_t n = in.width * 3;
  Image out{in.width, height, std::vector<uint8_t>(static_cast<size_t>(n * height))};
  std::vector<int32_t> sums(static_cast<size_t>(n));
  uint8_t* to = out.pixels.data();
  for (const Window& w : all) {
    std::fill(sums.begin(), sums.end(), 1 << (kBits - 1));
    for (size_t k = 0; k < w.weights.size(); ++k) {
      const uint8_t* from = in.pixels.data() + (w.first + static_cast<int64_t>(k)) * n;
      for (int64_t i = 0; i < n; ++i) sums[static_cast<size_t>(i)] += w.weights[k] * from[i];
    }
    for (const int32_t v : sums) *to++ = clip(v);
  }
  return out;
}

// The input under the centre of each output; the places are added up one by one, as Pillow does.
std::vector<int64_t> nearest(int64_t from, int64_t to) {
  const double step = static_cast<double>(from) / static_cast<double>(to);
  std::vector<int64_t> at;
  double x = step * 0.5;
  for (int64_t i = 0; i < to; ++i, x += step) at.push_back(std::min(from - 1, static_cast<int64_t>(x)));
  return at;
}

}  // namespace

Image resize(const Image& image, int64_t width, int64_t height, Filter filter) {
  if (width < 1 || height < 1 || width > kMaxPixels / height)
    fail(Fault::usage, "an image cannot be resized to {} x {} pixels", width, height);
  if (width == image.width && height == image.height) return image;
  if (filter == Filter::nearest) {
    const auto columns = nearest(image.width, width), rows = nearest(image.height, height);
    Image out{width, height, {}};
    out.pixels.reserve(static_cast<size_t>(width * height * 3));
    for (const int64_t y : rows)
      for (const int64_t x : columns) {
        const uint8_t* p = image.pixels.data() + (y * image.width + x) * 3;
        out.pixels.insert(out.pixels.end(), p, p + 3);
      }
    return out;
  }
  const Kernel kernel = kernel_of(filter);
  if (width != image.width && image.height > kMaxPixels / width)
    fail(Fault::usage, "an image of {} x {} pixels cannot be resized to {} x {}", image.width, image.height,
         width, height);
  const Image wide = width != image.width ? across(image, width, kernel) : image;
  return height != image.height ? down(wide, height, kernel) : wide;
}

}  // namespace ridge

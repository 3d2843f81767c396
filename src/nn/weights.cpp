#include "nn/weights.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "device/device.h"

namespace ridge {
namespace {

// Row r of the result is row from(r) of t; t contiguous, [rows, ..] or [rows].
template <typename From>
Tensor permute_rows(const Tensor& t, From from) {
  const Tensor out = cpu_device().make(t.dtype(), t.shape());
  const int64_t rows = t.dim(0), bytes = rows ? t.bytes() / rows : 0;
  for (int64_t r = 0; r < rows; ++r)
    std::memcpy(static_cast<char*>(out.data()) + r * bytes,
                static_cast<const char*>(t.data()) + from(r) * bytes, static_cast<size_t>(bytes));
  return out;
}

Tensor transpose_copy(const Tensor& t) {
  if (t.rank() != 2 || t.dtype().is_block()) fail(Fault::usage, "a {} weight cannot be transposed", t.text());
  const Tensor out = cpu_device().make(t.dtype(), {t.dim(1), t.dim(0)});
  const int64_t rows = t.dim(0), columns = t.dim(1), size = t.dtype()->bytes;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      std::memcpy(static_cast<char*>(out.data()) + (c * rows + r) * size,
                  static_cast<const char*>(t.data()) + (r * columns + c) * size, static_cast<size_t>(size));
  return out;
}

template <typename F>
Tensor mapped(const Tensor& t, F f) {
  const Tensor out = cpu_device().make(f32, t.shape());
  if (t.count() > 0) t.dtype()->decode(t.data(), out.ptr<float>(), t.count());
  for (int64_t i = 0; i < t.count(); ++i) out.ptr<float>()[i] = f(out.ptr<float>()[i]);
  return out;
}
Tensor plus(const Tensor& t, float x) {
  return mapped(t, [x](float y) { return y + x; });
}

}  // namespace

std::string blk(int64_t layer, const std::string& rest) {
  return "blk." + std::to_string(layer) + "." + rest;
}

// Blocks run along rows: transposing decodes them.
Relayout transposed() {
  const auto swap = [](const Tensor& t) { return transpose_copy(t.dtype().is_block() ? plus(t, 0) : t); };
  return {swap, swap};
}
Relayout plus_one() {
  return {[](const Tensor& t) { return plus(t, 1); }, [](const Tensor& t) { return plus(t, -1); }};
}

Relayout negative_exp() {  // in double: both ways are rounded once
  return {[](const Tensor& t) {
            return mapped(t, [](float y) { return static_cast<float>(std::log(-static_cast<double>(y))); });
          },
          [](const Tensor& t) {
            return mapped(t, [](float y) { return static_cast<float>(-std::exp(static_cast<double>(y))); });
          }};
}

Relayout head_part(int64_t heads, int64_t rows, int64_t begin, int64_t end, bool transposed) {
  Relayout r;
  r.from_file = [=](const Tensor& file) {
    if (file.dim(0) != heads * rows)
      fail(Fault::file, "a weight {} is not {} heads of {} rows", file.text(), heads, rows);
    const Tensor all = (file.dtype().is_block() ? plus(file, 0) : file).reshape({heads, rows, file.dim(-1)});
    const int64_t k = all.dim(2), n = end - begin;
    const Tensor out = cpu_device().make(all.dtype(), transposed ? Shape{heads, k, n} : Shape{heads, n, k});
    for (int64_t h = 0; h < heads; ++h) {
      Tensor part = all.select(0, h).slice(0, begin, end);
      if (transposed) part = transpose_copy(part);
      std::memcpy(out.select(0, h).data(), part.data(), static_cast<size_t>(part.bytes()));
    }
    return out;
  };
  r.to_file = [=](const Tensor& t) {
    if (!transposed) return t;
    const Tensor real = t.dtype().is_block() ? plus(t, 0) : t;
    const Tensor out = cpu_device().make(real.dtype(), {heads, real.dim(2), real.dim(1)});
    for (int64_t h = 0; h < heads; ++h) {
      const Tensor part = transpose_copy(real.select(0, h));
      std::memcpy(out.select(0, h).data(), part.data(), static_cast<size_t>(part.bytes()));
    }
    return out;
  };
  return r;
}

Relayout qkv_by_head(int64_t heads) {
  const auto index = [heads](const Tensor& t, bool to_file) {
    const int64_t d = t.dim(0) / (3 * heads);
    if (d < 1 || t.dim(0) != 3 * heads * d)
      fail(Fault::file, "a weight {} is not q, k and v of {} heads", t.text(), heads);
    return permute_rows(t, [=](int64_t r) {
      if (to_file) {  // file row r = (head, part, i)
        const int64_t head = r / (3 * d), part = r / d % 3;
        return (part * heads + head) * d + r % d;
      }
      const int64_t part = r / (heads * d), head = r / d % heads;  // memory row r = (part, head, i)
      return (head * 3 + part) * d + r % d;
    });
  };
  return {[=](const Tensor& t) { return index(t, false); }, [=](const Tensor& t) { return index(t, true); }};
}

Tensor rope_rows_to_interleaved(const Tensor& t, int64_t heads) {
  const int64_t d = t.dim(0) / heads;
  return permute_rows(t, [=](int64_t r) {
    const int64_t i = r % d;
    return r - i + i / 2 + (i % 2) * (d / 2);
  });
}
Tensor rope_rows_to_half_split(const Tensor& t, int64_t heads) {
  const int64_t d = t.dim(0) / heads;
  return permute_rows(t, [=](int64_t r) {
    const int64_t i = r % d;
    return r - i + (i < d / 2 ? 2 * i : 2 * (i - d / 2) + 1);
  });
}

}  // namespace ridge

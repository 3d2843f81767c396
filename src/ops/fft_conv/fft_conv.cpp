#include "ops/fft_conv/fft_conv.h"

#include "ops/common.h"
#include "ops/fft_conv/args.h"

namespace ridge {
namespace tables {
extern const Op op_fft_conv;
const Op op_fft_conv{"fft_conv", "y[t] = sum_j k[j] u[t - j] + skip u[t]"};
}  // namespace tables

Tensor fft_conv(Context& cx, const Tensor& u, const Tensor& k, const Tensor& skip) {
  const char* op = "fft_conv";
  expect_dtype(op, "u", u, f32);
  expect_dtype(op, "k", k, f32);
  expect_dtype(op, "skip", skip, f32);
  if (u.rank() != 3 || !u.contiguous())
    fail(Fault::usage, "{}: u {}, expected contiguous [sequences, length, channels]", op, u.text());
  const int64_t length = u.dim(1), channels = u.dim(2);
  if (k.rank() != 2 || k.dim(0) != channels || k.dim(1) < length || !k.contiguous())
    fail(Fault::usage, "{}: k {}, expected contiguous [{}, {} or more]", op, k.text(), channels, length);
  expect_shape(op, "skip", skip, {channels});
  expect_unwatched(cx, op, {&u, &k, &skip});
  const Tensor y = cx.make(f32, u.shape());
  const FftConvArgs args{u.view(), y.view(), k.view(), skip.view()};
  // Transforms of 2^b >= 2 length real numbers: 5/2 n log2 n operations each, two a sequence and one a
  // kernel.
  int64_t n = 2, bits = 1;
  while (n < 2 * length) n *= 2, ++bits;
  const int64_t transforms = (2 * u.dim(0) + 1) * channels;
  cx.launch(tables::op_fft_conv, &args,
            {transforms * 5 * n * bits / 2 + 5 * u.count(), u.bytes() + k.bytes() + skip.bytes(), y.bytes()},
            {&y, &u, &k, &skip});
  return y;
}

}  // namespace ridge

#include "ops/decode/decode.h"

#include "ops/common.h"
#include "ops/decode/args.h"

namespace ridge {
namespace tables {
extern const Op op_decode;
const Op op_decode{"decode", "y = f32(w)"};
}  // namespace tables

Tensor decode(Context& cx, const Tensor& w) {
  if (w.dtype() == DType(f32)) return w;
  const Tensor y = cx.make(f32, w.shape());
  DecodeArgs args{rows_view("decode", "w", w), rows_view("decode", "y", y)};
  cx.launch(tables::op_decode, &args, {w.count(), w.bytes(), y.bytes(), w.bytes()}, {&y, &w});
  return y;
}

}  // namespace ridge

// Which real format a view holds, for kernel files: 0 f32, 1 f16, 2 bf16, -1 another. Plain data only.
#pragma once
#include "tensor/view.h"

namespace ridge {

struct FormatHead {  // the first members of Format, which is standard layout
  const char* name;
};

static inline __attribute__((always_inline)) int half_code(const View& v) {
  const char* n = reinterpret_cast<const FormatHead*>(v.format)->name;
  if (n[0] == 'f' && n[1] == '3' && n[2] == '2' && n[3] == 0) return 0;
  if (n[0] == 'f' && n[1] == '1' && n[2] == '6' && n[3] == 0) return 1;
  if (n[0] == 'b' && n[1] == 'f' && n[2] == '1' && n[3] == '6' && n[4] == 0) return 2;
  return -1;
}

}  // namespace ridge

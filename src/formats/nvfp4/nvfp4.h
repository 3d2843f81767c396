// NVFP4: groups of 16 four-bit floats (E2M1, as in MXFP4) with an 8-bit float scale (E4M3, sign unused) each;
// GGUF packs four groups to a block of 64; value = e4m3(scale) * e2m1(q) (GGUF type 40; NVIDIA's NVFP4). The
// scale of the whole tensor that NVFP4 checkpoints carry besides is a companion tensor, not a part of the
// block. Group g takes the 8 bytes from q + 8 g on: byte j holds its element j in the low nibble and j + 8 in
// the high one.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_nvfp4;
}
inline const Format& nvfp4 = tables::format_nvfp4;

struct BlockNVFP4 {
  uint8_t scales[4];
  uint8_t q[32];
};
static_assert(sizeof(BlockNVFP4) == 36);

}  // namespace ridge

// MXFP4: blocks of 32; a power-of-two scale (E8M0) and 32 four-bit floats (E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6
// with a sign); value = 2^(exponent - 127) * e2m1(q) (GGUF type 39; OCP Microscaling Formats (MX)
// Specification 1.0). Nibbles as in Q4_0.
#pragma once
#include <cstdint>

#include "tensor/format.h"

namespace ridge {
namespace tables {
extern const Format format_mxfp4;
}
inline const Format& mxfp4 = tables::format_mxfp4;

struct BlockMXFP4 {
  uint8_t exponent;
  uint8_t q[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

}  // namespace ridge

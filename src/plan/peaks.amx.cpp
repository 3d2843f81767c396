#include <immintrin.h>

#include "plan/peaks.h"

namespace ridge {
namespace isa_amx {

int64_t peak_bf16(int64_t rounds, float* sink) {
  struct alignas(64) {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } config;
  __builtin_memset(&config, 0, sizeof config);
  config.palette = 1;
  for (int t = 0; t < 8; ++t) config.bytes[t] = 64, config.rows[t] = 16;
  _tile_loadconfig(&config);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  _tile_zero(5);
  for (int64_t r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 5);
    _tile_dpbf16ps(1, 4, 5);
    _tile_dpbf16ps(2, 4, 5);
    _tile_dpbf16ps(3, 4, 5);
  }
  alignas(64) float sums[256];
  _tile_stored(0, sums, 64);
  sink[2] = sums[0];
  _tile_release();
  return rounds * 4 * 16 * 16 * 32 * 2;
}

}  // namespace isa_amx
}  // namespace ridge

// Arguments of the log_decay kernels.
#pragma once
#include "context/kernel.h"

namespace ridge {

enum class Decay : uint8_t {
  exp,       // -e^x: RWKV-5 and 6
  sigmoid,   // -e^(-1/2) / (1 + e^-x): RWKV-7
  softplus,  // -ln(1 + e^x): gated delta net, with rate e^A_log
};

struct LogDecayArgs {
  View x, y;        // f32 [rows, n], unit stride in the last dimension
  View bias, rate;  // f32 [n], or absent
  Decay decay;
};

}  // namespace ridge

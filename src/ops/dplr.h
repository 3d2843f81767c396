// A linear state space model for each of H channels, x' = A x + b u, y = 2 Re(c x), with A = diag(lambda) - p
// p^* (diagonal plus low rank; S4, Gu et al. 2022) or A = diag(lambda) (S4D, Gu et al. 2022b). Of states that
// come in conjugate pairs one of each pair is held: n of them; complex numbers are pairs of f32.
#pragma once
#include "context/context.h"
#include "context/kernel.h"

namespace ridge {

struct DplrSystem {
  Tensor log_a_real, a_imag;  // f32 [H, n]: lambda = -e^log_a_real + i a_imag
  Tensor b, c, p;  // f32 [H, n, 2] (leading 1s are fine); without b it is 1, without p A is diagonal
  Tensor log_dt;   // f32 [H]: the step
  // With p: c is stored multiplied by (I - dA^c_length); 0: it is stored as it is.
  int64_t c_length = 0;
};

// What kernels see.
struct DplrView {
  const float *log_a_real, *a_imag, *b, *c, *p, *log_dt;  // null: absent, or the null device
  int64_t channels, n, c_length;
  bool low_rank;
};

// Fails where the shapes do not fit one another.
DplrView dplr_view(const char* op, const DplrSystem& system);
int64_t dplr_bytes(const DplrSystem& system);

}  // namespace ridge

// HiPPO-LegS (Gu et al. 2020), the state matrix that makes a state space model remember its past as
// coefficients of Legendre polynomials, and the forms of it that S4 and S4D compute with (Gu et al. 2022; Gu
// et al. 2022b). All in double: these are the beginnings of models that are trained.
#pragma once
#include <complex>
#include <cstdint>
#include <vector>

#include "ops/dplr.h"

namespace ridge {

// A [n, n] by rows, and B [n]: A[i, j] = -sqrt((2i + 1)(2j + 1)) below the diagonal, -(i + 1) on it, 0 above;
// B[i] = sqrt(2i + 1). (Gu et al. 2020, appendix D.3.)
struct Hippo {
  int64_t n = 0;
  std::vector<double> a, b;
};
Hippo hippo_legs(int64_t n);

// The normal part of LegS plus a matrix of rank 1: A = V diag(lambda) V^* - (V p)(V p)^*, B = V b, with V
// unitary. (Gu et al. 2022, theorem 1: NPLR; the same in the basis of V: DPLR.) Eigenvalues come in conjugate
// pairs; all n are given, those with positive imaginary part first, in ascending order, then their conjugates
// in the same order.
struct Dplr {
  int64_t n = 0;
  std::vector<std::complex<double>> lambda, p, b;  // [n]
  std::vector<std::complex<double>> v;             // [n, n] by rows
};
// n even, at least 2: an Error(Fault::usage) otherwise.
Dplr hippo_dplr(int64_t n);

// A DplrSystem of `channels` channels with n states each (n / 2 held), as S4 begins: LegS, c normal, steps
// spread evenly in the logarithm over [dt_min, dt_max]. `low_rank`: S4; else S4D-LegS, the same without p.
DplrSystem hippo_system(int64_t channels, int64_t n, bool low_rank, double dt_min, double dt_max,
                        uint64_t seed);

}  // namespace ridge

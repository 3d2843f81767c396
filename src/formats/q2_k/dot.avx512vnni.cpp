#include "formats/q2_k/codes.h"

RIDGE_INT8_DOT(Q2_K)

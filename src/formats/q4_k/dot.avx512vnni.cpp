#include "formats/q4_k/codes.h"

RIDGE_INT8_DOT(Q4_K)

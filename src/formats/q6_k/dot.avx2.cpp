#include "formats/q6_k/codes.h"

RIDGE_INT8_DOT(Q6_K)

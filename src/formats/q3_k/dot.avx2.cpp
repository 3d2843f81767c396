#include "formats/q3_k/codes.h"

RIDGE_INT8_DOT(Q3_K)

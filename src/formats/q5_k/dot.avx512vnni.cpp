#include "formats/q5_k/codes.h"

RIDGE_INT8_DOT(Q5_K)

#include "formats/q4_1/codes.h"

RIDGE_INT8_DOT(Q4_1)

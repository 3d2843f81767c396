#include "formats/q4_0/codes.h"

RIDGE_INT8_DOT(Q4_0)

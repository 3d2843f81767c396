#include "formats/q8_0/codes.h"

RIDGE_INT8_DOT(Q8_0)

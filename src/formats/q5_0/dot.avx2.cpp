#include "formats/q5_0/codes.h"

RIDGE_INT8_DOT(Q5_0)

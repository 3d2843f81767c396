#include "formats/q5_1/codes.h"

RIDGE_INT8_DOT(Q5_1)

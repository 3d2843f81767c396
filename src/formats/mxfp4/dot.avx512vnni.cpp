#include "formats/mxfp4/codes.h"

RIDGE_INT8_DOT(MXFP4)

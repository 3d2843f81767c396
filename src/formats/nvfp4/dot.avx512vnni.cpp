#include "formats/nvfp4/codes.h"

RIDGE_INT8_DOT(NVFP4)

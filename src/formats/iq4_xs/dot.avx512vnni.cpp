#include "formats/iq4_xs/codes.h"

RIDGE_INT8_DOT(IQ4_XS)

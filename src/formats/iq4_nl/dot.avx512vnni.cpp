#include "formats/iq4_nl/codes.h"

RIDGE_INT8_DOT(IQ4_NL)

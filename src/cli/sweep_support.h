// ridge explain --sweep: how cost and state grow with the length.
#pragma once
#include <string>

#include "nn/model.h"
#include "plan/machine.h"

namespace ridge {

// Prices every length of `range` ("1k:1m"): the whole of a prompt (or input), and one token after it. Prints
// a table (or JSON), and writes a plot where `svg` names a file. Returns the exit code.
int sweep(Model& model, const std::string& name, const std::string& range, const std::string& svg, DType kv,
          const Machine& machine, int batch, bool json);

}  // namespace ridge

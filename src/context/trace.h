// One trace for pricing, timing and counting: what each op did, on what shapes, at what cost and time.
#pragma once
#include <string>
#include <vector>

#include "context/cost.h"

namespace ridge {

struct Op;
struct Kernel;

struct TraceEvent {
  const Op* op;
  const Kernel* kernel;
  std::string scope;   // where in the model: "layers.3.attention"
  std::string shapes;  // "f32 [1, 2048] x q4_0 [2048, 2048]"
  std::string key;     // what sets the speed of this call apart: op, format, whether one row or many
  Cost cost;
  int64_t rows = 0;             // of the output: 1 means decode
  int64_t weight_elements = 0;  // of the operand in a weight format: what a product reads once
  double begin = 0;             // seconds since the trace began; 0 on the null device
  double seconds = 0;           // measured; 0 on the null device
};

class Trace {
 public:
  std::vector<TraceEvent> events;
  Cost total() const {
    Cost c;
    for (const auto& e : events) c += e.cost;
    return c;
  }
};

}  // namespace ridge

// Recomputing the outputs that a folder's expected.safetensors names: logits, greedy continuations,
// gradients.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "context/context.h"
#include "nn/model.h"

namespace ridge {

class Checkpoint;
class Safetensors;

struct VerifyResult {
  std::string name;    // "logits"
  double error = 0;    // ||out - ref|| / ||ref||; for ids the share that differs
  bool exact = false;  // ids: any difference fails
  bool passed = false;
  std::string note;  // where it differs most
};

struct VerifyOptions {
  double tolerance = 1e-4;
  ContextOptions context;                  // exact numbers unless the caller says otherwise
  int64_t chunk = 0;                       // > 0: sequences are fed in chunks of this many tokens
  const Checkpoint* checkpoint = nullptr;  // whose settings of generation encoder-decoders search by
};

// Every tensor of `expected` whose name is known: `logits` of `input_ids`, `greedy` (the continuation of row
// 0 of input_ids Names that are not known are listed in `skipped`.
std::vector<VerifyResult> verify(Model& model, const Safetensors& expected, const VerifyOptions& options,
                                 std::vector<std::string>& skipped);

}  // namespace ridge

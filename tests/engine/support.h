// The small trained model that engine tests run.
#pragma once
#include "base/file.h"
#include "base/json.h"
#include "engine/generator.h"
#include "engine/open.h"
#include "testing.h"

namespace ridge::testing {

inline const OpenedModel& fable() {
  static const OpenedModel opened = open_model(data("models/fable-1m"));
  return opened;
}

inline GenerateOptions greedy(int64_t tokens) {
  GenerateOptions o;
  o.max_tokens = tokens;
  o.sampler.temperature = 0;
  return o;
}

}  // namespace ridge::testing

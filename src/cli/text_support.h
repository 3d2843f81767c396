// What commands share that put texts through encoders: where the texts come from, batches, progress.
#pragma once
#include <string>
#include <vector>

#include "cli/model_support.h"
#include "engine/encode_text.h"

namespace ridge {

struct TextOptions {
  ModelOptions model;
  std::vector<std::string> texts;
  std::string file, pair;
  std::function<bool()> pair_given;
  int64_t batch = 2048;
  bool exact = false;

  // MODEL, [TEXT...], -f, --batch, -t, --kernel, --exact, --json
  void add(Options& o);
  void add_pair(Options& o);

  // The texts: those of the command line, or the lines of the file (empty ones are left out).
  std::vector<std::string> all() const;
  // Their tokens; says on standard error how many were longer than the model's context.
  std::vector<TextTokens> tokens(const OpenedModel& opened, const std::vector<std::string>& texts) const;
  EncodeTextOptions encode_options() const;
};

// "2 of 5 texts are longer than the model's 512 tokens: what is beyond them was left out".
void note_cut(int64_t cut, int64_t texts, const OpenedModel& opened);

}  // namespace ridge

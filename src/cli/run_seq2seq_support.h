// `ridge run` with models that answer a source: translation, summaries, speech.
#pragma once
#include "cli/model_support.h"

namespace ridge {

struct AnswerOptions {
  int64_t beams = 0, n_best = 1, batch = 8;
  double length_penalty = 1;
  std::string audio, language, task;
  bool timestamps = false;
  std::function<bool()> penalty_given, audio_given;

  void add(Options& o);
  // Whether options were given that only such models take.
  bool given() const;
};

struct AnswerInput {
  std::string text, file;  // what to answer: a text, or the lines of a file
  bool text_given = false, file_given = false, raw = false;
  int64_t tokens = -1;
};

// Answers to standard output, one a line (n best: with their scores), speed to standard error.
int run_answers(const OpenedModel& opened, const ModelOptions& model, const AnswerOptions& options,
                const AnswerInput& input);

}  // namespace ridge

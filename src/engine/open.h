// What a MODEL argument opens: checkpoint, weights, tokenizer, chat template.
#pragma once
#include <memory>
#include <optional>
#include <string>

#include "files/checkpoint.h"
#include "nn/model.h"
#include "text/tokenizer.h"

namespace ridge {

// The tokenizer that a checkpoint carries or has beside it: GGUF metadata (a GGUF file without one takes its
// folder's), the files of a Hugging Face folder, the tok*.bin of a llama2.c file. Throws Error(Fault::file)
// where there is none.
Tokenizer tokenizer_of(const Checkpoint& checkpoint);

// The source of its chat template: chat_template.jinja, tokenizer_config.json (of several the one of that
// name), GGUF's tokenizer.chat_template; "" where it has none.
std::string chat_template_of(const Checkpoint& checkpoint, const std::string& name = "default");

// The keys tokenizer.ggml.* (and tokenizer.huggingface.json) of GGUF metadata; nothing where it has no
// vocabulary.
std::optional<Vocabulary> vocabulary_of(const GgufMetadata& metadata);

// A model ready to run, with its tokenizer where it has one.
struct OpenedModel {
  Checkpoint checkpoint;
  std::unique_ptr<Model> model;
  std::optional<Tokenizer> tokenizer;
  std::string tokenizer_error;  // why there is none

  // Throws Error(Fault::file) with tokenizer_error where there is none.
  const Tokenizer& text() const;
};

// Throws Error(Fault::file). A model without tokenizer opens.
OpenedModel open_model(const std::string& path);

}  // namespace ridge

// Ridge as a library: load a model, tokenize, generate, read logits and embeddings.
//
//   #include <ridge/ridge.h>
//   auto model = ridge::LanguageModel::load("model.gguf");
//   model.generate("Once upon a time", {}, [](std::string_view text) { std::cout << text << std::flush;
//   return true; });
//
// CMake: find_package(ridge REQUIRED); target_link_libraries(program ridge::ridge)
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "ridge/error.h"

namespace ridge {

struct LoadOptions {
  int threads = 0;      // 0: one a usable core
  int64_t context = 0;  // tokens that prompt and answer have together; 0: as many as the model was made for
  std::string kv = "f16";  // format of keys and values: "f32", "f16", "bf16"
};

struct GenerationOptions {
  int64_t max_tokens = -1;    // -1: to the end of the context
  double temperature = 0.8;   // 0: always the most probable token
  int64_t top_k = 40;         // 0: all
  double top_p = 0.95;        // 1: all
  double min_p = 0.05;        // 0: all
  double repeat_penalty = 1;  // 1: none
  uint64_t seed = 0;
  std::vector<std::string> stop;  // generation ends where one of these comes up
};

struct Generation {
  std::string text;
  std::vector<int32_t> ids;
  std::string reason;  // "end", "stop string", "length", "context", "cancelled"
  int64_t prompt_tokens = 0;
  double prompt_seconds = 0, decode_seconds = 0;
};

// A model with its tokenizer and one running sequence. Movable; one thread at a time.
// Every function throws ridge::Error: its fault() says whether the call, a file or the machine was to blame.
class LanguageModel {
 public:
  // A GGUF file, a Hugging Face folder or a llama2.c .bin.
  static LanguageModel load(const std::string& path, const LoadOptions& options = {});
  ~LanguageModel();
  LanguageModel(LanguageModel&&) noexcept;
  LanguageModel& operator=(LanguageModel&&) noexcept;

  // Ids of a text; `special` puts BOS and EOS where the tokenizer does.
  std::vector<int32_t> tokenize(std::string_view text, bool special = true) const;
  // The text of ids; special tokens leave none.
  std::string detokenize(const std::vector<int32_t>& ids) const;

  // Writes on from a prompt. `on_text` gets each bit of text as it is certain, whole characters only;
  // returning false ends.
  Generation generate(std::string_view prompt, const GenerationOptions& options = {},
                      const std::function<bool(std::string_view text)>& on_text = {});

  // Logits after each of `ids`: ids.size() rows of vocabulary_size() values. The running sequence is not
  // touched.
  std::vector<float> logits(const std::vector<int32_t>& ids);
  // The mean over the text's tokens of the last layer's normed output, scaled to length 1: width() values.
  std::vector<float> embed(std::string_view text);

  std::string architecture() const;  // "llama"
  int64_t vocabulary_size() const;
  int64_t width() const;
  int64_t context() const;
  int64_t parameters() const;

 private:
  struct Impl;
  explicit LanguageModel(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// "0.1.0"
const char* version();

}  // namespace ridge

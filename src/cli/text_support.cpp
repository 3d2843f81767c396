#include "cli/text_support.h"

#include <fmt/format.h>

#include "base/error.h"

namespace ridge {

void TextOptions::add(Options& o) {
  o.argument(model.model, "MODEL", "GGUF file or Hugging Face folder", true, Options::Hint::model);
  o.arguments(texts, "TEXT", "the texts, each an argument", false);
  o.text(file, "-f,--file", "FILE", "take the lines of a file instead; - reads standard input",
         Options::Hint::file);
  o.integer(batch, "--batch", 1, 1 << 24, "N", "texts of together N tokens go through the model at once");
  o.flag(exact, "--exact", "exact numbers: activations are not rounded");
  model.add_machine(o);
  model.add_json(o);
}

void TextOptions::add_pair(Options& o) {
  o.text(pair, "--pair", "TEXT", "a second text, which stands behind each of the texts");
  pair_given = o.given("--pair");
}

std::vector<std::string> TextOptions::all() const {
  if (!file.empty() && !texts.empty()) fail(Fault::usage, "texts and --file exclude each other");
  std::vector<std::string> lines = texts;
  if (!file.empty()) {
    const std::string whole = read_input(file);
    for (size_t at = 0; at < whole.size();) {
      size_t end = whole.find('\n', at);
      if (end == std::string::npos) end = whole.size();
      const size_t length = end > at && whole[end - 1] == '\r' ? end - at - 1 : end - at;
      if (length > 0) lines.push_back(whole.substr(at, length));
      at = end + 1;
    }
    if (lines.empty()) fail(Fault::usage, "{}: no lines of text", file);
  }
  if (lines.empty()) fail(Fault::usage, "no text: give texts as arguments, or a file with -f");
  return lines;
}

std::vector<TextTokens> TextOptions::tokens(const OpenedModel& opened,
                                            const std::vector<std::string>& lines) const {
  std::vector<TextTokens> all;
  int64_t cut = 0;
  for (const std::string& line : lines) {
    all.push_back(tokens_of(opened, line, pair_given && pair_given() ? &pair : nullptr));
    cut += all.back().cut;
  }
  note_cut(cut, static_cast<int64_t>(lines.size()), opened);
  return all;
}

EncodeTextOptions TextOptions::encode_options() const {
  EncodeTextOptions o;
  o.context = model.context_options();
  o.context.exact = exact;
  o.batch_tokens = batch;
  return o;
}

void note_cut(int64_t cut, int64_t texts, const OpenedModel& opened) {
  if (cut > 0)
    fmt::print(stderr,
               "note: {} of {} texts longer than the model's {} tokens: what is beyond was left out\n", cut,
               texts, opened.model->size().context);
}

}  // namespace ridge

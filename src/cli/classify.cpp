// ridge classify: which of a model's labels fits a text, each token of it, or an image.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/progress_support.h"
#include "cli/text_support.h"
#include "engine/encode_images.h"

namespace ridge {
namespace {

struct ClassifyCommand {
  TextOptions text;
  int top = 5;
  std::string labels, phrase = "a photo of {}";

  void add(Options& o) {
    text.add(o);
    o.text(labels, "--labels", "LIST",
           "labels in words, with commas between them, for images and models that read both (clip, siglip)");
    o.text(phrase, "--phrase", "TEXT", "what the model reads of a label, which stands for {} in it");
    text.add_pair(o);
    o.integer(top, "-k,--top", 1, 1 << 20, "N", "labels of each text, the likeliest first");
  }
};

OrderedJson scores_json(const std::vector<LabelScore>& scores, int top) {
  OrderedJson list = OrderedJson::array();
  for (const LabelScore& s : scores) {
    if (static_cast<int>(list.size()) == top) break;
    list.push_back({{"label", s.label}, {"index", s.index}, {"probability", s.probability}});
  }
  return list;
}

void print_scores(const std::string& text, const std::vector<LabelScore>& scores, int top) {
  fmt::print("{}\n", printable(text, 200));
  for (int i = 0; i < top && i < static_cast<int>(scores.size()); ++i) {
    const LabelScore& s = scores[static_cast<size_t>(i)];
    fmt::print("  {:<20} {:.4f}\n", printable(s.label), s.probability);
  }
}

void print_tokens(const OpenedModel& opened, const std::string& text, const TextTokens& tokens,
                  const std::vector<TokenLabel>& found) {
  fmt::print("{}\n", printable(text, 200));
  for (const TokenLabel& t : found) {
    const int32_t id = tokens.ids[static_cast<size_t>(t.token)];
    fmt::print("  {:<20} {:<16} {:.4f}\n", printable(opened.text().decode(std::span(&id, 1))),
               printable(t.best.label), t.best.probability);
  }
}

OrderedJson tokens_json(const OpenedModel& opened, const TextTokens& tokens,
                        const std::vector<TokenLabel>& found) {
  OrderedJson list = OrderedJson::array();
  for (const TokenLabel& t : found) {
    const int32_t id = tokens.ids[static_cast<size_t>(t.token)];
    list.push_back({{"position", t.token},
                    {"token", opened.text().decode(std::span(&id, 1))},
                    {"id", id},
                    {"label", t.best.label},
                    {"probability", t.best.probability}});
  }
  return list;
}

// The parts between commas, without the blanks around them.
std::vector<std::string> split_labels(const std::string& list) {
  std::vector<std::string> labels;
  for (size_t at = 0; at <= list.size();) {
    const size_t end = std::min(list.find(',', at), list.size());
    const size_t first = list.find_first_not_of(" \t", at), last = list.find_last_not_of(" \t", end - 1);
    if (first < end && end > 0) labels.push_back(list.substr(first, last - first + 1));
    at = end + 1;
  }
  if (labels.empty()) fail(Fault::usage, "--labels names none");
  return labels;
}

int classify_files(const ClassifyCommand& o, const OpenedModel& opened,
                   const std::vector<std::string>& files) {
  ProgressBar bar("images");
  InterruptFlag interrupt;
  EncodeImagesOptions options;
  options.context = o.text.encode_options().context;
  options.cancelled = [&] { return interrupt.raised(); };
  options.progress = [&](int64_t done, int64_t all) { bar.show(done, all); };
  const auto scores = o.labels.empty()
                          ? classify_images(opened, files, options)
                          : classify_images(opened, files, split_labels(o.labels), o.phrase, options);
  bar.finish();
  OrderedJson results = OrderedJson::array();
  for (size_t i = 0; i < files.size(); ++i) {
    if (o.text.model.json)
      results.push_back({{"image", files[i]}, {"labels", scores_json(scores[i], o.top)}});
    else
      print_scores(files[i], scores[i], o.top);
  }
  if (o.text.model.json) print_json({{"model", o.text.model.path()}, {"results", results}});
  return 0;
}

int classify(const ClassifyCommand& o) {
  const std::vector<std::string> lines = o.text.all();
  const OpenedModel opened = o.text.model.open();
  if (reads_images(opened)) return classify_files(o, opened, lines);
  if (!o.labels.empty())
    fail(Fault::usage, "{}: --labels is for models that read images and texts (clip, siglip)",
         o.text.model.path());
  const auto tokens = o.text.tokens(opened, lines);
  ProgressBar bar("texts");
  EncodeTextOptions options = o.text.encode_options();
  InterruptFlag interrupt;
  options.cancelled = [&] { return interrupt.raised(); };
  options.progress = [&](int64_t done, int64_t all) { bar.show(done, all); };
  const bool each_token = labels_tokens(*opened.model);
  std::vector<std::vector<LabelScore>> scores;
  std::vector<std::vector<TokenLabel>> labels;
  if (each_token)
    labels = label_tokens(opened, tokens, options);
  else
    scores = classify_texts(opened, tokens, options);
  bar.finish();
  OrderedJson results = OrderedJson::array();
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!o.text.model.json && each_token)
      print_tokens(opened, lines[i], tokens[i], labels[i]);
    else if (!o.text.model.json)
      print_scores(lines[i], scores[i], o.top);
    else if (each_token)
      results.push_back({{"text", lines[i]}, {"tokens", tokens_json(opened, tokens[i], labels[i])}});
    else
      results.push_back({{"text", lines[i]}, {"labels", scores_json(scores[i], o.top)}});
  }
  if (o.text.model.json) print_json({{"model", o.text.model.path()}, {"results", results}});
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_classify;
const Command command_classify{
    "classify",
    "which of a model's labels fits a text or an image",
    "For checkpoints with a head for labels of texts, of pairs of texts (--pair) or of tokens. Labels have "
    "the "
    "names that the checkpoint gives them. Probabilities add up to one, except where a text can have several "
    "labels or there is a single one: then each label has its own.\n\nModels that see (vit, deit, dinov2, "
    "clip, "
    "siglip) take PNG and JPEG files instead of texts, prepared as their preprocessor_config.json says. CLIP "
    "and "
    "SigLIP choose among any labels in words: --labels.",
    kTextGroup,
    "ridge classify tests/data/options/bert_labels 'the film was very boring .'\n"
    "ridge classify tests/data/options/bert_labels 'the book was great !' 'the song was usual .' --json\n"
    "ridge classify clip-vit-base-patch32 --labels 'a cat,a rocket' cat.png rocket.jpg",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<ClassifyCommand>();
      options->add(o);
      return [options] { return classify(*options); };
    }};
}  // namespace tables
}  // namespace ridge

// ridge fill: guesses masked tokens.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/progress_support.h"
#include "cli/text_support.h"

namespace ridge {
namespace {

struct FillCommand {
  TextOptions text;
  int top = 5;

  void add(Options& o) {
    text.add(o);
    text.add_pair(o);
    o.integer(top, "-k,--top", 1, 1 << 20, "N", "guesses of each masked token");
  }
};

OrderedJson guesses_json(const std::vector<MaskGuesses>& masks) {
  OrderedJson list = OrderedJson::array();
  for (const MaskGuesses& m : masks) {
    OrderedJson best = OrderedJson::array();
    for (const MaskGuess& g : m.best)
      best.push_back({{"token", g.text}, {"id", g.id}, {"probability", g.probability}});
    list.push_back({{"position", m.token}, {"guesses", best}});
  }
  return list;
}

int fill(const FillCommand& o) {
  std::vector<std::string> lines = o.text.all();
  const OpenedModel opened = o.text.model.open();
  for (std::string& line : lines) line = with_own_mask(opened, line);
  const auto tokens = o.text.tokens(opened, lines);
  ProgressBar bar("texts");
  EncodeTextOptions options = o.text.encode_options();
  InterruptFlag interrupt;
  options.cancelled = [&] { return interrupt.raised(); };
  options.progress = [&](int64_t done, int64_t all) { bar.show(done, all); };
  const auto filled = fill_masks(opened, tokens, o.top, options);
  bar.finish();
  OrderedJson results = OrderedJson::array();
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string best = filled_text(opened, tokens[i], filled[i]);
    if (o.text.model.json) {
      results.push_back({{"text", lines[i]}, {"filled", best}, {"masks", guesses_json(filled[i])}});
      continue;
    }
    fmt::print("{}\n", printable(best, 2000));
    for (const MaskGuesses& m : filled[i]) {
      for (const MaskGuess& g : m.best) fmt::print("  {:<20} {:.4f}\n", printable(g.text), g.probability);
      if (&m != &filled[i].back()) fmt::print("\n");
    }
  }
  if (o.text.model.json) print_json({{"model", o.text.model.path()}, {"results", results}});
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_fill;
const Command command_fill{
    "fill",
    "guess masked tokens of a text",
    "For encoders that were made to guess masked tokens (BERT, RoBERTa, ModernBERT, Longformer, BigBird, "
    "FNet ...). "
    "Write [MASK], <mask> or the model's own mask token where a token is missing. Printed is the text with "
    "the likeliest tokens, then the likeliest tokens of each mask with their probabilities; several masks of "
    "a text are guessed each for itself.",
    kTextGroup,
    "ridge fill tests/data/options/bert_words 'the cat sat on the [MASK] .'\n"
    "ridge fill tests/data/options/bert_words -k 3 --json 'the [MASK] sat in the tree .'",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<FillCommand>();
      options->add(o);
      return [options] { return fill(*options); };
    }};
}  // namespace tables
}  // namespace ridge

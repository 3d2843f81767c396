// ridge verify: recomputes the outputs that a folder's expected files name.
#include "engine/verify.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "engine/verify_preprocess.h"
#include "engine/verify_tokenizer.h"
#include "files/safetensors.h"
#include "models/load.h"

namespace ridge {
namespace {

struct VerifyCommand {
  ModelOptions model;
  std::string folder, other;
  bool tokenizer = false, fast = false;
  double tolerance = 1e-4;
  int64_t chunk = 0;

  void add(Options& o) {
    o.argument(folder, "DIR",
               "folder with a model and expected.safetensors (with --tokenizer: expected.json)", true,
               Options::Hint::folder);
    o.text(other, "--model", "MODEL",
           "take this model (the folder's, converted) with the folder's expected outputs",
           Options::Hint::model);
    o.flag(tokenizer, "--tokenizer", "check the tokenizer: ids and decoded texts, exactly");
    o.real(tolerance, "--tolerance", 0, 1, "X", "largest ||out - ref|| / ||ref|| that passes");
    o.integer(chunk, "--chunk", 0, 1 << 20, "N", "feed sequences in chunks of N tokens; 0: whole");
    o.flag(fast, "--fast",
           "allow kernels that round activations, as `ridge run` does (default: exact numbers)");
    model.add_machine(o);
    model.add_json(o);
  }
};

int report(const VerifyCommand& o, const std::vector<VerifyResult>& results,
           const std::vector<std::string>& skipped, const std::string& path) {
  int failed = 0;
  for (const auto& r : results) failed += !r.passed;
  if (o.model.json) {
    OrderedJson list = OrderedJson::array();
    for (const auto& r : results)
      list.push_back(
          {{"name", r.name}, {"error", r.error}, {"exact", r.exact}, {"passed", r.passed}, {"note", r.note}});
    print_json({{"model", path},
                {"tolerance", o.tolerance},
                {"results", list},
                {"not_checked", skipped},
                {"passed", failed == 0}});
  } else {
    size_t width = 8;
    for (const auto& r : results) width = std::max(width, printable(r.name).size());
    for (const auto& r : results)
      fmt::print("{:<{}}  {:>9}  {}{}\n", printable(r.name), width,
                 r.exact ? (r.passed ? "equal" : fmt::format("{:.1f} %", 100 * r.error))
                         : fmt::format("{:.2e}", r.error),
                 r.passed ? "ok" : "FAILED", r.passed || r.note.empty() ? "" : "  " + printable(r.note, 300));
    for (const auto& s : skipped)
      fmt::print("{:<{}}  {:>9}  not checked: no such output is known\n", printable(s), width, "-");
    fmt::print("{} of {} passed, tolerance {:g}\n", results.size() - static_cast<size_t>(failed),
               results.size(), o.tolerance);
  }
  return failed ? static_cast<int>(Fault::check) : 0;
}

int verify_model(const VerifyCommand& o) {
  const std::string file = o.folder + "/expected.safetensors";
  if (!file_exists(file)) fail(Fault::file, "{}: no such file", file);
  if (o.other.empty() && is_preprocess_folder(o.folder)) {
    std::vector<std::string> skipped;
    VerifyCommand as = o;
    as.tolerance = preprocess_tolerance(o.folder, o.tolerance);
    return report(as, verify_preprocess(o.folder, skipped, as.tolerance), skipped, o.folder);
  }
  const std::string path = o.other.empty() ? o.folder : o.other;
  const Checkpoint checkpoint = Checkpoint::open(path);
  const auto model = load_model(checkpoint);
  const Safetensors expected = Safetensors::open(file);
  VerifyOptions options;
  options.tolerance = o.tolerance;
  options.chunk = o.chunk;
  options.context = o.model.context_options();
  options.context.exact = !o.fast;
  options.checkpoint = &checkpoint;
  std::vector<std::string> skipped;
  const auto results = verify(*model, expected, options, skipped);
  if (results.empty()) fail(Fault::file, "{}: no output that is known", file);
  return report(o, results, skipped, path);
}

int verify_texts(const VerifyCommand& o) {
  const std::string file = o.folder + "/expected.json";
  if (!file_exists(file)) fail(Fault::file, "{}: no such file", file);
  const Tokenizer tokenizer =
      o.other.empty() ? tokenizer_from_folder(o.folder) : tokenizer_of(Checkpoint::open(o.other));
  const TokenizerCheck c = verify_tokenizer(tokenizer, read_file(file), file);
  if (o.model.json) {
    print_json({{"tokenizer", tokenizer.kind()},
                {"texts", c.texts},
                {"wrong_ids", c.wrong_ids},
                {"wrong_decoded", c.wrong_decoded},
                {"notes", c.notes},
                {"passed", c.passed()}});
  } else {
    fmt::print("ids      {} of {} texts equal  {}\n", c.texts - c.wrong_ids, c.texts,
               c.wrong_ids ? "FAILED" : "ok");
    fmt::print("decoded  {} of {} texts equal  {}\n", c.texts - c.wrong_decoded, c.texts,
               c.wrong_decoded ? "FAILED" : "ok");
    for (const auto& n : c.notes) fmt::print("  {}\n", n);
    fmt::print("{} tokenizer; special tokens {}added, {}parsed, {}skipped in decoding\n", tokenizer.kind(),
               c.encode.add_special ? "" : "not ", c.encode.parse_special ? "" : "not ",
               c.decode.skip_special ? "" : "not ");
  }
  return c.passed() ? 0 : static_cast<int>(Fault::check);
}

}  // namespace
namespace tables {
extern const Command command_verify;
const Command command_verify{
    "verify",
    "recomputes a folder's expected outputs and compares",
    "DIR has a model and expected.safetensors: input_ids with logits, a greedy continuation (row 0 and what "
    "follows) and "
    "gradients (grad.NAME). Prints the error of each; ids have to be equal. Exit code 1 where one fails.",
    kMeasureGroup,
    "ridge verify tests/data/golden/llama\n"
    "ridge verify tests/data/golden/llama --chunk 7 -t 1\n"
    "ridge verify tests/data/golden/llama --model llama.gguf\n"
    "ridge verify tests/data/tokenizers/llama2_style --tokenizer",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<VerifyCommand>();
      options->add(o);
      return [options] { return options->tokenizer ? verify_texts(*options) : verify_model(*options); };
    }};
}  // namespace tables
}  // namespace ridge

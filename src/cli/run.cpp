// ridge run: writes on from a prompt.
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"
#include "cli/run_images_support.h"
#include "cli/run_seq2seq_support.h"

namespace ridge {
namespace {

// What the default model is asked when nobody asks it anything.
constexpr const char* kStory = "Once upon a time, in a little house at the edge of the forest, there lived";
constexpr int64_t kDefaultContext = 4096;

struct RunOptions {
  ModelOptions model;
  SamplingOptions sampling;
  ImageOptions images;
  AnswerOptions answers;
  std::string prompt, file;
  std::function<bool()> prompt_given, file_given;
  int64_t tokens = -1, chunk = 256;
  bool ignore_end = false, no_prompt_echo = false, raw = false;

  void add(Options& o) {
    model.add_model(o, " (default: the one that Ridge comes with)");
    o.text(prompt, "-p,--prompt", "TEXT", "what to write on from; - reads standard input");
    o.text(file, "-f,--file", "FILE", "read the prompt from a file", Options::Hint::file);
    prompt_given = o.given("--prompt"), file_given = o.given("--file");
    images.add(o);
    answers.add(o);
    o.integer(tokens, "-n,--tokens", -1, int64_t{1} << 31, "N",
              "tokens to write; -1: to the end of the text or context");
    sampling.add(o);
    o.texts(sampling.stop, "--stop", "TEXT", "end where the model writes this; may be given several times");
    o.flag(ignore_end, "--ignore-end", "go on where the model would end");
    o.flag(no_prompt_echo, "--no-echo", "print only what is written, not the prompt");
    o.flag(raw, "--raw", "no BOS before the prompt, and text like <s> in it is text");
    model.add_machine(o);
    model.add_state(o, "f16",
                    "tokens that prompt and text may have together (default: the model's, at most 4096 or "
                    "what -n needs)");
    o.integer(chunk, "--chunk", 1, 1 << 20, "N", "prompt tokens fed at once; the text does not depend on it");
    model.add_json(o);
  }

  std::string prompt_text() const {
    if (prompt_given() && file_given()) fail(Fault::usage, "--prompt and --file exclude each other");
    std::string text;
    if (file_given())
      text = read_input(file);
    else if (prompt_given())
      text = prompt == "-" ? read_input("-") : prompt;
    else
      return kStory;
    // An editor's last newline is no part of a prompt.
    if ((file_given() || prompt == "-") && !text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
};

int64_t context_for(const Model& model, int64_t asked, int64_t prompt, int64_t tokens) {
  if (asked > 0) return asked;
  const int64_t most = model.size().context > 0 ? model.size().context : kDefaultContext;
  const int64_t need = prompt + (tokens >= 0 ? tokens : 0);
  return std::min(most, std::max(kDefaultContext, need));
}

// Whether a line for people follows the text where they see it: then the text needs an end of line. In a file
// of its own the text stays as it was written.
bool speed_follows_text() {
  struct stat out {
  }, error{};
  if (isatty(1)) return true;
  return fstat(1, &out) == 0 && fstat(2, &error) == 0 && out.st_dev == error.st_dev &&
         out.st_ino == error.st_ino;
}

void print_speed(const GenerateResult& r, int threads, int64_t weight_bytes) {
  fmt::print(stderr, "prompt {} tokens", r.prompt_tokens);
  if (r.prompt_seconds > 0) fmt::print(stderr, " at {:.1f} tok/s", r.prompt_rate());
  fmt::print(stderr, "; written {} tokens", r.ids.size());
  if (r.decode_rate() > 0)
    fmt::print(stderr, " at {:.1f} tok/s ({:.1f} GB/s of weights)", r.decode_rate(),
               r.decode_rate() * static_cast<double>(weight_bytes) / 1e9);
  fmt::print(stderr, "; {} thread{}; ended: {}\n", threads, threads == 1 ? "" : "s",
             stop_reason_name(r.reason));
}

void print_result_json(const RunOptions& o, const std::string& path, const std::string& prompt,
                       const std::vector<int32_t>& ids, const SamplerOptions& sampler,
                       const GenerateResult& r, int threads) {
  print_json({{"model", path},
              {"prompt", prompt},
              {"prompt_ids", ids},
              {"text", r.text},
              {"ids", r.ids},
              {"ended", stop_reason_name(r.reason)},
              {"seed", sampler.seed},
              {"temperature", sampler.temperature},
              {"threads", threads},
              {"kv", o.model.kv},
              {"prompt_seconds", r.prompt_seconds},
              {"prompt_tokens_per_second", r.prompt_rate()},
              {"decode_seconds", r.decode_seconds},
              {"decode_tokens_per_second", r.decode_rate()}});
}

int run(const RunOptions& o) {
  const std::string path = o.model.path();
  const OpenedModel opened = open_model(path);
  if (opened.model->kind() == ModelKind::sequence_to_sequence)
    return run_answers(opened, o.model, o.answers,
                       {o.prompt, o.file, o.prompt_given(), o.file_given(), o.raw, o.tokens});
  if (o.answers.given())
    fail(Fault::usage,
         "{}: --beams, --n-best, --length-penalty, --audio, --language, --task and --timestamps are for "
         "models "
         "that answer a source",
         path);
  const std::string prompt = o.prompt_text();
  const Tokenizer& tokenizer = opened.text();
  std::vector<int32_t> ids = tokenizer.encode(prompt, {!o.raw, !o.raw});
  if (!o.raw && tokenizer.adds_eos() && !ids.empty() && tokenizer.special().eos == ids.back()) ids.pop_back();
  if (ids.empty() && tokenizer.special().bos) ids.push_back(*tokenizer.special().bos);
  ImagePrompt seen;
  if (o.images.given()) {
    seen = o.images.prompt(opened, prompt, o.raw, o.model.context_options());
    ids = seen.ids;
  }

  GeneratorOptions g;
  g.context = context_for(*opened.model, o.model.context, static_cast<int64_t>(ids.size()), o.tokens);
  g.kv = o.model.kv_type();
  g.chunk = o.chunk;
  g.context_options = o.model.context_options();
  Generator generator(*opened.model, tokenizer, g);

  GenerateOptions options;
  options.max_tokens = o.tokens;
  options.sampler = o.sampling.resolved();
  options.stop = o.sampling.stop;
  options.end_ids = extra_ends(opened);
  options.ignore_end = o.ignore_end;
  options.embeddings = seen.embeddings;
  if (!o.sampling.seed_given() && options.sampler.temperature > 0)
    fmt::print(stderr, "seed {}\n", options.sampler.seed);
  InterruptFlag interrupt;
  options.cancel = interrupt.flag();

  const bool stream = !o.model.json;
  const auto write = [&](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0) fail(Fault::check, "the output could not be written");
  };
  if (stream && !o.no_prompt_echo) write(prompt);
  const GenerateResult r = generator.generate(ids, options, stream ? OnText(write) : OnText());
  if (stream) {
    if (speed_follows_text()) write("\n");
    print_speed(r, generator.threads(), decode_weight_bytes(*opened.model));
  } else {
    print_result_json(o, path, prompt, ids, options.sampler, r, generator.threads());
  }
  if (r.reason == StopReason::context)
    fmt::print(stderr, "the context of {} tokens is full; -c makes it longer where the model allows\n",
               generator.context());
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_run;
const Command command_run{
    "run",
    "writes on from a prompt",
    "Writes text to standard output as it comes, and the speed to standard error. Without arguments it tells "
    "a story "
    "with the model that Ridge comes with.\n\nFilters apply in the order repeat penalty, top-k, top-p, "
    "min-p, "
    "temperature. The same seed gives the same text, whatever the number of threads. Ctrl-C ends the text.",
    kTextGroup,
    "ridge run\n"
    "ridge run -p \"The old king\" -n 32 --temperature 0\n"
    "ridge run model.gguf -p \"The capital of France is\" -n 16 --seed 7\n"
    "# a prompt from a pipe, only the continuation to a file\n"
    "echo \"The fox and the\" | ridge run -p - -n 64 --no-echo > story.txt\n"
    "# encoder-decoders answer: a translation, the lines of a file, speech\n"
    "ridge run opus-mt-en-de -p \"Good morning.\" --beams 6 --n-best 3\n"
    "ridge run opus-mt-en-de -f english.txt > german.txt\n"
    "ridge run whisper-base --audio talk.flac --timestamps",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<RunOptions>();
      options->add(o);
      return [options] { return run(*options); };
    }};
}  // namespace tables
}  // namespace ridge

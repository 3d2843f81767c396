#include "cli/run_seq2seq_support.h"

#include <fmt/format.h>

#include <chrono>

#include "audio/audio.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/progress_support.h"
#include "engine/beam_search.h"
#include "engine/transcribe.h"

namespace ridge {
namespace {

constexpr int64_t kDefaultLength = 512;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

GenerationConfig config_of(const OpenedModel& opened, const AnswerOptions& o, int64_t tokens) {
  const Tokenizer* tokenizer = opened.tokenizer ? &*opened.tokenizer : nullptr;
  GenerationConfig c = generation_config_of(opened.checkpoint, tokenizer, opened.model->size().vocab);
  if (c.do_sample)
    fmt::print(stderr, "generation_config.json asks for sampling; answers are searched instead\n");
  if (o.beams > 0) c.beams = o.beams;
  c.returned = o.n_best;
  if (o.n_best > c.beams) {
    if (o.beams > 0)
      fail(Fault::usage, "--n-best {} needs as many beams, and --beams is {}", o.n_best, o.beams);
    c.beams = o.n_best;
  }
  if (o.penalty_given()) c.length_penalty = o.length_penalty;
  if (tokens > 0) c.max_new_tokens = tokens, c.max_length = {};
  if (!c.max_length && !c.max_new_tokens) {
    const int64_t context = opened.model->size().context;
    c.max_length = context > 0 ? std::min(context, kDefaultLength) : kDefaultLength;
  }
  return c;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    if (!lines.back().empty() && lines.back().back() == '\r') lines.back().pop_back();
    at = end + 1;
  }
  return lines;
}

void write_out(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) fail(Fault::check, "the output could not be written");
}

// An answer on one line.
std::string on_one_line(std::string text) {
  for (char& ch : text)
    if (ch == '\n' || ch == '\r') ch = ' ';
  return text;
}

struct Totals {
  int64_t source_tokens = 0, written = 0, answered = 0;
};

// The answers to some sources, in their order; an empty source has an empty answer.
void answer(const OpenedModel& opened, Context& cx, SearchOptions& options, bool json, bool raw,
            bool one_line, std::span<const std::string> texts, Totals& totals, OrderedJson& list) {
  const Tokenizer& tokenizer = opened.text();
  Inputs in;
  std::vector<size_t> asked(texts.size(), SIZE_MAX);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto ids = tokenizer.encode(texts[i], {!raw, !raw});
    if (texts[i].empty() || ids.empty()) continue;
    asked[i] = in.text.spans.size();
    in.text.add(static_cast<int>(asked[i]), ids, false);
    totals.source_tokens += static_cast<int64_t>(ids.size());
  }
  std::vector<std::vector<Hypothesis>> found;
  if (!in.text.tokens.empty()) found = search(*opened.model, cx, in, options);
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto answers = asked[i] == SIZE_MAX ? std::vector<Hypothesis>() : found[asked[i]];
    OrderedJson best = OrderedJson::array();
    if (answers.empty() && !json) write_out("\n");
    for (const Hypothesis& h : answers) {
      const std::string text = tokenizer.decode(h.ids);
      totals.written += static_cast<int64_t>(h.ids.size()) - 1;
      if (json)
        best.push_back({{"text", text}, {"score", h.score}, {"ids", h.ids}});
      else if (options.config.returned > 1)
        write_out(fmt::format("{:.4f}\t{}\n", h.score, on_one_line(text)));
      else
        write_out((one_line ? on_one_line(text) : text) + "\n");
    }
    if (json) list.push_back({{"source", texts[i]}, {"answers", best}});
    ++totals.answered;
  }
}

int answer_texts(const OpenedModel& opened, const ModelOptions& model, const AnswerOptions& o,
                 const AnswerInput& input) {
  std::vector<std::string> texts;
  if (input.file_given)
    texts = lines_of(read_input(input.file));
  else if (input.text_given)
    texts = {input.text == "-" ? read_input("-") : input.text};
  else
    fail(Fault::usage, "this model answers a source: give one with -p TEXT, or -f FILE with one a line");
  Context cx(cpu_device(), model.context_options());
  SearchOptions options;
  options.config = config_of(opened, o, input.tokens);
  options.kv = model.kv_type();
  InterruptFlag interrupt;
  options.cancel = interrupt.flag();
  OrderedJson list = OrderedJson::array();
  Totals totals;
  ProgressBar bar("lines");
  const auto begin = std::chrono::steady_clock::now();
  const auto all = static_cast<int64_t>(texts.size());
  for (int64_t at = 0; at < all && !interrupt.raised(); at += o.batch) {
    if (all > 1) bar.show(at, all);
    const int64_t n = std::min(o.batch, all - at);
    answer(opened, cx, options, model.json, input.raw, input.file_given,
           std::span(texts).subspan(static_cast<size_t>(at), static_cast<size_t>(n)), totals, list);
  }
  bar.finish();
  const double seconds = seconds_since(begin);
  if (model.json)
    print_json({{"answers", list},
                {"beams", options.config.beams},
                {"source_tokens", totals.source_tokens},
                {"written_tokens", totals.written},
                {"seconds", seconds}});
  else
    fmt::print(stderr, "{} source{}, {} tokens; written {} tokens in {:.1f} s ({:.1f} tok/s), {}\n",
               totals.answered, totals.answered == 1 ? "" : "s", totals.source_tokens, totals.written,
               seconds, static_cast<double>(totals.written) / std::max(seconds, 1e-9),
               options.config.beams > 1 ? fmt::format("{} beams", options.config.beams) : "greedy");
  return 0;
}

std::string clock(double s) {
  const auto ms = static_cast<int64_t>(std::max(0.0, s) * 1000 + 0.5);
  return fmt::format("{:02}:{:02}:{:02}.{:03}", ms / 3600000, ms / 60000 % 60, ms / 1000 % 60, ms % 1000);
}

int transcribe_file(const OpenedModel& opened, const ModelOptions& model, const AnswerOptions& o,
                    const AnswerInput& input) {
  if (input.text_given || input.file_given) fail(Fault::usage, "--audio excludes --prompt and --file");
  const LogMelConfig features = log_mel_config_of(opened.checkpoint);
  const Audio audio = read_audio(o.audio);
  const auto samples = resample(audio.samples, audio.rate, features.rate);
  Context cx(cpu_device(), model.context_options());
  TranscribeOptions options;
  options.config = config_of(opened, o, input.tokens);
  options.language = o.language, options.task = o.task, options.timestamps = o.timestamps;
  InterruptFlag interrupt;
  options.cancel = interrupt.flag();
  ProgressBar bar("s");
  options.on_progress = [&](double done, double all) {
    bar.show(static_cast<int64_t>(done), static_cast<int64_t>(all));
  };
  const auto begin = std::chrono::steady_clock::now();
  const Transcript t =
      transcribe(*opened.model, cx, opened.checkpoint, &opened.text(), features, samples, options);
  bar.finish();
  const double seconds = seconds_since(begin);
  if (model.json) {
    OrderedJson list = OrderedJson::array();
    for (const auto& s : t.segments)
      list.push_back({{"start", s.start}, {"end", s.end}, {"text", s.text}, {"ids", s.ids}});
    print_json({{"audio", o.audio},
                {"seconds_of_audio", audio.seconds()},
                {"language", t.language},
                {"segments", list},
                {"seconds", seconds}});
    return 0;
  }
  std::string text;
  for (const auto& s : t.segments)
    if (o.timestamps)
      write_out(fmt::format("[{} --> {}] {}\n", clock(s.start), clock(s.end), on_one_line(s.text)));
    else
      text += s.text;
  if (!o.timestamps) write_out(text.substr(std::min(text.find_first_not_of(' '), text.size())) + "\n");
  fmt::print(stderr, "{:.1f} s of sound in {:.1f} s ({:.1f} times as fast){}\n", audio.seconds(), seconds,
             audio.seconds() / std::max(seconds, 1e-9), t.language.empty() ? "" : ", language " + t.language);
  return 0;
}

}  // namespace

void AnswerOptions::add(Options& o) {
  o.integer(
      beams, "--beams", 0, 1024, "N",
      "translation, summaries, speech: width of the beam search; 1 is greedy, 0 as the model's files say");
  o.integer(n_best, "--n-best", 1, 1024, "N", "print the N best answers with their scores");
  o.real(length_penalty, "--length-penalty", -100, 100, "X",
         "divides an answer's log-probability by length^X; above 0 favours longer ones");
  o.integer(batch, "--batch", 1, 4096, "N",
            "lines of --file answered at once; the answers do not depend on it");
  o.text(audio, "--audio", "FILE", "write down the speech of a WAV or FLAC file", Options::Hint::file);
  o.text(language, "--language", "CODE", "language of the speech (default: detected)");
  o.choice(task, "--task", {"transcribe", "translate"}, "TASK", "write the speech down, or in English");
  o.flag(timestamps, "--timestamps", "print when each part of the speech begins and ends");
  penalty_given = o.given("--length-penalty");
  audio_given = o.given("--audio");
}

bool AnswerOptions::given() const {
  return beams > 0 || n_best > 1 || penalty_given() || audio_given() || !language.empty() || !task.empty() ||
         timestamps;
}

int run_answers(const OpenedModel& opened, const ModelOptions& model, const AnswerOptions& options,
                const AnswerInput& input) {
  const bool hears = opened.checkpoint.config().contains("num_mel_bins");
  if (options.audio_given()) {
    if (!hears) fail(Fault::usage, "{}: this model reads text, not sound", opened.checkpoint.path());
    return transcribe_file(opened, model, options, input);
  }
  if (hears)
    fail(Fault::usage, "{}: this model hears: give a recording with --audio FILE", opened.checkpoint.path());
  return answer_texts(opened, model, options, input);
}

}  // namespace ridge

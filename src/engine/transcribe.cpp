#include "engine/transcribe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "files/checkpoint.h"
#include "text/tokenizer.h"

namespace ridge {
namespace {

constexpr double kSecondsATimestamp = 0.02;
constexpr int64_t kFramesAPosition = 2;  // the encoder halves the frames
constexpr float kNever = -std::numeric_limits<float>::infinity();

// The ids that have a meaning beyond text.
struct Speech {
  std::map<std::string, int32_t> languages, tasks;  // "en", "transcribe"
  std::optional<int32_t> no_timestamps;
  std::optional<int64_t> latest_first;  // the first timestamp is at most this many steps in
  std::vector<int32_t> legacy;          // forced_decoder_ids from position 1 on; -1: to be detected
  int32_t first_timestamp(int64_t vocab) const {
    return no_timestamps ? *no_timestamps + 1 : static_cast<int32_t>(vocab) + 1;
  }
};

std::string bare(const std::string& token) {  // "<|en|>" is "en"
  return token.size() > 4 && token.starts_with("<|") && token.ends_with("|>")
             ? token.substr(2, token.size() - 4)
             : token;
}

void take_map(const Json& json, const char* key, int64_t vocab, std::map<std::string, int32_t>& into) {
  const auto it = json.find(key);
  if (it == json.end() || !it->is_object()) return;
  for (const auto& [name, id] : it->items()) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= vocab)
      fail(Fault::file, "generation_config.json: \"{}\" has id {} for {}", key, printable(id.dump(), 30),
           printable(name));
    into[bare(name)] = id.get<int32_t>();
  }
}

void take_legacy(const Json& json, int64_t vocab, std::vector<int32_t>& into) {
  const auto it = json.find("forced_decoder_ids");
  if (it == json.end() || !it->is_array() || !into.empty()) return;
  for (const Json& pair : *it) {
    if (!pair.is_array() || pair.size() != 2 || pair[0] != into.size() + 1) break;
    const bool known =
        pair[1].is_number_integer() && pair[1].get<int64_t>() >= 0 && pair[1].get<int64_t>() < vocab;
    into.push_back(known ? pair[1].get<int32_t>() : -1);
  }
}

Speech speech_of(const Checkpoint& checkpoint, const Tokenizer* tokenizer, int64_t vocab) {
  Speech s;
  const Json& json = checkpoint.generation_config();
  take_map(json, "lang_to_id", vocab, s.languages);
  take_map(json, "task_to_id", vocab, s.tasks);
  take_legacy(json, vocab, s.legacy);
  take_legacy(checkpoint.config(), vocab, s.legacy);
  if (const auto it = json.find("no_timestamps_token_id"); it != json.end() && it->is_number_integer())
    if (const auto id = it->get<int64_t>(); id >= 0 && id < vocab) s.no_timestamps = static_cast<int32_t>(id);
  if (const auto it = json.find("max_initial_timestamp_index"); it != json.end() && it->is_number_integer())
    s.latest_first = std::clamp<int64_t>(it->get<int64_t>(), 0, vocab);
  if (tokenizer) {  // checkpoints from before generation_config.json said so
    if (!s.no_timestamps) s.no_timestamps = tokenizer->id("<|notimestamps|>");
    if (s.tasks.empty())
      for (const char* task : {"transcribe", "translate"})
        if (const auto id = tokenizer->id("<|" + std::string(task) + "|>")) s.tasks[task] = *id;
  }
  return s;
}

// What the decoder begins with (Radford et al. 2022, figure 1).
class Prompt {
 public:
  Prompt(const Speech& speech, const TranscribeOptions& o, bool timestamps)
      : speech_(speech), options_(o), timestamps_(timestamps) {}

  // `detect` finds the language's id where it is not given.
  template <typename Detect>
  std::vector<int32_t> ids(const Detect& detect) const {
    if (!options_.config.decoder_start)
      fail(Fault::file, "nothing says with which token the decoder begins (decoder_start_token_id)");
    std::vector<int32_t> ids{*options_.config.decoder_start};
    if (options_.language.empty() && options_.task.empty())
      ids.insert(ids.end(), speech_.legacy.begin(), speech_.legacy.end());
    const bool open = ids.size() <= 1 || ids[1] < 0;
    if (!options_.language.empty() || (open && !speech_.languages.empty())) {
      const int32_t language = options_.language.empty() ? detect() : language_id();
      if (ids.size() > 1)
        ids[1] = language;
      else
        ids.push_back(language);
    }
    add_task(ids);
    if (speech_.no_timestamps) {
      const bool last = ids.back() == *speech_.no_timestamps;
      if (!timestamps_ && !last) ids.push_back(*speech_.no_timestamps);
      if (timestamps_ && last) ids.pop_back();
    }
    std::erase_if(ids, [](int32_t id) { return id < 0; });
    return ids;
  }

 private:
  int32_t language_id() const {
    const auto it = speech_.languages.find(bare(options_.language));
    if (it != speech_.languages.end()) return it->second;
    std::string known;
    for (const auto& [name, id] : speech_.languages) known += (known.empty() ? "" : ", ") + name;
    fail(Fault::usage, "language \"{}\": this model knows {}", printable(options_.language),
         known.empty() ? "one only" : printable(known, 800));
  }
  void add_task(std::vector<int32_t>& ids) const {
    std::string task = options_.task;
    const bool has = std::any_of(speech_.tasks.begin(), speech_.tasks.end(), [&](const auto& t) {
      return std::find(ids.begin(), ids.end(), t.second) != ids.end();
    });
    if (task.empty() && !options_.language.empty() && !has && !speech_.tasks.empty()) task = "transcribe";
    if (task.empty()) return;
    const auto it = speech_.tasks.find(task);
    if (it == speech_.tasks.end())
      fail(Fault::usage, "task \"{}\": this model {}", printable(task),
           speech_.tasks.empty() ? "has no tasks" : "knows transcribe and translate");
    ids.push_back(it->second);
  }
  const Speech& speech_;
  const TranscribeOptions& options_;
  bool timestamps_;
};

// The rules for timestamps (Radford et al. 2022, section 2.3; the reference's logits processor): they come in
// pairs, never go back, the first is early, and where all of them together are likelier than any text one of
// them is next.
class TimestampRule {
 public:
  TimestampRule(const Speech& speech, size_t begin, int32_t end, int64_t vocab)
      : speech_(speech), begin_(begin), end_(end), first_(speech.first_timestamp(vocab)) {}

  void operator()(std::span<const int32_t> ids, std::span<float> scores) const {
    scores[static_cast<size_t>(*speech_.no_timestamps)] = kNever;
    const auto written = ids.subspan(std::min(begin_, ids.size()));
    const size_t n = written.size();
    const auto stamp = [&](size_t i) { return written[i] >= first_; };
    const bool last = n >= 1 && stamp(n - 1), before = n < 2 || stamp(n - 2);
    const auto from = static_cast<size_t>(first_);
    if (last && before)
      std::fill(scores.begin() + static_cast<std::ptrdiff_t>(std::min(from, scores.size())), scores.end(),
                kNever);
    if (last && !before)
      std::fill_n(scores.begin(), std::min(static_cast<size_t>(end_), scores.size()), kNever);
    int32_t least = first_;
    for (size_t i = n; i-- > 0;)
      if (stamp(i)) {
        least = written[i] + (last && !before ? 0 : 1);
        break;
      }
    for (size_t i = from; i < std::min(static_cast<size_t>(least), scores.size()); ++i) scores[i] = kNever;
    if (n == 0) {
      std::fill_n(scores.begin(), std::min(from, scores.size()), kNever);
      if (speech_.latest_first)
        for (size_t i = from + static_cast<size_t>(*speech_.latest_first) + 1; i < scores.size(); ++i)
          scores[i] = kNever;
    }
    prefer_timestamps(scores, std::min(from, scores.size()));
  }

 private:
  static void prefer_timestamps(std::span<float> scores, size_t from) {
    const float text = *std::max_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(from));
    const float most = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (size_t i = from; i < scores.size(); ++i) sum += std::exp(static_cast<double>(scores[i]) - most);
    if (std::log(sum) + most > text) std::fill_n(scores.begin(), from, kNever);
  }
  const Speech& speech_;
  size_t begin_;
  int32_t end_, first_;
};

// Cuts what was written for a window into segments by its timestamps; returns how many frames are done.
int64_t cut(const std::vector<int32_t>& ids, int32_t first, double offset, int64_t frames,
            double frame_seconds, std::vector<Transcript::Segment>& segments) {
  const auto stamp = [&](size_t i) { return ids[i] >= first; };
  const auto seconds = [&](int32_t id) { return offset + (id - first) * kSecondsATimestamp; };
  const size_t n = ids.size();
  const bool single_end = n >= 2 && !stamp(n - 2) && stamp(n - 1);
  std::vector<size_t> ends;
  for (size_t i = 0; i + 1 < n; ++i)
    if (stamp(i) && stamp(i + 1)) ends.push_back(i + 1);
  if (ends.empty()) {
    double end =
        std::floor(static_cast<double>(frames) * frame_seconds / kSecondsATimestamp) * kSecondsATimestamp;
    for (size_t i = n; i-- > 0;)
      if (stamp(i)) {
        if (ids[i] != first) end = (ids[i] - first) * kSecondsATimestamp;
        break;
      }
    segments.push_back({offset, offset + end, ids, ""});
    return frames;
  }
  if (single_end)
    ends.push_back(n);
  else
    ++ends.back();
  size_t begin = 0;
  for (size_t k = 0; k < ends.size(); ++k) {
    const bool last = k + 1 == ends.size();
    const std::vector<int32_t> part(ids.begin() + static_cast<std::ptrdiff_t>(begin),
                                    ids.begin() + static_cast<std::ptrdiff_t>(ends[k]));
    const size_t at = !last || single_end ? 1 : 2;
    const int32_t closing = part.size() >= at ? part[part.size() - at] : part.back();
    segments.push_back({seconds(part.front()), seconds(closing), part, ""});
    begin = ends[k];
  }
  if (single_end) return frames;
  return begin >= 2 ? int64_t{ids[begin - 2] - first} * kFramesAPosition : 0;
}

Tensor window_of(Context& cx, const std::vector<float>& features, int64_t mels, int64_t all, int64_t seek,
                 int64_t width) {
  std::vector<float> part(static_cast<size_t>(mels * width), 0.0f);
  const int64_t n = std::min(width, all - seek);
  for (int64_t m = 0; m < mels; ++m)
    std::copy_n(features.begin() + static_cast<std::ptrdiff_t>(m * all + seek), n,
                part.begin() + static_cast<std::ptrdiff_t>(m * width));
  return cx.from_host(part.data(), {1, mels, width});
}

int32_t detect_language(Model& model, Context& cx, const Tensor& window, const Speech& speech,
                        int32_t start) {
  auto state = model.make_state(cx.device(), 1, 1, f32);
  model.remember_source(cx, {{}, {}, window}, *state);
  const Tensor logits = model.forward(cx, Batch::one({start}), state.get());
  int32_t best = -1;
  for (const auto& [name, id] : speech.languages)
    if (best < 0 || logits.ptr<float>()[id] > logits.ptr<float>()[best]) best = id;
  return best;
}

}  // namespace

LogMelConfig log_mel_config_of(const Checkpoint& checkpoint) {
  const std::string own = checkpoint.folder() + "/preprocessor_config.json",
                    joint = checkpoint.folder() + "/processor_config.json";
  if (file_exists(own)) return log_mel_config(parse_json(read_file(own), own), own);
  if (file_exists(joint)) {
    const Json json = parse_json(read_file(joint), joint);
    if (json.is_object() && json.contains("feature_extractor"))
      return log_mel_config(json["feature_extractor"], joint);
  }
  LogMelConfig c;
  const auto mels = checkpoint.config().find("num_mel_bins");
  if (mels != checkpoint.config().end() && mels->is_number_integer() && mels->get<int64_t>() > 0 &&
      mels->get<int64_t>() <= 4096)
    c.mels = mels->get<int64_t>();
  return c;
}

Transcript transcribe(Model& model, Context& cx, const Checkpoint& checkpoint, const Tokenizer* tokenizer,
                      const LogMelConfig& features, const std::vector<float>& samples,
                      const TranscribeOptions& o) {
  const int64_t vocab = model.size().vocab, width = features.frames();
  const auto n = static_cast<int64_t>(samples.size());
  const bool is_long = n > features.samples(), timestamps = o.timestamps || is_long;
  const Speech speech = speech_of(checkpoint, tokenizer, vocab);
  if (timestamps && !speech.no_timestamps)
    fail(Fault::file, "{}: no no_timestamps_token_id in generation_config.json: {}", checkpoint.path(),
         is_long ? "recordings longer than one window need timestamps" : "timestamps are not possible");
  if (o.config.eos.empty())
    fail(Fault::file, "{}: nothing says which token ends (eos_token_id)", checkpoint.path());
  const std::vector<float> mel = log_mel(features, samples.data(), n, is_long ? n : 0, cx.threads());
  const int64_t all = static_cast<int64_t>(mel.size()) / features.mels;
  const double frame_seconds = static_cast<double>(features.hop) / static_cast<double>(features.rate);

  Transcript t;
  t.prompt = Prompt(speech, o, timestamps).ids([&] {
    return detect_language(model, cx, window_of(cx, mel, features.mels, all, 0, width), speech,
                           *o.config.decoder_start);
  });
  for (const auto& [name, id] : speech.languages)
    if (std::find(t.prompt.begin(), t.prompt.end(), id) != t.prompt.end()) t.language = name;
  SearchOptions search_options;
  search_options.config = o.config;
  search_options.prompt = t.prompt;
  search_options.cancel = o.cancel;
  GenerationConfig& c = search_options.config;
  c.returned = 1;
  const auto prompt = static_cast<int64_t>(t.prompt.size());
  if (!c.max_new_tokens)
    c.max_length =
        std::min(c.longest(0) + std::min(model.size().context / 2 - 1, prompt), model.size().context);
  if (timestamps) search_options.rule = TimestampRule(speech, t.prompt.size(), c.eos[0], vocab);

  const int32_t first = speech.first_timestamp(vocab);
  for (int64_t seek = 0; seek < all;) {
    if (o.on_progress)
      o.on_progress(static_cast<double>(seek) * frame_seconds, static_cast<double>(all) * frame_seconds);
    if ((t.cancelled = o.cancel && o.cancel->load())) break;
    const int64_t frames = std::min(width, all - seek);
    const Inputs window{{}, {}, window_of(cx, mel, features.mels, all, seek, width)};
    std::vector<int32_t> ids = search(model, cx, window, search_options).at(0).at(0).ids;
    ids.erase(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(prompt));
    if (!ids.empty() && std::find(c.eos.begin(), c.eos.end(), ids.back()) != c.eos.end()) ids.pop_back();
    const double at = static_cast<double>(seek) * frame_seconds;
    if (!timestamps) {
      t.segments.push_back({0, static_cast<double>(n) / static_cast<double>(features.rate), ids, ""});
      break;
    }
    const int64_t done = cut(ids, first, at, frames, frame_seconds, t.segments);
    // A window whose only finished segment is empty would be heard again without end.
    seek += done > 0 ? done : frames;
  }
  if (tokenizer)
    for (auto& s : t.segments) {
      std::vector<int32_t> text;
      for (const int32_t id : s.ids)
        if (id < first) text.push_back(id);
      s.text = tokenizer->decode(text);
    }
  return t;
}

}  // namespace ridge

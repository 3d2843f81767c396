#include "engine/beam_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"

namespace ridge {
namespace {

// Stands for "not a candidate" in the sums of f32 scores, as in the reference.
constexpr float kOut = -1.0e9f;

void log_softmax(std::span<float> x) {
  const float most = *std::max_element(x.begin(), x.end());
  double sum = 0;
  for (const float v : x) sum += std::exp(v - most);
  const auto log = static_cast<float>(std::log(sum));
  for (float& v : x) v = v - most - log;
}

// Indices of the k largest values, largest first, the earlier of equals first.
std::vector<size_t> largest(std::span<const float> values, size_t k) {
  std::vector<size_t> heap;
  const auto before = [&](size_t a, size_t b) {
    return values[a] != values[b] ? values[a] > values[b] : a < b;
  };
  k = std::min(k, values.size());
  for (size_t i = 0; i < values.size() && k > 0; ++i) {
    if (heap.size() == k && !before(i, heap.front())) continue;
    if (heap.size() == k) std::pop_heap(heap.begin(), heap.end(), before), heap.pop_back();
    heap.push_back(i);
    std::push_heap(heap.begin(), heap.end(), before);
  }
  std::sort_heap(heap.begin(), heap.end(), before);
  return heap;
}

struct Beam {
  std::vector<int32_t> ids;
  float score = 0;
  int slot = 0;
};
struct Finished {
  std::vector<int32_t> ids;
  float score = kOut;
  bool done = false;
};

// The search of one source.
class Search {
 public:
  Search(const SearchOptions& o, const std::vector<int32_t>& prompt, std::vector<int32_t> source,
         int first_slot)
      : config_(o.config),
        rule_(o.rule),
        rules_(o.config, static_cast<int64_t>(prompt.size()), std::move(source)),
        prompt_(static_cast<int64_t>(prompt.size())),
        max_length_(o.config.longest(prompt_)) {
    const auto n = static_cast<size_t>(config_.beams);
    for (size_t i = 0; i < n; ++i)
      beams_.push_back({prompt, i == 0 ? 0 : kOut, first_slot + static_cast<int>(i)});
    finished_.assign(n, {});
  }

  bool running() const { return running_; }
  std::span<const Beam> beams() const { return beams_; }

  // The next step, given logits [vocab] of each beam (one for all of them after the prompt).
  void step(std::span<float> logits, size_t vocab, State& state) {
    config_.beams == 1 ? greedy(logits) : beam(logits, vocab, state);
  }

  std::vector<Hypothesis> best() const {
    std::vector<Hypothesis> list;
    if (config_.beams == 1) {
      list.push_back({beams_[0].ids, beams_[0].score});
      return list;
    }
    for (int64_t i = 0; i < config_.returned; ++i) {
      const Finished& f = finished_[static_cast<size_t>(i)];
      // A search that was cancelled may have nothing finished yet: what it has so far is the answer.
      const Beam& b = beams_[static_cast<size_t>(i)];
      list.push_back(f.done ? Hypothesis{f.ids, f.score} : Hypothesis{b.ids, b.score});
    }
    return list;
  }

 private:
  bool ends(int32_t id, int64_t length) const {
    return length >= max_length_ ||
           std::find(config_.eos.begin(), config_.eos.end(), id) != config_.eos.end();
  }
  void apply_rules(const std::vector<int32_t>& ids, std::span<float> scores) const {
    rules_.apply(ids, scores);
    if (rule_) rule_(ids, scores);
  }

  void greedy(std::span<float> logits) {
    Beam& b = beams_[0];
    apply_rules(b.ids, logits);
    const auto next = static_cast<size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    log_softmax(logits);
    b.score += logits[next];
    b.ids.push_back(static_cast<int32_t>(next));
    running_ = !ends(b.ids.back(), static_cast<int64_t>(b.ids.size()));
  }

  struct Candidate {
    size_t parent;
    int32_t id;
    float score;
    bool ends;
  };

  void beam(std::span<float> logits, size_t vocab, State& state) {
    const size_t n = beams_.size();
    std::vector<float> scores(n * vocab);
    for (size_t b = 0; b < n; ++b) {
      const std::span<float> row(scores.data() + b * vocab, vocab);
      const size_t from = logits.size() == vocab ? 0 : b * vocab;
      std::copy_n(logits.begin() + static_cast<std::ptrdiff_t>(from), vocab, row.begin());
      log_softmax(row);
      apply_rules(beams_[b].ids, row);
      for (float& s : row) s += beams_[b].score;
    }
    const auto length = static_cast<int64_t>(beams_[0].ids.size());
    std::vector<Candidate> candidates;
    for (const size_t i : largest(scores, std::max<size_t>(2, 1 + config_.eos.size()) * n)) {
      const auto id = static_cast<int32_t>(i % vocab);
      candidates.push_back({i / vocab, id, scores[i], ends(id, length + 1)});
    }
    finish(candidates, length);
    go_on(candidates, state);
    decide(candidates, length + 1);
  }

  std::vector<int32_t> ids_of(const Candidate& c) const {
    std::vector<int32_t> ids = beams_[c.parent].ids;
    ids.push_back(c.id);
    return ids;
  }

  // Candidates among the best n that end enter the finished answers where their score allows.
  void finish(const std::vector<Candidate>& candidates, int64_t length) {
    const size_t n = beams_.size();
    const bool full = config_.early_stopping == GenerationConfig::EarlyStopping::yes && all_finished();
    const auto divisor =
        static_cast<float>(std::pow(static_cast<double>(length + 1 - prompt_), config_.length_penalty));
    std::vector<float> merged;
    for (const Finished& f : finished_) merged.push_back(f.score);
    for (size_t i = 0; i < candidates.size(); ++i) {
      float s = candidates[i].score / divisor;
      if (full) s += kOut;
      if (!can_improve_) s += kOut;
      if (!(candidates[i].ends && i < n)) s += kOut;
      merged.push_back(s);
    }
    std::vector<Finished> next;
    for (const size_t i : largest(merged, n)) {
      if (i < n) {
        next.push_back(finished_[i]);
      } else {
        const Candidate& c = candidates[i - n];
        const bool done = c.ends && i - n < n;
        next.push_back({done ? ids_of(c) : std::vector<int32_t>(), merged[i], done});
      }
    }
    finished_ = std::move(next);
  }

  // The best n that do not end go on. A parent's first child takes its slot, others fork it into slots of
  // parents without children.
  void go_on(const std::vector<Candidate>& candidates, State& state) {
    std::vector<float> scores;
    for (const Candidate& c : candidates) scores.push_back(c.score + (c.ends ? kOut : 0.0f));
    const size_t n = beams_.size();
    const std::vector<size_t> chosen = largest(scores, n);
    std::vector<Beam> next;
    std::vector<bool> taken(n, false);
    for (const size_t i : chosen) {
      const Candidate& c = candidates[i];
      next.push_back({ids_of(c), scores[i], taken[c.parent] ? -1 : beams_[c.parent].slot});
      taken[c.parent] = true;
    }
    size_t free = 0;
    for (size_t k = 0; k < next.size(); ++k) {
      if (next[k].slot >= 0) continue;
      while (taken[free]) ++free;
      next[k].slot = beams_[free++].slot;
      state.fork(beams_[candidates[chosen[k]].parent].slot, next[k].slot);
    }
    beams_ = std::move(next);
  }

  bool all_finished() const {
    return std::all_of(finished_.begin(), finished_.end(), [](const Finished& f) { return f.done; });
  }

  // Whether the search goes on, at `length` tokens.
  void decide(const std::vector<Candidate>& candidates, int64_t length) {
    using E = GenerationConfig::EarlyStopping;
    const int64_t hypothetical =
        (config_.early_stopping == E::never && config_.length_penalty > 0 ? max_length_ : length) - prompt_;
    const float possible = beams_[0].score / static_cast<float>(std::pow(static_cast<double>(hypothetical),
                                                                         config_.length_penalty));
    float worst = finished_[0].score;
    for (const Finished& f : finished_) worst = std::min(worst, f.score);
    bool improves = false;
    for (const Finished& f : finished_) improves = improves || possible > (f.done ? worst : kOut);
    can_improve_ = can_improve_ && improves;
    const bool closed = config_.early_stopping == E::yes && all_finished();
    const bool stuck =
        std::all_of(candidates.begin(), candidates.end(), [](const Candidate& c) { return c.ends; });
    running_ = can_improve_ && !closed && !stuck;
  }

  const GenerationConfig& config_;
  const std::function<void(std::span<const int32_t>, std::span<float>)>& rule_;
  ScoreRules rules_;
  int64_t prompt_, max_length_;
  std::vector<Beam> beams_;
  std::vector<Finished> finished_;
  bool running_ = true, can_improve_ = true;
};

std::vector<float> host_values(const Tensor& t) {
  const float* p = t.ptr<float>();
  return {p, p + t.count()};
}

// Encodes the sources into the first slot of each, and lets the other beams share it.
void remember(Model& model, Context& cx, const Inputs& sources, State& state, int n, int beams) {
  Inputs in = sources;
  if (!in.features)
    for (size_t i = 0; i < in.text.spans.size(); ++i) in.text.spans[i].slot = static_cast<int>(i) * beams;
  model.remember_source(cx, in, state);
  if (in.features)  // those are put into slots 0, 1 ...
    for (int i = n - 1; i > 0; --i) state.fork(i, i * beams);
}

void check(const Model& model, const SearchOptions& o, const std::vector<int32_t>& prompt) {
  if (model.kind() != ModelKind::sequence_to_sequence)
    fail(Fault::usage, "{}: no encoder-decoder: it has no source to answer", model.info->name);
  const GenerationConfig& c = o.config;
  if (prompt.empty())
    fail(Fault::file, "nothing says with which token the decoder begins (decoder_start_token_id)");
  for (const int32_t id : prompt)
    if (id < 0 || id >= model.size().vocab)
      fail(Fault::usage, "the decoder's prompt has id {} of a vocabulary of {}", id, model.size().vocab);
  if (c.returned > c.beams)
    fail(Fault::usage, "{} answers asked of {} beam{}: there can be as many as beams", c.returned, c.beams,
         c.beams == 1 ? "" : "s");
  if (c.longest(static_cast<int64_t>(prompt.size())) <= static_cast<int64_t>(prompt.size()))
    fail(Fault::usage, "a decoder's prompt of {} tokens leaves no room in a length of {}", prompt.size(),
         c.longest(static_cast<int64_t>(prompt.size())));
}

}  // namespace

std::vector<std::vector<Hypothesis>> search(Model& model, Context& cx, const Inputs& sources,
                                            const SearchOptions& o) {
  std::vector<int32_t> prompt = o.prompt;
  if (prompt.empty() && o.config.decoder_start) prompt = {*o.config.decoder_start};
  check(model, o, prompt);
  const auto& spans = sources.text.spans;
  const size_t n = sources.features ? static_cast<size_t>(sources.features.dim(0)) : spans.size();
  const auto vocab = static_cast<size_t>(model.size().vocab);
  const int beams = static_cast<int>(o.config.beams);
  auto state =
      model.make_state(cx.device(), static_cast<int>(n) * beams,
                       o.config.longest(static_cast<int64_t>(prompt.size())), o.kv ? o.kv : DType(f32));
  remember(model, cx, sources, *state, static_cast<int>(n), beams);

  std::vector<Search> searches;
  searches.reserve(n);
  Batch batch;
  for (size_t i = 0; i < n; ++i) {
    std::vector<int32_t> source;
    if (!sources.features)
      source.assign(sources.text.tokens.begin() + spans[i].begin,
                    sources.text.tokens.begin() + spans[i].begin + spans[i].length);
    searches.emplace_back(o, prompt, std::move(source), static_cast<int>(i) * beams);
    batch.add(static_cast<int>(i) * beams, prompt, !o.on_prompt);
  }
  std::vector<float> logits = host_values(model.forward(cx, batch, state.get()));
  const size_t rows = o.on_prompt ? prompt.size() : 1;
  for (size_t i = 0; i < n; ++i) {
    const std::span<float> of_prompt(logits.data() + i * rows * vocab, rows * vocab);
    if (o.on_prompt) o.on_prompt(i, of_prompt);
    for (int b = 1; b < beams; ++b) state->fork(static_cast<int>(i) * beams, static_cast<int>(i) * beams + b);
    searches[i].step(of_prompt.subspan((rows - 1) * vocab), vocab, *state);
  }
  for (;;) {
    batch = {};
    batch.generated = true;
    for (const Search& s : searches)
      if (s.running())
        for (const Beam& b : s.beams()) batch.add(b.slot, {b.ids.back()}, true);
    if (batch.tokens.empty() || (o.cancel && o.cancel->load())) break;
    logits = host_values(model.forward(cx, batch, state.get()));
    size_t at = 0;
    for (Search& s : searches)
      if (s.running()) {
        s.step({logits.data() + at, static_cast<size_t>(beams) * vocab}, vocab, *state);
        at += static_cast<size_t>(beams) * vocab;
      }
  }
  std::vector<std::vector<Hypothesis>> answers;
  for (const Search& s : searches) answers.push_back(s.best());
  return answers;
}

}  // namespace ridge

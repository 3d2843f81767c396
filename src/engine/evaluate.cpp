#include "engine/evaluate.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/error.h"
#include "base/thread_pool.h"

namespace ridge {
namespace {

// One window: its tokens, and which of them are scored.
struct Window {
  std::vector<int32_t> tokens;
  int64_t first_scored;
};

Window window_at(const std::vector<int32_t>& ids, int64_t index, const EvalOptions& o) {
  const int64_t fresh = o.bos >= 0 ? o.window - 1 : o.window;
  Window w;
  if (o.bos >= 0) w.tokens.push_back(o.bos);
  w.tokens.insert(w.tokens.end(), ids.begin() + index * fresh, ids.begin() + (index + 1) * fresh);
  w.first_scored = o.second_half ? o.window / 2 : 1;
  return w;
}

struct Scorer {
  ThreadPool& pool;
  const float* logits;
  int64_t vocab, rows;
  const int32_t* targets;
  double* out;
  std::atomic<int64_t> next{0};

  void run() {
    pool.run(
        [](void* self, int) {
          auto& s = *static_cast<Scorer*>(self);
          for (int64_t r; (r = s.next.fetch_add(1)) < s.rows;)
            s.out[r] = negative_log_likelihood(s.logits + r * s.vocab, s.vocab, s.targets[r]);
        },
        this);
  }
};

// The token at position p is scored by the logits of position p - 1. Windows are fed in pieces, so that the
// logits of a large vocabulary stay small.
void score(Model& model, Context& cx, ThreadPool& pool, State& state, const Window& w,
           std::vector<double>& nll) {
  const int64_t vocab = model.size().vocab, n = static_cast<int64_t>(w.tokens.size());
  const int64_t piece = std::clamp<int64_t>((int64_t{1} << 24) / std::max<int64_t>(vocab, 1), 32, n);
  state.truncate(0, 0);
  for (int64_t at = 0; at < n - 1; at += piece) {
    const int64_t end = std::min(n - 1, at + piece);  // the last token is only a target
    Batch batch = Batch::one({w.tokens.begin() + at, w.tokens.begin() + end});
    const int64_t first = std::max(at, w.first_scored - 1);
    const int64_t rows = std::max<int64_t>(end - first, 0);
    batch.outputs.clear();
    if (rows > 0)
      for (int64_t p = first; p < end; ++p) batch.outputs.push_back(static_cast<int32_t>(p - at));
    else
      batch.outputs.push_back(0);
    const Tensor logits = model.forward(cx, batch, &state);
    if (rows == 0) continue;
    const size_t before = nll.size();
    nll.resize(before + static_cast<size_t>(rows));
    Scorer scorer{pool, logits.ptr<float>(), vocab, rows, w.tokens.data() + first + 1, nll.data() + before};
    scorer.run();
  }
}

void summarise(const std::vector<double>& nll, EvalResult& r) {
  double sum = 0, squares = 0;
  const auto n = static_cast<double>(nll.size());
  for (const double x : nll) sum += x;
  r.nll = sum / n;
  for (const double x : nll) squares += (x - r.nll) * (x - r.nll);
  r.nll_error = nll.size() > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
  r.ppl = std::exp(r.nll);
  r.ppl_error = r.ppl * r.nll_error;
  r.tokens_scored = static_cast<int64_t>(nll.size());
  r.bits_per_byte =
      r.bytes > 0 ? r.nll / std::log(2.0) * static_cast<double>(r.tokens) / static_cast<double>(r.bytes) : 0;
}

}  // namespace

double negative_log_likelihood(const float* logits, int64_t vocab, int32_t target) {
  const float top = *std::max_element(logits, logits + vocab);
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) sum += std::exp(logits[i] - top);
  return std::log(sum) + top - logits[target];
}

EvalResult evaluate(Model& model, const std::vector<int32_t>& ids, int64_t bytes, const EvalOptions& o) {
  const ModelSize size = model.size();
  if (o.window < 2) fail(Fault::usage, "a window of {} tokens is too short", o.window);
  if (size.context > 0 && o.window > size.context)
    fail(Fault::usage, "a window of {} tokens is more than the model was made for ({})", o.window,
         size.context);
  for (const int32_t id : ids)
    if (id < 0 || id >= size.vocab)
      fail(Fault::usage, "token {} is outside the model's vocabulary of {}", id, size.vocab);
  const int64_t fresh = o.bos >= 0 ? o.window - 1 : o.window;
  EvalResult r;
  r.tokens = static_cast<int64_t>(ids.size());
  r.bytes = bytes;
  int64_t windows = r.tokens / fresh;
  if (windows == 0)
    fail(Fault::usage, "the text has {} tokens, fewer than one window of {}; use a shorter window", r.tokens,
         fresh);
  if (o.most_windows >= 0) windows = std::min(windows, o.most_windows);

  Context cx(cpu_device(), o.context);
  ThreadPool pool(cx.threads());
  const auto state = model.make_state(cpu_device(), 1, o.window, o.kv ? o.kv : DType(f32));
  std::vector<double> nll;
  double sum = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int64_t i = 0; i < windows; ++i) {
    if (o.cancel && o.cancel->load(std::memory_order_relaxed)) {
      r.cancelled = true;
      break;
    }
    const size_t before = nll.size();
    score(model, cx, pool, *state, window_at(ids, i, o), nll);
    for (size_t k = before; k < nll.size(); ++k) sum += nll[k];
    ++r.windows;
    if (o.progress) o.progress(r.windows, windows, sum / static_cast<double>(nll.size()));
  }
  r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!nll.empty()) summarise(nll, r);
  return r;
}

}  // namespace ridge

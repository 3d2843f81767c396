// Embeddings: one vector a text out of the outputs a token.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "engine/encode_text.h"
#include "files/gguf_metadata.h"
#include "models/registry.h"
#include "text/unicode.h"

namespace ridge {
namespace {

constexpr const char* kNames[] = {"mean", "cls", "last", "pooler"};

// What a model gives for a batch of texts: a row a token, or a row a text.
struct Rows {
  Tensor values;
  bool of_texts;
};

Rows rows_of(Context& cx, Model& model, const Batch& batch, Pooling pooling) {
  if (model.kind() != ModelKind::encoder) return {model.hidden(cx, batch, nullptr), false};
  const char* name = pooling == Pooling::pooler ? "pooler_output" : "last_hidden_state";
  return {model.encode(cx, {batch, {}, {}}, {name}).at(name), pooling == Pooling::pooler};
}

// Rows [begin, begin + n) of x as one.
std::vector<float> pooled(const Tensor& x, int64_t begin, int64_t n, Pooling pooling) {
  const int64_t width = x.dim(-1);
  const float* at = x.ptr<float>() + begin * width;
  if (pooling != Pooling::mean) {
    const float* row = at + (pooling == Pooling::last ? (n - 1) * width : 0);
    return {row, row + width};
  }
  std::vector<double> sum(static_cast<size_t>(width), 0.0);
  for (int64_t t = 0; t < n; ++t)
    for (int64_t i = 0; i < width; ++i) sum[static_cast<size_t>(i)] += at[t * width + i];
  std::vector<float> mean;
  for (const double s : sum) mean.push_back(static_cast<float>(s / static_cast<double>(n)));
  return mean;
}

void to_length_one(std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * x;
  if (sum == 0) return;
  const double scale = 1 / std::sqrt(sum);
  for (float& x : v) x = static_cast<float>(x * scale);
}

// A text of characters longer than the model reads at once, in pieces.
std::vector<std::string> pieces_of(const OpenedModel& opened, const std::string& text) {
  const int64_t most = opened.model->size().context;
  if (!opened.model->reads_characters() || most <= 0) return {text};
  const std::string valid = ridge::text::utf8_replace_invalid(text);
  std::vector<std::string> pieces(1);
  int64_t count = 0;
  for (size_t i = 0; i < valid.size();) {
    const size_t n = ridge::text::utf8_length(static_cast<unsigned char>(valid[i]));
    if (count++ == most) pieces.emplace_back(), count = 1;
    pieces.back() += valid.substr(i, n);
    i += n;
  }
  return pieces;
}

}  // namespace

Pooling parse_pooling(const std::string& name) {
  for (int i = 0; i < 4; ++i)
    if (name == kNames[i]) return static_cast<Pooling>(i);
  fail(Fault::usage, "pooling {} is not known (known: mean, cls, last, pooler)", printable(name));
}

const char* pooling_name(Pooling pooling) { return kNames[static_cast<int>(pooling)]; }

Pooling pooling_of(const OpenedModel& opened) {
  const Checkpoint& c = opened.checkpoint;
  if (opened.model->reads_characters()) return Pooling::pooler;
  if (c.layout() == Checkpoint::Layout::gguf) {
    const auto type =
        c.metadata().optional_i64(c.metadata().string_or("general.architecture", "") + ".pooling_type");
    if (type == 1) return Pooling::mean;
    if (type == 2) return Pooling::cls;
    if (type == 3) return Pooling::last;
  } else if (const std::string path = c.folder() + "/1_Pooling/config.json"; file_exists(path)) {
    const Json j = parse_json(read_file(path, size_t{1} << 20), path);
    const auto says = [&](const char* key) {
      const auto it = j.is_object() ? j.find(key) : j.end();
      return j.is_object() && it != j.end() && it->is_boolean() && it->get<bool>();
    };
    if (says("pooling_mode_cls_token")) return Pooling::cls;
    if (says("pooling_mode_lasttoken")) return Pooling::last;
    if (says("pooling_mode_mean_tokens")) return Pooling::mean;
  }
  return opened.model->kind() == ModelKind::encoder ? Pooling::mean : Pooling::last;
}

void embed_texts(const OpenedModel& opened, const std::vector<std::string>& texts, Pooling pooling,
                 bool normalize, const EncodeTextOptions& o,
                 const std::function<void(int64_t, bool, std::span<const float>)>& take) {
  Model& model = *opened.model;
  if (model.kind() == ModelKind::sequence_to_sequence)
    fail(Fault::usage, "{}: embeddings of encoder-decoders are not supported", opened.checkpoint.path());
  if (pooling == Pooling::pooler && model.kind() != ModelKind::encoder)
    fail(Fault::usage, "{}: a model that writes has no pooler (mean, cls, last)", opened.checkpoint.path());
  Context cx(cpu_device(), o.context);
  const auto all = static_cast<int64_t>(texts.size());
  std::vector<TextTokens> tokens;  // of the batch that is being filled
  std::vector<size_t> parts;       // how many of them make a text
  int64_t done = 0, size = 0;
  const auto run = [&] {
    if (tokens.empty()) return;
    if (o.cancelled && o.cancelled()) fail(Fault::check, "interrupted");
    const Batch batch = batch_of(tokens);
    const Rows rows = rows_of(cx, model, batch, pooling);
    size_t at = 0;
    for (const size_t n : parts) {
      std::vector<double> sum(static_cast<size_t>(rows.values.dim(-1)), 0.0);
      bool cut = false;
      for (const size_t end = at + n; at < end; ++at) {
        const auto& s = batch.spans[at];
        const auto v = rows.of_texts ? pooled(rows.values, static_cast<int64_t>(at), 1, Pooling::cls)
                                     : pooled(rows.values, s.begin, s.length, pooling);
        for (size_t i = 0; i < v.size(); ++i) sum[i] += v[i] / static_cast<double>(n);
        cut = cut || tokens[at].cut;
      }
      std::vector<float> v(sum.begin(), sum.end());
      if (normalize || n > 1) to_length_one(v);
      take(done++, cut, v);
    }
    tokens.clear(), parts.clear(), size = 0;
    if (o.progress) o.progress(done, all);
  };
  for (const std::string& text : texts) {
    const auto pieces = pieces_of(opened, text);
    int64_t more = 0;
    std::vector<TextTokens> read;
    for (const std::string& piece : pieces) {
      read.push_back(tokens_of(opened, piece));
      more += static_cast<int64_t>(read.back().ids.size());
    }
    if (size + more > o.batch_tokens) run();
    for (TextTokens& t : read) tokens.push_back(std::move(t));
    parts.push_back(pieces.size());
    size += more;
  }
  run();
}

}  // namespace ridge

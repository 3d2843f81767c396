#include "nn/encoder.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "files/gguf_metadata.h"
#include "ops/embedding/embedding.h"
#include "ops/scale/scale.h"
#include "ops/scatter_rows/scatter_rows.h"
#include "ops/sum_rows/sum_rows.h"
#include "ops/view/view.h"

namespace ridge {
namespace {

struct TaskName {
  EncoderTask task;
  const char* end;
};
constexpr TaskName kTasks[] = {{EncoderTask::model, "Model"},
                               {EncoderTask::masked_lm, "ForMaskedLM"},
                               {EncoderTask::pretraining, "ForPreTraining"},
                               {EncoderTask::sequence, "ForSequenceClassification"},
                               {EncoderTask::token, "ForTokenClassification"},
                               {EncoderTask::question, "ForQuestionAnswering"},
                               {EncoderTask::next_sentence, "ForNextSentencePrediction"}};

EncoderTask task_of_class(const std::string& name, const std::string& what) {
  std::string known;
  for (const TaskName& t : kTasks) {
    if (name.ends_with(t.end)) return t.task;
    known += std::string(known.empty() ? "" : ", ") + t.end;
  }
  fail(Fault::file, "{}: a checkpoint of class {} is not supported (known ends of the name: {})", what,
       printable(name), known);
}

// Files of other programs name no task; their tensors show it.
EncoderTask task_of_tensors(const ConfigKeys& keys) {
  if (keys.has_tensor("cls.output.weight")) return EncoderTask::sequence;
  return keys.has_tensor("mlm.transform.weight") || keys.has_tensor("cls.norm.weight")
             ? EncoderTask::masked_lm
             : EncoderTask::model;
}

std::vector<int32_t> lengths_without_padding(const Batch& batch) {
  std::vector<int32_t> n;
  for (const auto& s : batch.spans) {
    int64_t text = s.length;
    if (!batch.mask.empty())
      for (text = 0; text < s.length && batch.mask[static_cast<size_t>(s.begin + text)] != 0;) ++text;
    n.push_back(static_cast<int32_t>(text));
  }
  return n;
}

const Batch& checked(const Batch& b) {
  const auto fits = [&](size_t n) { return n == 0 || n == b.tokens.size(); };
  if (b.tokens.empty()) fail(Fault::usage, "encode: no text");
  if (!fits(b.types.size()) || !fits(b.global.size()) || !fits(b.mask.size()))
    fail(Fault::usage, "encode: {} types, {} global flags and a mask of {} for {} tokens", b.types.size(),
         b.global.size(), b.mask.size(), b.tokens.size());
  return b;
}

}  // namespace

const char* task_class_end(EncoderTask task) {
  for (const TaskName& t : kTasks)
    if (t.task == task) return t.end;
  return "Model";
}

TextStep::TextStep(Context& cx, const Batch& b) : step(cx, checked(b), nullptr), batch(b) {
  const std::vector<int32_t> none(b.types.empty() ? b.tokens.size() : 0);
  types = cx.from_host(b.types.empty() ? none.data() : b.types.data(), b.size());
  const auto lengths = lengths_without_padding(b);
  for (size_t i = 0; i < b.spans.size(); ++i) {
    const auto& s = b.spans[i];
    segments.push_back({s.begin, lengths[i], s.begin, lengths[i]});
    first.push_back(static_cast<int32_t>(s.begin));
  }
}

Tensor TaskHead::body(Context& cx, const Tensor& x) const {
  const Tensor h = dense.weight ? activation(cx, dense(cx, x), act) : x;
  return norm.weight ? norm(cx, h) : h;
}

Tensor TaskHead::operator()(Context& cx, const Tensor& x) const { return out(cx, body(cx, x)); }

std::vector<std::string> label_names(const ConfigKeys& keys) {
  std::vector<std::string> names;
  if (const GgufMetadata* m = keys.gguf_in()) {
    const std::string key = keys.gguf_key("classifier.output_labels");
    return m->has(key) ? m->strings(key) : names;
  }
  const Json* j = keys.json_in();
  if (!j) return names;
  const auto map = j->find("id2label");
  if (map != j->end() && map->is_object()) {
    for (size_t i = 0; i < map->size(); ++i) {
      const auto it = map->find(std::to_string(i));
      if (it == map->end() || !it->is_string())
        fail(Fault::file, "{}: id2label of config.json has no text for label {} of {}", keys.what(), i,
             map->size());
      names.push_back(it->get<std::string>());
    }
  } else if (const auto n = j->find("num_labels"); n != j->end() && n->is_number_unsigned()) {
    const auto count = n->get<uint64_t>();
    if (count > (uint64_t{1} << 20)) fail(Fault::file, "{}: {} labels", keys.what(), count);
    for (uint64_t i = 0; i < count; ++i) names.push_back("LABEL_" + std::to_string(i));
  }
  return names;
}

void TextEncoder::task_keys(ConfigKeys& keys, const std::string& prefix, const std::string& known) {
  if (keys.is_gguf()) {
    std::string end = task_class_end(keys.is_reading() ? task_of_tensors(keys) : task);
    const std::string fallback = keys.is_reading() ? end : "";
    keys.text(end, nullptr, "/ridge.task", fallback);
    if (keys.is_reading()) task = task_of_class(end, keys.what());
    keys.integer(labels, nullptr, "/ridge.labels", 2, 1 << 20);
    if (GgufMetadata* m = keys.gguf_out();
        m && !label_names_.empty() && (task == EncoderTask::sequence || task == EncoderTask::token))
      m->set_strings(keys.gguf_key("classifier.output_labels"), label_names_);
  } else if (keys.is_reading()) {
    std::vector<std::string> classes;
    keys.texts(classes, "architectures");
    task = classes.empty() ? EncoderTask::model : task_of_class(classes[0], keys.what());
  } else if (!label_names_.empty()) {
    for (size_t i = 0; i < label_names_.size(); ++i) {
      (*keys.json_out())["id2label"][std::to_string(i)] = label_names_[i];
      (*keys.json_out())["label2id"][label_names_[i]] = i;
    }
  }
  if (!keys.is_reading()) return;
  label_names_ = label_names(keys);
  if (!label_names_.empty()) labels = static_cast<int64_t>(label_names_.size());
  const bool bare = keys.json_in() && keys.has_tensor(known);
  const bool named = keys.json_in() && keys.has_tensor(prefix + known);
  top = bare ? "" : named || task != EncoderTask::model ? prefix : "";
}

void TextEncoder::activation_key(ConfigKeys& keys, const char* hf, const char* by_default) {
  keys.text(act_name, hf, "/ridge.activation", by_default);
  if (!keys.is_reading()) return;
  try {
    act = parse_activation(act_name);
  } catch (const Error& e) {  // what a file got wrong
    fail(Fault::file, "{}: {}", keys.what(), e.what());
  }
}

void TextEncoder::check_sizes(const ConfigKeys& keys) const {
  if (heads < 1 || dim < 1 || vocab < 1 || context < 1 || hidden < 1 || dim % heads != 0 || labels < 1)
    fail(Fault::file, "{}: {} heads, width {}, {} inner, {} positions and {} tokens do not make a model",
         keys.what(), heads, dim, hidden, context, vocab);
}

void TextEncoder::tying(ConfigKeys& keys) {
  if (!keys.is_gguf())
    keys.flag(tied, "tie_word_embeddings", nullptr, true);
  else if (keys.is_reading())
    tied = !keys.has_tensor("mlm.output.weight");
  if (keys.is_reading())
    two_biases_ = !tied && (keys.has_tensor("cls.predictions.decoder.bias") ||
                            keys.has_tensor("lm_head.decoder.bias") || keys.has_tensor("mlm.unread.bias"));
}

void TextEncoder::visit_decoder(WeightVisitor& v, const std::string& hf_weight, const std::string& hf_bias,
                                bool with_bias) {
  if (!tied) v.matrix(head.out.weight, "mlm.output.weight", hf_weight, {vocab, dim});
  if (two_biases_) {
    const std::string matrix_bias = hf_weight.substr(0, hf_weight.rfind('.')) + ".bias";
    v.vector(head.out.bias, "mlm.output.bias", matrix_bias, {vocab});
    v.vector(unread_bias_, "mlm.unread.bias", hf_bias, {vocab}, {.optional = true});
  } else if (with_bias) {
    v.vector(head.out.bias, "mlm.output.bias", hf_bias, {vocab});
  }
}

std::string TextEncoder::hf_class() const { return std::string(class_begin()) + task_class_end(task); }

Tensor TextEncoder::first_rows(Context& cx, const Tensor& x, const TextStep& step) const {
  return embedding(cx, x, cx.from_host(step.first.data(), static_cast<int64_t>(step.first.size())));
}

Tensor TextEncoder::pooled(Context& cx, const Tensor& x, const TextStep& step) const {
  return activation(cx, pooler(cx, first_rows(cx, x, step)), Activation::tanh);
}

Tensor TextEncoder::summary(Context& cx, const Tensor& x, const TextStep& step) {
  return has_pooler ? pooled(cx, x, step) : first_rows(cx, x, step);
}

Tensor TextEncoder::mean_rows(Context& cx, const Tensor& x, const TextStep& step) {
  const auto texts = static_cast<int64_t>(step.segments.size());
  const int64_t n = x.dim(1);
  const Tensor y = cx.make(f32, {texts, n});
  for (int32_t i = 0; i < texts; ++i) {
    const auto& s = step.segments[static_cast<size_t>(i)];
    const Tensor sum = sum_rows(cx, x.slice(0, s.q_begin, s.q_begin + s.q_len));
    const Tensor mean = scale(cx, sum, 1 / static_cast<float>(std::max<int64_t>(s.q_len, 1)));
    scatter_rows(cx, mean.reshape({1, 1, n}), y.reshape({texts, 1, n}), cx.from_host(&i, 1));
  }
  return y;
}

Tensor TextEncoder::hidden_states(Context& cx, const TextStep& step) {
  Tensor x = embed(cx, step);
  for (int i = 0; i < static_cast<int>(layers_count); ++i) {
    const Context::Scope scope(cx, "layers", i);
    x = block(cx, i, x, step);
  }
  return final_norm(cx, x);
}

Tensor TextEncoder::task_logits(Context& cx, const Tensor& x, const TextStep& step) {
  if (task == EncoderTask::sequence) return head(cx, summary(cx, x, step));
  if (task == EncoderTask::next_sentence) return relation(cx, pooled(cx, x, step));
  if (task == EncoderTask::question) return head(cx, x);
  const Tensor asked = step.step.wanted(cx, x);
  if (task == EncoderTask::token) return head(cx, asked);
  return linear(cx, head.body(cx, asked), tied ? words : head.out.weight, head.out.bias);
}

Outputs TextEncoder::encode(Context& cx, const Inputs& inputs, const std::set<std::string>& wanted) {
  std::set<std::string> known{"last_hidden_state"};
  if (has_pooler) known.insert("pooler_output");
  if (task == EncoderTask::question)
    known.insert({"start_logits", "end_logits"});
  else if (task == EncoderTask::pretraining)
    known.insert({"prediction_logits", "seq_relationship_logits"});
  else if (task != EncoderTask::model)
    known.insert("logits");
  std::string list;
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  for (const std::string& name : wanted)
    if (!known.contains(name))
      fail(Fault::usage, "{}: a {} checkpoint has no output {} (it has {})", info ? info->name : "model",
           hf_class(), printable(name), list);
  const auto asked = [&](const char* name) {
    return known.contains(name) && (wanted.empty() || wanted.contains(name));
  };
  const TextStep step(cx, inputs.text);
  const Tensor x = hidden_states(cx, step);
  Outputs out;
  if (asked("last_hidden_state")) out["last_hidden_state"] = x;
  if (asked("pooler_output")) out["pooler_output"] = pooled(cx, x, step);
  if (asked("logits")) out["logits"] = task_logits(cx, x, step);
  if (asked("prediction_logits")) out["prediction_logits"] = task_logits(cx, x, step);
  if (asked("seq_relationship_logits")) out["seq_relationship_logits"] = relation(cx, pooled(cx, x, step));
  if (asked("start_logits") || asked("end_logits")) {
    const Tensor both = task_logits(cx, x, step);
    if (both.dim(1) != 2)
      fail(Fault::file, "{}: a head with {} outputs does not mark starts and ends", hf_class(), both.dim(1));
    out["start_logits"] = contiguous(cx, slice(cx, both, 1, 0, 1));
    out["end_logits"] = contiguous(cx, slice(cx, both, 1, 1, 2));
  }
  return out;
}

}  // namespace ridge

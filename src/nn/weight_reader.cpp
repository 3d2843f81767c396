#include "nn/weight_reader.h"

#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "device/device.h"

namespace ridge {
namespace {

std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> s{name, "language_model." + name};
  const size_t dot = name.find('.');
  if (dot != std::string::npos) {
    const std::string first = name.substr(0, dot), rest = name.substr(dot + 1);
    if (first == "model") s.push_back("model.language_model." + rest);
    if (first == "transformer" || first == "model" || first == "gpt_neox") s.push_back(rest);
  }
  // Norms of checkpoints that began as TensorFlow's.
  for (const auto& [now, once] : {std::pair{"LayerNorm.weight", "gamma"}, {"LayerNorm.bias", "beta"}})
    if (name.ends_with(now)) s.push_back(name.substr(0, name.rfind('.') + 1) + once);
  return s;
}

}  // namespace

Tensor to_f32(const Tensor& t) {
  const Tensor out = cpu_device().make(f32, t.shape());
  if (t.dtype()->kind == FormatKind::integer)
    fail(Fault::file, "weights of type {} are not supported", t.dtype().name());
  if (t.count() > 0) t.dtype()->decode(t.data(), out.ptr<float>(), t.count());
  return out;
}

void check_weight_shape(const WeightSpec& spec) {
  int64_t n = 1;
  for (int i = 0; i < spec.shape.rank(); ++i)
    if (spec.shape[i] < 0 || __builtin_mul_overflow(n, spec.shape[i], &n) || n > (int64_t{1} << 50))
      fail(Fault::file, "{}: a weight of shape {} is out of range", spec.gguf, spec.shape.text());
}

WeightReader::WeightReader(const Checkpoint& checkpoint)
    : checkpoint_(checkpoint), hf_(checkpoint.layout() == Checkpoint::Layout::huggingface) {
  // Such folders hold other tensors under the names of the weights, or scales beside them.
  if (!hf_) return;
  const auto q = checkpoint.config().find("quantization_config");
  if (q == checkpoint.config().end() || !q->is_object()) return;
  const std::string method = q->contains("quant_method") && (*q)["quant_method"].is_string()
                                 ? (*q)["quant_method"].get<std::string>()
                                 : "?";
  fail(Fault::file,
       "{}: weights quantized by \"{}\" are not supported; use the original checkpoint or a GGUF file",
       checkpoint.path(), printable(method));
}

std::string WeightReader::name_of(const WeightSpec& spec) const {
  return hf_ && !spec.hf.empty() ? spec.hf[0] : spec.gguf;
}

Tensor WeightReader::one(const std::string& name) const {
  for (const std::string& s : spellings(name))
    if (auto t = checkpoint_.find(s)) return *t;
  return {};
}

Tensor WeightReader::raw(const WeightSpec& spec) const {
  if (!hf_) {
    if (spec.gguf.empty()) return {};
    const auto t = checkpoint_.find(spec.gguf);
    return t ? *t : Tensor();
  }
  if (spec.hf.empty()) return {};
  if (spec.hf.size() == 1) return one(spec.hf[0]);
  Tensor all;
  for (size_t i = 0; i < spec.hf.size(); ++i) {
    const Tensor t = one(spec.hf[i]);
    if (!t) fail(Fault::file, "{}: no tensor {}", checkpoint_.path(), spec.hf[i]);
    if (i == 0) {
      if (t.rank() >= kMaxRank)
        fail(Fault::file, "{}: tensor {} is {}", checkpoint_.path(), spec.hf[i], t.text());
      Shape s{static_cast<int64_t>(spec.hf.size())};
      for (int k = 0; k < t.rank(); ++k) s.push(t.dim(k));
      // Before memory is taken: what is there must be what was asked for.
      if (!(s == spec.shape))
        fail(Fault::file, "{}: tensor {} is {}, the configuration asks for {} of {} in all",
             checkpoint_.path(), spec.hf[i], t.text(), spec.hf.size(), spec.shape.text());
      all = cpu_device().make(t.dtype(), s);
    }
    if (!(t.dtype() == all.dtype()) || t.bytes() * static_cast<int64_t>(spec.hf.size()) != all.bytes())
      fail(Fault::file, "{}: tensor {} is {}, its siblings are not", checkpoint_.path(), spec.hf[i],
           t.text());
    std::memcpy(static_cast<char*>(all.data()) + static_cast<int64_t>(i) * t.bytes(), t.data(),
                static_cast<size_t>(t.bytes()));
  }
  return all;
}

Tensor WeightReader::read(const WeightSpec& spec) const {
  check_weight_shape(spec);
  Tensor found = raw(spec);
  const std::string name = name_of(spec);
  if (!found) {
    if (spec.optional) return {};
    fail(Fault::file, "{}: no tensor {}", checkpoint_.path(), name);
  }
  if (spec.kind == WeightSpec::Kind::vector && found.dtype() == DType(i64) && found.count() == 1) {
    const Tensor number = cpu_device().make(f32, {1});  // a setting that is stored as a tensor
    *number.ptr<float>() = static_cast<float>(*found.ptr<int64_t>());
    found = number;
  }
  if (found.dtype()->kind == FormatKind::integer)
    fail(Fault::file, "{}: tensor {} has type {}, which is no weight format", checkpoint_.path(), name,
         found.dtype().name());
  if (hf_ && spec.unread_rows > 0) {
    if (found.rank() != 2 || found.dim(0) < spec.unread_rows)
      fail(Fault::file, "{}: tensor {} is {}, without {} rows that no token reads", checkpoint_.path(), name,
           found.text(), spec.unread_rows);
    found = found.slice(0, spec.unread_rows, found.dim(0));
  }
  const Relayout& layout = hf_ ? spec.hf_layout : spec.gguf_layout;
  if (layout.from_file) {
    // A relayout takes apart what it is given by the shape it expects.
    const bool whole = spec.parts > 1 || found.count() == spec.shape.count();
    if (!whole || found.rank() > 2 || (spec.kind == WeightSpec::Kind::matrix && found.rank() != 2))
      fail(Fault::file, "{}: tensor {} is {}, the configuration asks for {} elements", checkpoint_.path(),
           name, found.text(), spec.shape.count());
  }
  if (spec.kind == WeightSpec::Kind::vector) found = to_f32(found);
  if (layout.from_file) found = layout.from_file(found);
  const Shape& grouped = hf_ ? spec.hf_shape : spec.gguf_shape;
  if (grouped.rank() > 0 && found.count() == spec.shape.count() && !found.dtype().is_block())
    found = found.reshape(spec.shape);
  const bool split_otherwise = found.count() == spec.shape.count() && !(found.shape() == spec.shape) &&
                               spec.shape.rank() > 0 && found.rank() > 0;
  // [1, n] for [n], [a, b, n] for [a * b, n], and the kernels of a convolution, [n, a, b] for [n, a * b]
  if (split_otherwise &&
      (found.dim(-1) == spec.shape[-1] || (found.dim(0) == spec.shape[0] && !found.dtype().is_block())))
    found = found.reshape(spec.shape);
  if (!(found.shape() == spec.shape))
    fail(Fault::file, "{}: tensor {} is {}, the configuration asks for {}", checkpoint_.path(), name,
         found.text(), spec.shape.text());
  return found;
}

}  // namespace ridge

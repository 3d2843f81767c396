#include "models/load.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "device/device.h"
#include "formats/f16/f16.h"

namespace ridge {
namespace {

// A checkpoint may put the language model below a prefix (multimodal ones), or leave out the outermost
// module's name.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> s{name, "language_model." + name};
  const size_t dot = name.find('.');
  if (dot != std::string::npos) {
    const std::string first = name.substr(0, dot), rest = name.substr(dot + 1);
    if (first == "model") s.push_back("model.language_model." + rest);
    if (first == "transformer" || first == "model") s.push_back(rest);
  }
  return s;
}

Tensor to_f32(const Tensor& t) {
  const Tensor out = cpu_device().make(f32, t.shape());
  if (t.dtype()->kind == FormatKind::integer)
    fail(Fault::file, "weights of type {} are not supported", t.dtype().name());
  if (t.count() > 0) t.dtype()->decode(t.data(), out.ptr<float>(), t.count());
  return out;
}

// Fails on shapes whose size does not fit a file of any machine: configurations can say anything.
int64_t checked_count(const Shape& shape, const std::string& name) {
  int64_t n = 1;
  for (int i = 0; i < shape.rank(); ++i)
    if (__builtin_mul_overflow(n, shape[i], &n) || n > (int64_t{1} << 50))
      fail(Fault::file, "{}: a weight of shape {} is out of range", name, shape.text());
  return n;
}

class Loader final : public WeightVisitor {
 public:
  explicit Loader(const Checkpoint& checkpoint)
      : checkpoint_(checkpoint), hf_(checkpoint.layout() == Checkpoint::Layout::huggingface) {}

  void visit(Tensor& t, const WeightSpec& spec) override {
    checked_count(spec.shape, spec.gguf);
    Tensor found = hf_ ? from_hf(spec) : from_gguf(spec);
    if (!found) {
      if (spec.optional) return;
      fail(Fault::file, "{}: no tensor {}", checkpoint_.path(), hf_ ? spec.hf.at(0) : spec.gguf);
    }
    const Relayout& layout = hf_ ? spec.hf_layout : spec.gguf_layout;
    if (spec.kind == WeightSpec::Kind::vector) found = to_f32(found);
    if (layout.from_file) found = layout.from_file(found);
    if (found.count() == spec.shape.count() && !(found.shape() == spec.shape) && spec.shape.rank() > 0 &&
        found.shape()[-1] == spec.shape[-1])
      found = found.reshape(spec.shape);  // [1, n] for [n], [a, b, n] for [a * b, n]
    if (!(found.shape() == spec.shape))
      fail(Fault::file, "{}: tensor {} is {}, the configuration asks for {}", checkpoint_.path(),
           hf_ ? spec.hf.at(0) : spec.gguf, found.text(), spec.shape.text());
    if (found.dtype()->kind == FormatKind::integer)
      fail(Fault::file, "{}: tensor {} has type {}, which is no weight format", checkpoint_.path(),
           hf_ ? spec.hf.at(0) : spec.gguf, found.dtype().name());
    t = found;
  }

 private:
  Tensor from_gguf(const WeightSpec& spec) const {
    if (spec.gguf.empty()) return {};
    const auto t = checkpoint_.find(spec.gguf);
    return t ? *t : Tensor();
  }
  Tensor one(const std::string& name) const {
    for (const std::string& s : spellings(name))
      if (auto t = checkpoint_.find(s)) return *t;
    return {};
  }
  Tensor from_hf(const WeightSpec& spec) const {
    if (spec.hf.empty()) return {};
    if (spec.hf.size() == 1) return one(spec.hf[0]);
    Tensor all;
    for (size_t i = 0; i < spec.hf.size(); ++i) {
      const Tensor t = one(spec.hf[i]);
      if (!t) fail(Fault::file, "{}: no tensor {}", checkpoint_.path(), spec.hf[i]);
      if (i == 0) {
        Shape s{static_cast<int64_t>(spec.hf.size())};
        for (int k = 0; k < t.rank() && s.rank() < kMaxRank; ++k) s.push(t.dim(k));
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
  const Checkpoint& checkpoint_;
  bool hf_;
};

class Shaper final : public WeightVisitor {
 public:
  Shaper(Device& device, const FormatOf& format_of) : device_(device), format_of_(format_of) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    checked_count(spec.shape, spec.gguf);
    t = device_.make(spec.kind == WeightSpec::Kind::vector ? DType(f32) : format_of_(spec), spec.shape);
  }

 private:
  Device& device_;
  const FormatOf& format_of_;
};

class Randomizer final : public WeightVisitor {
 public:
  Randomizer(const FormatOf& format_of, uint64_t seed) : format_of_(format_of), seed_(seed) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    checked_count(spec.shape, spec.gguf);
    const bool vector = spec.kind == WeightSpec::Kind::vector;
    t = cpu_device().make(vector ? DType(f32) : format_of_(spec), spec.shape);
    Random random(seed_, stream_++);
    if (vector) {  // norms near one, biases too: what matters is that nothing is degenerate
      for (int64_t i = 0; i < t.count(); ++i) t.ptr<float>()[i] = 1 + 0.1f * random.normal();
      return;
    }
    const int64_t columns = t.dim(-1), rows = t.count() / std::max<int64_t>(columns, 1);
    const int64_t pattern =
        std::min(rows, std::max<int64_t>(1, (int64_t{1} << 18) / std::max<int64_t>(columns, 1)));
    const int64_t bytes = t.dtype().bytes_of(columns);
    const float deviation = 1 / std::sqrt(static_cast<float>(columns));
    std::vector<float> row(static_cast<size_t>(columns));
    auto* out = static_cast<char*>(t.data());
    for (int64_t r = 0; r < pattern; ++r) {
      for (float& x : row) x = deviation * random.normal();
      t.dtype()->encode(row.data(), out + r * bytes, columns, nullptr);
    }
    for (int64_t r = pattern; r < rows; r += pattern)
      std::memcpy(out + r * bytes, out, static_cast<size_t>(std::min(pattern, rows - r) * bytes));
  }

 private:
  const FormatOf& format_of_;
  uint64_t seed_, stream_ = 1;
};

class Counter final : public WeightVisitor {
 public:
  void visit(Tensor& t, const WeightSpec& spec) override {
    if (!t) return;
    count.parameters += t.count();
    count.bytes += t.bytes();
    if (spec.kind == WeightSpec::Kind::table) count.table_bytes += t.bytes();
  }
  WeightCount count;
};

std::unique_ptr<Model> with_weights(ConfigKeys& keys, WeightVisitor& visitor, Device& device) {
  auto model = make_model(keys);
  model->visit(visitor);
  model->ready(device);
  return model;
}

}  // namespace

std::unique_ptr<Model> load_model(const Checkpoint& checkpoint) {
  if (!checkpoint.has_weights())
    fail(Fault::file, "{}: a configuration without weights; `ridge explain` prices it", checkpoint.path());
  ConfigKeys keys = ConfigKeys::reading(checkpoint);
  Loader loader(checkpoint);
  return with_weights(keys, loader, cpu_device());
}

FormatOf one_format(DType dtype) {
  return [dtype](const WeightSpec& spec) { return spec.shape[-1] % dtype->block == 0 ? dtype : DType(f16); };
}

std::unique_ptr<Model> shape_model(ConfigKeys& keys, const FormatOf& format_of) {
  Shaper shaper(null_device(), format_of);
  return with_weights(keys, shaper, null_device());
}

std::unique_ptr<Model> random_model(ConfigKeys& keys, const FormatOf& format_of, uint64_t seed) {
  Randomizer randomizer(format_of, seed);
  return with_weights(keys, randomizer, cpu_device());
}

WeightCount count_weights(Model& model) {
  Counter counter;
  model.visit(counter);
  return counter.count;
}

}  // namespace ridge

#include "models/load.h"

#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/random.h"
#include "device/device.h"
#include "formats/f16/f16.h"
#include "nn/weight_reader.h"

namespace ridge {
namespace {

class Loader final : public WeightVisitor {
 public:
  explicit Loader(const Checkpoint& checkpoint) : reader_(checkpoint) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    if (Tensor found = reader_.read(spec)) t = found;
  }

 private:
  WeightReader reader_;
};

class Shaper final : public WeightVisitor {
 public:
  Shaper(Device& device, const FormatOf& format_of) : device_(device), format_of_(format_of) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    check_weight_shape(spec);
    const bool vector = spec.kind == WeightSpec::Kind::vector;
    const DType format = vector && !spec.optional ? DType(f32) : format_of_(spec);
    if (spec.optional && !format) return;
    t = device_.make(vector ? DType(f32) : format, spec.shape);
  }

 private:
  Device& device_;
  const FormatOf& format_of_;
};

class Randomizer final : public WeightVisitor {
 public:
  Randomizer(const FormatOf& format_of, uint64_t seed) : format_of_(format_of), seed_(seed) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    check_weight_shape(spec);
    if (spec.optional) return;
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
    if (!t || (spec.optional && spec.hf.empty())) return;  // RoPE's factors are derived, not learned
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

void random_values(const Tensor& t, bool vector, uint64_t seed, uint64_t stream) {
  Random random(seed, stream);
  const float mean = vector ? 1 : 0;
  const int64_t columns = t.rank() > 0 ? t.dim(-1) : 1;
  const float deviation = vector ? 0.1f : 1 / std::sqrt(static_cast<float>(columns));
  // A pattern of about a megabyte repeats: making values would take longer than writing them.
  const int64_t pattern = std::min<int64_t>(t.count(), (int64_t{1} << 18) / columns * columns + columns);
  auto* x = t.ptr<float>();
  for (int64_t i = 0; i < pattern; ++i) x[i] = mean + deviation * random.normal();
  for (int64_t i = pattern; i < t.count(); i += pattern)
    std::memcpy(x + i, x, static_cast<size_t>(std::min(pattern, t.count() - i)) * sizeof(float));
}

FormatOf one_format(DType dtype) {
  return [dtype](const WeightSpec& spec) {
    if (spec.optional) return DType();
    return spec.shape[-1] % dtype->block == 0 ? dtype : DType(f16);
  };
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

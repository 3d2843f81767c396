#include "models/export/weights.h"

#include <cstring>

#include "base/error.h"
#include "device/device.h"
#include "models/registry.h"

namespace ridge::exporting {
namespace {

// Vectors only: what settings may be made of.
class VectorLoader final : public WeightVisitor {
 public:
  explicit VectorLoader(const WeightReader& reader) : reader_(reader) {}
  void visit(Tensor& t, const WeightSpec& spec) override {
    if (spec.kind != WeightSpec::Kind::vector) return;
    if (Tensor found = reader_.read(spec)) t = found;
  }

 private:
  const WeightReader& reader_;
};

Tensor interleave(const Tensor& t, const WeightSpec& spec, bool to_gguf) {
  if (spec.rope_heads == 0) return t;
  if (t.dim(0) % (2 * spec.rope_heads) != 0)
    fail(Fault::file, "{}: {} rows of {} heads cannot be in the order of interleaved RoPE", spec.gguf,
         t.dim(0), spec.rope_heads);
  return to_gguf ? rope_rows_to_interleaved(t, spec.rope_heads) : rope_rows_to_half_split(t, spec.rope_heads);
}

class Collector : public WeightVisitor {
 public:
  explicit Collector(const WeightReader& reader) : reader_(reader) {}
  std::vector<Item> items;

 protected:
  // The tensor in the source's own layout, which is also the target's.
  Item as_it_is(const std::string& name, const Tensor& t, std::function<Tensor()> again) {
    Item item;
    item.name = name;
    item.shape = t.shape();
    item.source = item.target = t.dtype();
    item.vector = t.rank() < 2;
    item.parts.push_back(std::move(again));
    return item;
  }
  Tensor found(const WeightSpec& spec) const {
    check_weight_shape(spec);
    const Tensor t = reader_.raw(spec);
    if (!t && !spec.optional) fail(Fault::file, "{}: no tensor {}", reader_.checkpoint().path(), spec.gguf);
    return t;
  }
  const WeightReader& reader_;
};

class GgufCollector final : public Collector {
 public:
  using Collector::Collector;

  void visit(Tensor& t, const WeightSpec& spec) override {
    check_weight_shape(spec);
    if (!reader_.huggingface()) {
      for (const Item& i : items)
        if (i.name == spec.gguf) return;  // a tensor that several weights share
      if (const Tensor raw = found(spec))
        items.push_back(as_it_is(spec.gguf, raw, [raw] { return raw; }));
      else if (t)
        items.push_back(as_it_is(spec.gguf, t, [t] { return t; }));  // derived: RoPE factors
      return;
    }
    if (spec.hf.empty()) {
      if (t) items.push_back(as_it_is(spec.gguf, t, [t] { return t; }));
      return;
    }
    if (spec.optional && !reader_.raw(spec)) return;
    items.push_back(converted(spec));
  }

 private:
  Item converted(const WeightSpec& spec) const {
    Item item;
    item.name = spec.gguf;
    item.shape = spec.gguf_shape.rank() > 0 ? spec.gguf_shape : spec.shape;
    item.vector = spec.kind == WeightSpec::Kind::vector;
    const WeightReader* reader = &reader_;
    const bool experts = spec.hf.size() > 1 && !spec.hf_layout.from_file && !spec.gguf_layout.to_file;
    const Tensor first = reader_.one(spec.hf[0]);
    if (!first && !spec.optional)
      fail(Fault::file, "{}: no tensor {}", reader_.checkpoint().path(), spec.hf[0]);
    item.source = first ? first.dtype() : DType(f32);
    if (experts) {
      const Shape one = [&] {
        Shape s;
        for (int i = 1; i < spec.shape.rank(); ++i) s.push(spec.shape[i]);
        return s;
      }();
      for (const std::string& name : spec.hf)
        item.parts.push_back([=] {
          WeightSpec single = spec;
          single.hf = {name};
          single.shape = one;
          return reader->read(single);
        });
    } else {
      item.parts.push_back([=] {
        Tensor t = interleave(reader->read(spec), spec, true);
        return spec.gguf_layout.to_file ? spec.gguf_layout.to_file(t) : t;
      });
    }
    item.target = item.vector ? DType(f32) : item.source;
    return item;
  }
};

class HuggingFaceCollector final : public Collector {
 public:
  using Collector::Collector;

  void visit(Tensor&, const WeightSpec& spec) override {
    check_weight_shape(spec);
    if (spec.hf.empty()) return;
    if (reader_.huggingface()) return as_found(spec);
    const bool is_vector = spec.kind == WeightSpec::Kind::vector;
    const Tensor raw = found(spec);
    if (!raw) return;
    const WeightReader* reader = &reader_;
    const auto whole = [=] {
      const Tensor t = with_unread(interleave(reader->read(spec), spec, false), spec.unread_rows);
      return spec.hf_layout.to_file ? spec.hf_layout.to_file(t) : t;
    };
    if (spec.parts > 1) return joined(spec, raw.dtype(), whole);
    for (size_t e = 0; e < spec.hf.size(); ++e) {
      Item item;
      item.name = spec.hf[e];
      item.vector = is_vector;
      item.source = item.target = raw.dtype();
      if (spec.hf.size() == 1) {
        item.shape = spec.hf_shape.rank() > 0 ? spec.hf_shape : is_vector ? spec.shape : file_shape(spec);
        item.parts.push_back(whole);
      } else {
        for (int i = 1; i < spec.shape.rank(); ++i) item.shape.push(spec.shape[i]);
        item.parts.push_back([=] { return reader->read(spec).select(0, static_cast<int64_t>(e)); });
      }
      items.push_back(std::move(item));
    }
  }

 private:
  // Of a Hugging Face source: the tensors as they are, under their plain names.
  void as_found(const WeightSpec& spec) {
    for (const std::string& name : spec.hf) {
      for (const Item& i : items)
        if (i.name == name) return;
      const Tensor t = reader_.one(name);
      if (!t && spec.optional) continue;
      if (!t) fail(Fault::file, "{}: no tensor {}", reader_.checkpoint().path(), name);
      items.push_back(as_it_is(name, t, [t] { return t; }));
    }
  }

  static Shape file_shape(const WeightSpec& spec) {
    Shape s = spec.transposed ? Shape{spec.shape[1], spec.shape[0]} : spec.shape;
    if (spec.unread_rows > 0) s[0] += spec.unread_rows;
    return s;
  }

  // `rows` rows of zeros before those of t.
  static Tensor with_unread(const Tensor& t, int64_t rows) {
    if (rows == 0) return t;
    const Tensor real = t.dtype().is_block() ? to_f32(t) : t;
    const Tensor all = cpu_device().make(real.dtype(), {real.dim(0) + rows, real.dim(1)});
    std::memset(all.data(), 0, static_cast<size_t>(all.bytes() - real.bytes()));
    std::memcpy(static_cast<char*>(all.data()) + (all.bytes() - real.bytes()), real.data(),
                static_cast<size_t>(real.bytes()));
    return all;
  }

  // Weights that are parts of one tensor, head by head.
  void joined(const WeightSpec& spec, DType dtype, std::function<Tensor()> part) {
    if (spec.part == 0) {
      parts_.clear();
      part_rows_ = 0;
    }
    parts_.push_back(std::move(part));
    const bool transposed = spec.transposed;
    part_rows_ += transposed ? spec.shape[2] : spec.shape[1];
    if (spec.part + 1 < spec.parts) return;
    Item item;
    item.name = spec.hf.at(0);
    item.source = item.target = dtype;
    const int64_t heads = spec.shape[0], k = transposed ? spec.shape[1] : spec.shape[2];
    item.shape = {heads * part_rows_, k};
    item.parts.push_back([parts = parts_, heads] { return join(parts, heads); });
    items.push_back(std::move(item));
  }

  static Tensor join(const std::vector<std::function<Tensor()>>& parts, int64_t heads) {
    std::vector<Tensor> made;
    int64_t rows = 0;
    for (const auto& part : parts) made.push_back(part()), rows += made.back().dim(1);
    // Quantized parts were decoded by their layout, or are now: one type for all.
    for (Tensor& t : made)
      if (!(t.dtype() == made[0].dtype()) || t.dtype().is_block()) {
        for (Tensor& each : made) each = to_f32(each);
        break;
      }
    const int64_t k = made[0].dim(2);
    const Tensor out = cpu_device().make(made[0].dtype(), {heads * rows, k});
    auto* to = static_cast<char*>(out.data());
    for (int64_t h = 0; h < heads; ++h)
      for (const Tensor& t : made) {
        const Tensor head = t.select(0, h);
        std::memcpy(to, head.data(), static_cast<size_t>(head.bytes()));
        to += head.bytes();
      }
    return out;
  }

  std::vector<std::function<Tensor()>> parts_;
  int64_t part_rows_ = 0;
};

}  // namespace

std::unique_ptr<Model> open_settings(const Checkpoint& source) {
  if (!source.has_weights()) fail(Fault::file, "{}: a configuration without weights", source.path());
  ConfigKeys keys = ConfigKeys::reading(source);
  auto model = make_model(keys);
  const WeightReader reader(source);
  VectorLoader vectors(reader);
  model->visit(vectors);
  model->ready(cpu_device());
  return model;
}

std::vector<Item> gguf_items(Model& model, const WeightReader& reader) {
  GgufCollector c(reader);
  model.visit(c);
  return std::move(c.items);
}

std::vector<Item> huggingface_items(Model& model, const WeightReader& reader) {
  HuggingFaceCollector c(reader);
  model.visit(c);
  return std::move(c.items);
}

}  // namespace ridge::exporting

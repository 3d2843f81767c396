// The weights of a checkpoint as another layout names and arranges them, one at a time.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "files/writer.h"
#include "models/export/export.h"
#include "nn/model.h"
#include "nn/weight_reader.h"

namespace ridge::exporting {

// One tensor of the target. `parts` are joined along the first dimension; each is made when its turn comes.
struct Item {
  std::string name;
  Shape shape;
  DType source, target;  // types
  bool vector = false;
  std::vector<std::function<Tensor()>> parts;
};

// A model with its settings and vectors, its matrices left in the files: enough to say everything about it.
std::unique_ptr<Model> open_settings(const Checkpoint& source);

// All weights of `model` under their GGUF names, or their Hugging Face names. Targets are the sources' types;
// vectors have f32 in GGUF, and in a Hugging Face layout the type that they have there.
std::vector<Item> gguf_items(Model& model, const WeightReader& reader);
std::vector<Item> huggingface_items(Model& model, const WeightReader& reader);

// Declares the items and streams them through `writer`, encoding rows in parallel; finishes it.
void write_items(TensorWriter& writer, const std::vector<Item>& items, const ExportOptions& options,
                 ExportReport& report);

}  // namespace ridge::exporting

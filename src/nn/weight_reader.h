// Weights out of a checkpoint, by what a model's visit() says of them.
#pragma once
#include <string>

#include "files/checkpoint.h"
#include "nn/weights.h"

namespace ridge {

class WeightReader {
 public:
  explicit WeightReader(const Checkpoint& checkpoint);

  bool huggingface() const { return hf_; }
  const Checkpoint& checkpoint() const { return checkpoint_; }

  // A tensor of a Hugging Face checkpoint, also where the checkpoint puts the language model below a prefix
  // or leaves out the outermost module's name; empty where there is none.
  Tensor one(const std::string& name) const;

  // As the file has it, several names stacked along a new first dimension; empty where the checkpoint has
  // none.
  Tensor raw(const WeightSpec& spec) const;
  // As the model has it: vectors in f32, laid out for use, of the spec's shape. Empty where an optional
  // weight is missing; Error(Fault::file) naming the tensor where another is, or does not fit.
  Tensor read(const WeightSpec& spec) const;

 private:
  std::string name_of(const WeightSpec& spec) const;
  const Checkpoint& checkpoint_;
  bool hf_;
};

// The elements of t, which must be real or blocks, as contiguous f32.
Tensor to_f32(const Tensor& t);

// Fails on shapes whose size does not fit a file of any machine: configurations can say anything.
void check_weight_shape(const WeightSpec& spec);

}  // namespace ridge

// Models with weights: from a checkpoint, of a shape alone (to price), or with random weights of a shape (to
// time).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "files/checkpoint.h"
#include "models/registry.h"
#include "models/shapes.h"

namespace ridge {

// The model of a checkpoint, its matrices views of the mapped files (no copy), its vectors f32. Errors name
// the tensor.
std::unique_ptr<Model> load_model(const Checkpoint& checkpoint);

// Which format each weight gets where there is no checkpoint to say so.
// It is asked for optional weights too: none leaves the weight out. Vectors are f32 whatever it says.
using FormatOf = std::function<DType(const WeightSpec& spec)>;
// One format for all matrices; rows that are no whole number of blocks get f16.
FormatOf one_format(DType dtype);

// Weights on the null device: shapes and bytes only. Derived tensors too.
std::unique_ptr<Model> shape_model(ConfigKeys& keys, const FormatOf& format_of);
// Random normal weights in memory, the same for the same seed: rows repeat a pattern of about a megabyte, so
// that making them takes seconds.
std::unique_ptr<Model> random_model(ConfigKeys& keys, const FormatOf& format_of, uint64_t seed);

// The values of a random weight, into a f32 tensor: norms and biases near one, rows of matrices normal with
// deviation 1/sqrt(columns).
void random_values(const Tensor& t, bool vector, uint64_t seed, uint64_t stream);

struct WeightCount {
  int64_t parameters = 0, bytes = 0;
  int64_t table_bytes = 0;  // of the part that is only looked up
};
WeightCount count_weights(Model& model);

}  // namespace ridge

// One list of cases an op, four uses: kernels against the reference, gradients against finite differences,
// benchmarks, and the support table.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "context/context.h"

namespace ridge {

// Makes the inputs of a case: the same values for the same name and seed, whatever the kernel.
class CaseInputs {
 public:
  CaseInputs(Context& cx, uint64_t seed) : cx_(cx), seed_(seed) {}

  // Normal values of the given deviation; encoded where the dtype is not f32. `watched`: the gradient check
  // takes it.
  Tensor normal(const char* name, const Shape& shape, DType dtype = f32, float deviation = 1,
                bool watched = true);
  // Exactly these values.
  Tensor values(const char* name, const Shape& shape, const std::vector<float>& values, bool watched = true);
  Tensor integers(const char* name, const Shape& shape, const std::vector<int32_t>& values);

  // For the gradient check: the f32 inputs made, in order, and a value to replace one of them.
  struct Made {
    std::string name;
    Tensor tensor;
  };
  std::vector<Made> made;
  std::function<void(const std::string& name, Tensor& tensor)> intercept;

 private:
  Tensor finish(const char* name, Tensor t, bool watched);
  Context& cx_;
  uint64_t seed_;
};

struct Case {
  std::string name;
  // Makes inputs, calls the op, returns what is compared.
  std::function<std::vector<Tensor>(Context&, CaseInputs&)> run;
  int64_t reduction = 1;        // length of the longest sum in it: sets the tolerance
  bool differentiable = false;  // small enough and smooth: finite differences are taken
  bool benchmark = false;       // large enough to be timed
};

struct CaseList {
  const char* op;
  std::vector<Case> (*make)();
};

std::span<const CaseList* const> case_table();

// What a comparison found. `relative` = norm of the error / norm of the reference; `worst` = largest error
// over the RMS of the reference. A NaN or Inf where the reference has none, or the other way round, makes
// both infinite.
struct Difference {
  double relative = 0, worst = 0;
  std::string note;
};
Difference difference(const float* out, const float* reference, int64_t n);

// The error a kernel may have: unit roundoff of its activations, grown with the square root of the sum's
// length (random errors of either sign), times a small constant. `worst` gets the factor that the maximum of
// n Gaussian errors needs.
double tolerance(Rounding rounding, int64_t reduction);

}  // namespace ridge

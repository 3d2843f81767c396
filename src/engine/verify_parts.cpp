#include "engine/verify_parts.h"

#include <cmath>

#include "base/error.h"
#include "context/cases.h"

namespace ridge::verifying {

std::vector<int32_t> ids_of(const Tensor& t) {
  std::vector<int32_t> ids(static_cast<size_t>(t.count()));
  for (size_t i = 0; i < ids.size(); ++i) {
    if (t.dtype() == DType(i64))
      ids[i] = static_cast<int32_t>(t.ptr<int64_t>()[i]);
    else if (t.dtype() == DType(i32))
      ids[i] = t.ptr<int32_t>()[i];
    else
      fail(Fault::file, "expected.safetensors: ids of type {}", t.dtype().name());
  }
  return ids;
}

std::vector<float> values_of(const Tensor& t) {
  std::vector<float> v(static_cast<size_t>(t.count()));
  if (!v.empty()) t.dtype()->decode(t.data(), v.data(), t.count());
  return v;
}

VerifyResult compare(const std::string& name, const std::vector<float>& out,
                     const std::vector<float>& reference, double tolerance) {
  VerifyResult r{name};
  if (out.size() != reference.size()) {
    r.error = INFINITY;
    r.note = fmt::format("{} values, expected {}", out.size(), reference.size());
    return r;
  }
  const Difference d = difference(out.data(), reference.data(), static_cast<int64_t>(out.size()));
  r.error = d.relative;
  r.note = d.note;
  r.passed = d.relative <= tolerance;
  return r;
}

}  // namespace ridge::verifying

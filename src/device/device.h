// A device allocates memory. It lists no ops: kernels say which device they run on.
#pragma once
#include <memory>

#include "device/kind.h"
#include "tensor/tensor.h"

namespace ridge {

class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceKind kind() const = 0;
  virtual const char* name() const = 0;
  // Uninitialised memory, aligned to 64 bytes. Throws Error(Fault::check) when there is none.
  virtual std::shared_ptr<Storage> allocate(int64_t bytes) = 0;

  bool computes() const { return kind() != DeviceKind::null; }
  // An uninitialised contiguous tensor of its own storage (weights, states).
  Tensor make(DType dtype, const Shape& shape);
};

// The processor; memory of more than a few megabytes asks for huge pages.
Device& cpu_device();

// Computes nothing and holds nothing: its tensors have shapes and byte counts, no data. Pricing runs on it.
Device& null_device();

}  // namespace ridge

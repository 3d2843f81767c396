#include "device/device.h"

#include <sys/mman.h>

#include <cstdlib>

#include "base/error.h"

namespace ridge {
namespace {

constexpr int64_t kHuge = int64_t{2} << 20;

class CpuDevice final : public Device {
 public:
  DeviceKind kind() const override { return DeviceKind::cpu; }
  const char* name() const override { return "cpu"; }
  std::shared_ptr<Storage> allocate(int64_t bytes) override {
    const bool huge = bytes >= 2 * kHuge;
    const int64_t align = huge ? kHuge : 64;
    const auto rounded = static_cast<size_t>((bytes + align - 1) / align * align);
    void* p = std::aligned_alloc(static_cast<size_t>(align), rounded ? rounded : 64);
    if (!p) fail(Fault::check, "cpu: no memory for {} bytes", bytes);
    if (huge) ::madvise(p, rounded, MADV_HUGEPAGE);
    return std::make_shared<Storage>(p, bytes, std::shared_ptr<void>(p, std::free));
  }
};

class NullDevice final : public Device {
 public:
  DeviceKind kind() const override { return DeviceKind::null; }
  const char* name() const override { return "null"; }
  std::shared_ptr<Storage> allocate(int64_t bytes) override {
    return std::make_shared<Storage>(nullptr, bytes, nullptr);
  }
};

}  // namespace

Tensor Device::make(DType dtype, const Shape& shape) {
  return Tensor(allocate(dtype.bytes_of(shape.count())), dtype, shape);
}

Device& cpu_device() {
  static CpuDevice device;
  return device;
}

Device& null_device() {
  static NullDevice device;
  return device;
}

}  // namespace ridge

// The kinds of devices, for kernel files too.
#pragma once
#include <cstdint>

namespace ridge {

enum class DeviceKind : uint8_t { cpu, null, gpu };
constexpr DeviceKind kDeviceCpu = DeviceKind::cpu;

// What a GPU can do: the bits of Kernel::needs where the kernel's device is a GPU. sm80 ... are levels of
// NVIDIA's (each has those below it); sm90a stands for what only that chip has (TMA with wgmma), and is not
// part of later levels.
struct GpuFeature {
  static constexpr uint64_t cuda = 1u << 0;
  static constexpr uint64_t sm80 = 1u << 1;
  static constexpr uint64_t sm89 = 1u << 2;
  static constexpr uint64_t sm90 = 1u << 3;
  static constexpr uint64_t sm90a = 1u << 4;
  static constexpr uint64_t sm100 = 1u << 5;
  static constexpr uint64_t hip = 1u << 16;
};

}  // namespace ridge

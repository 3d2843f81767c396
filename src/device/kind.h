// The kinds of devices, for kernel files too.
#pragma once
#include <cstdint>

namespace ridge {

enum class DeviceKind : uint8_t { cpu, null };
constexpr DeviceKind kDeviceCpu = DeviceKind::cpu;

}  // namespace ridge

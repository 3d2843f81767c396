// An op: its name and formula. Its checks, cost and gradient are in its own folder; its kernels are in the
// generated table.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "context/cost.h"
#include "context/kernel.h"
#include "device/device.h"

namespace ridge {

struct Op {
  const char* name;
  const char* formula;  // one line
};

std::span<const Op* const> op_table();
std::span<const Kernel* const> kernel_table();

// Which kernels may run: what the user named and what the machine has.
struct KernelChoice {
  std::map<std::string, std::string>
      named;              // op -> kernel name, or its technique ("flash" for "flash.avx512")
  uint64_t features = 0;  // CpuFeature bits
  bool exact = false;     // refuse kernels that round activations
};

// The highest-ranked kernel that takes these arguments. A named kernel that cannot is an Error with its
// reason; no other is taken in its place.
const Kernel& select_kernel(const Op& op, const void* args, DeviceKind device, const KernelChoice& choice);

// Why a kernel is not taken, or "" where it is able to run.
std::string why_not(const Kernel& kernel, const void* args, DeviceKind device, const KernelChoice& choice);

// Fails where `kernels` ("attention=reference,linear=float_dot.avx2") names an op or a kernel that does not
// exist.
std::map<std::string, std::string> parse_kernel_choice(const std::string& kernels);

}  // namespace ridge

#include "context/op.h"

#include <algorithm>
#include <cstring>

#include "base/cpu.h"
#include "base/error.h"

namespace ridge {
namespace {

bool is_called(const Kernel& k, const std::string& name) {
  const std::string full = k.name;
  return full == name || full.substr(0, full.find('.')) == name;
}

// The kernels of each op, best first; made once.
const std::map<std::string, std::vector<const Kernel*>>& kernels_by_op() {
  static const auto map = [] {
    std::map<std::string, std::vector<const Kernel*>> m;
    for (const Kernel* k : kernel_table()) m[k->op].push_back(k);
    for (auto& [op, list] : m)
      std::stable_sort(list.begin(), list.end(),
                       [](const Kernel* a, const Kernel* b) { return a->rank > b->rank; });
    return m;
  }();
  return map;
}

}  // namespace

const char* rate_name(Rate rate) {
  switch (rate) {
    case Rate::f32:
      return "f32";
    case Rate::bf16:
      return "bf16";
    case Rate::int8:
      return "int8";
    case Rate::none:
      return "none";
  }
  return "none";
}

std::string why_not(const Kernel& k, const void* args, DeviceKind device, const KernelChoice& choice) {
  // The null device prices what the processor would run.
  if (k.device != device && !(device == DeviceKind::null && k.device == DeviceKind::cpu))
    return "other device";
  if (const uint64_t missing = k.needs & ~choice.features) return "needs " + cpu_feature_names(missing);
  if (choice.exact && k.rounding != Rounding::f32)
    return "rounds activations, and exact numbers were asked for";
  if (const char* reason = k.accepts ? k.accepts(args) : nullptr) return reason;
  return "";
}

const Kernel& select_kernel(const Op& op, const void* args, DeviceKind device, const KernelChoice& choice) {
  const auto found = kernels_by_op().find(op.name);
  if (found == kernels_by_op().end()) fail(Fault::usage, "{}: no kernel was built for this op", op.name);
  const auto named = choice.named.find(op.name);
  std::string reasons;
  for (const Kernel* k : found->second) {
    if (named != choice.named.end() && !is_called(*k, named->second)) continue;
    // A named technique that rounds activations was asked for by name.
    KernelChoice c{{}, choice.features, choice.exact && named == choice.named.end()};
    const std::string reason = why_not(*k, args, device, c);
    if (reason.empty()) return *k;
    reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "; ", k->name, reason);
  }
  fail(Fault::usage, "{}: no kernel can run here ({})", op.name,
       reasons.empty() ? "none of that name" : reasons);
}

std::map<std::string, std::string> parse_kernel_choice(const std::string& text) {
  std::map<std::string, std::string> named;
  size_t at = 0;
  while (at < text.size()) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const std::string item = text.substr(at, comma - at);
    at = comma + 1;
    const size_t eq = item.find('=');
    const std::string op = item.substr(0, eq), kernel = eq == std::string::npos ? "" : item.substr(eq + 1);
    const auto found = kernels_by_op().find(op);
    if (eq == std::string::npos || found == kernels_by_op().end())
      fail(Fault::usage, "--kernel {}: expected op=kernel; `ridge kernels` lists them", printable(item));
    if (std::none_of(found->second.begin(), found->second.end(),
                     [&](const Kernel* k) { return is_called(*k, kernel); })) {
      std::string known;
      for (const Kernel* k : found->second) known += std::string(known.empty() ? "" : ", ") + k->name;
      fail(Fault::usage, "--kernel {}: {} has no such kernel (it has: {})", printable(item), op, known);
    }
    named[op] = kernel;
  }
  return named;
}

}  // namespace ridge

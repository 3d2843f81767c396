// What the op tests share: running a case with one kernel forced, and the verdict on what came out.
#pragma once
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "context/cases.h"

namespace ridge::testing {

inline std::vector<float> host(const Tensor& t) {
  std::vector<float> v(static_cast<size_t>(t.count()));
  if (t.count() == 0) return v;
  if (t.contiguous()) {
    t.dtype()->decode(t.data(), v.data(), t.count());
  } else {
    int64_t at = 0;  // gradients of views may be strided in their first dimension
    for (int64_t r = 0; r < t.dim(0); ++r) {
      const auto row = host(t.select(0, r));
      std::memcpy(v.data() + at, row.data(), row.size() * 4);
      at += static_cast<int64_t>(row.size());
    }
  }
  return v;
}

inline std::vector<std::vector<float>> host(const std::vector<Tensor>& list) {
  std::vector<std::vector<float>> v;
  for (const Tensor& t : list) v.push_back(t ? host(t) : std::vector<float>());
  return v;
}

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * 4) == 0);
}

// Every test runs poisoned and guarded: unwritten and foreign memory reads as NaN, writes outside are seen.
inline ContextOptions watched_options(int threads, bool exact, uint64_t features = ~uint64_t{0}) {
  ContextOptions o;
  o.threads = threads;
  o.exact = exact;
  o.features = features;
  o.poison = o.guard = true;
  return o;
}

inline ContextOptions reference_of(const char* op) {
  ContextOptions o = watched_options(1, true);
  o.kernels[op] = "reference";
  return o;
}

// "" where the outputs are within the error that `rounding` and `reduction` allow and nothing was written
// outside; else what is wrong.
inline std::string verdict(const Context& cx, const std::vector<Tensor>& out,
                           const std::vector<std::vector<float>>& expected, Rounding rounding,
                           int64_t reduction) {
  if (const std::string damage = cx.guard_damage(); !damage.empty()) return damage;
  if (out.size() != expected.size()) return "another number of outputs";
  const double allowed = tolerance(rounding, reduction);
  for (size_t i = 0; i < out.size(); ++i) {
    const auto v = host(out[i]);
    if (v.size() != expected[i].size()) return "output " + std::to_string(i) + " has another size";
    const Difference d = difference(v.data(), expected[i].data(), static_cast<int64_t>(v.size()));
    // The largest of n errors: 8 times what is allowed on the whole is no accident.
    if (!(d.relative <= allowed) || !(d.worst <= 8 * allowed))
      return fmt::format("output {}: relative error {:.3g} (allowed {:.3g}), worst {:.3g}; {}", i, d.relative,
                         allowed, d.worst, d.note);
  }
  return "";
}

// The levels in order, with the features up to each; `here`: the machine has something of it that the one
// before has not.
struct Level {
  std::string name;
  uint64_t features = 0;
  bool here = true;
};
inline const std::vector<Level>& levels() {
  static const std::vector<Level> list = [] {
    std::vector<Level> v;
    for (const char* name : {"generic", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"}) {
      const uint64_t features = cpu_info().features & cpu_level(name);
      v.push_back({name, features, v.empty() || features != v.back().features});
    }
    return v;
  }();
  return list;
}

// What a kernel did over all cases: printed at the end, so that nothing passes unseen.
struct KernelUse {
  int ran = 0;
  std::set<std::string> declined;  // reasons
};
inline std::map<std::string, std::map<std::string, KernelUse>>& kernel_use() {
  static std::map<std::string, std::map<std::string, KernelUse>> use;
  return use;
}

// The contexts in which a kernel is to be tried: one whose name ends in a level at all that the machine has,
// any other (its inner loop is chosen by format and level) at each level in turn.
inline std::vector<Level> levels_for(const Kernel& k) {
  if (std::string(k.name).find('.') != std::string::npos) return {levels().back()};
  std::vector<Level> v;
  for (const Level& l : levels())
    if (l.here) v.push_back(l);
  return v;
}

// Every kernel of `op` that the machine can run, in turn, at the levels it is to be tried at; notes what was
// run and why not. `run` returns "" or the reason the kernel gave for not taking the call.
inline void for_each_kernel(const std::string& op,
                            const std::function<std::string(const Kernel&, const Level&)>& run) {
  for (const Kernel* k : kernel_table()) {
    if (op != k->op || k->device != DeviceKind::cpu) continue;
    KernelUse& use = kernel_use()[op][k->name];
    if (const uint64_t missing = k->needs & ~cpu_info().features) {
      use.declined.insert("needs " + cpu_feature_names(missing));
      continue;
    }
    for (const Level& level : levels_for(*k)) {
      const std::string reason = run(*k, level);
      if (reason.empty())
        ++use.ran;
      else
        use.declined.insert(reason);
    }
  }
}

// Runs `call`; returns the reason where the forced kernel did not take the arguments. Any other error is let
// through.
inline std::string declined(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    const std::string text = e.what(), mark = "no kernel can run here (";
    const size_t at = text.find(mark);
    if (at == std::string::npos) throw;
    return text.substr(at + mark.size(), text.size() - at - mark.size() - 1);
  }
  return "";
}

// The ops that a case launches.
inline std::set<std::string> ops_of(const Trace& trace) {
  std::set<std::string> ops;
  for (const auto& e : trace.events) ops.insert(e.op->name);
  return ops;
}

}  // namespace ridge::testing

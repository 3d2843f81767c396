#include "plan/machine.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "context/op.h"
#include "plan/calibrate.h"

namespace ridge {
namespace {

// Seconds a weight element takes with `rows` rows.
double product_seconds(const std::map<int64_t, double>& points, double rows) {
  auto above = points.begin();
  while (above != points.end() && static_cast<double>(above->first) < rows) ++above;
  if (above == points.begin()) return above->second;
  const auto below = std::prev(above);
  if (above == points.end()) return below->second * rows / static_cast<double>(below->first);
  const double share = std::log(rows / static_cast<double>(below->first)) /
                       std::log(static_cast<double>(above->first) / static_cast<double>(below->first));
  return std::exp((1 - share) * std::log(below->second) + share * std::log(above->second));
}

std::string after_dot(const std::string& key) {
  const size_t dot = key.find('.');
  return dot == std::string::npos ? "f32" : key.substr(dot + 1);
}

double number(const Json& j, const std::string& what, const char* key) {
  const auto it = j.find(key);
  if (it == j.end()) return 0;
  if (!it->is_number() || !(it->get<double>() >= 0) || !std::isfinite(it->get<double>()))
    fail(Fault::file, "{}: {} is {}, expected a positive number", what, key, printable(it->dump(), 40));
  return it->get<double>();
}

double bounded(const Json& j, const std::string& what, const char* key, double most) {
  const double x = number(j, what, key);
  if (x > most) fail(Fault::file, "{}: {} is {}, expected at most {}", what, key, x, most);
  return x;
}

}  // namespace

const char* bound_name(Prediction::Bound bound) {
  switch (bound) {
    case Prediction::Bound::arithmetic:
      return "arithmetic";
    case Prediction::Bound::memory:
      return "memory";
    case Prediction::Bound::overhead:
      return "overhead";
  }
  return "";
}

double Machine::peak_of(Rate rate) const {
  auto it = peak.find(rate_name(rate));
  if (it == peak.end()) it = peak.find("f32");
  return it == peak.end() ? 0 : it->second;
}

Prediction predict(const Machine& m, const TraceEvent& e) {
  Prediction p;
  const std::string op = e.op->name;
  // A GPU does products with weights, and attention, in bf16.
  const bool product = e.cost.weights > 0 || op == "attention";
  const Rate rate = m.kind == "gpu" && product ? Rate::bf16 : e.cost.rate;
  const double peak = m.peak_of(rate);
  const double arithmetic = peak > 0 ? static_cast<double>(e.cost.flops) / peak : 0;
  const double memory = m.bandwidth > 0 ? static_cast<double>(e.cost.bytes()) / m.bandwidth : 0;
  p.roofline = std::max(arithmetic, memory);
  p.bound = arithmetic > memory ? Prediction::Bound::arithmetic : Prediction::Bound::memory;
  p.seconds = p.roofline + m.overhead;
  if (op == "linear" || op == "expert_linear") {
    const bool tiles = e.kernel && std::string(e.kernel->name) == "tiles";
    auto it = m.product.find(after_dot(e.key) + (tiles ? ".tiles" : ""));
    if (it != m.product.end() && !it->second.empty() && e.weight_elements > 0) {
      // flops = 2 x rows x elements: the rows each weight element meets on average
      const double rows = static_cast<double>(e.cost.flops) / (2 * static_cast<double>(e.weight_elements));
      p.seconds = m.overhead +
                  static_cast<double>(e.weight_elements) * product_seconds(it->second, std::max(rows, 1.0));
    }
  } else if (op == "attention") {
    const auto it = m.attention.find(after_dot(e.key));
    if (it != m.attention.end() && it->second.flops > 0 && it->second.bytes > 0) {
      const double a = static_cast<double>(e.cost.flops) / it->second.flops,
                   b = static_cast<double>(e.cost.state) / it->second.bytes;
      p.seconds = m.overhead + std::max(a, b);
      p.bound = a > b ? Prediction::Bound::arithmetic : Prediction::Bound::memory;
    }
  } else {
    const auto it = m.simple.find(op);
    if (it != m.simple.end() && it->second.bytes > 0)
      p.seconds = it->second.call + static_cast<double>(e.cost.bytes()) / it->second.bytes;
  }
  if (p.roofline < p.seconds / 10 && p.seconds < 2e-5) p.bound = Prediction::Bound::overhead;
  return p;
}

std::string machine_path() {
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  const std::string base = xdg && *xdg ? xdg : home && *home ? std::string(home) + "/.config" : "";
  return base.empty() ? "" : base + "/ridge/machine.json";
}

void save_machine(const Machine& m, const std::string& path) {
  Json j = {{"name", m.name},
            {"kind", m.kind},
            {"model", m.model},
            {"source", m.source},
            {"threads", m.threads},
            {"features", cpu_feature_names(m.features)},
            {"feature_bits", m.features},
            {"bandwidth", m.bandwidth},
            {"memory", m.memory},
            {"overhead", m.overhead},
            {"peak", m.peak}};
  for (const auto& [format, points] : m.product)
    for (const auto& [rows, seconds] : points) j["product"][format][std::to_string(rows)] = seconds;
  for (const auto& [format, a] : m.attention)
    j["attention"][format] = {{"flops", a.flops}, {"bytes", a.bytes}};
  for (const auto& [op, s] : m.simple) j["simple"][op] = {{"call", s.call}, {"bytes", s.bytes}};
  std::error_code ignored;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
  write_file(path, j.dump(1) + "\n");
}

Machine load_machine(const std::string& path) {
  const Json j = read_json(path);
  if (!j.is_object()) fail(Fault::file, "{}: not a machine profile", path);
  Machine m;
  const auto text = [&](const char* key) {
    return j.contains(key) && j[key].is_string() ? j[key].get<std::string>() : std::string();
  };
  m.name = text("name"), m.kind = text("kind"), m.model = text("model"), m.source = text("source");
  m.threads = static_cast<int>(bounded(j, path, "threads", 1 << 20));
  if (const auto bits = j.find("feature_bits"); bits != j.end()) {
    if (!bits->is_number_unsigned()) fail(Fault::file, "{}: feature_bits is no whole number", path);
    m.features = bits->get<uint64_t>();
  }
  m.bandwidth = number(j, path, "bandwidth");
  m.memory = static_cast<int64_t>(bounded(j, path, "memory", 1e18));
  m.overhead = number(j, path, "overhead");
  const auto each = [&](const char* key, auto&& take) {
    const auto it = j.find(key);
    if (it == j.end()) return;
    if (!it->is_object()) fail(Fault::file, "{}: {} is not an object", path, key);
    for (const auto& [name, value] : it->items()) take(name, value);
  };
  each("peak", [&](const std::string& name, const Json& v) {
    if (!v.is_number() || !(v.get<double>() > 0))
      fail(Fault::file, "{}: peak {} is not a positive number", path, printable(name));
    m.peak[name] = v.get<double>();
  });
  each("product", [&](const std::string& name, const Json& v) {
    if (!v.is_object()) fail(Fault::file, "{}: product {} is not an object", path, printable(name));
    for (const auto& [rows, seconds] : v.items()) {
      const long n = std::strtol(rows.c_str(), nullptr, 10);
      if (n < 1 || !seconds.is_number() || !(seconds.get<double>() > 0))
        fail(Fault::file, "{}: product {} is malformed", path, printable(name));
      m.product[name][n] = seconds.get<double>();
    }
  });
  each("attention", [&](const std::string& name, const Json& v) {
    m.attention[name] = {number(v, path, "flops"), number(v, path, "bytes")};
  });
  each("simple", [&](const std::string& name, const Json& v) {
    m.simple[name] = {number(v, path, "call"), number(v, path, "bytes")};
  });
  if (!(m.bandwidth > 0) || m.peak.empty())
    fail(Fault::file, "{}: a machine profile needs bandwidth and peak", path);
  return m;
}

// Published figures: dense rates without sparsity, memory bandwidth as the maker gives it.
std::vector<Machine> shipped_machines() {
  const auto make = [](const char* name, const char* kind, const char* model, double f32, double bf16,
                       double int8, double gbs, double gib, const char* source) {
    Machine m;
    m.name = name, m.kind = kind, m.model = model, m.source = source;
    m.peak = {{"f32", f32 * 1e12}, {"bf16", bf16 * 1e12}, {"int8", int8 * 1e12}};
    m.bandwidth = gbs * 1e9;
    m.memory = static_cast<int64_t>(gib * 1073741824);
    m.features = ~uint64_t{0} & ~uint64_t{kCpuFastBf16Dot};
    m.threads = 1;
    m.overhead = std::string(kind) == "gpu" ? 3e-6 : 2e-6;
    return m;
  };
  return {
      make("h100", "gpu", "NVIDIA H100 SXM", 67, 989, 1979, 3350, 80, "NVIDIA H100 data sheet"),
      make("h200", "gpu", "NVIDIA H200 SXM", 67, 989, 1979, 4800, 141, "NVIDIA H200 data sheet"),
      make("rtx4090", "gpu", "NVIDIA GeForce RTX 4090", 82.6, 165.2, 660.6, 1008, 24,
           "NVIDIA Ada architecture paper"),
      make("mi300x", "gpu", "AMD Instinct MI300X", 163.4, 1307.4, 2614.9, 5300, 192, "AMD MI300X data sheet"),
      make("rx7900xtx", "gpu", "AMD Radeon RX 7900 XTX", 61.4, 122.8, 122.8, 960, 24, "AMD product page"),
      make("ryzen-ai-max-395", "gpu", "AMD Ryzen AI Max+ 395, Radeon 8060S", 29.7, 59.4, 59.4, 256, 128,
           "AMD product page; LPDDR5X-8000 on 256 bits"),
      make("zen5-2c", "cpu", "two cores of an AMD EPYC (Zen 5)", 0.544, 1.084, 2.182, 52, 24,
           "measured loops and reads, two threads"),
      make("xeon-amx-2c", "cpu", "two cores of an Intel Xeon with AMX", 0.482, 6.727, 1.915, 33, 24,
           "measured loops and reads, two threads"),
  };
}

Machine find_machine(const std::string& name) {
  if (name.empty()) {
    const std::string path = machine_path();
    if (!path.empty() && file_exists(path)) {
      Machine m = load_machine(path);
      if (m.model == cpu_info().model) return m;
    }
    return measure_roofline(0);
  }
  std::string known;
  for (const Machine& m : shipped_machines()) {
    if (m.name == name) return m;
    known += (known.empty() ? "" : ", ") + m.name;
  }
  if (file_exists(name)) return load_machine(name);
  fail(Fault::usage, "--machine {}: neither a file nor a known machine (known: {})", printable(name), known);
}

}  // namespace ridge

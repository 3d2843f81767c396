// A machine profile: what the hardware gives (its roofline), and what the kernels reach of it where that was
// measured.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "context/trace.h"

namespace ridge {

struct Machine {
  std::string name;    // "this machine", "h200"
  std::string kind;    // "cpu" or "gpu"
  std::string model;   // processor
  std::string source;  // "measured by ridge calibrate", or where the figures were published
  uint64_t features = 0;
  int threads = 0;
  std::map<std::string, double> peak;  // operations a second, by rate_name: "f32", "bf16", "int8"
  double bandwidth = 0;                // bytes a second read from memory
  int64_t memory = 0;                  // bytes
  double overhead = 0;                 // seconds a call of an op takes at least

  // Measured speeds of the kernels. Of products with a weight, by format: seconds a weight element takes, at
  // several counts of rows; between them the logarithms are interpolated, beyond the last it grows with the
  // rows.
  std::map<std::string, std::map<int64_t, double>> product;
  // Of attention, by format of keys and values: operations a second where queries are many, bytes of keys and
  // values a second where they are few.
  struct Attention {
    double flops = 0, bytes = 0;
  };
  std::map<std::string, Attention> attention;
  // Of all other ops, by name: seconds a call, and bytes a second beyond.
  struct Simple {
    double call = 0, bytes = 0;
  };
  std::map<std::string, Simple> simple;

  bool calibrated() const { return !product.empty(); }
  double peak_of(Rate rate) const;
};

struct Prediction {
  double seconds = 0;
  double roofline = 0;  // seconds if the hardware's limits were reached
  enum class Bound : uint8_t { arithmetic, memory, overhead } bound = Bound::memory;
};
const char* bound_name(Prediction::Bound bound);

// What one op will take. With a calibrated machine from the measured speeds, else the roofline itself.
Prediction predict(const Machine& machine, const TraceEvent& event);

// Profiles as JSON files; reading checks every figure. save writes the file whole or not at all.
Machine load_machine(const std::string& path);
void save_machine(const Machine& machine, const std::string& path);

// By name or by path: a shipped profile, a file, or "" for the calibrated profile of this machine where there
// is one, else a quick measurement of this machine.
Machine find_machine(const std::string& name);
std::vector<Machine> shipped_machines();
// Where `ridge calibrate` puts this machine's profile: $XDG_CONFIG_HOME/ridge/machine.json.
std::string machine_path();

}  // namespace ridge

// Measuring a machine: its roofline, and how near the kernels come to it.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "plan/machine.h"

namespace ridge {

using Progress = std::function<void(const std::string& what, double done)>;

// Peaks of the instructions and the read bandwidth, in about two seconds. `threads` 0: one a usable core.
Machine measure_roofline(int threads, const Progress& progress = {});

// The roofline, then the speed of every op that decoder-only models use: products in the given formats
// (names), attention, the rest. About half a minute.
Machine calibrate(int threads, const std::vector<std::string>& formats, const Progress& progress = {});

// Bytes a second read from memory by `threads` threads out of a buffer much larger than the caches; the
// median of `repeats`.
double measure_bandwidth(int threads, int repeats = 3);

}  // namespace ridge

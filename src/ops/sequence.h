// Which rows of a flat batch are one sequence, for ops that go along time: recurrences, convolutions, scans.
#pragma once
#include <cstdint>

namespace ridge {

// Rows [begin, begin + length) follow what `slot` of a recurrent state remembers.
struct SequenceSpan {
  int64_t begin, length, slot;
};

}  // namespace ridge

// Which queries look at which keys: one segment a sequence of the batch.
#pragma once
#include <cstdint>

namespace ridge {

// Queries [q_begin, q_begin + q_len) of q see keys [kv_begin, kv_begin + kv_len) of k and v. Query i stands
// at position kv_len - q_len + i among the keys (the last query sees the last key);
// where attention is not causal there may be fewer keys than queries.
struct AttentionSegment {
  int64_t q_begin, q_len, kv_begin, kv_len;
};

}  // namespace ridge

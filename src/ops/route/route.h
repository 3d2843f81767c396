// Which experts a token goes to, and with what weights (Shazeer et al. 2017, section 2.1; DeepSeek-V3 report,
// section 2.1.2).
#pragma once
#include "context/context.h"
#include "ops/route/args.h"

namespace ridge {

struct Routing {
  Tensor ids;      // i32 [tokens, k], best first
  Tensor weights;  // f32 [tokens, k]
};

struct RouteOptions {
  using Score = RouteScore;
  int top_k = 1;
  Score score = Score::softmax;  // over all experts
  bool normalize = false;        // the chosen scores are divided by their sum + 1e-20
  Tensor selection_bias;         // f32 [experts] or none: added to the scores for choosing only
  // Experts stand in `groups` equal groups; only those of the `top_groups` best are chosen from. A group's
  // score is the sum of its two best biased scores.
  int groups = 1;
  int top_groups = 1;
  float scale = 1;  // multiplies the weights, last
  // Choose by logit, then softmax over the chosen logits: in exact numbers what softmax and normalize give.
  bool softmax_after_top_k = false;
};

// logits f32 [tokens, experts], rows may be strided. Equal scores: the lower expert first. Not
// differentiable: an Error where logits are watched.
Routing route(Context& cx, const Tensor& logits, const RouteOptions& options);

}  // namespace ridge

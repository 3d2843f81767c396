#include <cmath>

#include "context/cases.h"
#include "formats/bf16/bf16.h"
#include "formats/f16/f16.h"
#include "ops/attention/attention.h"

namespace ridge {
namespace {

struct Size {
  int64_t heads, kv_heads, d, dv;
  std::vector<AttentionSegment> segments;
};

Case sized(std::string name, Size z, AttentionOptions o, DType kv = f32, bool differentiable = false,
           bool slopes = false, bool benchmark = false, int64_t reach = -1) {
  return {std::move(name),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            int64_t queries = 1, keys = 2;  // one query and two keys that no segment covers
            for (const auto& s : z.segments)
              queries += s.q_len, keys = std::max(keys, s.kv_begin + s.kv_len + 2);
            AttentionOptions options = o;
            options.scale = 1 / std::sqrt(static_cast<float>(z.d));
            if (slopes) options.slopes = in.normal("slopes", {z.heads}, f32, 0.1f, false);
            if (reach >= 0) options.relative = in.normal("relative", {z.heads, 2 * reach + 1}, f32, 1);
            const Tensor q = in.normal("q", {queries, z.heads, z.d}, f32, 2);
            const Tensor k = in.normal("k", {keys, z.kv_heads, z.d}, kv, 1),
                         v = in.normal("v", {keys, z.kv_heads, z.dv}, kv, 1);
            return {attention(cx, q, k, v, z.segments, options)};
          },
          z.d + 4096, differentiable, benchmark};  // the exponential multiplies errors of the scores
}

std::vector<Case> make() {
  std::vector<Case> c;
  const auto one = [](int64_t q, int64_t kv) { return std::vector<AttentionSegment>{{0, q, 0, kv}}; };
  c.push_back(sized("one key", {1, 1, 4, 4, one(1, 1)}, {}, f32, true));
  c.push_back(sized("causal 5", {2, 1, 3, 5, one(5, 5)}, {}, f32, true));
  c.push_back(sized("causal, past", {4, 2, 8, 8, one(3, 10)}, {}, f32, true));
  c.push_back(sized("full", {2, 2, 6, 6, one(4, 7)}, {.causal = false}, f32, true));
  c.push_back(sized("window", {2, 1, 4, 4, one(9, 9)}, {.window = 3}, f32, true));
  c.push_back(sized("softcap", {2, 2, 4, 4, one(4, 6)}, {.softcap = 2}, f32, true));
  c.push_back(sized("alibi", {3, 1, 4, 4, one(4, 6)}, {}, f32, true, true));
  c.push_back(sized("two segments", {2, 1, 4, 4, {{0, 3, 0, 5}, {3, 2, 7, 2}}}, {}, f32, true));
  for (const int64_t d : {1, 15, 16, 40, 64, 80, 111, 128, 256})
    c.push_back(sized(fmt::format("d {}", d), {4, 2, d, d, one(70, 131)}, {}));
  c.push_back(sized("d 192, dv 128", {4, 4, 192, 128, one(20, 65)}, {}));
  c.push_back(sized("63 keys", {4, 4, 64, 64, one(1, 63)}, {}));
  c.push_back(sized("64 keys", {4, 4, 64, 64, one(1, 64)}, {}));
  c.push_back(sized("65 keys", {4, 4, 64, 64, one(1, 65)}, {}));
  c.push_back(sized("decode, group of 8", {32, 4, 64, 64, one(1, 300)}, {}));
  c.push_back(sized("group of 71", {71, 1, 16, 16, one(3, 40)}, {}));
  c.push_back(sized("window 64 over 300", {4, 2, 32, 32, one(300, 300)}, {.window = 64}));
  c.push_back(sized("window 1", {2, 2, 16, 16, one(70, 70)}, {.window = 1}));
  c.push_back(sized("full window", {2, 2, 16, 16, one(150, 150)}, {.causal = false, .window = 20}));
  c.push_back(sized("f16", {4, 2, 64, 64, one(33, 100)}, {}, f16));
  c.push_back(sized("bf16", {4, 2, 80, 80, one(33, 100)}, {}, bf16));
  c.push_back(sized("bf16 odd d", {2, 2, 13, 7, one(3, 70)}, {}, bf16));
  c.push_back(sized("mixed lengths",
                    {4, 2, 32, 32, {{0, 1, 0, 200}, {1, 50, 200, 50}, {51, 0, 250, 0}, {51, 7, 250, 90}}},
                    {}));
  c.push_back(
      sized("softcap, window, f16", {8, 4, 64, 64, one(100, 170)}, {.window = 50, .softcap = 5}, f16));
  const auto relative = [](std::string name, Size z, int64_t reach, bool causal, bool differentiable = false,
                           int64_t window = 0) {
    return sized("relative " + std::move(name), std::move(z), {.causal = causal, .window = window}, f32,
                 differentiable, false, false, reach);
  };
  c.push_back(relative("causal", {2, 1, 4, 4, one(5, 5)}, 2, true, true));
  c.push_back(relative("full", {2, 2, 4, 4, one(5, 5)}, 3, false, true));
  c.push_back(relative("two segments", {2, 1, 4, 4, {{0, 3, 0, 5}, {3, 2, 7, 2}}}, 1, true, true));
  c.push_back(relative("one for all", {2, 2, 4, 4, one(5, 5)}, 0, false, true));
  c.push_back(relative("past", {4, 2, 16, 16, one(3, 200)}, 128, true));
  c.push_back(relative("encoder", {4, 4, 16, 16, one(150, 150)}, 128, false));
  c.push_back(relative("short reach", {4, 4, 16, 16, one(70, 170)}, 7, false));
  c.push_back(relative("long reach", {3, 3, 16, 16, one(70, 70)}, 300, true));
  c.push_back(relative("window", {2, 2, 16, 16, one(150, 150)}, 40, false, false, 20));
  c.push_back(sized("cross", {2, 2, 4, 4, one(5, 3)}, {.causal = false}, f32, true));
  c.push_back(sized("cross, many queries", {4, 4, 16, 16, one(130, 3)}, {.causal = false}));
  c.push_back(sized("cross, shared sources",
                    {4, 2, 16, 16, {{0, 1, 0, 70}, {1, 1, 0, 70}, {2, 90, 70, 65}, {92, 3, 0, 70}}},
                    {.causal = false}));
  c.push_back(sized("cross, no source", {2, 2, 8, 8, {{0, 2, 0, 0}, {2, 3, 0, 9}}}, {.causal = false}));
  c.push_back(sized("cross, window past the keys", {2, 2, 8, 8, one(40, 9)}, {.causal = false, .window = 4}));
  c.push_back(sized("prefill 512", {32, 4, 64, 64, one(512, 512)}, {}, f16, false, false, true));
  c.push_back(sized("decode at 2048", {32, 4, 64, 64, one(1, 2048)}, {}, f16, false, false, true));
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_attention;
const CaseList cases_attention{"attention", make};
}  // namespace tables
}  // namespace ridge

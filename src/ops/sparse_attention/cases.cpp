#include <algorithm>
#include <cmath>

#include "context/cases.h"
#include "ops/sparse_attention/sparse_attention.h"

namespace ridge {
namespace {

// A window of `reach` keys to either side at distances of `dilation`, beside keys that all see.
SparsePattern window(int64_t begin, int64_t length, int64_t reach, int64_t dilation, int64_t block,
                     const std::vector<int64_t>& seen_by_all) {
  SparsePattern p;
  if (!seen_by_all.empty()) p.marked.assign(static_cast<size_t>(begin + length + 1), 0);
  for (const int64_t t : seen_by_all) p.marked[static_cast<size_t>(t)] = 1;
  for (int64_t residue = 0; residue < std::min(dilation, length); ++residue) {
    const int64_t n = (length - residue + dilation - 1) / dilation;
    for (int64_t at = 0; at < n; at += block) {
      SparseBlock b{begin + residue + at * dilation,       dilation, std::min(block, n - at), at,
                    static_cast<int64_t>(p.ranges.size()), 1};
      for (const int64_t t : seen_by_all) p.ranges.push_back({t, 1, 0, 1}), ++b.range_count;
      p.ranges.push_back({begin + residue, dilation, 0, n, reach, reach, true});
      p.blocks.push_back(b);
    }
  }
  return p;
}

Case sized(std::string name, int64_t tokens, int64_t heads, int64_t d, const SparsePattern& p,
           bool benchmark = false) {
  return {std::move(name),
          [=](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
            const Tensor q = in.normal("q", {tokens, heads, d}, f32, 2),
                         k = in.normal("k", {tokens, heads, d}), v = in.normal("v", {tokens, heads, d});
            return {sparse_attention(cx, q, k, v, p, 1 / std::sqrt(static_cast<float>(d)))};
          },
          d + 4096, false, benchmark};  // the exponential multiplies errors of the scores
}

// A key seen twice, blocks of single heads, queries of no block, a query that sees nothing.
SparsePattern odd() {
  SparsePattern p;
  p.ranges = {{0, 1, 0, 5}, {2, 1, 0, 3}, {1, 3, 1, 4}, {0, 1, 4, 4}};
  p.blocks = {{0, 1, 3, 0, 0, 2}, {3, 2, 2, 0, 2, 1, 1}, {6, 1, 1, 0, 3, 1}, {7, 1, 2, 0, 0, 0}};
  return p;
}

std::vector<Case> make() {
  std::vector<Case> c;
  c.push_back(sized("nothing", 4, 2, 8, {}));
  c.push_back(sized("odd pattern", 12, 2, 5, odd()));
  c.push_back(sized("window 1", 10, 2, 16, window(0, 10, 1, 1, 4, {})));
  c.push_back(sized("window 0, d 1", 10, 1, 1, window(2, 7, 0, 1, 60, {})));
  for (const int64_t d : {15, 16, 40, 64, 111})
    c.push_back(
        sized(fmt::format("window 70, d {}", d), 201, 2, d, window(0, 200, 70, 1, 60, {0, 1, 50, 199})));
  c.push_back(sized("dilation 3", 140, 2, 32, window(3, 136, 9, 3, 60, {4, 5, 77})));
  c.push_back(sized("dilation beyond the length", 6, 1, 8, window(0, 5, 2, 9, 60, {})));
  c.push_back(sized("block of 130", 300, 1, 24, window(0, 299, 33, 1, 130, {})));
  c.push_back(sized("4096 tokens, window 256", 4097, 12, 64, window(0, 4096, 256, 1, 60, {0}), true));
  c.push_back({"strided",
               [](Context& cx, CaseInputs& in) -> std::vector<Tensor> {
                 const Tensor all = in.normal("qkv", {40, 3, 32}, f32, 1, false);
                 const auto part = [&](int64_t i) { return all.slice(1, i, i + 1); };
                 return {sparse_attention(cx, part(0), part(1), part(2), window(0, 39, 4, 1, 60, {}), 0.2f)};
               },
               4096});
  return c;
}

}  // namespace
namespace tables {
extern const CaseList cases_sparse_attention;
const CaseList cases_sparse_attention{"sparse_attention", make};
}  // namespace tables
}  // namespace ridge

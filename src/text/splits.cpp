#include <algorithm>

#include "text/model.h"
#include "text/unicode.h"

namespace ridge::text {

void all_splits(const Keys& halves, const Keys& wholes,
                const std::function<void(int32_t, int32_t, int32_t)>& f) {
  const auto reversed = [](std::string_view text) { return std::string(text.rbegin(), text.rend()); };
  std::vector<std::string> backwards;
  backwards.reserve(halves.size());
  Keys backward_keys;
  backward_keys.reserve(halves.size());
  for (const auto& [text, value] : halves) {
    backwards.push_back(reversed(text));
    backward_keys.emplace_back(backwards.back(), value);
  }
  const Trie forward(halves), backward(std::move(backward_keys));
  std::vector<int32_t> left;
  for (const auto& each : wholes) {
    const std::string_view text = each.first;
    const int32_t whole = each.second;
    left.assign(text.size() + 1, -1);
    bool any = false;
    forward.prefixes(text, [&](size_t length, int32_t id) {
      if (length < text.size()) left[length] = id, any = true;
      return true;
    });
    if (!any) continue;
    const std::string turned = reversed(text);
    backward.prefixes(turned, [&](size_t length, int32_t id) {
      const size_t rest = text.size() - length;
      if (rest > 0 && left[rest] >= 0) f(left[rest], id, whole);
      return true;
    });
  }
}

std::vector<PairMerge> merges_by_score(const std::vector<std::string>& pieces,
                                       const std::vector<float>& scores, const std::vector<int32_t>& types) {
  Keys keys;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (types.empty() || types[id] == 1) keys.emplace_back(pieces[id], static_cast<int32_t>(id));
  const auto characters = [&](int32_t id) {
    const std::string& piece = pieces[static_cast<size_t>(id)];
    return std::count_if(piece.begin(), piece.end(), [](char c) { return (c & 0xC0) != 0x80; });
  };
  struct Scored {
    PairMerge merge;
    float score;
    long left, right;
  };
  std::vector<Scored> all;
  all_splits(keys, keys, [&](int32_t left, int32_t right, int32_t whole) {
    all.push_back(
        {{left, right, whole}, scores[static_cast<size_t>(whole)], characters(left), characters(right)});
  });
  std::stable_sort(all.begin(), all.end(), [](const Scored& a, const Scored& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left != b.left) return a.left > b.left;
    if (a.right != b.right) return a.right > b.right;
    return a.merge.left != b.merge.left ? a.merge.left < b.merge.left : a.merge.right < b.merge.right;
  });
  std::vector<PairMerge> out;
  out.reserve(all.size());
  for (const Scored& s : all) out.push_back(s.merge);
  return out;
}

}  // namespace ridge::text

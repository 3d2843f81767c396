// Look-up of named things in a vector through sorted indices: small, safe to copy, and never quadratic.
#pragma once
#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

namespace ridge {

template <typename T>
std::vector<size_t> sort_by_name(const std::vector<T>& things) {
  std::vector<size_t> order(things.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return things[a].name < things[b].name; });
  return order;
}

// The first name that occurs twice, as a pointer to its second holder; null where all differ.
template <typename T>
const T* find_duplicate(const std::vector<T>& things, const std::vector<size_t>& by_name) {
  for (size_t i = 1; i < by_name.size(); ++i)
    if (things[by_name[i]].name == things[by_name[i - 1]].name)
      return &things[std::max(by_name[i], by_name[i - 1])];
  return nullptr;
}

template <typename T>
const T* find_by_name(const std::vector<T>& things, const std::vector<size_t>& by_name,
                      std::string_view name) {
  const auto it = std::lower_bound(by_name.begin(), by_name.end(), name,
                                   [&](size_t i, std::string_view n) { return things[i].name < n; });
  return it != by_name.end() && things[*it].name == name ? &things[*it] : nullptr;
}

}  // namespace ridge

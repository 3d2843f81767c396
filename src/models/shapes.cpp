#include "models/shapes.h"

namespace ridge {

std::string known_shape(const std::string& name) {
  for (const KnownShape& s : shape_table())
    if (name == s.name) return s.config;
  return "";
}

std::string known_shape_names() {
  std::string names;
  for (const KnownShape& s : shape_table()) names += (names.empty() ? "" : ", ") + std::string(s.name);
  return names;
}

}  // namespace ridge

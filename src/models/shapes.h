// Well-known public shapes by name ("llama-1.1b"), for pricing and timing without a checkpoint: a file
// src/models/shapes/NAME.json each, with the settings of the published config.json that the shape and the
// arithmetic depend on. The build embeds them.
#pragma once
#include <span>
#include <string>

namespace ridge {

struct KnownShape {
  const char* name;
  const char* config;  // the text of the file
};

std::span<const KnownShape> shape_table();  // in the order of the names

// The text of a shape's config.json, or "" where the name is unknown.
std::string known_shape(const std::string& name);
// "bloom-560m, bloom-7b1, ..."
std::string known_shape_names();

}  // namespace ridge

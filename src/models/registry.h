// The architectures: one entry a file of this folder, out of the generated table.
#pragma once
#include <memory>
#include <span>

#include "nn/model.h"

namespace ridge {

std::span<const ModelInfo* const> model_table();

// The architecture of a checkpoint; Error(Fault::file) listing those known where there is none.
const ModelInfo& find_model(const ConfigKeys& keys);

// A model with its settings read and no weights.
std::unique_ptr<Model> make_model(ConfigKeys& keys);
// The same of the architecture of that name, whatever the checkpoint is called: the language model of
// another.
std::unique_ptr<Model> make_model(const std::string& name, ConfigKeys& keys);

}  // namespace ridge

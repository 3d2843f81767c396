// What explain and profile share: finding a model to price, tables, figures for people.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "nn/model.h"
#include "plan/price.h"

namespace ridge {

// A model on the null device: of a model file or folder (its own weight formats), of a config.json, or of a
// known shape. `weights`: a format or mix for the matrices instead ("" for the checkpoint's own, bf16 where
// there is none).
struct Priced {
  std::unique_ptr<Model> model;
  std::string name;     // for people
  std::string weights;  // "bf16", "as in the file"
};
Priced priced_model(const std::string& what, const std::string& weights);

// The settings of a known shape or of a config.json; an Error(Fault::usage) where `shape` is neither.
class ShapeSettings {
 public:
  explicit ShapeSettings(const std::string& shape);
  ~ShapeSettings();
  ConfigKeys keys() const;  // valid as long as this

 private:
  struct Source;
  std::unique_ptr<Source> source_;
};

// A model of random weights in memory, the same each time: of a known shape or a config.json, its matrices in
// a format or mix ("q4_0", "q4_k_m").
std::unique_ptr<Model> random_model_of(const std::string& shape, const std::string& type);

// A format of keys and values by name: f32, f16 or bf16.
DType kv_format(const std::string& name);

// The predicted time of a whole pass.
double predicted_seconds(const Reading& reading, const Machine& machine);

std::string bytes_text(double bytes);                // "1.10 GB"
std::string count_text(double n, const char* unit);  // "12.3 Gflop"
std::string seconds_text(double seconds);            // "12.3 ms"

// The table of a reading; measured times where there are any.
std::string table_text(const Reading& reading, const Machine& machine, bool each);
nlohmann::json reading_json(const Reading& reading, const Machine& machine);
nlohmann::json machine_json(const Machine& machine);

}  // namespace ridge

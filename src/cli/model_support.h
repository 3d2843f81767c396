// What commands that run models share: which model, threads, context, kernels, the format of keys and values,
// how tokens are chosen; and Ctrl-C.
#pragma once
#include <atomic>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cli/command.h"
#include "engine/generator.h"
#include "engine/open.h"

namespace ridge {

struct ModelOptions {
  std::string model;    // "": the default model
  int threads = 0;      // 0: one a core
  int64_t context = 0;  // 0: the command's choice
  std::string kernels;  // "attention=reference,..."
  std::string kv;
  bool json = false;

  void add_model(Options& o, const std::string& help_tail = "");
  void add_machine(Options& o);  // -t, --kernel
  void add_state(Options& o, const std::string& kv_initial, const std::string& context_help);
  void add_json(Options& o);

  // The path to open; Error(Fault::usage) where no model is named and none is installed.
  std::string path() const;
  OpenedModel open() const { return open_model(path()); }
  ContextOptions context_options() const;
  DType kv_type() const;
};

// Where the default model lies: RIDGE_MODEL, share/ridge beside the program's folder, assets/ of the source
// tree; "" where it is nowhere.
std::string default_model();

struct SamplingOptions {
  SamplerOptions sampler;
  std::vector<std::string> stop;
  std::function<bool()> seed_given;

  void add(Options& o);
  // With a fresh seed where the user gave none.
  SamplerOptions resolved() const;
};

// Ends of generation that a checkpoint's layout has besides its tokenizer's: llama2.c ends at BOS.
std::vector<int32_t> extra_ends(const OpenedModel& opened);

// While one lives, Ctrl-C sets the flag; the second before clear() ends the program, or does the same again.
class InterruptFlag {
 public:
  enum class Second { ends, same };
  explicit InterruptFlag(Second second = Second::ends);
  ~InterruptFlag();
  const std::atomic<bool>* flag() const;
  bool raised() const { return flag()->load(); }
  void clear();
};

// The bytes of a file, of standard input for "-". Text files are at most 1 GiB.
std::string read_input(const std::string& path);

void print_json(const nlohmann::ordered_json& j);

// NAME=VALUE pairs for templates; values that are JSON are taken as JSON, others as text.
nlohmann::ordered_json template_variables(const std::vector<std::string>& pairs);

// Bytes of weights that one decode step reads: all matrices, of looked-up tables nothing (unless the table is
// the output too).
int64_t decode_weight_bytes(Model& model);

}  // namespace ridge

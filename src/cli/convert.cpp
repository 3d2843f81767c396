// ridge convert: a model into another layout or other types.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "cli/model_support.h"
#include "cli/plan_support.h"
#include "cli/progress_support.h"
#include "formats/mixes.h"
#include "models/export/export.h"

namespace ridge {
namespace {

struct ConvertCommand {
  ModelOptions model;
  std::string out, type, to = "by name", form, random;
  double split_gb = 0;

  void add(Options& o) {
    o.argument(model.model, "IN", "GGUF file, Hugging Face folder or llama2.c .bin (with --random: OUT)",
               true, Options::Hint::model);
    o.argument(out, "OUT", "NAME.gguf, or a folder that is not there yet", false, Options::Hint::file);
    o.text(random, "--random", "SHAPE",
           "write a GGUF file of random weights, to measure with: a known shape, or a config.json");
    std::string types;
    for (const Mix& m : mixes()) types += (types.empty() ? "" : ", ") + std::string(m.name);
    o.text(type, "--type", "TYPE",
           "types of the weights (default: those they have). GGUF: " + types + "; folder: F32, F16, BF16");
    o.choice(to, "--to", {"by name", "gguf", "huggingface"}, "LAYOUT", "what OUT is");
    o.text(form, "--template", "FILE", "put this chat template in instead of the model's",
           Options::Hint::file);
    o.real(split_gb, "--split", 0, 1e6, "GB",
           "at most so many GB of weights in a file; 0: GGUF all in one, safetensors 5");
    o.integer(model.threads, "-t,--threads", 0, 1024, "N", "threads (default: one a core)");
    model.add_json(o);
  }

  bool to_gguf() const {
    if (to != "by name") return to == "gguf";
    return out.size() > 5 && out.compare(out.size() - 5, 5, ".gguf") == 0;
  }
};

std::function<void(uint64_t, uint64_t)> progress_into(ProgressBar& bar, InterruptFlag& interrupt) {
  return [&](uint64_t done, uint64_t total) {
    if (interrupt.raised()) fail(Fault::check, "interrupted; nothing was written");
    bar.show(static_cast<int64_t>(done / 1000000), static_cast<int64_t>(total / 1000000));
  };
}

int report_written(const ConvertCommand& o, const std::string& from, const std::string& out,
                   const ExportReport& report) {
  if (o.model.json) {
    print_json({{"from", from},
                {"to", out},
                {"files", report.files},
                {"tensors", report.tensors},
                {"weight_bytes", report.bytes},
                {"notices", report.notices}});
    return 0;
  }
  for (const auto& n : report.notices) fmt::print(stderr, "note: {}\n", printable(n, 600));
  fmt::print("{}: {} tensors, {} of weights\n", out, report.tensors,
             bytes_text(static_cast<double>(report.bytes)));
  return 0;
}

int convert_random(const ConvertCommand& o) {
  const std::string& out = o.model.model;
  if (!o.out.empty()) fail(Fault::usage, "--random takes one name, the file to write; {} is a second", o.out);
  ExportOptions options;
  options.type = o.type;
  options.max_file_bytes = static_cast<uint64_t>(o.split_gb * 1e9);
  options.threads = o.model.threads;
  InterruptFlag interrupt;
  ProgressBar bar("MB");
  options.progress = progress_into(bar, interrupt);
  const ShapeSettings shape(o.random);
  ConfigKeys keys = shape.keys();
  const ExportReport report = export_random_gguf(keys, o.random, out, options);
  bar.finish();
  return report_written(o, "random " + o.random, out, report);
}

int convert(const ConvertCommand& o) {
  if (!o.random.empty()) return convert_random(o);
  if (o.out.empty()) fail(Fault::usage, "OUT is missing: ridge convert IN OUT");
  const Checkpoint source = Checkpoint::open(o.model.model);
  std::optional<Tokenizer> tokenizer;
  std::string no_tokenizer;
  try {
    tokenizer = tokenizer_of(source);
  } catch (const Error& e) {
    no_tokenizer = e.what();
  }
  ExportOptions options;
  options.type = o.type;
  options.tokenizer = tokenizer ? &*tokenizer : nullptr;
  options.chat_template = o.form.empty() ? chat_template_of(source) : read_input(o.form);
  options.max_file_bytes = static_cast<uint64_t>(o.split_gb * 1e9);
  options.threads = o.model.threads;
  InterruptFlag interrupt;
  ProgressBar bar("MB");
  options.progress = progress_into(bar, interrupt);
  ExportReport report =
      o.to_gguf() ? export_gguf(source, o.out, options) : export_huggingface(source, o.out, options);
  bar.finish();
  if (!no_tokenizer.empty()) report.notices.push_back("no tokenizer was written: " + no_tokenizer);
  return report_written(o, o.model.model, o.out, report);
}

}  // namespace
namespace tables {
extern const Command command_convert;
const Command command_convert{"convert",
                              "writes a model in another layout or with other types",
                              "From GGUF, Hugging Face folders and llama2.c files to GGUF or to a Hugging "
                              "Face folder. Types such as Q4_K_M are mixes: "
                              "most tensors get one format, those that suffer most from rounding a larger "
                              "one. Files appear whole or not at all.",
                              kFilesGroup,
                              "ridge convert model-folder model.gguf --type q8_0\n"
                              "ridge convert model.gguf new-folder --type bf16\n"
                              "ridge convert model-folder model.gguf --type q4_k_m --template chat.jinja\n"
                              "ridge convert --random llama-1.1b random.gguf --type q4_0",
                              [](Options& o) -> CommandRun {
                                auto options = std::make_shared<ConvertCommand>();
                                options->add(o);
                                return [options] { return convert(*options); };
                              }};
}  // namespace tables
}  // namespace ridge

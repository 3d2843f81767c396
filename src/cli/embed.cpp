// ridge embed: one vector a text or an image.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/progress_support.h"
#include "cli/text_support.h"
#include "engine/encode_images.h"

namespace ridge {
namespace {

struct EmbedCommand {
  TextOptions text;
  std::string pooling = "auto", out;
  bool normalize = false;

  void add(Options& o) {
    text.add(o);
    o.choice(
        pooling, "--pooling", {"auto", "mean", "cls", "last", "pooler"}, "WAY",
        "mean over the tokens, first token, last token, or the model's pooler; auto: what the checkpoint "
        "asks for, else mean (of models that write: last)");
    o.flag(normalize, "--normalize", "scale vectors to length 1");
    o.text(out, "-o,--output", "FILE", "write there: NAME.npy (float32 [texts, width]), else JSON lines",
           Options::Hint::file);
  }
};

// The header of a NumPy file, format version 1.0: float32 [rows, columns].
std::string npy_header(size_t rows, size_t columns) {
  std::string dict =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  const size_t before = 10;  // magic, version, length
  while ((before + dict.size() + 1) % 64 != 0) dict += ' ';
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

std::string json_line(const char* kind, const std::string& text, std::span<const float> v) {
  OrderedJson list = OrderedJson::array();
  for (const float x : v) list.push_back(OrderedJson::parse(fmt::format("{}", x)));
  return OrderedJson{{kind, text}, {"embedding", list}}.dump(-1, ' ', false,
                                                             OrderedJson::error_handler_t::replace) +
         "\n";
}

int embed(const EmbedCommand& o) {
  const std::vector<std::string> lines = o.text.all();
  const OpenedModel opened = o.text.model.open();
  const bool sees = reads_images(opened);
  const bool files =
      sees && std::all_of(lines.begin(), lines.end(), [](const auto& f) { return file_exists(f); });
  const bool mixed =
      !files && std::any_of(lines.begin(), lines.end(), [](const auto& f) { return file_exists(f); });
  if (sees && !files && (mixed || !reads_images_and_texts(opened)))
    fail(Fault::usage, "{}: {} reads images, and not all of the arguments are files", o.text.model.path(),
         opened.model->info->name);
  const Pooling pooling = sees                  ? Pooling::pooler
                          : o.pooling == "auto" ? pooling_of(opened)
                                                : parse_pooling(o.pooling);
  const bool npy = o.out.ends_with(".npy");
  ProgressBar bar(files ? "images" : "texts");
  EncodeTextOptions options = o.text.encode_options();
  InterruptFlag interrupt;
  options.cancelled = [&] { return interrupt.raised(); };
  options.progress = [&](int64_t done, int64_t all) { bar.show(done, all); };
  std::string file;
  size_t width = 0;
  int64_t cut = 0;
  const auto take = [&](int64_t i, bool was_cut, std::span<const float> v) {
    width = v.size();
    cut += was_cut;
    const std::string& text = lines[static_cast<size_t>(i)];
    if (npy)
      file.append(reinterpret_cast<const char*>(v.data()), v.size_bytes());
    else if (!o.out.empty())
      file += json_line(files ? "image" : "text", text, v);
    else
      fmt::print("{}", json_line(files ? "image" : "text", text, v));
  };
  EncodeImagesOptions images{options.context, 8, options.progress, options.cancelled};
  if (files)
    embed_images(opened, lines, o.normalize, images,
                 [&](int64_t i, std::span<const float> v) { take(i, false, v); });
  else if (sees)
    embed_words(opened, lines, o.normalize, images, take);
  else
    embed_texts(opened, lines, pooling, o.normalize, options, take);
  bar.finish();
  note_cut(cut, static_cast<int64_t>(lines.size()), opened);
  if (!o.out.empty()) write_file(o.out, npy ? npy_header(lines.size(), width) + file : file);
  if (o.out.empty()) return 0;
  if (o.text.model.json)
    print_json({{"model", o.text.model.path()},
                {"output", o.out},
                {"texts", lines.size()},
                {"width", width},
                {"pooling", pooling_name(pooling)},
                {"normalized", o.normalize}});
  else
    fmt::print("{}: {} vectors of {} numbers, pooled by {}\n", o.out, lines.size(), width,
               pooling_name(pooling));
  return 0;
}

}  // namespace
namespace tables {
extern const Command command_embed;
const Command command_embed{
    "embed",
    "one vector a text or an image: for search and comparison",
    "Works with encoders and with models that write. Texts go through the model in batches without padding; "
    "each vector depends on its own text only. Texts longer than the model's context are cut, with a note; "
    "RETSim reads long texts in pieces and takes their mean. Without -o the output is JSON lines, with and "
    "without --json: {\"text\": ..., \"embedding\": [...]}.\n\nModels that see take PNG and "
    "JPEG files; CLIP and SigLIP texts too, into the same space.",
    kTextGroup,
    "ridge embed tests/data/options/bert_words 'the cat sat on the mat .' --normalize\n"
    "ridge embed model.gguf -f book.txt --pooling mean -o vectors.npy",
    [](Options& o) -> CommandRun {
      auto options = std::make_shared<EmbedCommand>();
      options->add(o);
      return [options] { return embed(*options); };
    }};
}  // namespace tables
}  // namespace ridge

// Checkpoints to GGUF and back: settings and weights survive, bit for bit; files of others are read by the
// published keys alone.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "context/cases.h"
#include "engine/open.h"
#include "engine/verify.h"
#include "engine/verify_tokenizer.h"
#include "files/checkpoint.h"
#include "files/gguf.h"
#include "files/safetensors.h"
#include "files/writer.h"
#include "formats/mixes.h"
#include "models/export/export.h"
#include "models/load.h"
#include "models/registry.h"
#include "testing.h"

namespace ridge {
namespace {

namespace fs = std::filesystem;

bool has_gguf_name(const std::string& path) {
  try {
    const Checkpoint checkpoint = Checkpoint::open(path);
    return find_model(ConfigKeys::reading(checkpoint)).gguf != nullptr;
  } catch (const Error&) {
    return true;  // the tests of the folder say what is wrong with it
  }
}

enum class Which { all, with_gguf_name };

// The models of a folder of tests/data, by their paths; RIDGE_GOLDEN names another folder.
std::vector<std::string> models_in(const char* folder, Which which = Which::with_gguf_name) {
  const char* other = std::getenv("RIDGE_GOLDEN");
  std::vector<std::string> paths;
  for (const auto& e : fs::directory_iterator(other ? other : testing::data(folder)))
    if (fs::exists(e.path() / "expected.safetensors") && fs::exists(e.path() / "config.json") &&
        (which == Which::all || has_gguf_name(e.path().string())))
      paths.push_back(e.path().string());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string last_part(const std::string& path) { return fs::path(path).filename().string(); }

class Scratch {
 public:
  Scratch() {
    std::string name = (fs::temp_directory_path() / "ridge-export-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The outputs of the model at `path` against those of the golden folder.
void verify_against(const std::string& path, const std::string& folder, double tolerance, bool greedy) {
  const Checkpoint checkpoint = Checkpoint::open(path);
  const auto model = load_model(checkpoint);
  const Safetensors expected = Safetensors::open(folder + "/expected.safetensors");
  VerifyOptions options;
  options.tolerance = tolerance;
  options.context.exact = true;
  options.checkpoint = &checkpoint;
  std::vector<std::string> skipped;
  for (const auto& r : verify(*model, expected, options, skipped)) {
    if (!greedy &&
        (r.exact || r.name.ends_with(".scores") || r.name.rfind("grad.", 0) == 0 || r.name == "loss"))
      continue;
    EXPECT_TRUE(r.passed) << path << " " << r.name << ": " << r.error << " (" << r.note << ")";
  }
}

// Rows at the start of tensors that no token reads: GGUF leaves them out.
class UnreadRows final : public WeightVisitor {
 public:
  void visit(Tensor&, const WeightSpec& spec) override {
    if (spec.unread_rows > 0) rows[spec.hf.at(0)] = spec.unread_rows;
  }
  std::map<std::string, int64_t> rows;
};

void expect_same_tensors(const std::string& folder, const std::string& original, bool by_gguf) {
  const Checkpoint a = Checkpoint::open(folder), b = Checkpoint::open(original);
  EXPECT_EQ(a.tensors().size(), b.tensors().size());
  UnreadRows unread;
  if (by_gguf) load_model(b)->visit(unread);
  for (const auto& t : b.tensors()) {
    const auto* other = a.info(t.name);
    ASSERT_TRUE(other) << t.name;
    ASSERT_EQ(other->type, t.type) << t.name;
    ASSERT_TRUE(other->shape == t.shape) << t.name;
    const uint64_t begin = unread.rows.contains(t.name) ? t.bytes / static_cast<uint64_t>(t.shape[0]) *
                                                              static_cast<uint64_t>(unread.rows[t.name])
                                                        : 0;
    const auto* left = static_cast<const char*>(a.get(t.name).data());
    const auto* right = static_cast<const char*>(b.get(t.name).data());
    EXPECT_EQ(std::memcmp(left + begin, right + begin, t.bytes - begin), 0) << t.name;
  }
}

// The same GGUF file as another program writes it: without the keys that only Ridge knows.
void write_foreign(const std::string& from, const std::string& to) {
  const Gguf file = Gguf::open(from);
  GgufMetadata published;
  for (const auto& e : file.metadata().entries())
    if (e.key.rfind("ridge.", 0) != 0) published.set(e.key, e.value);
  const auto writer = write_gguf(to, published);
  for (const auto& t : file.tensors()) writer->declare(t.name, dtype_of_gguf(t.type), t.shape);
  for (const auto& d : writer->order()) writer->write(file.tensor(*file.find(d.name)));
  writer->finish();
}

// Models whose settings GGUF has published keys for. (Of the golden ones not Gemma 2 and 3, which have a
// query_pre_attn_scalar of their own; of the options those named.)
std::vector<std::string> published_models() {
  std::vector<std::string> paths;
  for (const std::string& path : models_in("golden"))
    if (last_part(path) != "gemma2" && last_part(path) != "gemma3") paths.push_back(path);
  for (const char* name :
       {"bloom_heads",  "ds_noq",         "gemma_untied", "granite_odd",   "llama_bias",   "llama_linear",
        "llama_llama3", "llama_longrope", "llama_yarn",   "mistral_win",   "mixtral_win",  "neox_linear",
        "neox_seq",     "olmo2_odd",      "olmo2_yarn",   "phi3_long",     "phi3_partial", "phi3_short",
        "qwen2_win",    "qwen2_types",    "qwen3_bias",   "qwen3moe_norm", "smollm3_nope"})
    paths.push_back(testing::data("options/") + name);
  return paths;
}

}  // namespace

class Folder : public ::testing::TestWithParam<std::string> {};
class RoundTrip : public ::testing::TestWithParam<std::string> {};
class Foreign : public ::testing::TestWithParam<std::string> {};
class Export : public ::testing::TestWithParam<std::string> {};

TEST_P(RoundTrip, ToGgufAndBack) {
  const std::string& original = GetParam();
  const Scratch dir;
  const ExportReport report = export_gguf(Checkpoint::open(original), dir / "m.gguf");
  EXPECT_EQ(report.files, std::vector<std::string>{dir / "m.gguf"});
  verify_against(dir / "m.gguf", original, 1e-4, true);

  export_huggingface(Checkpoint::open(dir / "m.gguf"), dir / "back");
  expect_same_tensors(dir / "back", original, true);
  verify_against(dir / "back", original, 1e-4, true);
}

TEST_P(Folder, HuggingFaceStaysAsItIs) {
  const std::string& original = GetParam();
  const Scratch dir;
  export_huggingface(Checkpoint::open(original), dir / "copy", {.max_file_bytes = 60000});
  expect_same_tensors(dir / "copy", original, false);
}

TEST_P(Foreign, PublishedKeysAlone) {
  const std::string& original = GetParam();
  const Scratch dir;
  export_gguf(Checkpoint::open(original), dir / "m.gguf");
  write_foreign(dir / "m.gguf", dir / "foreign.gguf");
  verify_against(dir / "foreign.gguf", original, 1e-4, true);
  export_huggingface(Checkpoint::open(dir / "foreign.gguf"), dir / "back");
  verify_against(dir / "back", original, 1e-4, true);
}

std::vector<float> logits_of(const std::string& path) {
  const auto model = load_model(Checkpoint::open(path));
  Context cx(cpu_device(), {.exact = true});
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 24; ++i)
    ids.push_back(i * 37 % static_cast<int32_t>(std::min<int64_t>(100, model->size().vocab)));
  std::vector<float> all;
  const auto take = [&](const Tensor& y) {
    all.insert(all.end(), y.ptr<float>(), y.ptr<float>() + y.count());
  };
  if (model->kind() == ModelKind::sequence_to_sequence) {
    const auto state = model->make_state(cpu_device(), 1, static_cast<int64_t>(ids.size()), f32);
    take(model->remember_source(cx, {Batch::one(ids), {}, {}}, *state));
    take(model->forward(cx, Batch::one(ids), state.get()));
  } else if (model->kind() == ModelKind::encoder)
    for (const auto& [name, y] : model->encode(cx, {Batch::one(ids), {}, {}}, {})) take(y);
  else
    take(model->forward(cx, Batch::one(ids), nullptr));
  return all;
}

// What is quantized is read as what it decodes to, and is near the original: as near as random weights and
// routers on the edge let 8 bits be.
TEST_P(Export, Quantized) {
  const std::string& original = GetParam();
  const Scratch dir;
  export_gguf(Checkpoint::open(original), dir / "q8.gguf", {.type = "Q8_0"});
  // T5's scores are not scaled: with random weights most of them saturate, and 8 bits move some.
  const bool saturated = load_model(Checkpoint::open(original))->kind() == ModelKind::sequence_to_sequence;
  // Qwen3-Next's norms of small values and its routers move further: transformers itself gives 0.2595 with
  // the weights that the golden model's decode to.
  const double bound = last_part(original) == "qwen3_next" ? 0.26 : 0.15;
  if (!saturated) verify_against(dir / "q8.gguf", original, bound, false);
  export_huggingface(Checkpoint::open(dir / "q8.gguf"), dir / "decoded", {.type = "F32"});
  const auto quantized = logits_of(dir / "q8.gguf"), decoded = logits_of(dir / "decoded");
  EXPECT_LT(difference(quantized.data(), decoded.data(), static_cast<int64_t>(decoded.size())).relative,
            1e-4);
  // Quantizing what is quantized so already changes nothing.
  export_gguf(Checkpoint::open(dir / "q8.gguf"), dir / "again.gguf", {.type = "Q8_0"});
  EXPECT_EQ(read_file(dir / "again.gguf"), read_file(dir / "q8.gguf"));
}

// A folder with a model of a few zeros and the tokenizer of tests/data/tokenizers/NAME.
void make_folder(const std::string& name, const std::string& folder) {
  fs::copy(testing::data("tokenizers/" + name), folder);
  const int64_t vocab = tokenizer_from_folder(folder).vocab_size();
  write_file(folder + "/config.json",
             fmt::format(R"({{"model_type": "gpt2", "vocab_size": {}, "n_embd": 32, "n_layer": 0, "n_head": 1,
                             "n_positions": 8, "eos_token_id": null}})",
                         vocab));
  const auto writer = write_safetensors(folder + "/model.safetensors");
  writer->declare("transformer.wte.weight", f32, {vocab, 32});
  writer->declare("transformer.wpe.weight", f32, {8, 32});
  writer->declare("transformer.ln_f.weight", f32, {32});
  writer->declare("transformer.ln_f.bias", f32, {32});
  for (const auto& d : writer->order()) writer->write(std::vector<char>(d.bytes).data(), d.bytes);
  writer->finish();
}

std::vector<std::string> tokenizer_folders() {
  std::vector<std::string> names;
  for (const auto& e : fs::directory_iterator(testing::data("tokenizers")))
    if (fs::exists(e.path() / "expected.json")) names.push_back(e.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

class TokenizerExport : public ::testing::TestWithParam<std::string> {};

TEST_P(TokenizerExport, ToGgufAndBack) {
  const Scratch dir;
  make_folder(GetParam(), dir / "hf");
  const std::string expected = read_file(dir / "hf" + "/expected.json");
  const Tokenizer original = tokenizer_from_folder(dir / "hf");
  ASSERT_TRUE(verify_tokenizer(original, expected, GetParam()).passed());

  const ExportReport report = export_gguf(Checkpoint::open(dir / "hf"), dir / "m.gguf",
                                          {.tokenizer = &original, .chat_template = "{{ 1 }}"});
  if (GetParam() == "sp_unigram_suffix") {  // blanks at the end of words: GGUF has no word for it
    EXPECT_EQ(report.notices.size(), 1u);
    return;
  }
  const Checkpoint file = Checkpoint::open(dir / "m.gguf");
  const Tokenizer read = tokenizer_of(file);
  EXPECT_EQ(read.special(), original.special());
  EXPECT_EQ(chat_template_of(file), "{{ 1 }}");
  for (const std::string& note : verify_tokenizer(read, expected, "GGUF").notes)
    ADD_FAILURE() << "GGUF: " << note;

  export_huggingface(file, dir / "back", {.tokenizer = &read, .chat_template = "{{ 1 }}"});
  const Tokenizer back = tokenizer_from_folder(dir / "back");
  for (const std::string& note : verify_tokenizer(back, expected, "folder").notes)
    ADD_FAILURE() << "folder: " << note;
  EXPECT_EQ(chat_template_of(Checkpoint::open(dir / "back")), "{{ 1 }}");
}

INSTANTIATE_TEST_SUITE_P(All, TokenizerExport, ::testing::ValuesIn(tokenizer_folders()),
                         [](const auto& i) { return i.param; });

TEST(ExportFiles, AppearWholeOrNotAtAll) {
  const std::string original = testing::data("golden/llama");
  const Scratch dir;
  const ExportOptions give_up{.progress = [](uint64_t done, uint64_t) {
    if (done > 50000) fail(Fault::check, "interrupted");
  }};
  EXPECT_THROW(export_gguf(Checkpoint::open(original), dir / "m.gguf", give_up), Error);
  EXPECT_THROW(export_huggingface(Checkpoint::open(original), dir / "folder", give_up), Error);
  EXPECT_TRUE(fs::is_empty(dir / "")) << "something was left behind";
  write_file(dir / "there", "mine");
  EXPECT_THROW(export_huggingface(Checkpoint::open(original), dir / "there"), Error);
  EXPECT_EQ(read_file(dir / "there"), "mine");
  EXPECT_THROW(export_gguf(Checkpoint::open(original), dir / "x.gguf", {.type = "Q4_Z"}), Error);
  EXPECT_THROW(export_huggingface(Checkpoint::open(original), dir / "x", {.type = "Q8_0"}), Error);
}

TEST(ExportFiles, ThreadsAndSplitsDoNotChangeTheBytes) {
  const std::string original = testing::data("golden/mixtral");
  const Scratch dir;
  export_gguf(Checkpoint::open(original), dir / "one.gguf", {.type = "Q4_K_M", .threads = 1});
  export_gguf(Checkpoint::open(original), dir / "two.gguf", {.type = "Q4_K_M", .threads = 2});
  EXPECT_EQ(read_file(dir / "one.gguf"), read_file(dir / "two.gguf"));
  const ExportReport split =
      export_gguf(Checkpoint::open(original), dir / "split.gguf", {.max_file_bytes = 40000});
  EXPECT_GT(split.files.size(), 2u);
  verify_against(split.files[0], original, 1e-4, true);
}

TEST(ExportFiles, Llama2cToBothLayouts) {
  const std::string original = testing::data("files/llama2c/v1.bin");
  const Scratch dir;
  export_gguf(Checkpoint::open(original), dir / "m.gguf");
  export_huggingface(Checkpoint::open(original), dir / "direct");
  export_huggingface(Checkpoint::open(dir / "m.gguf"), dir / "over");
  EXPECT_EQ(read_file(dir / "direct" + "/model.safetensors"), read_file(dir / "over" + "/model.safetensors"));
  const auto expected = logits_of(original), gguf = logits_of(dir / "m.gguf"),
             folder = logits_of(dir / "over");
  const auto n = static_cast<int64_t>(expected.size());
  EXPECT_LT(difference(gguf.data(), expected.data(), n).relative, 1e-6);
  EXPECT_LT(difference(folder.data(), expected.data(), n).relative, 1e-5);
}

// Settings and shapes turned to anything: an Error or a model that runs, never a crash.
TEST(ExportFiles, DamagedSettingsAreErrors) {
  const Scratch dir;
  Random random(11, 1);
  for (const char* name : {"llama3_rope", "mixtral", "phi3", "gemma3", "deepseek_v3", "gpt2", "bloom",
                           "smollm3", "mamba", "falcon_mamba", "mamba2", "jamba", "nemotron_h"}) {
    export_gguf(Checkpoint::open(testing::data("golden/") + name), dir / "m.gguf");
    const std::string whole = read_file(dir / "m.gguf");
    const size_t head = whole.find("ridge.config");
    int errors = 0;
    for (int i = 0; i < 150; ++i) {
      std::string bytes = whole;
      for (int k = 0; k < 3; ++k) bytes[random.next() % head] = static_cast<char>(random.next());
      write_file(dir / "x.gguf", bytes);
      try {
        const auto model = load_model(Checkpoint::open(dir / "x.gguf"));
        Context cx(cpu_device(), {.threads = 1});
        model->forward(cx, Batch::one({1, 2, 3}, true), nullptr);
        fs::remove_all(dir / "folder");
        export_huggingface(Checkpoint::open(dir / "x.gguf"), dir / "folder");
      } catch (const Error&) {
        ++errors;
      }
    }
    EXPECT_GT(errors, 50) << name;
  }
}

// A mix gives the types that its published rule gives, and what it leaves alone is f32.
TEST(ExportFiles, MixesChooseTheTypes) {
  const Scratch dir;
  export_gguf(Checkpoint::open(testing::data("golden/qwen3_moe")), dir / "m.gguf", {.type = "Q8_0"});
  const Checkpoint c = Checkpoint::open(dir / "m.gguf");
  EXPECT_EQ(c.info("token_embd.weight")->type, "Q8_0");
  EXPECT_EQ(c.info("blk.0.ffn_gate_exps.weight")->type, "Q8_0");
  EXPECT_EQ(c.info("blk.0.ffn_gate_inp.weight")->type, "F32");
  EXPECT_EQ(c.info("blk.0.attn_norm.weight")->type, "F32");
  EXPECT_EQ(c.metadata().u32("general.file_type"), 7u);
  EXPECT_EQ(c.metadata().u32("general.quantization_version"), 2u);
}

const auto by_last_part = [](const auto& i) { return last_part(i.param); };
INSTANTIATE_TEST_SUITE_P(Golden, Folder, ::testing::ValuesIn(models_in("golden", Which::all)), by_last_part);
INSTANTIATE_TEST_SUITE_P(Options, Folder, ::testing::ValuesIn(models_in("options", Which::all)),
                         by_last_part);
INSTANTIATE_TEST_SUITE_P(Golden, RoundTrip, ::testing::ValuesIn(models_in("golden")), by_last_part);
INSTANTIATE_TEST_SUITE_P(Options, RoundTrip, ::testing::ValuesIn(models_in("options")), by_last_part);
INSTANTIATE_TEST_SUITE_P(Published, Foreign, ::testing::ValuesIn(published_models()), by_last_part);
INSTANTIATE_TEST_SUITE_P(Golden, Export, ::testing::ValuesIn(models_in("golden")), by_last_part);

}  // namespace ridge

// What the commands print, and how they end.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "program.h"
#include "testing.h"

namespace ridge::testing {
namespace {

using nlohmann::json;

json json_of(const std::vector<std::string>& arguments, int code = 0) {
  const Ran r = ridge(arguments);
  EXPECT_EQ(r.code, code) << r.err;
  const json j = json::parse(r.out, nullptr, false);
  EXPECT_FALSE(j.is_discarded()) << arguments[0] << ": " << r.out;
  return j;
}

std::string file(const std::string& name) {
  std::ifstream in(scratch() + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

json fable_expected() { return json::parse(std::ifstream(data("models/fable-1m/expected.json"))); }

TEST(Run, GreedyTextAsTheReferenceWroteIt) {
  const json expected = fable_expected();
  for (const auto& e : expected["greedy"]) {
    const auto n = e["greedy_ids"].size() - e["prompt_ids"].size();
    const std::string prompt = e["prompt"];
    const Ran r = ridge({"run", "-p", prompt, "-n", std::to_string(n), "--temperature", "0", "--kv", "f32"});
    EXPECT_EQ(r.code, 0) << r.err;
    EXPECT_EQ(r.out, e["text"].get<std::string>());
    EXPECT_NE(r.err.find("tok/s"), std::string::npos);
    const Ran rest = ridge({"run", "model.gguf", "-p", prompt, "-n", std::to_string(n), "--temperature", "0",
                            "--kv", "f32", "--no-echo"});
    EXPECT_EQ(prompt + rest.out, e["text"].get<std::string>());
  }
}

TEST(Run, PromptsFromEverywhere) {
  const std::vector<std::string> tail{"-n", "6", "--temperature", "0"};
  const auto with = [&](std::vector<std::string> a) {
    a.insert(a.begin(), "run");
    a.insert(a.end(), tail.begin(), tail.end());
    return a;
  };
  const std::string direct = ridge(with({"-p", "The wolf"})).out;
  EXPECT_EQ(direct.rfind("The wolf", 0), 0u);
  EXPECT_EQ(ridge(with({"-p", "-"}), {.in = "The wolf\n"}).out, direct);
  ASSERT_EQ(shell("printf 'The wolf' > wolf.txt").code, 0);
  EXPECT_EQ(ridge(with({"-f", "wolf.txt"})).out, direct);
  EXPECT_EQ(ridge(with({"-f", "-"}), {.in = "The wolf"}).out, direct);
  const Ran odd = ridge(with({"-p", "Grüße, 你好 \xff\xfe 🚀"}));
  EXPECT_EQ(odd.code, 0) << odd.err;
  const Ran empty = ridge(with({"-p", ""}));
  EXPECT_EQ(empty.code, 0) << empty.err;
  EXPECT_NE(empty.out, "");
}

TEST(Run, TheSeedDecidesWhateverTheThreads) {
  const auto text = [](const std::string& seed, const std::string& threads) {
    return ridge({"run", "-n", "40", "--seed", seed, "-t", threads, "--chunk", threads == "1" ? "3" : "64"})
        .out;
  };
  const std::string one = text("5", "1");
  EXPECT_EQ(text("5", "2"), one);
  EXPECT_NE(text("6", "1"), one);
  // A fresh seed is printed and gives the same text again.
  const Ran fresh = ridge({"run", "-n", "20"});
  ASSERT_EQ(fresh.err.rfind("seed ", 0), 0u) << fresh.err;
  const std::string seed = fresh.err.substr(5, fresh.err.find('\n') - 5);
  EXPECT_EQ(ridge({"run", "-n", "20", "--seed", seed}).out, fresh.out);
}

TEST(Run, Interrupted) {
  const Ran r = ridge({"run", "-p", "Once", "--no-echo", "--ignore-end", "--temperature", "0", "--kernel",
                       "linear=reference,attention=reference"},
                      {.interrupt_when = [](const std::string& out) { return out.size() > 10; }});
  EXPECT_TRUE(r.interrupted);
  EXPECT_EQ(r.signal, 0);
  EXPECT_EQ(r.code, 0);
  EXPECT_NE(r.err.find("ended: cancelled"), std::string::npos) << r.err;
  EXPECT_NE(r.err.find("tok/s"), std::string::npos) << r.err;
}

TEST(Run, AClosedPipeEndsItWithoutAWord) {
  const Ran r = shell("(ridge run -n 500 --seed 1 2> pipe.err; echo $? > pipe.code) | head -c 1");
  EXPECT_EQ(r.out.size(), 1u);
  EXPECT_EQ(file("pipe.code"), "141\n");  // 128 + SIGPIPE
  EXPECT_EQ(file("pipe.err").find("error"), std::string::npos) << file("pipe.err");
}

TEST(Run, Stop) {
  const Ran all = ridge({"run", "-p", "Once upon a time", "-n", "40", "--temperature", "0", "--no-echo"});
  const std::string stop = all.out.substr(12, 5);
  const Ran cut =
      ridge({"run", "-p", "Once upon a time", "-n", "40", "--temperature", "0", "--no-echo", "--stop", stop});
  EXPECT_EQ(cut.out, all.out.substr(0, all.out.find(stop)));
  EXPECT_NE(cut.err.find("ended: stop"), std::string::npos);
}

TEST(Json, OfEveryCommandThatPrintsFigures) {
  json j = json_of({"run", "-n", "5", "--temperature", "0", "--json"});
  EXPECT_EQ(j["ids"].size(), 5u);
  EXPECT_GT(j["decode_tokens_per_second"].get<double>(), 0);

  j = json_of({"bench", "-p", "16", "-n", "4", "-r", "2", "--json"});
  ASSERT_EQ(j["tests"].size(), 2u);
  for (const auto& t : j["tests"]) {
    EXPECT_EQ(t["seconds"].size(), 2u);
    EXPECT_GT(t["tokens_per_second"].get<double>(), 0);
    EXPECT_GT(t["weight_bytes"].get<int64_t>(), 0);
    EXPECT_GT(t["percent_of_roofline"].get<double>(), 0);
  }
  // Decode reads every weight once a token, and a row of the embedding once more.
  EXPECT_NEAR(j["tests"][1]["weight_bytes"].get<double>() / 4 / j["weight_bytes"].get<double>(), 1, 1e-3);

  j = json_of({"eval", "--text", "book.txt", "-c", "64", "--json"});
  EXPECT_NEAR(std::exp(j["nll"].get<double>()), j["ppl"].get<double>(), 1e-6);
  EXPECT_EQ(j["bytes"].get<size_t>(), file("book.txt").size());

  EXPECT_TRUE(json_of({"verify", "tests/data/golden/llama", "--json"})["passed"].get<bool>());
  EXPECT_TRUE(
      json_of({"verify", "tests/data/tokenizers/sp_bpe", "--tokenizer", "--json"})["passed"].get<bool>());
  j = json_of({"inspect", "model.gguf", "--tensors", "--json"});
  EXPECT_EQ(j["tensors"].size(), j["tensor_count"].get<size_t>());
  EXPECT_EQ(j["metadata"]["general.architecture"], "llama");
  EXPECT_EQ(json_of({"inspect", "model-folder", "--json"})["config"]["model_type"], "llama");
  j = json_of({"tokenize", "-p", "Once upon a time", "--json"});
  EXPECT_EQ(j["ids"], json({1, 3782, 644, 261, 546}));
  EXPECT_EQ(j["pieces"].size(), 5u);
  EXPECT_GT(json_of({"kernels", "--json"})["ops"].size(), 10u);
  j = json_of({"explain", "llama-3-70b", "--json"});
  EXPECT_TRUE(j.is_object());
  j = json_of({"convert", "model.gguf", "json.gguf", "--type", "q8_0", "--json"});
  EXPECT_EQ(j["files"].size(), 1u);
}

TEST(Eval, TheReferencesFigures) {
  RIDGE_NEEDS_SHARED(shared);
  const json want = fable_expected()["perplexity"]["valid second-half"];
  const json j =
      json_of({"eval", "--text", shared + "/data/fables/valid.txt", "--score", "second-half", "--json"});
  EXPECT_EQ(j["tokens_scored"], want["tokens_scored"]);
  EXPECT_NEAR(j["ppl"].get<double>() / want["ppl"].get<double>(), 1, 5e-4);
}

TEST(Verify, TellsAndFails) {
  const Ran good = ridge({"verify", "tests/data/golden/llama"});
  EXPECT_EQ(good.code, 0) << good.out;
  EXPECT_NE(good.out.find("logits"), std::string::npos);
  EXPECT_NE(good.out.find("greedy"), std::string::npos);
  const Ran strict = ridge({"verify", "tests/data/golden/llama", "--tolerance", "0"});
  EXPECT_EQ(strict.code, 1);
  EXPECT_NE(strict.out.find("FAILED"), std::string::npos);
  EXPECT_EQ(
      ridge({"verify", "tests/data/golden/llama", "--model", "llama.gguf", "--chunk", "7", "-t", "1"}).code,
      0);
  const Ran other = ridge({"verify", "tests/data/golden/llama", "--model", "model.gguf"});  // other weights
  EXPECT_NE(other.code, 0);
}

TEST(Convert, ThereAndBackIsTheSame) {
  ASSERT_EQ(ridge({"convert", "model-folder", "there.gguf"}).code, 0);
  ASSERT_EQ(ridge({"convert", "there.gguf", "back"}).code, 0);
  EXPECT_EQ(ridge({"verify", "model-folder", "--model", "back"}).code, 0);
  EXPECT_EQ(ridge({"verify", "model-folder", "--model", "there.gguf", "--tokenizer"}).code, 0);
  const Ran again = ridge({"convert", "there.gguf", "back"});  // a folder that is there is left alone
  EXPECT_EQ(again.code, 2) << again.err;
  EXPECT_EQ(shell("ls back | sort | tr '\\n' ' '").out, shell("ls back | sort | tr '\\n' ' '").out);
}

TEST(Convert, RandomWeightsAreAModel) {
  ASSERT_EQ(ridge({"convert", "--random", "model-folder/config.json", "random.gguf", "--type", "q8_0"}).code,
            0);
  ASSERT_EQ(ridge({"convert", "--random", "model-folder/config.json", "again.gguf", "--type", "q8_0"}).code,
            0);
  EXPECT_EQ(shell("cmp random.gguf again.gguf").code, 0);
  const json j = json_of({"bench", "random.gguf", "-p", "8", "-n", "2", "-r", "1", "--json"});
  EXPECT_EQ(j["tests"].size(), 2u);
}

TEST(Explain, SweepGrowsAsTheModelDoes) {
  const json j = json_of({"explain", "llama-1.1b", "--machine", "h200", "--sweep", "1k:4k", "--svg",
                          "sweep.svg", "--json"})["lengths"];
  ASSERT_EQ(j.size(), 3u);
  // The KV cache: length (and the token after it) x 22 layers x 2 x 4 heads x 64 x 2 bytes.
  EXPECT_EQ(j[1]["state_bytes"], 2049.0 * 22 * 2 * 4 * 64 * 2);
  // Attention is quadratic: the flops that doubling adds, beyond twice as many, quadruple.
  const double a = j[0]["flops"], b = j[1]["flops"], c = j[2]["flops"];
  EXPECT_NEAR((c - 2 * b) / (b - 2 * a), 4, 0.01);
  EXPECT_EQ(file("sweep.svg").rfind("<svg", 0), 0u);
  EXPECT_NE(file("sweep.svg").find("</svg>"), std::string::npos);
}

TEST(Inspect, PrintsOneValueWhole) {
  EXPECT_EQ(ridge({"inspect", "model.gguf", "--key", "tokenizer.chat_template"}).out, file("chat.jinja"));
  EXPECT_EQ(ridge({"inspect", "model-folder", "--key", "hidden_size"}).out,
            json::parse(std::ifstream(data("models/fable-1m/config.json")))["hidden_size"].dump() + "\n");
  EXPECT_NE(ridge({"inspect", "tests/data/golden/llama/config.json"}).out.find("model_type"),
            std::string::npos);
}

TEST(Tokenize, ThereAndBack) {
  EXPECT_EQ(ridge({"tokenize", "-p", "Once upon a time"}).out, "1 3782 644 261 546\n");
  EXPECT_EQ(ridge({"tokenize"}, {.in = "Once upon a time"}).out, "1 3782 644 261 546\n");
  EXPECT_EQ(ridge({"tokenize", "--no-special", "-p", "Once upon a time"}).out, "3782 644 261 546\n");
  EXPECT_EQ(ridge({"tokenize", "--count", "-p", "Once upon a time"}).out, "5\n");
  EXPECT_EQ(ridge({"tokenize", "--pieces", "-p", "Once upon"}).out, "1\t<|begin|>\n3782\tOnce\n644\tĠupon\n");
  const Ran ids = ridge({"tokenize", "--no-special", "-f", "book.txt"});
  EXPECT_EQ(ridge({"tokenize", "--decode"}, {.in = ids.out}).out, file("book.txt"));
  EXPECT_EQ(ridge({"tokenize", "--decode", "-p", "[1, 3782]", "--skip-special"}).out, "Once");
  EXPECT_EQ(ridge({"tokenize", "-p", "<|end|>", "--no-special"}).out, "2\n");
  EXPECT_NE(ridge({"tokenize", "-p", "<|end|>", "--no-special", "--raw"}).out, "2\n");
}

TEST(Template, RendersExactly) {
  EXPECT_EQ(ridge({"template", "model.gguf", "--chat", "chat.json"}).out,
            "<user>Tell me of the fox.\n<assistant>");
  EXPECT_EQ(ridge({"template", "model.gguf", "--chat", "chat.json", "--no-generation-prompt"}).out,
            "<user>Tell me of the fox.\n");
  EXPECT_EQ(ridge({"template", "model.gguf", "--source"}).out, file("chat.jinja"));
  ASSERT_EQ(
      shell("printf '{{ bos_token }}{{ n + 1 }}{{ name }}{{ strftime_now(\"%%Y-%%m-%%d\") }}' > v.jinja")
          .code,
      0);
  EXPECT_EQ(ridge({"template", "model-folder", "--template", "v.jinja", "--variable", "n=4", "--variable",
                   "name=fox", "--now", "2026-07-26 12:34:56"},
                  {.in = "[]"})
                .out,
            "<|begin|>5fox2026-07-26");
  EXPECT_EQ(ridge({"template", "--template", "v.jinja", "--now", "2026-07-26 12:34:56"},
                  {.in = R"({"messages": [], "n": 1, "name": "", "bos_token": "B"})"})
                .out,
            "B22026-07-26");
}

// Every template of shared/ through the command, as the reference renders it.
TEST(Template, OfManyModels) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string folder = shared + "/data/templates/";
  const json cases = json::parse(std::ifstream(folder + "cases.json"));
  const std::string name = "Qwen3-Coder";
  const json expected = json::parse(std::ifstream(folder + name + ".expected.json"));
  int compared = 0;
  for (const auto& [key, want] : expected.items()) {
    if (!want.contains("text")) continue;
    nlohmann::ordered_json in = cases["constants"];
    in.update(nlohmann::ordered_json(cases["cases"][key]));
    const Ran r =
        ridge({"template", "--template", folder + name + ".jinja", "--now", cases["now"].get<std::string>()},
              {.in = in.dump()});
    if (key == "tools" || key == "tool_round") continue;  // their order of keys is lost in this test's reader
    EXPECT_EQ(r.out, want["text"].get<std::string>()) << key << r.err;
    ++compared;
  }
  EXPECT_GT(compared, 2);
}

TEST(Chat, FromAPipe) {
  const Ran r = ridge({"chat", "model.gguf", "-n", "8", "--seed", "1"},
                      {.in = "Who are you?\n/tokens\n/save talk.json\n\nAnd now?\n/quit\nnever read\n"});
  EXPECT_EQ(r.code, 0) << r.err;
  const json saved = json::parse(file("talk.json"))["messages"];
  ASSERT_EQ(saved.size(), 2u);
  EXPECT_EQ(saved[0]["content"], "Who are you?");
  EXPECT_EQ(r.out.rfind(saved[1]["content"].get<std::string>() + "\n", 0), 0u) << r.out;
  EXPECT_EQ(r.out.find("never read"), std::string::npos);
  const Ran loaded =
      ridge({"chat", "model.gguf", "-n", "4"}, {.in = "/load talk.json\n/system Be kind.\n/save two.json\n"});
  EXPECT_EQ(loaded.code, 0) << loaded.err;
  EXPECT_EQ(json::parse(file("two.json"))["messages"].size(), 3u);
  const Ran unknown = ridge({"chat", "model.gguf"}, {.in = "/nonsense\n"});
  EXPECT_EQ(unknown.code, 2);
  EXPECT_EQ(lines(unknown.err).size(), 1u) << unknown.err;
}

TEST(Chat, AnInterruptStopsTheAnswerNotTheProgram) {
  const Ran r =
      ridge({"chat", "model.gguf", "--temperature", "0", "--kernel", "linear=reference,attention=reference"},
            {.in = "Once upon a time\n/tokens\n",
             .interrupt_when = [](const std::string& out) { return out.size() > 10; }});
  EXPECT_TRUE(r.interrupted) << r.out;
  EXPECT_EQ(r.signal, 0);
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find(" of 1024 tokens"), std::string::npos) << r.out;
}

TEST(Kernels, SayWhatAMaskedProcessorLacks) {
  const Ran r = ridge({"kernels", "linear", "dot"}, {.env = {"RIDGE_ISA=generic"}});
  EXPECT_EQ(r.code, 0) << r.err;
  EXPECT_NE(r.out.find("reference"), std::string::npos);
#if defined(__x86_64__)
  EXPECT_NE(r.out.find("no: needs avx"), std::string::npos) << r.out;
#endif
  // The text does not come out otherwise: kernels of every level agree on it.
  const std::vector<std::string> greedy{"run", "-p", "Once upon a time", "-n", "16", "--temperature", "0"};
  EXPECT_EQ(ridge(greedy, {.env = {"RIDGE_ISA=generic"}}).out, ridge(greedy).out);
}

}  // namespace
}  // namespace ridge::testing

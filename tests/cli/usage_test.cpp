// Help, errors, exit codes, completion, the manual page.
#include <gtest/gtest.h>

#include <set>

#include "program.h"
#include "testing.h"

namespace ridge::testing {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string s = "ridge";
  for (const auto& w : words) s += " " + w;
  return s;
}

// One line on standard error that begins with the program's name; nothing on standard output.
void expect_error(const std::vector<std::string>& arguments, int code, const std::string& says = "",
                  const RunOptions& options = {}) {
  const Ran r = ridge(arguments, options);
  EXPECT_EQ(r.code, code) << joined(arguments) << ": " << r.err;
  EXPECT_EQ(r.out, "") << joined(arguments);
  ASSERT_EQ(lines(r.err).size(), 1u) << joined(arguments) << ": " << r.err;
  EXPECT_EQ(r.err.rfind("ridge", 0), 0u) << r.err;
  EXPECT_NE(r.err.find(says), std::string::npos) << joined(arguments) << ": " << r.err;
}

TEST(Cli, HelpOfEveryCommand) {
  const auto all = commands();
  const std::set<std::string> names(all.begin(), all.end());
  for (const char* name : {"run", "chat", "bench", "explain", "profile", "calibrate", "eval", "verify",
                           "inspect", "tokenize", "template", "convert", "kernels", "completion", "man"})
    EXPECT_TRUE(names.count(name)) << name;
  for (const auto& name : all) {
    const Ran r = ridge({name, "--help"});
    EXPECT_EQ(r.code, 0) << name;
    EXPECT_EQ(r.err, "") << name;
    EXPECT_NE(r.out.find("Usage: ridge " + name), std::string::npos) << r.out;
    EXPECT_NE(r.out.find("Examples:\n  "), std::string::npos) << name;
    EXPECT_EQ(ridge({"help", name}).out, r.out);
    EXPECT_EQ(ridge({name, "-h"}).out, r.out);
  }
  EXPECT_EQ(ridge({}).out, ridge({"--help"}).out);
  EXPECT_EQ(ridge({"--version"}).out.rfind("ridge 0.", 0), 0u);
}

TEST(Cli, UsageErrors) {
  expect_error({"rnu"}, 2, "did you mean run?");
  expect_error({"nonsense-command"}, 2, "ridge --help");
  expect_error({"--nonsense"}, 2);
  expect_error({""}, 2);
  expect_error({"run", "--temprature", "1"}, 2, "did you mean --temperature?");
  expect_error({"run", "-n"}, 2, "needs a value");
  expect_error({"run", "-n", "many"}, 2, "not a number");
  expect_error({"run", "-n", "3x"}, 2, "not a number");
  expect_error({"run", "-n", "-2"}, 2, "out of range");
  expect_error({"run", "--top-p", "1.5"}, 2, "out of range");
  expect_error({"run", "--temperature", "-1"}, 2, "out of range");
  expect_error({"run", "--temperature", "nan"}, 2);
  expect_error({"run", "--seed", "-1"}, 2);
  expect_error({"run", "-t", "100000"}, 2, "out of range");
  expect_error({"run", "-c", "99999999"}, 2, "more than the model was made for");
  expect_error({"run", "--kv", "f61"}, 2, "did you mean f16?");
  expect_error({"run", "--kernel", "attention=nonsense"}, 2);
  expect_error({"run", "--kernel", "nonsense=reference"}, 2);
  expect_error({"run", "one", "two"}, 2, "unexpected argument");
  expect_error({"run", "-p", "a", "-f", "b"}, 2, "exclude each other");
  expect_error({"verify"}, 2, "DIR is missing");
  expect_error({"eval"}, 2, "--text is missing");
  expect_error({"eval", "--text", "book.txt", "-c", "1"}, 2);
  expect_error({"eval", "--text", "book.txt", "--score", "half"}, 2);
  expect_error({"convert", "model.gguf"}, 2, "OUT is missing");
  expect_error({"convert", "model.gguf", "x.gguf", "--type", "q9_z"}, 2);
  expect_error({"convert", "--random", "llama-1.1b", "a.gguf", "b.gguf"}, 2, "b.gguf");
  expect_error({"convert", "--random", "llama-9b", "a.gguf"}, 2, "known:");
  expect_error({"explain", "gpt2", "--sweep", "1k"}, 2, "FROM:TO");
  expect_error({"explain", "gpt2", "--sweep", "2k:1k"}, 2);
  expect_error({"explain", "gpt2", "--sweep", "1q:2k"}, 2);
  expect_error({"explain", "gpt2", "--svg", "x.svg"}, 2, "--sweep");
  expect_error({"bench", "-p", "0", "-n", "0"}, 2);
  expect_error({"bench", "--random", "llama-9b"}, 2, "known:");
  expect_error({"bench", "--random", "gpt2", "--type", "i32"}, 2);
  expect_error({"tokenize", "--decode", "-p", "1 x"}, 2);
  expect_error({"tokenize", "--decode", "-p", "99999999"}, 2, "outside the vocabulary");
  expect_error({"tokenize", "--decode", "--count", "-p", "1"}, 2);
  expect_error({"kernels", "nonsense"}, 2, "known:");
  expect_error({"completion", "tcsh"}, 2);
  expect_error({"template", "--template", "chat.jinja", "--chat", "chat.json", "--variable", "x"}, 2,
               "NAME=VALUE");
  expect_error({"template", "--template", "chat.jinja", "--chat", "chat.json", "--now", "today"}, 2);
  expect_error({"inspect", "model.gguf", "--key", "no.such.key"}, 2);
  expect_error({"kernels"}, 2, "", {.env = {"RIDGE_ISA=nonsense"}});
}

TEST(Cli, FileErrors) {
  ASSERT_EQ(
      shell("head -c 3000 model.gguf > cut.gguf; echo hello > text.gguf; : > empty.gguf; mkdir -p empty;"
            "echo '{\"model_type\": \"llama\"' > config.json; printf '{%% for %%}' > bad.jinja; echo '[1' > "
            "bad.json;"
            "mkdir -p strange; echo '{\"model_type\": \"nonsense\"}' > strange/config.json;"
            "printf 'a\\nb' > 'new\nline.gguf'")
          .code,
      0);
  for (const char* command : {"run", "inspect", "tokenize", "bench", "chat"})
    for (const char* file :
         {"cut.gguf", "text.gguf", "empty.gguf", "empty", "nowhere.gguf", "config.json", "strange"}) {
      if (std::string(command) == "inspect" && std::string(file) == "strange")
        continue;  // has a readable config.json
      expect_error({command, file}, 3, file);
    }
  expect_error({"run", "new\nline.gguf"}, 3);  // still one line
  expect_error({"run", "-f", "nowhere.txt"}, 3);
  expect_error({"eval", "--text", "nowhere.txt"}, 3);
  expect_error({"verify", "empty"}, 3, "expected.safetensors");
  expect_error({"verify", "empty", "--tokenizer"}, 3, "expected.json");
  expect_error({"convert", "text.gguf", "x.gguf"}, 3);
  expect_error({"template", "--template", "bad.jinja", "--chat", "chat.json"}, 3, "bad.jinja:1");
  expect_error({"template", "--template", "chat.jinja", "--chat", "bad.json"}, 3, "bad.json");
  expect_error({"template"}, 3, "no chat template");
  expect_error({"explain", "text.gguf"}, 3);
}

TEST(Cli, OutputThatCannotBeWritten) {
  ASSERT_EQ(shell("for i in 1 2 3 4 5 6 7 8 9; do cat book.txt; done > much.txt").code, 0);
  const Ran r = shell("ridge --help > /dev/full");
  EXPECT_EQ(r.code, 1);
  EXPECT_NE(r.err.find("could not be written"), std::string::npos);
  const Ran much = shell("ridge tokenize -f much.txt > /dev/full");
  EXPECT_EQ(much.code, 1);
  EXPECT_NE(much.err.find("could not be written"), std::string::npos) << much.err;
  const Ran run = shell("ridge run -n 4 --seed 1 > /dev/full");
  EXPECT_EQ(run.code, 1);
  EXPECT_NE(run.err.find("could not be written"), std::string::npos);
  expect_error({"convert", "model.gguf", "no/such/folder/x.gguf"}, 1);
}

TEST(Cli, ModelThatComesWithTheProgram) {
  // Beside an installed program; RIDGE_MODEL goes before it.
  ASSERT_EQ(
      shell("mkdir -p prefix/bin prefix/share/ridge && cp \"$(readlink -f bin/ridge)\" prefix/bin/ridge && "
            "cp model.gguf prefix/share/ridge/fable-7m.gguf")
          .code,
      0);
  const Ran installed = shell("RIDGE_MODEL= prefix/bin/ridge inspect");
  EXPECT_EQ(installed.code, 0) << installed.err;
  EXPECT_NE(installed.out.find("prefix/share/ridge/fable-7m.gguf: gguf"), std::string::npos) << installed.out;
  EXPECT_NE(ridge({"inspect"}).out.find("model-folder: huggingface"), std::string::npos);
}

TEST(Cli, Completion) {
  const Ran words = shell(
      "ridge completion bash > c.bash && bash -c '. ./c.bash; t() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - "
      "1)); _ridge; "
      "echo \"${COMPREPLY[@]}\"; }; t ridge ru; t ridge run --temp; t ridge eval --score \"\"; t ridge "
      "completion z; "
      "t ridge inspect model.g'");
  EXPECT_EQ(words.out, "run\n--temperature\nall second-half\nzsh\nmodel.gguf\n") << words.err;
  for (const auto& name : commands())
    for (const char* sh : {"bash", "zsh", "fish"})
      EXPECT_NE(ridge({"completion", sh}).out.find(name), std::string::npos) << sh << " " << name;
  EXPECT_NE(ridge({"completion", "zsh"}).out.find("#compdef ridge"), std::string::npos);
  EXPECT_NE(ridge({"completion", "fish"}).out.find("-l temperature"), std::string::npos);
}

TEST(Cli, ManualPage) {
  const Ran man = ridge({"man"});
  EXPECT_EQ(man.code, 0);
  EXPECT_EQ(man.out.rfind(".TH RIDGE 1", 0), 0u);
  for (const auto& name : commands()) EXPECT_NE(man.out.find(".SS " + name), std::string::npos) << name;
  EXPECT_NE(man.out.find("\\fB\\-\\-temperature\\fR \\fIX\\fR"), std::string::npos);
  for (const auto& l : lines(man.out))  // a line that begins with a dot is one of roff's requests
    if (!l.empty() && l[0] == '.')
      EXPECT_TRUE(l.rfind(".TH", 0) == 0 || l.rfind(".S", 0) == 0 || l.rfind(".TP", 0) == 0 ||
                  l.rfind(".PP", 0) == 0 || l.rfind(".nf", 0) == 0 || l.rfind(".fi", 0) == 0 ||
                  l.rfind(".R", 0) == 0 || l.rfind(".I", 0) == 0 || l.rfind(".B", 0) == 0)
          << l;
}

// What the help texts give as examples is run, word for word, but for a shape of 1.1 billion weights, in
// whose place comes one of some thousands.
TEST(Cli, ExamplesRun) {
  int ran = 0;
  for (const auto& name : commands()) {
    const std::string help = ridge({name, "--help"}).out;
    for (auto l : lines(help.substr(help.find("Examples:\n") + 10))) {
      l.erase(0, 2);
      if (l.empty() || l[0] == '#') continue;
      if (const size_t at = l.find("--random llama-1.1b"); at != std::string::npos)
        l.replace(at, 19,
                  std::string("--random opt-125m") + (name == "convert" ? "" : " -p 8") +
                      (name == "bench" ? " -n 2" : ""));
      bool here = true;
      for (const char* published : {"opus-mt-en-de", "whisper-base", "clip-vit-base-patch32"})
        if (l.find(published) != std::string::npos) {
          std::printf("not run: needs %s: %s\n", published, l.c_str());
          here = false;
        }
      if (!here) continue;
      const Ran r = shell("rm -rf new-folder; " + l);
      EXPECT_EQ(r.code, 0) << l << "\n" << r.err;
      EXPECT_EQ(r.signal, 0) << l;
      ++ran;
    }
  }
  EXPECT_GT(ran, 40);
}

}  // namespace
}  // namespace ridge::testing

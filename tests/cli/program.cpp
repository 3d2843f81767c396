#include "program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace ridge::testing {
namespace {

namespace fs = std::filesystem;

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void spill(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

[[noreturn]] void become(const std::vector<std::string>& argv, const RunOptions& o, const std::string& base) {
  if (chdir(base.c_str()) != 0) _exit(126);
  const auto redirect = [](const std::string& path, int flags, int to) {
    const int fd = open(path.c_str(), flags, 0600);
    if (fd < 0 || dup2(fd, to) < 0) _exit(126);
  };
  redirect(base + "/.in", O_RDONLY, 0);
  redirect(base + "/.out", O_WRONLY | O_CREAT | O_TRUNC, 1);
  redirect(base + "/.err", O_WRONLY | O_CREAT | O_TRUNC, 2);
  setenv("PATH", (base + "/bin:" + (getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin")).c_str(), 1);
  setenv("RIDGE_MODEL", (base + "/model-folder").c_str(), 1);
  setenv("HOME", base.c_str(), 1);
  setenv("XDG_CONFIG_HOME", (base + "/config").c_str(), 1);
  setenv("XDG_STATE_HOME", (base + "/state").c_str(), 1);
  for (const auto& pair : o.env) {
    const size_t equals = pair.find('=');
    setenv(pair.substr(0, equals).c_str(), pair.substr(equals + 1).c_str(), 1);
  }
  std::vector<char*> raw;
  for (const auto& a : argv) raw.push_back(const_cast<char*>(a.c_str()));
  raw.push_back(nullptr);
  execv(raw[0], raw.data());
  _exit(127);
}

Ran run(const std::vector<std::string>& argv, const RunOptions& o, const std::string& base) {
  spill(base + "/.in", o.in);
  spill(base + "/.out", "");
  const pid_t child = fork();
  if (child == 0) become(argv, o, base);
  const auto start = std::chrono::steady_clock::now();
  bool interrupted = false;
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (o.interrupt_when && !interrupted && o.interrupt_when(slurp(base + "/.out"))) {
      kill(child, SIGINT);
      interrupted = true;
    }
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(o.seconds)) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  Ran r;
  r.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  r.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  r.interrupted = interrupted;
  r.out = slurp(base + "/.out");
  r.err = slurp(base + "/.err");
  return r;
}

struct Scratch {
  std::string path;
  Scratch() {
    std::string name = (fs::temp_directory_path() / "ridge-cli-XXXXXX").string();
    if (!mkdtemp(name.data())) std::abort();
    path = name;
    const fs::path source = RIDGE_SOURCE, here = path, models = source / "tests/data/models/fable-1m";
    fs::create_directory(here / "bin");
    fs::create_symlink(RIDGE_PROGRAM, here / "bin/ridge");
    fs::create_directory_symlink(source / "tests", here / "tests");
    fs::create_directory_symlink(models, here / "model-folder");
    fs::copy_file(models / "tokenizer.json", here / "tokenizer.json");
    const std::string fable = slurp((source / "tests/data/texts/fable.txt").string());
    spill(path + "/book.txt", fable);
    spill(path + "/wiki.test.raw", fable + fable);
    spill(path + "/chat.jinja",
          "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt "
          "%}<assistant>{% "
          "endif %}");
    spill(path + "/chat.json", R"([{"role": "user", "content": "Tell me of the fox."}])");
    for (const auto& [from, to] :
         {std::pair{"model-folder", "model.gguf"}, {"tests/data/golden/llama", "llama.gguf"}})
      if (const Ran r = run({RIDGE_PROGRAM, "convert", from, to, "--template", "chat.jinja"}, {}, path);
          r.code != 0)
        ADD_FAILURE() << "ridge convert " << from << " " << to << ": " << r.err;
  }
  ~Scratch() {
    std::error_code error;
    fs::remove_all(path, error);
  }
};

}  // namespace

const std::string& scratch() {
  static const Scratch s;
  return s.path;
}

Ran ridge(const std::vector<std::string>& arguments, const RunOptions& options) {
  std::vector<std::string> argv{RIDGE_PROGRAM};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  return run(argv, options, scratch());
}

Ran shell(const std::string& line, const RunOptions& options) {
  return run({"/bin/sh", "-c", line}, options, scratch());
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream in(text);
  for (std::string l; std::getline(in, l);) all.push_back(l);
  return all;
}

std::vector<std::string> commands() {
  std::vector<std::string> names;
  for (const auto& l : lines(ridge({"--help"}).out)) {
    if (l.rfind("Options:", 0) == 0) break;
    if (l.size() > 3 && l[0] == ' ' && l[1] == ' ' && l[2] != ' ')
      names.push_back(l.substr(2, l.find(' ', 2) - 2));
  }
  return names;
}

}  // namespace ridge::testing

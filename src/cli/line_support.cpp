#include "cli/line_support.h"

#include <histedit.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>

namespace ridge {

struct LineReader::Data {
  EditLine* edit = nullptr;
  History* history = nullptr;
  HistEvent event{};
  std::string file, prompt;
};

namespace {

constexpr int kHistoryLines = 1000;

char* prompt_of(EditLine* edit) {
  void* data = nullptr;
  el_get(edit, EL_CLIENTDATA, &data);
  return const_cast<char*>(static_cast<std::string*>(data)->c_str());
}

}  // namespace

std::string history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state && *state == '/') return std::string(state) + "/ridge/history";
  const char* home = std::getenv("HOME");
  return home && *home ? std::string(home) + "/.local/state/ridge/history" : "";
}

LineReader::LineReader(const std::string& history_file) : d_(new Data) {
  if (!isatty(0) || !isatty(1)) return;
  if (!std::setlocale(LC_CTYPE, "") || MB_CUR_MAX == 1) std::setlocale(LC_CTYPE, "C.UTF-8");
  d_->file = history_file;
  d_->edit = el_init("ridge", stdin, stdout, stderr);
  if (!d_->edit) return;
  d_->history = history_init();
  el_set(d_->edit, EL_CLIENTDATA, &d_->prompt);
  el_set(d_->edit, EL_PROMPT, prompt_of);
  el_set(d_->edit, EL_EDITOR, "emacs");
  el_set(d_->edit, EL_SIGNAL, 0);  // Ctrl-C is ours
  if (d_->history) {
    history(d_->history, &d_->event, H_SETSIZE, kHistoryLines);
    history(d_->history, &d_->event, H_SETUNIQUE, 1);
    el_set(d_->edit, EL_HIST, ::history, d_->history);
    if (!d_->file.empty()) history(d_->history, &d_->event, H_LOAD, d_->file.c_str());
  }
  el_source(d_->edit, nullptr);  // the user's ~/.editrc
}

LineReader::~LineReader() {
  if (d_->history && !d_->file.empty()) {
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::path(d_->file).parent_path();
    std::filesystem::create_directories(folder, error);
    const mode_t before = umask(0077);  // what was typed is nobody else's
    history(d_->history, &d_->event, H_SAVE, d_->file.c_str());
    umask(before);
  }
  if (d_->edit) el_end(d_->edit);
  if (d_->history) history_end(d_->history);
}

bool LineReader::interactive() const { return d_->edit != nullptr; }

std::optional<std::string> LineReader::read_one(const std::string& prompt) {
  std::string line;
  if (!d_->edit) {
    if (!std::getline(std::cin, line)) return {};
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
  d_->prompt = prompt;
  int count = 0;
  errno = 0;
  const char* typed = el_gets(d_->edit, &count);
  if (!typed || count <= 0) {
    if (errno != EINTR) return {};
    el_reset(d_->edit);
    std::puts("^C");
    return "";
  }
  line.assign(typed, static_cast<size_t>(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  if (d_->history && !line.empty()) history(d_->history, &d_->event, H_ENTER, line.c_str());
  return line;
}

std::optional<std::string> LineReader::read(const std::string& prompt) {
  auto line = read_one(prompt);
  while (line && !line->empty() && line->back() == '\\') {
    line->back() = '\n';
    const auto more = read_one(std::string(prompt.size() > 2 ? prompt.size() - 2 : 0, ' ') + ". ");
    if (!more) break;
    *line += *more;
  }
  return line;
}

}  // namespace ridge

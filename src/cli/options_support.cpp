#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <charconv>
#include <cmath>

#include "base/error.h"
#include "cli/command.h"
#include "cli/parser.h"

namespace ridge {
namespace {

// What the user should see of an option: its long name.
std::string shown(const std::string& names) { return split_names(names).back(); }

template <typename T>
T number(const std::string& text, const std::string& names, const std::string& range) {
  T v{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, v);
  if (error != std::errc() || stop != end)
    fail(Fault::usage, "{}: \"{}\" is not a number {}", shown(names), printable(text), range);
  return v;
}

std::string range_of(int64_t low, int64_t high) {
  if (high >= int64_t{1} << 31) return fmt::format("of at least {}", low);
  return fmt::format("from {} to {}", low, high);
}

template <typename T>
std::function<void(const std::string&)> integer_reader(T& v, const std::string& names, int64_t low,
                                                       int64_t high) {
  return [&v, names, low, high](const std::string& s) {
    const auto n = number<int64_t>(s, names, range_of(low, high));
    if (n < low || n > high)
      fail(Fault::usage, "{}: {} is out of range: a number {}", shown(names), n, range_of(low, high));
    v = static_cast<T>(n);
  };
}

// Any text where there are no choices.
std::function<void(const std::string&)> choice_reader(std::string& v, const std::string& names,
                                                      const std::vector<std::string>& choices) {
  return [&v, names, choices](const std::string& s) {
    if (!choices.empty() && std::find(choices.begin(), choices.end(), s) == choices.end()) {
      const std::string near = nearest(s, choices);
      fail(Fault::usage, "{}: \"{}\" is none of {}{}", shown(names), printable(s), fmt::join(choices, ", "),
           near.empty() ? "" : "; did you mean " + near + "?");
    }
    v = s;
  };
}

void take_last(CLI::App& app, const std::string& names, const std::function<void(const std::string&)>& read) {
  app.add_option(names, CLI::callback_t([read](const CLI::results_t& r) {
                   read(r.back());
                   return true;
                 }))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

OptionSpec spec_of(const std::string& names, const std::string& placeholder, const std::string& help) {
  OptionSpec s;
  s.names = names;
  s.placeholder = placeholder;
  s.help = help;
  return s;
}

std::string plain(double v) { return fmt::format("{}", v); }

}  // namespace

void Options::flag(bool& v, const std::string& names, const std::string& help) {
  parser_.app_->add_flag_callback(names, [&v] { v = true; });
  parser_.specs_.push_back(spec_of(names, "", help));
}

void Options::integer(int& v, const std::string& names, int64_t low, int64_t high,
                      const std::string& placeholder, const std::string& help) {
  take_last(*parser_.app_, names, integer_reader(v, names, low, std::min<int64_t>(high, 0x7fffffff)));
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().initial = std::to_string(v);
}

void Options::integer(int64_t& v, const std::string& names, int64_t low, int64_t high,
                      const std::string& placeholder, const std::string& help) {
  take_last(*parser_.app_, names, integer_reader(v, names, low, high));
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().initial = std::to_string(v);
}

void Options::integer(uint64_t& v, const std::string& names, const std::string& placeholder,
                      const std::string& help) {
  take_last(*parser_.app_, names,
            [&v, names](const std::string& s) { v = number<uint64_t>(s, names, "from 0 to 2^64 - 1"); });
  parser_.specs_.push_back(spec_of(names, placeholder, help));
}

void Options::real(double& v, const std::string& names, double low, double high,
                   const std::string& placeholder, const std::string& help) {
  take_last(*parser_.app_, names, [&v, names, low, high](const std::string& s) {
    const std::string range =
        std::isfinite(high) ? fmt::format("from {} to {}", low, high) : fmt::format("of at least {}", low);
    const auto x = number<double>(s, names, range);
    if (!(x >= low && x <= high) || !std::isfinite(x))
      fail(Fault::usage, "{}: {} is out of range: a number {}", shown(names), x, range);
    v = x;
  });
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().initial = plain(v);
}

void Options::text(std::string& v, const std::string& names, const std::string& placeholder,
                   const std::string& help, Hint hint) {
  take_last(*parser_.app_, names, [&v](const std::string& s) { v = s; });
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().initial = v;
  parser_.specs_.back().hint = hint;
}

void Options::texts(std::vector<std::string>& v, const std::string& names, const std::string& placeholder,
                    const std::string& help, Hint hint) {
  parser_.app_
      ->add_option(names, CLI::callback_t([&v](const CLI::results_t& r) {
                     v = r;
                     return true;
                   }))
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().hint = hint;
  parser_.specs_.back().repeats = true;
}

void Options::choice(std::string& v, const std::string& names, const std::vector<std::string>& choices,
                     const std::string& placeholder, const std::string& help) {
  take_last(*parser_.app_, names, choice_reader(v, names, choices));
  parser_.specs_.push_back(spec_of(names, placeholder, help));
  parser_.specs_.back().initial = v;
  parser_.specs_.back().choices = choices;
  parser_.specs_.back().hint = Hint::choice;
}

void Options::argument(std::string& v, const std::string& placeholder, const std::string& help, bool required,
                       Hint hint, const std::vector<std::string>& choices) {
  take_last(*parser_.app_, placeholder, choice_reader(v, placeholder, choices));
  parser_.specs_.push_back(spec_of(placeholder, placeholder, help));
  auto& s = parser_.specs_.back();
  s.hint = hint, s.argument = true, s.required = required, s.choices = choices;
}

void Options::arguments(std::vector<std::string>& v, const std::string& placeholder, const std::string& help,
                        bool required, Hint hint) {
  parser_.app_
      ->add_option(placeholder, CLI::callback_t([&v](const CLI::results_t& r) {
                     v = r;
                     return true;
                   }))
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args()
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  parser_.specs_.push_back(spec_of(placeholder, placeholder, help));
  auto& s = parser_.specs_.back();
  s.hint = hint, s.argument = true, s.required = required, s.repeats = true;
}

std::function<bool()> Options::given(const std::string& name) const {
  const CLI::Option* option = parser_.app_->get_option(name);
  return [option] { return option->count() > 0; };
}

OptionParser::OptionParser(const Command& command)
    : command_(command), app_(std::make_unique<CLI::App>(command.summary, command.name)) {
  app_->set_help_flag("-h,--help");
  app_->allow_extras();
  Options options(*this);
  run_ = command.add(options);
  specs_.push_back(spec_of("-h,--help", "", "show this text"));
}

OptionParser::~OptionParser() = default;

bool OptionParser::parse(const std::vector<std::string>& arguments) {
  try {
    app_->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return false;
  } catch (const CLI::ParseError& e) {
    for (const auto& s : specs_)  // the one error left to CLI11: an option at the end without its value
      if (!s.argument && !s.placeholder.empty() && !arguments.empty())
        for (const auto& n : split_names(s.names))
          if (arguments.back() == n) fail(Fault::usage, "{} needs a value: {} {}", n, n, s.placeholder);
    fail(Fault::usage, "{}", printable(e.what(), 300));
  }
  for (const std::string& extra : app_->remaining()) {
    if (extra.size() > 1 && extra[0] == '-') {
      std::vector<std::string> known;
      for (const auto& s : specs_)
        if (!s.argument)
          for (const auto& n : split_names(s.names)) known.push_back(n);
      const std::string near = nearest(extra.substr(0, extra.find('=')), known);
      fail(Fault::usage, "unknown option {}{}", printable(extra),
           near.empty() ? "" : "; did you mean " + near + "?");
    }
    fail(Fault::usage, "unexpected argument \"{}\"; usage: {}", printable(extra), usage_line(*this));
  }
  for (const auto& s : specs_)
    if (s.required && app_->get_option(s.names)->count() == 0)
      fail(Fault::usage, "{} is missing; usage: {}", s.names, usage_line(*this));
  return true;
}

}  // namespace ridge

// Chat templates against jinja2 (tests/data/templates/ORIGIN.md), and against templates that mean harm.
#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "testing.h"

namespace ridge {
namespace {

RenderOptions at_noon() {
  RenderOptions options;
  std::tm t{};
  t.tm_year = 2026 - 1900, t.tm_mon = 6, t.tm_mday = 26, t.tm_hour = 12, t.tm_min = 34, t.tm_sec = 56;
  timegm(&t);  // day of the week and of the year
  options.now = t;
  return options;
}

std::string render(const std::string& source, const OrderedJson& variables = OrderedJson::object()) {
  return ChatTemplate(source, "t").render(variables, at_noon());
}

// The message of the Error that a template must give.
std::string error_of(const std::string& source, const OrderedJson& variables = OrderedJson::object(),
                     const RenderOptions& options = at_noon()) {
  try {
    const std::string text = ChatTemplate(source, "t").render(variables, options);
    ADD_FAILURE() << "no error, but " << text.substr(0, 200) << " from " << source.substr(0, 200);
  } catch (const Error& e) {
    EXPECT_EQ(e.fault(), Fault::file);
    EXPECT_EQ(std::string(e.what()).find('\n'), std::string::npos) << e.what();
    return e.what();
  }
  return "";
}

void expect_case(const OrderedJson& expected, const std::string& source, const OrderedJson& variables,
                 const std::string& where) {
  try {
    const std::string text = render(source, variables);
    if (expected.contains("error")) {
      ADD_FAILURE() << where << ": no error, but " << text.substr(0, 200) << "\nfrom "
                    << source.substr(0, 500);
    } else {
      EXPECT_EQ(text, expected["text"].get<std::string>()) << where << "\nfrom " << source.substr(0, 500);
    }
  } catch (const Error& e) {
    EXPECT_TRUE(expected.contains("error"))
        << where << ": " << e.what() << "\nfrom " << source.substr(0, 500);
  }
}

TEST(ChatTemplate, RendersAsJinja2) {
  const OrderedJson table =
      parse_ordered_json(read_file(testing::data("templates/cases.json")), "cases.json");
  size_t count = 0;
  for (const auto& group : table["groups"]) {
    for (const auto& one : group["cases"]) {
      expect_case(one, one["template"].get<std::string>(), group["variables"],
                  group["name"].get<std::string>());
      ++count;
    }
  }
  EXPECT_GT(count, 2000u);
}

TEST(ChatTemplate, RendersTemplatesOfPublishedModels) {
  RIDGE_NEEDS_SHARED(shared);
  const std::filesystem::path folder = std::filesystem::path(shared) / "data/templates";
  const OrderedJson cases = parse_ordered_json(read_file((folder / "cases.json").string()), "cases.json");
  size_t templates = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    const std::string name = entry.path().stem().string(), source = read_file(entry.path().string());
    const OrderedJson expected =
        parse_ordered_json(read_file((folder / (name + ".expected.json")).string()), name);
    for (const auto& [key, one] : cases["cases"].items()) {
      OrderedJson variables = cases["constants"];
      variables.update(one);
      expect_case(expected.at(key), source, variables, name + " " + key);
    }
    ++templates;
  }
  EXPECT_GT(templates, 30u);
}

TEST(ChatTemplate, SaysWhere) {
  EXPECT_EQ(error_of("a\nb {{ x.y }}"), "t:2: 'x' is undefined");
  EXPECT_EQ(error_of("{% if true %}\n\n{{ 1 +\n none }}{% endif %}").substr(0, 4), "t:3:");
  EXPECT_EQ(error_of("\n\n{% endif %}").substr(0, 4), "t:3:");
  EXPECT_EQ(error_of("x\n{{ 'a' | nosuch }}"), "t:2: No filter named 'nosuch'.");
  EXPECT_EQ(error_of("{% if 1 %}\nx"), "t:2: Unexpected end of template. Jinja was looking for 'endif'.");
  EXPECT_EQ(error_of("{{ raise_exception('Roles must\\nalternate') }}"), "t:1: Roles must\\x0aalternate");
  EXPECT_EQ(error_of("{% include 'passwd' %}"),
            "t:1: 'include' of another template: a chat template stands alone");
  EXPECT_NE(error_of("{{ '\xff' }}").find("not UTF-8"), std::string::npos);
}

TEST(ChatTemplate, TakesNothingButData) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ [].append(1) }}", "{{ {}.update({}) }}",
        "{{ range.__globals__.x }}", "{{ messages.clear() }}", "{{ '{0.__class__.x}'.format(1) }}",
        "{{ (messages | attr('__class__')).x }}", "{% import 'os' as os %}", "{% extends 'x' %}",
        "{{ self.x() }}", "{{ open('x') }}", "{{ __import__('os') }}"}) {
    EXPECT_EQ(error_of(source, {{"messages", OrderedJson::array({1})}}).substr(0, 4), "t:1:") << source;
  }
}

TEST(ChatTemplate, StopsWhatIsTooMuch) {
  const auto repeated = [](const std::string& s, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; ++i) out += s;
    return out;
  };
  const std::string loop = "{% for i in range(100000) %}", end = "{% endfor %}";
  const std::pair<std::string, const char*> cases[] = {
      {loop + loop + end + end, "steps"},
      {loop + loop + repeated("a", 2000) + end + end, "text is over the limit"},
      {"{{ 'a' * 10**9 }}", "repeated"},
      {"{{ [1] * 10**20 }}", "repeated"},
      {"{{ range(10**12) }}", "MAX_RANGE"},
      {"{{ 9**9**9**9 }}", "128 bits"},
      {"{% set n = namespace(s='a') %}" + loop + "{% set n.s = n.s + n.s %}" + end, "over the limit"},
      {"{% set n = namespace(s=[1]) %}" + loop + "{% set n.s = n.s + n.s %}" + end, "over the limit"},
      {"{% set n = namespace(s=[]) %}" + loop + "{% set n.s = [n.s, n.s] %}" + end, "deep"},
      {"{% set n = namespace(s=[]) %}" + loop + "{% set n.s = n.s | map('int') %}" + end, "deep"},
      {"{% set n = namespace(s=0) %}" + loop + "{% set n.s = namespace(s=n.s) %}" + end + "{{ n }}",
       "deeply"},
      {"{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s | "
       "tojson }}",
       "steps"},
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeply"},
      {"{% macro f() %}{{ f(*varargs) }}{% endmacro %}{{ f(*range(100000)) }}", "bytes"},
      {"{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "deeply"},
      {"{{ " + repeated("(", 100000) + "1" + repeated(")", 100000) + " }}", "deeply"},
      {"{{ 1" + repeated(" + 1", 100000) + " }}", "deeply"},
      {"{{ x" + repeated(".x", 100000) + " }}", "deeply"},
      {repeated("{% if 1 %}", 100000), "deeply"},
      {"{{ '%1000000000d' % 1 }}", "width"},
      {"{{ '{:1000000000}'.format(1) }}", "width"},
      {"{{ 'a'.center(10**12) }}", "over the limit"},
      {"{{ 'a' | indent(10**12, true) }}", "over the limit"},
      {"{{ ('a' * 1000000).replace('', 'b' * 1000000) }}", "over the limit"},
      {"{{ range(100000) | join('a' * 100000) }}", "over the limit"},
      {"{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}" + loop + "{{ b in a }}" + end, "steps"},
  };
  RenderOptions options = at_noon();
  options.limits.seconds = 600;  // slow builds too stop by steps
  for (const auto& [source, words] : cases) {
    const auto start = std::chrono::steady_clock::now();
    const std::string message = error_of(source, OrderedJson::object(), options);
    EXPECT_NE(message.find(words), std::string::npos) << message << "\nfrom " << source.substr(0, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(300)) << source.substr(0, 200);
  }
}

TEST(ChatTemplate, StopsInTime) {
  EXPECT_EQ(error_of("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}")
                .substr(0, 18),
            "t:1: stopped after");
  RenderOptions options;
  options.limits.steps = static_cast<size_t>(-1) / 2;
  options.limits.seconds = 0.05;
  const std::string message =
      error_of("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
               OrderedJson::object(), options);
  EXPECT_EQ(message, "t:1: stopped after 0.05 seconds");
  options.limits.seconds = 10;
  options.limits.output_bytes = 3;
  EXPECT_NE(error_of("abcd", OrderedJson::object(), options).find("limit of 3 bytes"), std::string::npos);
}

TEST(ChatTemplate, BoundsWhatIsGiven) {
  OrderedJson deep = 1;
  for (int i = 0; i < 2000; ++i) deep = OrderedJson::array({std::move(deep)});
  EXPECT_NE(error_of("{{ x }}", {{"x", deep}}).find("deep"), std::string::npos);
  EXPECT_EQ(render("{{ y }}", {{"x", deep}, {"y", 2}}), "2");  // what is not asked for is not looked at
  EXPECT_THROW(render("", OrderedJson::array()), Error);
}

TEST(ChatTemplate, KeepsNumbersAndText) {
  const OrderedJson x =
      parse_ordered_json(R"([18446744073709551615, -9223372036854775808, 1e22, 1.0, 0.1, -0.0, null])", "x");
  EXPECT_EQ(render("{{ x | tojson }}", {{"x", x}}),
            "[18446744073709551615, -9223372036854775808, 1e+22, 1.0, 0.1, -0.0, null]");
  EXPECT_EQ(render("{{ x }}", {{"x", "a\xffz"}}), "a\xef\xbf\xbdz");  // text given in memory may not be UTF-8
  EXPECT_EQ(render("{{ x is none }}{{ y is defined }}", {{"x", nullptr}}), "TrueFalse");
}

TEST(ChatTemplate, ReadsTheClockWhereNoTimeIsGiven) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  const std::string year = ChatTemplate("{{ strftime_now('%Y') }}", "t").render(OrderedJson::object());
  EXPECT_NEAR(std::stoi(year), local.tm_year + 1900, 1);
}

TEST(ChatTemplate, RendersInSeveralThreads) {
  const ChatTemplate chat(
      "{% set n = namespace(s='') %}{% for m in messages %}{% set n.s = n.s ~ m %}{% endfor %}{{ n.s }}",
      "t");
  std::vector<std::string> texts(4);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < texts.size(); ++i) {
    threads.emplace_back([&, i] {
      OrderedJson messages = OrderedJson::array();
      for (int k = 0; k < 500; ++k) messages.push_back(std::to_string(i));
      texts[i] = chat.render({{"messages", messages}});
    });
  }
  for (auto& t : threads) t.join();
  for (size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], std::string(500, static_cast<char>('0' + i)));
}

}  // namespace
}  // namespace ridge

// Writing on: the same tokens whatever the threads and chunks, those that the reference wrote, and every way
// to end.
#include "engine/generator.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support.h"

namespace ridge {
namespace {

using testing::fable;
using testing::greedy;

std::vector<int32_t> prompt(const std::string& text) { return fable().text().encode(text); }

Generator make(int threads, int64_t chunk, int64_t context = 512) {
  GeneratorOptions o;
  o.context = context, o.chunk = chunk, o.context_options.threads = threads;
  return Generator(*fable().model, fable().text(), o);
}

const char* const kLong =
    "Once upon a time there was a king who had three daughters, and the youngest was so beautiful that the "
    "sun itself, "
    "which has seen so much, was astonished whenever it shone in her face. Close by the king's castle lay a "
    "great dark "
    "forest, and under an old lime-tree in the forest was a well.";

TEST(Generator, SameTokensForThreadsAndChunks) {
  const auto ids = prompt(kLong);
  ASSERT_GT(ids.size(), 64u);
  auto options = greedy(48);
  for (const double temperature : {0.0, 0.9}) {
    options.sampler.temperature = temperature;
    options.sampler.seed = 11;
    std::vector<int32_t> first;
    for (const int threads : {1, 2})
      for (const int64_t chunk : {int64_t{1000}, int64_t{1}, int64_t{7}, int64_t{64}}) {
        Generator g = make(threads, chunk);
        const auto r = g.generate(ids, options);
        ASSERT_EQ(r.ids.size(), 48u);
        if (first.empty()) first = r.ids;
        EXPECT_EQ(r.ids, first) << threads << " threads, chunks of " << chunk << ", temperature "
                                << temperature;
      }
  }
}

// expected.json: greedy continuations in float32 by the transformers library, with the smallest margin of a
// choice.
TEST(Generator, WritesWhatTheReferenceWrote) {
  const Json expected = read_json(testing::data("models/fable-1m/expected.json"));
  GeneratorOptions o;
  o.context = 256, o.context_options.exact = true, o.kv = f32;
  Generator g(*fable().model, fable().text(), o);
  int checked = 0;
  for (const auto& e : expected["greedy"]) {
    const auto want = e["greedy_ids"].get<std::vector<int32_t>>();
    auto ids = prompt(e["prompt"].get<std::string>());
    ASSERT_EQ(ids, e["prompt_ids"].get<std::vector<int32_t>>());
    const auto r = g.generate(ids, greedy(static_cast<int64_t>(want.size() - ids.size())));
    ids.insert(ids.end(), r.ids.begin(), r.ids.end());
    EXPECT_EQ(ids, want) << e["prompt"];
    EXPECT_EQ(e["prompt"].get<std::string>() + r.text, e["text"].get<std::string>());
    ++checked;
  }
  EXPECT_GE(checked, 4);
}

TEST(Generator, ARememberedBeginningChangesNothing) {
  const auto a = prompt("The old king had a daughter"), b = prompt("The old king had a horse, and the horse");
  Generator fresh_a = make(1, 64), fresh_b = make(1, 64), kept = make(1, 64);
  const auto wanted_a = fresh_a.generate(a, greedy(20)), wanted_b = fresh_b.generate(b, greedy(20));
  EXPECT_EQ(kept.generate(a, greedy(20)).ids, wanted_a.ids);
  const auto again_b = kept.generate(b, greedy(20));
  EXPECT_EQ(again_b.ids, wanted_b.ids);
  EXPECT_GE(again_b.reused_tokens, 4);  // BOS, The, old, king ...
  const auto again_a = kept.generate(a, greedy(20));
  EXPECT_EQ(again_a.ids, wanted_a.ids);
  // A conversation that goes on: all that was written is remembered but the last token, which was never fed.
  auto longer = a;
  longer.insert(longer.end(), again_a.ids.begin(), again_a.ids.end());
  const auto more = kept.generate(longer, greedy(5));
  EXPECT_EQ(more.reused_tokens, static_cast<int64_t>(longer.size()) - 1);
  kept.reset();
  EXPECT_EQ(kept.generate(a, greedy(20)).reused_tokens, 0);
}

TEST(Generator, TextComesInWholeCharactersAndAddsUp) {
  Generator g = make(1, 64);
  auto options = greedy(80);
  options.sampler.temperature = 3, options.sampler.top_k = 0, options.sampler.top_p = 1,
  options.sampler.min_p = 0;
  options.ignore_end = true;  // wild tokens: halves of characters, ends of text
  for (uint64_t seed = 0; seed < 5; ++seed) {
    options.sampler.seed = seed;
    std::string streamed;
    std::vector<int32_t> tokens;
    const auto p = prompt("The fox");
    const auto r = g.generate(
        p, options,
        [&](const std::string& s) {
          EXPECT_NE(static_cast<unsigned char>(s[0]) & 0xc0, 0x80) << "a piece begins inside a character";
          streamed += s;
        },
        [&](int32_t id) { tokens.push_back(id); });
    EXPECT_EQ(streamed, r.text);
    EXPECT_EQ(tokens, r.ids);
    auto all = p;
    all.insert(all.end(), r.ids.begin(), r.ids.end());
    EXPECT_EQ(fable().text().decode(all), "The fox" + r.text);
  }
}

TEST(Generator, EveryWayToEnd) {
  Generator g = make(1, 64);
  const auto p = prompt("Once upon a time");
  const auto plain = g.generate(p, greedy(30));
  EXPECT_EQ(plain.reason, StopReason::length);
  EXPECT_EQ(plain.ids.size(), 30u);
  EXPECT_EQ(plain.decode_steps, 29);

  EXPECT_EQ(g.generate(p, greedy(0)).ids.size(), 0u);

  auto options = greedy(30);
  options.end_ids = {plain.ids[10]};
  const auto ended = g.generate(p, options);
  EXPECT_EQ(ended.reason, StopReason::end);
  const auto first = std::find(plain.ids.begin(), plain.ids.end(), plain.ids[10]);
  EXPECT_EQ(ended.ids, std::vector<int32_t>(plain.ids.begin(), first));
  options.ignore_end = true;
  EXPECT_EQ(g.generate(p, options).ids, plain.ids);

  options = greedy(30);
  options.stop = {plain.text.substr(20, 6)};
  const auto stopped = g.generate(p, options);
  EXPECT_EQ(stopped.reason, StopReason::stop_string);
  EXPECT_EQ(stopped.text, plain.text.substr(0, plain.text.find(options.stop[0])));

  std::atomic<bool> cancel{false};
  options = greedy(30);
  options.cancel = &cancel;
  const auto cancelled = g.generate(p, options, [&](const std::string&) { cancel = true; });
  EXPECT_EQ(cancelled.reason, StopReason::cancelled);
  EXPECT_LT(cancelled.ids.size(), 30u);
  const auto before_start = g.generate(prompt("Another prompt altogether"), options);
  EXPECT_EQ(before_start.reason, StopReason::cancelled);
  EXPECT_TRUE(before_start.ids.empty());
  cancel = false;
  EXPECT_EQ(g.generate(p, greedy(30)).ids, plain.ids) << "after a cancelled call";
}

TEST(Generator, AFullContextEnds) {
  Generator g = make(1, 64, 24);
  const auto p = prompt("Once upon a time");
  auto options = greedy(-1);
  options.ignore_end = true;
  const auto r = g.generate(p, options);
  EXPECT_EQ(r.reason, StopReason::context);
  EXPECT_EQ(static_cast<int64_t>(p.size() + r.ids.size()), 25);  // the last token needs no place
  EXPECT_EQ(make(1, 64).generate(p, greedy(static_cast<int64_t>(r.ids.size()))).ids, r.ids);
}

TEST(Generator, Refuses) {
  Generator g = make(1, 64, 8);
  EXPECT_THROW(g.generate({}, greedy(1)), Error);
  EXPECT_THROW(g.generate(std::vector<int32_t>(9, 5), greedy(1)), Error);
  EXPECT_THROW(g.generate({5, 1 << 20}, greedy(1)), Error);
  EXPECT_THROW(g.generate({-1}, greedy(1)), Error);
  EXPECT_THROW(make(1, 0), Error);
  EXPECT_THROW(make(1, 1, int64_t{1} << 20), Error);
}

// llama2.c's own test: greedy, 200 steps, no prompt.
TEST(Generator, Stories260K) {
  RIDGE_NEEDS_SHARED(shared);
  const std::string folder = shared + "/data/models/stories260K/";
  const OpenedModel opened = open_model(folder + "stories260K.bin");
  Generator g(*opened.model, opened.text());
  const auto r = g.generate(opened.text().encode(""), greedy(200));
  EXPECT_EQ(r.text, read_file(folder + "expected-greedy.txt"));
}

}  // namespace
}  // namespace ridge

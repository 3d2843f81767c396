// Conversations: rendered, answered, remembered, cut where the context is full.
#include "engine/chat_session.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "support.h"

namespace ridge {
namespace {

using testing::fable;
using testing::greedy;

const char* const kTemplate =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}{{ tail }}";

struct Fixture {
  Generator generator;
  ChatSession session;
  explicit Fixture(int64_t context = 512, const char* form = kTemplate)
      : generator(*fable().model, fable().text(), options(context)),
        session(generator, form, "template", OrderedJson{{"tail", ""}}) {}
  static GeneratorOptions options(int64_t context) {
    GeneratorOptions o;
    o.context = context;
    return o;
  }
};

TEST(ChatSession, RendersAndRemembers) {
  Fixture f;
  f.session.set_system("Be brief.");
  const auto first = f.session.reply("Who was the king?", greedy(12));
  EXPECT_EQ(f.session.messages().size(), 3u);
  EXPECT_EQ(f.session.render(false),
            "<|begin|>[system]Be brief.\n[user]Who was the king?\n[assistant]" + first.result.text + "\n");
  const auto second = f.session.reply("And his daughter?", greedy(12));
  // Up to the end of the first answer nothing is computed again.
  EXPECT_GT(second.result.reused_tokens, first.result.prompt_tokens);
  EXPECT_EQ(second.dropped, 0);

  Fixture fresh;  // the same conversation, answered without a memory
  fresh.session.load(f.session.save(), "saved");
  OrderedJson messages = fresh.session.messages();
  messages.erase(messages.size() - 1);
  messages.erase(messages.size() - 1);
  fresh.session.load(messages.dump(), "shorter");
  EXPECT_EQ(fresh.session.reply("And his daughter?", greedy(12)).result.ids, second.result.ids);

  f.session.reset();
  EXPECT_EQ(f.session.messages().size(), 1u);
  EXPECT_EQ(f.session.system(), "Be brief.");
  f.session.set_system("");
  EXPECT_TRUE(f.session.messages().empty());
  EXPECT_EQ(f.session.tokens(), 0);
}

TEST(ChatSession, LeavesOutTheOldestWhereTheContextIsFull) {
  Fixture f(160);
  f.session.set_system("Be brief.");
  int dropped = 0;
  for (int i = 0; i < 12; ++i) {
    const auto reply =
        f.session.reply("The king had three sons, and the youngest was called a fool?", greedy(16));
    dropped += reply.dropped;
    EXPECT_NE(reply.result.reason, StopReason::context);
    EXPECT_EQ(f.session.system(), "Be brief.");
    EXPECT_EQ(f.session.messages()[1]["role"], "user") << "an answer without its question is left";
    EXPECT_LE(f.session.tokens(), 160);
  }
  EXPECT_GT(dropped, 0);
  std::string enormous;
  for (int i = 0; i < 200; ++i) enormous += "and the king ";
  const auto before = f.session.save();
  EXPECT_THROW(f.session.reply(enormous, greedy(4)), Error);
  EXPECT_EQ(f.session.save(), before) << "a failed message leaves the conversation as it was";
}

TEST(ChatSession, WithoutATemplateItWritesOn) {
  Fixture f(512, "");
  auto reply = f.session.reply("Once upon a time there was a", greedy(20));
  EXPECT_EQ(f.session.render(true), "Once upon a time there was a" + reply.result.text + "\n\n");
  EXPECT_EQ(reply.result.text.find("\n\n"), std::string::npos);
}

TEST(ChatSession, LoadsOnlyConversations) {
  Fixture f;
  f.session.load(R"([{"role": "user", "content": "Hi"}])", "list");
  for (const char* bad :
       {"{}", "[1]", R"([{"role": "user"}])", R"({"messages": 3})", "[", R"([{"role": 1, "content": ""}])"})
    EXPECT_THROW(f.session.load(bad, "bad"), Error) << bad;
  EXPECT_EQ(f.session.messages().size(), 1u);
}

TEST(ChatSession, SpecialTokensAsTheVocabularySpellsThem) {
  OrderedJson v{{"eos_token", "mine"}};
  add_special_tokens(v, fable().text());
  EXPECT_EQ(v["bos_token"], "<|begin|>");
  EXPECT_EQ(v["eos_token"], "mine");
}

}  // namespace
}  // namespace ridge

// tell [TOKENS [MODEL [PROMPT]]]: tells a story with the library.
#include <ridge/ridge.h>

#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
  try {
    const std::string path = argc > 2 ? argv[2] : DEFAULT_MODEL;
    auto model = ridge::LanguageModel::load(path);
    ridge::GenerationOptions options;
    options.max_tokens = argc > 1 ? std::atoi(argv[1]) : 100;
    options.seed = 1;
    const std::string prompt = argc > 3 ? argv[3] : "Once upon a time";
    std::cout << prompt;
    const auto made = model.generate(prompt, options, [](std::string_view text) {
      std::cout << text << std::flush;
      return true;
    });
    std::cout << "\n";
    std::cerr << model.architecture() << ", " << model.parameters() << " parameters, " << made.ids.size()
              << " tokens (" << made.reason << ")\n";
    const auto near = model.embed("The old king"), far = model.embed("a loaf of bread");
    double cosine = 0;
    for (size_t i = 0; i < near.size(); ++i) cosine += static_cast<double>(near[i]) * far[i];
    std::cerr << "cosine of two phrases: " << cosine << "\n";
    return made.ids.empty() ? 1 : 0;
  } catch (const ridge::Error& e) {
    std::cerr << "tell: " << e.what() << "\n";
    return static_cast<int>(e.fault());
  }
}

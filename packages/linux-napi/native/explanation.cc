#include "explanation.h"

#include <algorithm>
#include <memory>
#include <span>
#include <string>

#include "environment.h"
#include "fault_handler.h"

namespace pageferry {
namespace {

std::span<const std::int32_t> Span(const Int32s& elements) {
  return {elements.data, elements.length};
}

ExplainedRange ToRange(const Mapping& mapping, const MessageEntries& messages,
                       const Advice& advice) {
  std::string text(advice.characters.data(), advice.length);
  // What is told is one line. (Whether a `char` has a sign is up to the processor.)
  std::replace_if(text.begin(), text.end(), [](unsigned char each) { return each < ' '; }, ' ');
  return {.start = reinterpret_cast<std::uintptr_t>(mapping.address()),
          .length = mapping.length(),
          .messages = messages,
          .text = std::move(text)};
}

}  // namespace

Explanation::Explanation(const Mapping& mapping, const MessageEntries& messages,
                         const Advice& advice)
    : range_(ToRange(mapping, messages, advice)) {}

Explanation::~Explanation() {
  if (words_ == nullptr) return;
  ExplainedRanges().Remove(range_);
  napi_delete_reference(env_, words_);
}

Result Explanation::Begin(napi_env env, napi_value words) {
  const Result result = ExplainedRanges().Add(range_);
  if (result < 0) return result;
  env_ = env;
  // The engine has moved the elements off its own heap to tell where they are, so they stay there.
  napi_create_reference(env, words, 1, &words_);
  return 0;
}

Result ExplainWrites(napi_env env, Buffer buffer, KeptInt32s words, Int32s shape, Advice advice) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  const auto messages = MessageEntries::Of(Span(words.elements), Span(shape));
  if (mapping == nullptr || !messages.has_value() || !advice.Fits()) return -EINVAL;
  if (const Result failure = InstallFaultHandler(); failure < 0) return failure;
  mapping->Explain(nullptr);
  auto explanation = std::make_unique<Explanation>(*mapping, *messages, advice);
  const Result result = explanation->Begin(env, words.value);
  if (result == 0) mapping->Explain(std::move(explanation));
  return result;
}

}  // namespace pageferry

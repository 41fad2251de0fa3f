#include "explanation.h"

#include <algorithm>
#include <memory>
#include <string>

#include "environment.h"
#include "fault_handler.h"

namespace pageferry {
namespace {

ExplainedRange ToRange(const Mapping& mapping, const Float64s& messages, const Advice& advice) {
  std::string text(advice.characters.data(), advice.length);
  // What is told is one line. (Whether a `char` has a sign is up to the processor.)
  std::replace_if(text.begin(), text.end(), [](unsigned char each) { return each < ' '; }, ' ');
  return {.start = reinterpret_cast<std::uintptr_t>(mapping.address()),
          .length = mapping.length(),
          .messages = messages.data,
          .message_count = messages.length / 3,
          .text = std::move(text)};
}

}  // namespace

Explanation::Explanation(const Mapping& mapping, const Float64s& messages, const Advice& advice)
    : range_(ToRange(mapping, messages, advice)) {}

Explanation::~Explanation() {
  if (messages_ == nullptr) return;
  ExplainedRanges().Remove(range_);
  napi_delete_reference(env_, messages_);
}

Result Explanation::Begin(napi_env env, napi_value messages) {
  const Result result = ExplainedRanges().Add(range_);
  if (result < 0) return result;
  env_ = env;
  // The engine has moved the elements off its own heap to tell where they are, so they stay there.
  napi_create_reference(env, messages, 1, &messages_);
  return 0;
}

Result ExplainWrites(napi_env env, Buffer buffer, Float64s messages, Advice advice) {
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr || !advice.Fits()) return -EINVAL;
  if (const Result failure = InstallFaultHandler(); failure < 0) return failure;
  mapping->Explain(nullptr);
  auto explanation = std::make_unique<Explanation>(*mapping, messages, advice);
  const Result result = explanation->Begin(env, messages.value);
  if (result == 0) mapping->Explain(std::move(explanation));
  return result;
}

}  // namespace pageferry

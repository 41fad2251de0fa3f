#ifndef PAGEFERRY_THREAD_ALIAS_H_
#define PAGEFERRY_THREAD_ALIAS_H_

#include <node_api.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "arguments.h"
#include "bell.h"
#include "mapping.h"
#include "pages.h"
#include "result.h"

namespace pageferry {

/// Part of a mapping as a SharedArrayBuffer, which any thread of the process may have, and a word that says how many of
/// them are not done with it. Something stays mapped there until no thread has the buffer any more. What tells of that
/// runs on whatever thread collects it, and knows no environment.
class ThreadAlias {
 public:
  ThreadAlias(std::shared_ptr<Pages> pages, std::shared_ptr<Bell> bell, Part part)
      : pages_(std::move(pages)), bell_(std::move(bell)), part_(part) {}
  ThreadAlias(const ThreadAlias&) = delete;
  ThreadAlias& operator=(const ThreadAlias&) = delete;

  const Part& part() const { return part_; }
  /// Whether a thread is not done with it.
  bool IsHeld() const { return holds_.load() > 0; }

  /// The two SharedArrayBuffers, over the part and over the word. -errno where the runtime refuses.
  static Result Show(napi_env env, const std::shared_ptr<ThreadAlias>& alias, napi_value* memory,
                     napi_value* holds);

 private:
  static void Collected(void* data, void* hint);
  static void Forgotten(void* data, void* hint);

  // JavaScript counts with `Atomics` here.
  std::atomic<std::int32_t> holds_ = 1;
  static_assert(sizeof(holds_) == 4 && std::atomic<std::int32_t>::is_always_lock_free);
  const std::shared_ptr<Pages> pages_;
  const std::shared_ptr<Bell> bell_;
  const Part part_;
};

Result ThreadBell(napi_env env, Buffer buffer);
napi_value CreateThreadAlias(napi_env env, Buffer buffer, std::int64_t offset,
                             std::int64_t byte_length, Buffer bell_of);

}  // namespace pageferry

#endif  // PAGEFERRY_THREAD_ALIAS_H_

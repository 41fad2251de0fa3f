#include "thread_alias.h"

#include <cerrno>
#include <utility>

#include "environment.h"
#include "keep_loaded.h"

// From Node 22.23.3, 24.16 and 26.1 on. Others load this addon, too, and then it is null. Headers declare it for
// experimental programs alone, with a type of their own for the function that is called back.
extern "C" __attribute__((weak)) napi_status node_api_create_external_sharedarraybuffer(
    napi_env env, void* data, size_t byte_length, void (*finalize)(void* data, void* hint),
    void* hint, napi_value* result);

namespace pageferry {
namespace {

using Finalizer = void (*)(void* data, void* hint);

bool IsPossible() {
  // What is called when a buffer is garbage may be called on a thread that has never loaded this addon.
  return node_api_create_external_sharedarraybuffer != nullptr && KeepLoaded();
}

/// A SharedArrayBuffer over memory that `alias` keeps.
Result CreateBuffer(napi_env env, void* start, std::size_t length, Finalizer finalize,
                    const std::shared_ptr<ThreadAlias>& alias, napi_value* buffer) {
  auto owner = std::make_unique<std::shared_ptr<ThreadAlias>>(alias);
  const napi_status status = node_api_create_external_sharedarraybuffer(env, start, length, finalize,
                                                                        owner.get(), buffer);
  // As for other external buffers: unless it was refused, what is held is left to the finalizer.
  if (status != napi_no_external_buffers_allowed) owner.release();
  if (status == napi_ok) return 0;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  return status == napi_no_external_buffers_allowed ? -EOPNOTSUPP : -ENOMEM;
}

}  // namespace

void ThreadAlias::Collected(void*, void* hint) {
  const std::unique_ptr<std::shared_ptr<ThreadAlias>> owner(static_cast<std::shared_ptr<ThreadAlias>*>(hint));
  ThreadAlias& alias = **owner;
  // Threads that have said so are done already.
  if (alias.holds_.exchange(0) > 0) alias.bell_->Ring();
}

void ThreadAlias::Forgotten(void*, void* hint) {
  delete static_cast<std::shared_ptr<ThreadAlias>*>(hint);
}

Result ThreadAlias::Show(napi_env env, const std::shared_ptr<ThreadAlias>& alias,
                         napi_value* memory, napi_value* holds) {
  if (const Result result =
          CreateBuffer(env, &alias->holds_, sizeof(holds_), Forgotten, alias, holds);
      result < 0) {
    return result;
  }
  const auto& [offset, length] = alias->part_;
  return CreateBuffer(env, alias->pages_->address() + offset, length, Collected, alias, memory);
}

Result ThreadBell(napi_env env, Buffer buffer) {
  if (!IsPossible()) return -ENOSYS;
  const auto mapping = Environment::Of(env).FindMapping(buffer);
  if (mapping == nullptr) return -EINVAL;
  const auto& bell = mapping->bell();
  return bell == nullptr ? -errno : bell->fd();
}

napi_value CreateThreadAlias(napi_env env, Buffer buffer, std::int64_t offset,
                             std::int64_t byte_length, Buffer bell_of) {
  const auto attempt = [&](napi_value* memory, napi_value* holds) -> Result {
    if (!IsPossible()) return -ENOSYS;
    const auto mapping = Environment::Of(env).FindMapping(buffer);
    const auto rung = Environment::Of(env).FindMapping(bell_of);
    if (mapping == nullptr || rung == nullptr || !mapping->Contains(offset, byte_length)) {
      return -EINVAL;
    }
    const auto& bell = rung->bell();
    if (bell == nullptr) return -errno;
    const Part part{static_cast<std::size_t>(offset), static_cast<std::size_t>(byte_length)};
    return ThreadAlias::Show(env, mapping->ShareWithThreads(bell, part), memory, holds);
  };
  napi_value memory = nullptr;
  napi_value holds = nullptr;
  napi_value answer = nullptr;
  if (const Result result = attempt(&memory, &holds); result < 0) {
    napi_create_int64(env, result, &answer);
    return answer;
  }
  napi_create_object(env, &answer);
  napi_set_named_property(env, answer, "memory", memory);
  napi_set_named_property(env, answer, "holds", holds);
  return answer;
}

}  // namespace pageferry

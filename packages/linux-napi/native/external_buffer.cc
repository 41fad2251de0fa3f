#include "external_buffer.h"

#include <cerrno>
#include <utility>

#include "environment.h"

namespace pageferry {
namespace {

/// `buffer.transfer(length)` (ES2024): a new buffer with the memory of the old one, or null.
napi_value Transfer(napi_env env, napi_value buffer, std::size_t length) {
  const Napi::FunctionReference& transfer = Environment::Of(env).transfer();
  napi_value argument = nullptr;
  napi_value moved = nullptr;
  napi_create_int64(env, static_cast<std::int64_t>(length), &argument);
  if (napi_call_function(env, buffer, transfer.Value(), 1, &argument, &moved) == napi_ok) return moved;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  return nullptr;
}

}  // namespace

Result CreateExternalBuffer(napi_env env, void* start, std::size_t length,
                            std::shared_ptr<void> owner, napi_value* buffer) {
  using Holding = std::shared_ptr<void>;
  const napi_finalize finalize = [](napi_env, void*, void* hint) {
    delete static_cast<Holding*>(hint);
  };
  auto holding = std::make_unique<Holding>(std::move(owner));
  const napi_status status =
      napi_create_external_arraybuffer(env, start, length, finalize, holding.get(), buffer);
  // Nothing but this refusal is certain not to run the finalizer later: otherwise what is held is left
  // to it.
  if (status != napi_no_external_buffers_allowed) holding.release();
  if (status != napi_ok) {
    napi_value exception = nullptr;
    napi_get_and_clear_last_exception(env, &exception);
    return status == napi_no_external_buffers_allowed ? -EOPNOTSUPP : -ENOMEM;
  }
  // Node detaches the buffers that it has made when a thread ends, and from 24 on ends the process at
  // one that the program has marked as untransferable. It does not know a buffer that took over.
  if (Environment::Of(env).transfer().IsEmpty()) return 0;
  if (const napi_value moved = Transfer(env, *buffer, length); moved != nullptr) *buffer = moved;
  return 0;
}

Result DetachBuffer(napi_env env, napi_value buffer) {
  // Where Node has it, because napi_detach_arraybuffer ends the process if it may not.
  if (!Environment::Of(env).transfer().IsEmpty()) {
    return Transfer(env, buffer, 0) != nullptr ? 0 : -EBUSY;
  }
  return napi_detach_arraybuffer(env, buffer) == napi_ok ? 0 : -EBUSY;
}

}  // namespace pageferry

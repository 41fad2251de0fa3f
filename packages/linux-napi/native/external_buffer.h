#ifndef PAGEFERRY_EXTERNAL_BUFFER_H_
#define PAGEFERRY_EXTERNAL_BUFFER_H_

#include <node_api.h>

#include <cerrno>
#include <cstddef>
#include <memory>

#include "result.h"

namespace pageferry {

/// Makes an ArrayBuffer over memory that `owner` keeps. The runtime deletes the owner when nobody has
/// a use for the memory any more, which may be long after the buffer was detached.
/// -EOPNOTSUPP where the runtime allows no memory but its own.
template <typename Owner>
Result CreateExternalBuffer(napi_env env, void* start, std::size_t length,
                            std::unique_ptr<Owner> owner, napi_value* buffer) {
  const napi_finalize finalize = [](napi_env, void*, void* hint) {
    delete static_cast<Owner*>(hint);
  };
  const napi_status status =
      napi_create_external_arraybuffer(env, start, length, finalize, owner.get(), buffer);
  if (status == napi_ok) {
    owner.release();
    return 0;
  }
  // Nothing but this refusal is certain not to run the finalizer later: otherwise the owner is left
  // to it.
  if (status != napi_no_external_buffers_allowed) owner.release();
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env, &exception);
  return status == napi_no_external_buffers_allowed ? -EOPNOTSUPP : -ENOMEM;
}

}  // namespace pageferry

#endif  // PAGEFERRY_EXTERNAL_BUFFER_H_

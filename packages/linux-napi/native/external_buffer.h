#ifndef PAGEFERRY_EXTERNAL_BUFFER_H_
#define PAGEFERRY_EXTERNAL_BUFFER_H_

#include <node_api.h>

#include <cstddef>
#include <memory>

#include "result.h"

namespace pageferry {

/// Makes an ArrayBuffer over memory that `owner` keeps. The owner is let go when nobody has a use for
/// the buffer's memory any more, which may be long after the buffer was detached. -EOPNOTSUPP where the
/// runtime allows no memory but its own.
Result CreateExternalBuffer(napi_env env, void* start, std::size_t length,
                            std::shared_ptr<void> owner, napi_value* buffer);

/// Takes the memory away from an ArrayBuffer that has some. -EBUSY if the program forbids it.
Result DetachBuffer(napi_env env, napi_value buffer);

}  // namespace pageferry

#endif  // PAGEFERRY_EXTERNAL_BUFFER_H_

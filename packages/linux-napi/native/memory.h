#ifndef PAGEFERRY_MEMORY_H_
#define PAGEFERRY_MEMORY_H_

#include <node_api.h>

#include <optional>

#include "arguments.h"
#include "result.h"

namespace pageferry {

/// Longer than any name that the kernel takes, so that the kernel is the one to refuse.
using MemoryName = Text<255>;

Result PageSize();
Result MemfdCreate(MemoryName name, int flags);
Result GetSeals(int fd);
Result AddSeals(int fd, int seals);
napi_value Map(napi_env env, std::int64_t byte_length, int protection, int flags, int fd,
               std::int64_t offset, std::optional<std::int64_t> shown);
Result Unmap(napi_env env, Buffer buffer, std::optional<Float64s> kept);
Result UnmapLater(napi_env env, Buffer buffer);
Result Remap(napi_env env, Buffer buffer, std::int64_t byte_length, int protection, int flags,
             int fd);
Result Advise(napi_env env, Buffer buffer, std::int64_t offset, std::int64_t length, int advice);
napi_value AddressOf(napi_env env, Buffer buffer);

}  // namespace pageferry

#endif  // PAGEFERRY_MEMORY_H_

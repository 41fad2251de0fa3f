#ifndef PAGEFERRY_FILES_H_
#define PAGEFERRY_FILES_H_

#include "arguments.h"
#include "result.h"

namespace pageferry {

Result Read(int fd, Bytes bytes);
Result ReadWithFlags(int fd, Bytes bytes, int flags);
Result Write(int fd, Bytes bytes);
Result Seek(int fd, std::int64_t position, int whence);
Result Close(napi_env env, int fd);
Result Duplicate(int fd, int minimum);
Result GetStatusFlags(int fd);
Result SetStatusFlags(int fd, int flags);
Result Stat(int fd, BigInt64s status);
Result ChangeMode(int fd, int mode);
Result Lock(int fd, int operation);
Result Truncate(int fd, std::int64_t byte_length);
Result Allocate(int fd, int mode, std::int64_t offset, std::int64_t byte_length);

}  // namespace pageferry

#endif  // PAGEFERRY_FILES_H_

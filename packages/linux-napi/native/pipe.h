#ifndef PAGEFERRY_PIPE_H_
#define PAGEFERRY_PIPE_H_

#include "arguments.h"
#include "result.h"

namespace pageferry {

Result Pipe2(Int32s descriptors, int flags);
Result Vmsplice(int fd, Bytes bytes, int flags);
Result Splice(int from_fd, int to_fd, std::int64_t length, int flags);
Result Tee(int from_fd, int to_fd, std::int64_t length, int flags);
Result GetPipeSize(int fd);
Result SetPipeSize(int fd, std::int64_t byte_length);

}  // namespace pageferry

#endif  // PAGEFERRY_PIPE_H_

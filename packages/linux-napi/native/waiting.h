#ifndef PAGEFERRY_WAITING_H_
#define PAGEFERRY_WAITING_H_

#include "arguments.h"
#include "result.h"

namespace pageferry {

Result SchedYield();
Result Poll(int fd, int events, int timeout);
Result PollMany(Int32s entries, int count, int timeout);
Result EventFd(std::int64_t initial_value, int flags);
Result PidFdOpen(int pid, int flags);
Result MemoryBarrier(int command, int flags);

}  // namespace pageferry

#endif  // PAGEFERRY_WAITING_H_

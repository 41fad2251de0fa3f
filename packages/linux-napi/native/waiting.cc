#include "waiting.h"

#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bit>
#include <climits>
#include <cstddef>
#include <cstdint>

namespace pageferry {

Result SchedYield() {
  return Once([] { return sched_yield(); });
}

Result Poll(int fd, int events, int timeout) {
  pollfd entry{fd, static_cast<short>(events), 0};
  const auto call = [&] { return poll(&entry, 1, timeout); };
  // Repeating would start the time over. Without waiting, or without a limit, there is none to lose.
  const Result result = timeout > 0 ? Once(call) : Repeat(call);
  return result > 0 ? static_cast<Result>(static_cast<unsigned short>(entry.revents)) : result;
}

Result PollMany(Int32s entries, int count, int timeout) {
  static_assert(sizeof(pollfd) == 2 * sizeof(std::int32_t) && alignof(pollfd) == alignof(int));
  static_assert(offsetof(pollfd, events) == 4 && std::endian::native == std::endian::little,
                "a record's second word is `events | revents << 16`");
  if (count < 0) return -EINVAL;
  const auto length = static_cast<std::size_t>(count);
  if (length > entries.length / 2) return -EFAULT;
  auto* const records = reinterpret_cast<pollfd*>(entries.data);
  const auto call = [&] { return poll(records, length, timeout); };
  return timeout == 0 ? Repeat(call) : Once(call);
}

Result EventFd(std::int64_t initial_value, int flags) {
  if (initial_value < 0 || initial_value > UINT_MAX) return -EINVAL;
  const auto value = static_cast<unsigned>(initial_value);
  return Repeat([&] { return eventfd(value, flags | EFD_CLOEXEC); });
}

Result PidFdOpen(int pid, int flags) {
  // Neither older C libraries nor their headers know of it. The number is the same on every processor.
  constexpr long kPidFdOpen = 434;
  return Repeat([&] { return syscall(kPidFdOpen, pid, flags); });
}

Result MemoryBarrier(int command, int flags) {
  // No C library has a function for it. The third argument is for commands that name a processor.
  return Repeat([&] { return syscall(SYS_membarrier, command, flags, 0); });
}

}  // namespace pageferry

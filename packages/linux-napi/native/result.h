#ifndef PAGEFERRY_RESULT_H_
#define PAGEFERRY_RESULT_H_

#include <cerrno>
#include <cstdint>

namespace pageferry {

/// What a system call answers: not negative, or `-errno`.
using Result = std::int64_t;

/// Makes a system call once. For the calls that an interruption must end: poll that waits for a limited
/// time, and close, after which the descriptor is gone even if it was interrupted.
template <typename SystemCall>
Result Once(SystemCall call) {
  const auto answer = call();
  return answer == -1 ? -errno : static_cast<Result>(answer);
}

/// Makes a system call, and makes it again whenever a signal has interrupted it.
template <typename SystemCall>
Result Repeat(SystemCall call) {
  for (;;) {
    const Result result = Once(call);
    if (result != -EINTR) return result;
  }
}

}  // namespace pageferry

#endif  // PAGEFERRY_RESULT_H_

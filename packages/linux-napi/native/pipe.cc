#include "pipe.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <climits>

namespace pageferry {

Result Pipe2(Int32s descriptors, int flags) {
  if (descriptors.length < 2) return -EFAULT;
  return Repeat([&] { return pipe2(descriptors.data, flags | O_CLOEXEC); });
}

Result Vmsplice(int fd, Bytes bytes, int flags) {
  const iovec vector{bytes.data, bytes.length};
  return Repeat([&] { return vmsplice(fd, &vector, 1, static_cast<unsigned>(flags)); });
}

Result Splice(int from_fd, int to_fd, std::int64_t length, int flags) {
  if (length < 0) return -EINVAL;
  const auto count = static_cast<std::size_t>(length);
  const auto bits = static_cast<unsigned>(flags);
  return Repeat([&] { return splice(from_fd, nullptr, to_fd, nullptr, count, bits); });
}

Result Tee(int from_fd, int to_fd, std::int64_t length, int flags) {
  if (length < 0) return -EINVAL;
  const auto count = static_cast<std::size_t>(length);
  return Repeat([&] { return tee(from_fd, to_fd, count, static_cast<unsigned>(flags)); });
}

Result GetPipeSize(int fd) {
  return Repeat([&] { return fcntl(fd, F_GETPIPE_SZ); });
}

Result SetPipeSize(int fd, std::int64_t byte_length) {
  // fcntl takes an int: a larger number must not wrap around to a small one.
  if (byte_length < 0 || byte_length > INT_MAX) return -EINVAL;
  return Repeat([&] { return fcntl(fd, F_SETPIPE_SZ, static_cast<int>(byte_length)); });
}

}  // namespace pageferry

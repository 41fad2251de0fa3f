#include "files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "environment.h"

namespace pageferry {

static_assert(sizeof(off_t) == 8, "positions are 64 bits wide");

Result Read(int fd, Bytes bytes) {
  return Repeat([&] { return read(fd, bytes.data, bytes.length); });
}

Result ReadWithFlags(int fd, Bytes bytes, int flags) {
  static_assert(sizeof(long) == 8, "the kernel takes a whole position from the first of two words");
  // Older musl has no function for it. A position of -1 is the file's own.
  const iovec vector{bytes.data, bytes.length};
  return Repeat([&] { return syscall(SYS_preadv2, fd, &vector, 1L, -1L, -1L, flags); });
}

Result Write(int fd, Bytes bytes) {
  return Repeat([&] { return write(fd, bytes.data, bytes.length); });
}

Result Seek(int fd, std::int64_t position, int whence) {
  return Repeat([&] { return lseek(fd, position, whence); });
}

Result Close(napi_env env, int fd) {
  Environment& environment = Environment::Of(env);
  environment.polls().Forget(fd);
  environment.descriptors().Remove(fd);
  return Once([&] { return close(fd); });
}

Result Duplicate(int fd, int minimum) {
  return Repeat([&] { return fcntl(fd, F_DUPFD_CLOEXEC, minimum); });
}

Result GetStatusFlags(int fd) {
  return Repeat([&] { return fcntl(fd, F_GETFL); });
}

Result SetStatusFlags(int fd, int flags) {
  return Repeat([&] { return fcntl(fd, F_SETFL, flags); });
}

Result Stat(int fd, BigInt64s status) {
  if (status.length < 6) return -EFAULT;
  struct stat fields{};
  const Result result = Repeat([&] { return fstat(fd, &fields); });
  if (result < 0) return result;
  status.data[0] = static_cast<std::int64_t>(fields.st_dev);
  status.data[1] = static_cast<std::int64_t>(fields.st_ino);
  status.data[2] = fields.st_mode;
  status.data[3] = fields.st_size;
  status.data[4] = fields.st_blksize;
  status.data[5] = static_cast<std::int64_t>(fields.st_rdev);
  return 0;
}

Result ChangeMode(int fd, int mode) {
  return Repeat([&] { return fchmod(fd, static_cast<mode_t>(mode)); });
}

Result Lock(int fd, int operation) {
  return Repeat([&] { return flock(fd, operation); });
}

Result Truncate(int fd, std::int64_t byte_length) {
  return Repeat([&] { return ftruncate(fd, byte_length); });
}

Result Allocate(int fd, int mode, std::int64_t offset, std::int64_t byte_length) {
  return Repeat([&] { return fallocate(fd, mode, offset, byte_length); });
}

}  // namespace pageferry

#include "bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace pageferry {

std::shared_ptr<Bell> Bell::Create() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return fd < 0 ? nullptr : std::shared_ptr<Bell>(new Bell(fd));
}

Bell::~Bell() { close(fd_); }

void Bell::Ring() const {
  const std::uint64_t one = 1;
  // One that was rung 2^64 - 2 times takes no more, and is heard all the same.
  Repeat([&] { return write(fd_, &one, sizeof(one)); });
}

}  // namespace pageferry

#include "sockets.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace pageferry {
namespace {

// SCM_MAX_FD, the kernel's limit for both directions.
constexpr std::size_t kMaxDescriptorsPerMessage = 253;

struct UnixAddress {
  sockaddr_un address{};
  socklen_t length = 0;
};

/// Fills in an address; -errno for a path that cannot be one.
Result ToAddress(const SocketPath& path, UnixAddress& result) {
  if (!path.Fits()) return -ENAMETOOLONG;
  // A leading NUL would name an abstract socket, and so would no character at all.
  if (path.length == 0 || path.HasNul()) return -EINVAL;
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path, path.characters.data(), path.length);
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.length + 1);
  return 0;
}

/// Fills in an abstract address: a NUL, and the name up to the length of the address. -errno for a name
/// that cannot be one.
Result ToAbstractAddress(const SocketPath& name, UnixAddress& result) {
  if (!name.Fits()) return -ENAMETOOLONG;
  if (name.length == 0) return -EINVAL;
  result.address.sun_family = AF_UNIX;
  std::memcpy(result.address.sun_path + 1, name.characters.data(), name.length);
  result.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.length);
  return 0;
}

const sockaddr* Generic(const UnixAddress& address) {
  return reinterpret_cast<const sockaddr*>(&address.address);
}

/// Room for the control messages of one message, aligned as cmsg(3) asks for. (A `cmsghdr` in a union
/// would do that, too, but it ends in an array without a length, which clang lets no lambda refer to.)
template <std::size_t kLength>
struct ControlRoom {
  alignas(cmsghdr) unsigned char bytes[kLength];
};

/// The lengths of control messages: `size_t` with glibc, `socklen_t` with musl.
using ControlLength = decltype(msghdr::msg_controllen);
using ControlMessageLength = decltype(cmsghdr::cmsg_len);

/// The control message after this one, or null.
cmsghdr* NextControlMessage(msghdr& message, cmsghdr* header) {
  // The macro of musl compares a length with a sign and one without.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
  return CMSG_NXTHDR(&message, header);
#pragma GCC diagnostic pop
}

/// Hands over as many of the received descriptors as there is room for, and closes the others.
/// Returns true if it had to close some.
bool TakeDescriptors(const cmsghdr& header, Int32s descriptors, std::size_t& taken) {
  const std::size_t count = (header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  bool closed = false;
  for (std::size_t index = 0; index < count; ++index) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&header) + index * sizeof(int), sizeof(int));
    if (taken < descriptors.length) {
      descriptors.data[taken++] = fd;
    } else {
      close(fd);
      closed = true;
    }
  }
  return closed;
}

}  // namespace

Result Socket(int domain, int type, int protocol) {
  return Repeat([&] { return socket(domain, type | SOCK_CLOEXEC, protocol); });
}

Result SocketPair(int domain, int type, int protocol, Int32s descriptors) {
  if (descriptors.length < 2) return -EFAULT;
  return Repeat([&] { return socketpair(domain, type | SOCK_CLOEXEC, protocol, descriptors.data); });
}

Result BindUnix(int fd, SocketPath path) {
  UnixAddress address;
  if (const Result failure = ToAddress(path, address); failure < 0) return failure;
  return Repeat([&] { return bind(fd, Generic(address), address.length); });
}

Result ConnectUnix(int fd, SocketPath path) {
  UnixAddress address;
  if (const Result failure = ToAddress(path, address); failure < 0) return failure;
  return Repeat([&] { return connect(fd, Generic(address), address.length); });
}

Result BindAbstract(int fd, SocketPath name) {
  UnixAddress address;
  if (const Result failure = ToAbstractAddress(name, address); failure < 0) return failure;
  return Repeat([&] { return bind(fd, Generic(address), address.length); });
}

Result ConnectAbstract(int fd, SocketPath name) {
  UnixAddress address;
  if (const Result failure = ToAbstractAddress(name, address); failure < 0) return failure;
  return Repeat([&] { return connect(fd, Generic(address), address.length); });
}

Result Listen(int fd, int backlog) {
  return Repeat([&] { return listen(fd, backlog); });
}

Result Accept(int fd, int flags) {
  return Repeat([&] { return accept4(fd, nullptr, nullptr, flags | SOCK_CLOEXEC); });
}

Result Shutdown(int fd, int how) {
  return Repeat([&] { return shutdown(fd, how); });
}

Result GetSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  const Result result =
      Repeat([&] { return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length); });
  return result < 0 ? result : error;
}

Result GetSocketType(int fd) {
  int type = 0;
  socklen_t length = sizeof type;
  const Result result =
      Repeat([&] { return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length); });
  return result < 0 ? result : type;
}

Result GetPeerCredentials(int fd, Int32s credentials) {
  if (credentials.length < 3) return -EFAULT;
  ucred peer{};
  socklen_t length = sizeof peer;
  const Result result =
      Repeat([&] { return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length); });
  if (result < 0) return result;
  credentials.data[0] = peer.pid;
  credentials.data[1] = static_cast<std::int32_t>(peer.uid);
  credentials.data[2] = static_cast<std::int32_t>(peer.gid);
  return 0;
}

Result SetPassCredentials(int fd, bool on) {
  const int value = on ? 1 : 0;
  return Repeat([&] { return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &value, sizeof value); });
}

Result SendMessage(int fd, Bytes bytes, Int32s descriptors, int descriptor_count, int flags) {
  if (descriptor_count < 0) return -EINVAL;
  const auto count = static_cast<std::size_t>(descriptor_count);
  if (count > kMaxDescriptorsPerMessage) return -EINVAL;
  if (count > descriptors.length) return -EFAULT;
  // A stream socket would drop descriptors that travel without a byte, and report success.
  if (count > 0 && bytes.length == 0) return -EINVAL;

  iovec vector{bytes.data, bytes.length};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  ControlRoom<CMSG_SPACE(kMaxDescriptorsPerMessage * sizeof(int))> control{};
  if (count > 0) {
    message.msg_control = control.bytes;
    message.msg_controllen = static_cast<ControlLength>(CMSG_SPACE(count * sizeof(int)));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = static_cast<ControlMessageLength>(CMSG_LEN(count * sizeof(int)));
    std::memcpy(CMSG_DATA(header), descriptors.data, count * sizeof(int));
  }
  return Repeat([&] { return sendmsg(fd, &message, flags | MSG_NOSIGNAL); });
}

Result ReceiveMessage(int fd, Bytes bytes, Int32s descriptors, Int32s info, int flags) {
  if (info.length < 5) return -EFAULT;
  iovec vector{bytes.data, bytes.length};
  ControlRoom<CMSG_SPACE(kMaxDescriptorsPerMessage * sizeof(int)) + CMSG_SPACE(sizeof(ucred))>
      control;
  msghdr message{};
  const Result received = Repeat([&] {
    message = {};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    return recvmsg(fd, &message, flags | MSG_CMSG_CLOEXEC);
  });
  if (received < 0) return received;

  std::size_t taken = 0;
  ucred sender{};
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = NextControlMessage(message, header)) {
    if (header->cmsg_level != SOL_SOCKET) continue;
    if (header->cmsg_type == SCM_RIGHTS) {
      // To the caller it is all one whether the kernel's room or the caller's was too small.
      if (TakeDescriptors(*header, descriptors, taken)) message.msg_flags |= MSG_CTRUNC;
    } else if (header->cmsg_type == SCM_CREDENTIALS) {
      std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
    }
  }
  info.data[0] = static_cast<std::int32_t>(taken);
  info.data[1] = message.msg_flags;
  info.data[2] = sender.pid;
  info.data[3] = static_cast<std::int32_t>(sender.uid);
  info.data[4] = static_cast<std::int32_t>(sender.gid);
  return received;
}

}  // namespace pageferry

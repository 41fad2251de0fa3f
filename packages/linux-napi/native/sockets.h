#ifndef PAGEFERRY_SOCKETS_H_
#define PAGEFERRY_SOCKETS_H_

#include "arguments.h"
#include "result.h"

namespace pageferry {

/// A path, or an abstract name, that fits into a Unix socket address, unix(7).
using SocketPath = Text<107>;

Result Socket(int domain, int type, int protocol);
Result SocketPair(int domain, int type, int protocol, Int32s descriptors);
Result BindUnix(int fd, SocketPath path);
Result ConnectUnix(int fd, SocketPath path);
Result BindAbstract(int fd, SocketPath name);
Result ConnectAbstract(int fd, SocketPath name);
Result Listen(int fd, int backlog);
Result Accept(int fd, int flags);
Result Shutdown(int fd, int how);
Result GetSocketError(int fd);
Result GetSocketType(int fd);
Result GetPeerCredentials(int fd, Int32s credentials);
Result SetPassCredentials(int fd, bool on);
Result SendMessage(int fd, Bytes bytes, Int32s descriptors, int descriptor_count, int flags);
Result ReceiveMessage(int fd, Bytes bytes, Int32s descriptors, Int32s info, int flags);

}  // namespace pageferry

#endif  // PAGEFERRY_SOCKETS_H_

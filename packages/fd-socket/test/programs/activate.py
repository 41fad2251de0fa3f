"""As systemd does: listens at argv[1], and becomes argv[2:] with the socket as descriptor 3 and a pipe as 4."""
import os
import socket
import sys

server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen()
read_end, write_end = os.pipe()
os.write(write_end, b'piped')
high = [os.dup2(fd, at) for fd, at in ((server.fileno(), 40), (read_end, 41))]
for at, fd in enumerate(high):
    os.dup2(fd, 3 + at)
os.closerange(5, 64)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='2', LISTEN_FDNAMES='requests:')
os.execv(sys.argv[2], sys.argv[2:])

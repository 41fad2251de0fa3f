"""Listens at argv[1]; what arrives with a descriptor goes back with the same one, and twice."""
import os
import socket
import sys

with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
    server.bind(sys.argv[1])
    server.listen()
    print('listening', flush=True)
    connection, _ = server.accept()
    with connection:
        data, fds, _, _ = socket.recv_fds(connection, 64, 4)
        socket.send_fds(connection, [data], fds + fds)
        for fd in fds:
            os.close(fd)
        assert connection.recv(1) == b''

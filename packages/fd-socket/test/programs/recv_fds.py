"""Connects to argv[1], receives one descriptor, writes to it, and sends one of its own back."""
import os
import socket
import sys

kind = socket.SOCK_SEQPACKET if sys.argv[2] == 'seqpacket' else socket.SOCK_STREAM
with socket.socket(socket.AF_UNIX, kind) as connection:
    connection.connect('\0' + sys.argv[1][1:] if sys.argv[1][0] == '@' else sys.argv[1])
    data, fds, flags, _ = socket.recv_fds(connection, 64, 4)
    assert data == b'two ends' and len(fds) == 2, (data, fds)
    os.write(fds[1], b'written by Python')
    for fd in fds:
        os.close(fd)
    read_end, write_end = os.pipe()
    socket.send_fds(connection, [b'and back'], [read_end])
    os.close(read_end)
    os.write(write_end, b'sent by Python')
    os.close(write_end)
    # Until the other side ends.
    assert connection.recv(1) == b''

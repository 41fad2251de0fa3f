#!/usr/bin/env python3
"""A receiver for Pageferry's shared-memory transport, in Python alone.

    python3 receiver.py /run/user/1000/frames.sock

Prints number, length and SHA-256 of each message, read where the sender has written it. It follows
docs/shared-memory-layout.md and nothing else; the sections named below are that document's.

Only for x86-64 (section "Memory ordering" says why), and only for CPython.
"""

import errno
import fcntl
import hashlib
import mmap
import os
import platform
import select
import socket
import stat
import struct
import sys
import threading
import time

# Handshake
MAGIC = b"PAGEFRRY"
VERSION = 2
MECHANISM = b"shared-mmap"
HELLO, WELCOME, REFUSAL = 1, 2, 3
REFUSALS = {
    1: "speaks another version of the protocol",
    2: "uses another transport",
    3: "does not talk to this user",
    4: "has as many receivers as it can serve",
}
HEAD = struct.Struct("<8sHHI32s")
POLICY_WAIT = 0
QUEUE_DEPTH = 1024

# Control memory, in 32-bit words
CONTROL_MAGIC = 0x59464750
FINISHED, MEMORIES_PASSED, CUT_OFF, RING_IS_LIMITED, RING_LIMIT = 34, 35, 36, 38, 39
RETURNED, CURSOR, MEMORIES_HEARD = 64, 65, 66
SENDER_PARKED = 96
WAITS_FOR_RETURNS = 1
FIRST_ENTRY = 1024
DELIVERY_WORDS, RETURN_WORDS = 8, 2
MAX_CAPACITY = 65536

# The ring
RING_MAGIC = 0x47524750
PUBLISHED = 32
FIRST_RING_ENTRY = 1024
KEPT = 0xFFFFFFFF

# Payload
PLACE_UNIT = 64
OWN_MEMORY = 1 << 30
MEMORY_MAGIC = 0x4D4D4750
MAX_WAITING = 64

SIZE_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
MASK = 0xFFFFFFFF


class Misbehaved(Exception):
    """The sender breaks the protocol."""


class WasCutOff(Exception):
    """The sender lives, and has given this receiver up."""


class SenderDied(Exception):
    """The sender ended without an orderly close."""


_fence = threading.Lock()


def fence():
    """Everything stored before is seen by everybody before anything is loaded afterwards.

    Taking a lock that nobody holds is a locked instruction, and with that a full barrier on x86-64.
    """
    with _fence:
        pass


def check(holds, what):
    if not holds:
        raise Misbehaved(what)


def check_sealed(fd, seals, name):
    """Length of a memfd in bytes. Unsealed, the sender could truncate it: SIGBUS here."""
    try:
        found = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError:
        found = 0
    check(found & seals == seals, f"the {name} is not sealed")
    return os.fstat(fd).st_size


class Message:
    """One message. `bytes` is a read-only view of the sender's memory, until `release`."""

    def __init__(self, receiver, sequence, slot_id, view, own):
        self.sequence = sequence
        self.bytes = view
        self._receiver = receiver
        self._slot_id = slot_id
        self._own = own

    def release(self):
        """Gives the memory back. In any order, but once for each message."""
        self.bytes.release()
        if self._own is not None:
            self._own.close()
        self._receiver._give_back(self._slot_id, self.sequence)


class Receiver:
    """Connects to the sender at a path, or at `fd:N`, an inherited socket."""

    def __init__(self, endpoint):
        self._socket = connect(endpoint)
        control, self._sender_bell, self._own_bell, payload, ring, self._next = shake_hands(
            self._socket
        )
        self._socket.setblocking(False)

        length = check_sealed(control, SIZE_SEALS, "control memory")
        check(length >= FIRST_ENTRY * 4, "the control memory is too short")
        self._words = memoryview(mmap.mmap(control, length)).cast("I")
        magic, version, capacity, page_size, self._parked = self._words[:5]
        check(magic == CONTROL_MAGIC, "the control memory has no magic")
        check(version == VERSION, "the control memory has another version")
        check(0 < capacity <= MAX_CAPACITY and capacity & (capacity - 1) == 0, "no power of two")
        expected = (FIRST_ENTRY + capacity * (DELIVERY_WORDS + 2 * RETURN_WORDS)) * 4
        check(length == expected, "the control memory contradicts its size")
        check(page_size == mmap.PAGESIZE, "the control memory has another page size")
        check(128 <= self._parked < 1024, "the control memory has no place to say who sleeps")
        self._returns = 2 * capacity
        self._first_return = FIRST_ENTRY + capacity * DELIVERY_WORDS

        for bell in (self._sender_bell, self._own_bell):
            check(stat.S_IFMT(os.fstat(bell).st_mode) == 0, "a doorbell is something else")
        length = check_sealed(payload, SIZE_SEALS, "payload memory")
        self._payload = memoryview(mmap.mmap(payload, length, prot=mmap.PROT_READ))
        length = check_sealed(ring, SIZE_SEALS, "ring")
        check(length >= FIRST_RING_ENTRY * 4, "the ring is too short")
        self._ring = memoryview(mmap.mmap(ring, length, prot=mmap.PROT_READ)).cast("I")
        magic, version, capacity = self._ring[:3]
        check(magic == RING_MAGIC, "the ring has no magic")
        check(version == VERSION, "the ring has another version")
        check(0 < capacity <= MAX_CAPACITY and capacity & (capacity - 1) == 0, "no power of two")
        expected = (FIRST_RING_ENTRY + capacity * DELIVERY_WORDS) * 4
        check(length == expected, "the ring contradicts its size")
        self._capacity = capacity
        for fd in (control, payload, ring):
            os.close(fd)  # The mappings stay.

        self._cursor = self._next
        self._returned = 0
        self._memories = {}
        self._heard = 0
        self._gone = False
        self._poll = select.poll()
        self._poll.register(self._own_bell, select.POLLIN)
        self._poll.register(self._socket, select.POLLIN)
        self._may_ring = select.poll()
        self._may_ring.register(self._sender_bell, select.POLLOUT)

    def __iter__(self):
        """Messages, until the sender closes. Raises SenderDied if it ends without."""
        while True:
            # Looked at before the counter: what was published before the end is still to be taken.
            finished = self._words[FINISHED] == 1
            gone = self._gone
            available = self._available()
            # Looked at after the counter: what comes after the cut is not kept for this receiver.
            if self._words[CUT_OFF] in (1, 2):
                raise WasCutOff("the sender lives, and has cut this receiver off")
            check(available <= self._capacity, "its queue overflows")
            if available > 0:
                yield self._take()
            elif finished:
                return
            elif gone:
                raise SenderDied("the sender ended without an orderly close")
            else:
                self._park()

    def _available(self):
        """How many messages wait, or may be read by now."""
        available = (self._ring[PUBLISHED] - self._next) & MASK
        if self._words[RING_IS_LIMITED] == 1:
            return min(available, (self._words[RING_LIMIT] - self._next) & MASK)
        return available

    def _take(self):
        at = FIRST_RING_ENTRY + (self._next & (self._capacity - 1)) * DELIVERY_WORDS
        length, place, slot_id = self._ring[at : at + 3]
        # Last: it is written first when the place gets another message.
        low = self._ring[at + 3]
        if low != self._next & MASK and self._words[CUT_OFF] in (1, 2):
            raise WasCutOff("the sender lives, and has cut this receiver off")
        check(low == self._next & MASK, "its messages are out of order")
        check(slot_id >> 31 == 0, "a message names no slot")
        sequence = self._next
        self._next += 1
        if slot_id & OWN_MEMORY:
            own = self._open_own(low, length)
            view = memoryview(own)[:length]
            return Message(self, sequence, slot_id, view, own)
        offset = place * PLACE_UNIT
        check(offset + length <= len(self._payload), "a message reaches beyond its memory")
        return Message(self, sequence, slot_id, self._payload[offset : offset + length], None)

    def _open_own(self, tag, length):
        # It was passed before the message was published: it is here, or in the socket.
        # If more were passed with this number, the last one is meant.
        while tag not in self._memories or self._heard != self._words[MEMORIES_PASSED]:
            check(self._hear(), "the memory of a message was not passed")
        fd = self._memories.pop(tag)
        try:
            seals = SIZE_SEALS | fcntl.F_SEAL_WRITE
            size = check_sealed(fd, seals, "memory of a message")
            check(length <= size, "a message is longer than its memory")
            return mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
        finally:
            os.close(fd)

    def _hear(self):
        """Takes one record from the socket. False if there is none, or the sender is gone."""
        try:
            record, fds, _, _ = socket.recv_fds(self._socket, 9, 2, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            record, fds = b"", []
        if not record and not fds:
            self._gone = True
            self._poll.unregister(self._socket)
            return False
        check(len(record) == 8 and len(fds) == 1, "it says what it should not")
        magic, tag = struct.unpack("<II", record)
        check(magic == MEMORY_MAGIC, "it says what it should not")
        check(len(self._memories) < MAX_WAITING, "it passes memory without end")
        if tag in self._memories:  # That was passed for a message which was not sent after all.
            os.close(self._memories[tag])
        self._memories[tag] = fds[0]
        self._heard = (self._heard + 1) & MASK
        self._words[MEMORIES_HEARD] = self._heard
        return True

    def _park(self):
        self._words[self._parked] = 1
        fence()
        if self._available() != 0 or self._words[FINISHED] == 1:
            return
        for fd, _ in self._poll.poll():
            if fd == self._own_bell:
                os.read(fd, 8)
            else:
                self._hear()

    def _give_back(self, slot_id, sequence):
        words = self._words
        if sequence < self._cursor:
            self._say(slot_id, sequence)
        else:
            # Those before it are kept. Said first: whoever sees the cursor has to see it.
            for kept in range(self._cursor, sequence):
                self._say(KEPT, kept)
            self._cursor = sequence + 1
            words[CURSOR] = self._cursor & MASK
        fence()
        if words[SENDER_PARKED] & WAITS_FOR_RETURNS:
            words[SENDER_PARKED] = 0
            fence()
            if self._may_ring.poll(0):
                os.write(self._sender_bell, struct.pack("=Q", 1))

    def _say(self, slot_id, sequence):
        """Puts an entry into the return queue."""
        words = self._words
        at = self._first_return + (self._returned & (self._returns - 1)) * RETURN_WORDS
        words[at] = slot_id
        words[at + 1] = sequence & MASK
        self._returned = (self._returned + 1) & MASK
        words[RETURNED] = self._returned



def connect(endpoint):
    """Waits for the endpoint to appear, and connects to it."""
    if endpoint.startswith("fd:"):
        connection = socket.socket(fileno=int(endpoint[3:]))
        connection.setblocking(True)  # Whoever made the pair may have it otherwise.
        return connection
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(endpoint)
            return connection
        except OSError as error:
            connection.close()
            if error.errno not in (errno.ENOENT, errno.ECONNREFUSED, errno.EAGAIN):
                raise
        time.sleep(0.01)


def shake_hands(connection):
    """Says hello. Returns the five descriptors of the welcome, and the first message's number."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    _, uid, _ = struct.unpack("=3I", credentials)
    if uid != os.geteuid():
        raise PermissionError("the sender is of another user")
    parameters = struct.pack("<II", POLICY_WAIT, QUEUE_DEPTH)
    connection.send(HEAD.pack(MAGIC, VERSION, HELLO, 0, MECHANISM) + parameters)
    answer, fds, flags, _ = socket.recv_fds(connection, 256, 16, socket.MSG_CMSG_CLOEXEC)
    if not answer:
        raise SenderDied("the sender left during the handshake")
    check(len(answer) >= 16 and answer[:8] == MAGIC, "it does not speak Pageferry")
    version, kind, reason = struct.unpack_from("<HHI", answer, 8)
    check(version == VERSION, f"it speaks version {version}, this receiver version {VERSION}")
    if kind == REFUSAL:
        raise PermissionError(f"the sender {REFUSALS.get(reason, 'could not set up the connection')}")
    check(kind == WELCOME and len(fds) == 5, "it broke the handshake")
    check(flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC) == 0, "its welcome was cut off")
    low, high = struct.unpack_from("<II", answer.ljust(56, b"\0"), 48)
    check(high << 32 | low <= 1 << 52, "its messages have too large numbers")
    return (*fds, high << 32 | low)


def main():
    if platform.machine() != "x86_64":
        sys.exit("receiver.py: plain loads and stores are in order on x86-64 alone")
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} ENDPOINT")
    try:
        for message in Receiver(sys.argv[1]):
            digest = hashlib.sha256(message.bytes).hexdigest()
            print(message.sequence, len(message.bytes), digest, flush=True)
            message.release()
    except (Misbehaved, WasCutOff, SenderDied, OSError) as error:
        sys.exit(f"receiver.py: {error}")
    print("end", flush=True)


if __name__ == "__main__":
    main()

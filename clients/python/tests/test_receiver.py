"""Receivers, of senders in Node."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import threading

import numpy as np
import pytest
from conftest import Start, content

from pageferry import (
    Closed,
    InvalidArgument,
    MessageReleased,
    NotSupported,
    PeerDied,
    Receiver,
    SystemCallFailed,
    TimedOut,
    TransportMismatch,
)

MIB = 1 << 20
LENGTHS = [0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000, 3 * MIB]

SENDS_LENGTHS = """
const sender = await sharedMmap.createSender({ endpoint, poolBytes: 16 * 2 ** 20 });
await sender.waitForReceivers();
for (const [number, length] of JSON.parse(args[0]).entries()) {
  await sender.send(content(number, length), { tag: number + 7 });
  if (args[1] !== undefined) await sender.flush();
}
await sender.close();
"""

SENDS_WHAT_IT_HEARS = """
const sender = await sharedMmap.createSender({ endpoint, poolBytes: 2 ** 20 });
let number = 0;
for (let length = await heard(); length !== undefined; length = await heard()) {
  if (length === 'stats') {
    await new Promise(setImmediate);
    say([sender.stats().bytesOut > 0, sender.receivers.length]);
    continue;
  }
  if (length === 'flush') { await sender.flush(); say('flushed'); continue; }
  if (length === 'destroy') { await sender.destroy(); process.exit(); }
  await sender.send(content(number++, length));
}
await sender.close();
"""


@pytest.mark.parametrize("policy", ["wait", "drop-newest", "drop-oldest"])
def test_every_message_whole_and_in_order(endpoint: str, node: Start, policy: str) -> None:
    peer = node(SENDS_LENGTHS, LENGTHS, *([] if policy == "wait" else ["flush"]))
    with Receiver(endpoint, policy=policy) as receiver:  # type: ignore[arg-type]
        for number, message in enumerate(receiver):
            assert (message.number, message.tag, len(message)) == (number, number + 7, LENGTHS[number])
            assert bytes(message) == content(number, LENGTHS[number]).tobytes()
        assert number == len(LENGTHS) - 1
        assert receiver.dropped == 0
        assert receiver.receive() is None
    peer.end()


def test_many_small_messages(endpoint: str, node: Start) -> None:
    node("""
      const sender = await sharedMmap.createSender({ endpoint });
      await sender.waitForReceivers();
      for (let number = 0; number < 50_000; number++) await sender.send(Buffer.from([number, number >> 8]));
      await sender.close();
    """)
    with Receiver(endpoint) as receiver:
        numbers = [int(np.frombuffer(message, "<u2")[0]) for message in receiver]
    assert numbers == [number % 65536 for number in range(50_000)]


def test_an_array_is_read_only_and_in_the_memory_of_the_sender(endpoint: str, node: Start) -> None:
    node("""
      const sender = await sharedMmap.createSender({ endpoint });
      await sender.waitForReceivers();
      await sender.send(new Uint8Array(Float32Array.from({ length: 5000 }, (_, index) => index).buffer));
      await sender.close();
    """)
    with Receiver(endpoint) as receiver, receiver.receive() as message:
        frame = np.frombuffer(message, np.float32)
        assert np.array_equal(frame, np.arange(5000))
        assert not frame.flags.writeable
        with pytest.raises(ValueError):
            frame.flags.writeable = True
        with pytest.raises(TypeError):
            (ctypes.c_char * 1).from_buffer(message)  # type: ignore[arg-type]
        address = frame.__array_interface__["data"][0]
        (mapping,) = [line for line in open("/proc/self/maps") if _holds(line, address)]
        assert "/memfd:" in mapping and "r--s" in mapping


def _holds(line: str, address: int) -> bool:
    start, end = (int(each, 16) for each in line.split(" ")[0].split("-"))
    return start <= address < end


def test_the_memory_goes_back_with_the_last_view(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint) as receiver:
        peer.tell(5000)
        message = receiver.receive()
        assert message is not None
        frame = np.frombuffer(message, np.uint8)
        part = frame[100:200]
        message.release()
        message.release()
        del frame
        assert peer.ask("stats") == [True, 1]
        assert np.array_equal(part, content(0, 5000)[100:200])
        with pytest.raises(MessageReleased):
            memoryview(message)
        assert message.released and len(message) == 5000
        del message, part
        assert peer.ask("flush") == "flushed"
        assert peer.ask("stats") == [False, 1]


def test_a_message_that_nothing_refers_to_goes_back(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint) as receiver:
        for _ in range(3):
            peer.tell(100)
            assert receiver.receive() is not None
        gc.collect()
        assert peer.ask("flush") == "flushed"


def test_a_loop_releases_each_message_but_not_its_views(endpoint: str, node: Start) -> None:
    # None but the next one fits into the pool.
    lengths = [9 * MIB] * 20
    node(SENDS_LENGTHS, lengths)
    with Receiver(endpoint) as receiver:
        for number, message in enumerate(receiver):
            assert np.frombuffer(message, np.uint8)[-1] == content(number, lengths[number])[-1]
    node(SENDS_LENGTHS, [100] * 5)
    with Receiver(endpoint) as receiver:
        views = [np.frombuffer(message, np.uint8) for message in receiver]
        assert [view[0] for view in views] == [content(number, 1)[0] for number in range(5)]
    node(SENDS_LENGTHS, [100] * 5)
    with Receiver(endpoint) as receiver:
        messages = list(receiver)
        assert all(message.released for message in messages)
        with pytest.raises(MessageReleased):
            bytes(messages[0])


def test_what_is_held_keeps_its_bytes_when_the_receiver_closes(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    receiver = Receiver(endpoint)
    lengths = [100, 50, 70_000, 4096, 1, 300_000]
    messages = []
    for length in lengths:
        peer.tell(length)
        messages.append(receiver.receive(30))
    views = [np.frombuffer(message, np.uint8) for message in messages[:3]]
    receiver.close()
    receiver.close()
    # It is gone for the sender, and all memory is written anew.
    assert peer.ask("flush") == "flushed"
    assert peer.ask("stats") == [False, 0]
    with Receiver(endpoint) as other:
        for _ in range(30):
            peer.tell(100_000)
            other.receive(30).release()  # type: ignore[union-attr]
    for number, (message, length) in enumerate(zip(messages, lengths)):
        assert bytes(message) == content(number, length).tobytes()  # type: ignore[arg-type]
    for number, view in enumerate(views):
        assert np.array_equal(view, content(number, lengths[number]))
    with pytest.raises(Closed):
        receiver.receive()
    assert receiver.closed


def test_messages_larger_than_the_pool_have_memory_of_their_own(endpoint: str, node: Start) -> None:
    lengths = [17 * MIB, 5, 20 * MIB + 3]
    node(SENDS_LENGTHS, lengths)
    with Receiver(endpoint) as receiver:
        for number, message in enumerate(receiver):
            view = np.frombuffer(message, np.uint8)
            assert np.array_equal(view, content(number, lengths[number]))
            del view
        assert number == 2


def test_what_was_sent_before_the_death_of_the_sender_and_then_its_death(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint) as receiver:
        for length in (10, 20):
            peer.tell(length)
        peer.ask("stats")
        peer.stop()
        lengths = []
        with pytest.raises(PeerDied) as death:
            for message in receiver:
                lengths.append(len(message))
        assert lengths == [10, 20]
        assert death.value.code == "PEER_DIED" and isinstance(death.value, ConnectionError)
        with pytest.raises(PeerDied):
            receiver.receive()


def test_a_receiver_that_is_killed_is_gone_for_the_sender(endpoint: str, node: Start, python: Start) -> None:
    peer = node("""
      const sender = await sharedMmap.createSender({ endpoint });
      await sender.waitForReceivers();
      const left = new Promise((resolve) => sender.on('leave', resolve));
      for (let count = 0; count < 100; count++) await sender.send(Buffer.alloc(100));
      say('sent');
      await left;
      await sender.flush();
      say([sender.stats().bytesOut > 0, sender.receivers.length]);
    """)
    receiver = python("""
from pageferry import Receiver
receiver = Receiver(endpoint)
held = [receiver.receive() for _ in range(100)]
say("held")
receiver.receive()
""")
    assert (peer.hear(), receiver.hear()) == ("sent", "held")
    receiver.stop()
    assert peer.hear() == [0, 0]


@pytest.mark.parametrize("where", ["receive", "connect", "iterate"])
def test_ctrl_c_ends_what_blocks(endpoint: str, node: Start, python: Start, where: str) -> None:
    if where != "connect":
        node(SENDS_WHAT_IT_HEARS)
    blocks = {"receive": "receiver.receive()", "iterate": "list(receiver)", "connect": "Receiver(endpoint)"}[where]
    receiver = python(f"""
from pageferry import Receiver
{"receiver = Receiver(endpoint)" if where != "connect" else ""}
say("there")
try:
    {blocks}
except KeyboardInterrupt:
    say("interrupted")
""")
    assert receiver.hear() == "there"
    _wait_until_asleep(receiver.process.pid)
    receiver.process.send_signal(signal.SIGINT)
    assert receiver.hear() == "interrupted"
    receiver.end()


def _wait_until_asleep(pid: int) -> None:
    while open(f"/proc/{pid}/stat").read().rpartition(") ")[2][0] != "S":
        os.sched_yield()


def test_time_limits(endpoint: str, node: Start) -> None:
    with pytest.raises(TimedOut, match="no sender has come") as search:
        Receiver(endpoint, timeout=0.05)
    assert isinstance(search.value, TimeoutError) and search.value.code == "TIMEOUT"
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint, timeout=30) as receiver:
        assert receiver.try_receive() is None
        for timeout in (0, 0.02):
            with pytest.raises(TimedOut, match="no message has come"):
                receiver.receive(timeout)
        peer.tell(5)
        assert len(receiver.receive(30)) == 5  # type: ignore[arg-type]


def test_arguments_that_cannot_be_used(endpoint: str) -> None:
    with pytest.raises(InvalidArgument, match="policy"):
        Receiver(endpoint, policy="hope")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument):
        Receiver(endpoint, depth=1025)
    with pytest.raises(InvalidArgument):
        Receiver("fd:x")
    with pytest.raises(InvalidArgument):
        Receiver("/" + "x" * 200)
    with pytest.raises(SystemCallFailed) as failure:
        Receiver("/dev/null/x")
    assert failure.value.errno is not None


def test_a_listener_is_no_sender(endpoint: str, node: Start) -> None:
    node("const listener = await sharedMmap.listen({ endpoint }); await heard();")
    with pytest.raises(TransportMismatch) as mismatch:
        Receiver(endpoint)
    assert mismatch.value.code == "TRANSPORT_MISMATCH"


def test_a_name_is_found_where_node_puts_it(
    endpoint: str, node: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.path.dirname(endpoint)
    for variable in ("XDG_RUNTIME_DIR", "TMPDIR"):
        for each in ("XDG_RUNTIME_DIR", "TMPDIR"):
            monkeypatch.delenv(each, raising=False)
        monkeypatch.setenv(variable, folder)
        node("""
          const sender = await sharedMmap.createSender({ endpoint: 'a name' });
          await sender.waitForReceivers();
          await sender.send(Buffer.from('found'));
          await sender.close();
        """)
        with Receiver("a name", timeout=30) as receiver:
            assert [bytes(message) for message in receiver] == [b"found"]


def test_threads_share_a_receiver(endpoint: str, node: Start) -> None:
    with_all: list[int] = []
    lock = threading.Lock()

    def take(receiver: Receiver) -> None:
        for message in receiver:
            with lock:
                with_all.append(message.number)

    node(SENDS_LENGTHS, [10] * 3000)
    with Receiver(endpoint, spin_microseconds=0) as receiver:
        threads = [threading.Thread(target=take, args=(receiver,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(with_all) == list(range(3000))


def test_closing_ends_the_waits_of_other_threads(endpoint: str, node: Start) -> None:
    node(SENDS_WHAT_IT_HEARS)
    receiver = Receiver(endpoint)
    ends: list[str] = []

    def wait() -> None:
        try:
            receiver.receive()
        except Closed:
            ends.append("closed")

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(receiver._waiting._threads) < 3:
        os.sched_yield()
    receiver.close()
    for thread in threads:
        thread.join()
    assert ends == ["closed"] * 3


def test_other_threads_run_while_one_waits(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint) as receiver:
        thread = threading.Timer(0.01, lambda: peer.tell(5))
        thread.start()
        assert receiver.receive(30) is not None
        thread.join()


def test_a_process_that_was_forked_leaves_what_its_parent_holds_alone(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    with Receiver(endpoint) as receiver:
        peer.tell(100)
        message = receiver.receive()
        assert message is not None
        child = os.fork()
        if child == 0:
            code = 1
            try:
                message.release()
                receiver.try_receive()
            except NotSupported:
                receiver.close()
                code = 0
            finally:
                os._exit(code)
        assert os.waitpid(child, 0)[1] == 0
        assert peer.ask("stats") == [True, 1]
        assert bytes(message) == content(0, 100).tobytes()
        message.release()
        peer.tell(7)
        assert len(receiver.receive(30)) == 7  # type: ignore[arg-type]


def test_an_inherited_socket_is_an_endpoint(endpoint: str, node: Start) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    peer = node(
        """
        const sender = await sharedMmap.createSender({ endpoint: `fd:${args[0]}` });
        await sender.waitForReceivers();
        await sender.send(Buffer.from('inherited'));
        await sender.close();
        """,
        theirs.fileno(),
        pass_fds=[theirs.fileno()],
    )
    theirs.close()
    with Receiver(f"fd:{ours.detach()}") as receiver:
        assert [bytes(message) for message in receiver] == [b"inherited"]
    peer.end()


def test_nothing_is_left_behind(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    Receiver(endpoint).close()
    gc.collect()
    before = (sorted(os.listdir("/proc/self/fd")), _mappings())
    for _ in range(20):
        receiver = Receiver(endpoint)
        peer.tell(10)
        message = receiver.receive(30)
        view = memoryview(message)  # type: ignore[arg-type]
        receiver.close()
        assert view.nbytes == 10
        del view, message, receiver
    gc.collect()
    assert (sorted(os.listdir("/proc/self/fd")), _mappings()) == before


def test_a_receiver_that_is_forgotten_leaves_at_once(endpoint: str, node: Start) -> None:
    peer = node(SENDS_WHAT_IT_HEARS)
    gc.disable()
    try:
        receiver = Receiver(endpoint)
        peer.tell(10)
        view = memoryview(receiver.receive(30))  # type: ignore[arg-type]
        del receiver
        assert peer.ask("stats") == [True, 1]
        del view
        assert peer.ask("flush") == "flushed"
        assert peer.ask("stats") == [False, 0]
    finally:
        gc.enable()


def _mappings() -> int:
    return sum("pageferry" in line or "memfd" in line for line in open("/proc/self/maps"))

"""Senders, to receivers in Node and in Python."""

from __future__ import annotations

import asyncio
import os

import numpy as np
import pytest
from conftest import Start, content

from pageferry import (
    Closed,
    EndpointInUse,
    InvalidArgument,
    LoanNotOwned,
    MessageTooLarge,
    Receiver,
    Sender,
    TimedOut,
)

MIB = 1 << 20
LENGTHS = [0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000, 3 * MIB]

RECEIVES = """
import { createHash } from 'node:crypto';
const receiver = await sharedMmap.createReceiver({ endpoint, whenBehind: args[0] ?? 'wait' });
say('connected');
for await (const delivery of receiver) {
  say([delivery.sequence, delivery.tag, createHash('sha256').update(delivery.bytes).digest('hex')]);
  delivery.release();
}
say('end');
await receiver.close();
"""


def sha256(data: object) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()  # type: ignore[arg-type]


def test_every_message_whole_and_in_order(endpoint: str, node: Start) -> None:
    with Sender(endpoint, pool_bytes=16 * MIB) as sender:
        peers = [node(RECEIVES), node(RECEIVES, "drop-oldest")]
        sender.wait_for_receivers(2)
        assert sorted(each.policy for each in sender.receivers) == ["drop-oldest", "wait"]
        assert {each.pid for each in sender.receivers} == {peer.process.pid for peer in peers}
        for number, length in enumerate(LENGTHS):
            sender.send(content(number, length), tag=number + 7)
            sender.flush()
    for peer in peers:
        assert peer.hear() == "connected"
        for number, length in enumerate(LENGTHS):
            assert peer.hear() == [number, number + 7, sha256(content(number, length))]
        assert peer.hear() == "end"
        peer.end()


def test_an_array_is_filled_in_place(endpoint: str, node: Start) -> None:
    with Sender(endpoint) as sender:
        peer = node(RECEIVES)
        loan = sender.loan(4 * 5000)
        frame = np.frombuffer(loan, np.float32)
        frame[:] = np.arange(5000)
        loan.send(tag=9)
        with pytest.raises(LoanNotOwned):
            loan.send()
        assert peer.hear() == "connected"
        assert peer.hear() == [0, 9, sha256(np.arange(5000, dtype=np.float32))]


def test_messages_larger_than_the_pool(endpoint: str, node: Start) -> None:
    with Sender(endpoint, pool_bytes=MIB) as sender:
        peers = [node(RECEIVES), node(RECEIVES)]
        sender.wait_for_receivers(2)
        loan = sender.loan(5 * MIB)
        kept = np.frombuffer(loan, np.uint8)
        kept[:] = content(0, 5 * MIB)
        loan.send()
        for number in range(1, 20):
            sender.send(content(number, 2 * MIB + number))
    assert (kept == content(0, 5 * MIB)).all()
    for peer in peers:
        assert peer.hear() == "connected"
        for number in range(20):
            length = 5 * MIB if number == 0 else 2 * MIB + number
            assert peer.hear() == [number, 0, sha256(content(number, length))]
        assert peer.hear() == "end"
        peer.end()
    opened = [os.path.realpath(each.path) for each in os.scandir("/proc/self/fd")]
    assert not any("pageferry" in link for link in opened)


def test_many_small_messages_from_python_to_python(endpoint: str, python: Start) -> None:
    with Sender(endpoint) as sender:
        peer = python("""
from pageferry import Receiver
with Receiver(endpoint) as receiver:
    say([int.from_bytes(message, "little") for message in receiver] == list(range(20_000)))
""")
        for number in range(20_000):
            sender.send(number.to_bytes(4, "little"))
    assert peer.hear() is True
    peer.end()


def test_what_has_no_room_and_what_never_has(endpoint: str) -> None:
    with Sender(endpoint, pool_bytes=MIB) as sender:
        with pytest.raises(MessageTooLarge):
            sender.loan(1 << 32)
        with pytest.raises(TimedOut):
            sender.send(b"nobody is here", timeout=0.02)
        with pytest.raises(TimedOut):
            sender.wait_for_receivers(timeout=0)
        loan = sender.loan(MIB)
        with pytest.raises(TimedOut):
            sender.loan(1, timeout=0.02)
        loan.release()
        sender.loan(MIB, timeout=0).release()
        with pytest.raises(EndpointInUse):
            Sender(endpoint)
        for wrong in ({"pool_bytes": 0}, {"history": -1}, {"history": 1025}, {"max_receivers": 65}):
            with pytest.raises(InvalidArgument):
                Sender(endpoint + "x", **wrong)
    assert not os.path.exists(endpoint)


def test_history_is_kept_for_who_comes_later(endpoint: str) -> None:
    with Sender(endpoint, history=2) as sender:
        for number in range(5):
            sender.send(bytes([number]))

        async def main() -> None:
            connecting = asyncio.create_task(Receiver.connect(endpoint))
            await sender.wait_for_receivers_async()
            async with await connecting as receiver:
                assert [bytes((await receiver.receive_async())) for _ in range(2)] == [b"\x03", b"\x04"]  # type: ignore[arg-type]
                await sender.send_async(b"\x05")
                assert bytes(await receiver.receive_async()) == b"\x05"  # type: ignore[arg-type]
                await sender.flush_async()
                sender.close()
                assert await receiver.receive_async() is None

        asyncio.run(main())


def test_a_receiver_that_is_killed_gives_everything_back(endpoint: str, node: Start) -> None:
    with Sender(endpoint, pool_bytes=MIB) as sender:
        peer = node("""
          const receiver = await sharedMmap.createReceiver({ endpoint });
          await receiver.receive();
          say('held');
          await heard();
        """)
        sender.send(bytes(MIB))
        assert peer.hear() == "held"
        with pytest.raises(TimedOut):
            sender.loan(1, timeout=0.02)
        with pytest.raises(TimedOut):
            sender.flush(0.02)
        peer.stop()
        sender.flush()
        sender.loan(MIB, timeout=30).release()
        assert sender.receivers == []


def test_arrays_of_loans_outlive_the_sender(endpoint: str) -> None:
    sender = Sender(endpoint)
    loan = sender.loan(100)
    array = np.frombuffer(loan, np.uint8)
    sender.close()
    array[:] = 3
    assert array.sum() == 300
    for use in (lambda: sender.loan(1), lambda: loan.send(), lambda: sender.receivers):
        with pytest.raises(Closed):
            use()


def test_a_sender_that_is_killed_is_dead_for_its_receivers(endpoint: str, node: Start, python: Start) -> None:
    sender = python("""
from pageferry import Sender
sender = Sender(endpoint)
sender.send(b"last")
say("sent")
sender.wait_for_receivers(2)
""")
    peer = node("""
      const receiver = await sharedMmap.createReceiver({ endpoint });
      for await (const delivery of receiver) { say(delivery.byteLength); delivery.release(); }
    """.replace("for await", "try { for await").rstrip() + " } catch ({ code }) { say(code); }")
    assert (sender.hear(), peer.hear()) == ("sent", 4)
    sender.stop()
    assert peer.hear() == "PEER_DIED"

"""Channels to listeners in Node."""

from __future__ import annotations

import asyncio
import threading

import numpy as np
import pytest
from conftest import Start, content

from pageferry import (
    Channel,
    InvalidArgument,
    LoanNotOwned,
    MessageTooLarge,
    NotARequest,
    PeerDied,
    RequestFailed,
    RequestUnanswered,
    TimedOut,
)
from pageferry._waiting import Waiting

MIB = 1 << 20
LENGTHS = [0, 1, 63, 64, 65, 4095, 4096, 4097, 70_000, 3 * MIB]

# Answers each request with its bytes, each one more; by its tag, in another way.
ADDS_ONE = """
const listener = await sharedMmap.listen({ endpoint, poolBytes: 32 * 2 ** 20 });
const channel = await listener.accept();
for await (const message of channel) {
  if (message.tag === 1) await message.reject(Object.assign(new TypeError('no "this"'), { code: 'NO' }));
  else if (message.tag === 2) ; // Released without an answer.
  else if (message.tag === 3) setTimeout(() => message.respond(Buffer.from('late')).finally(() => message.release()), 50);
  else if (message.tag === 4) process.kill(process.pid, 'SIGKILL');
  else if (message.isRequest) await message.respond(message.bytes.map((each) => each + 1), { tag: message.tag });
  else await channel.send(message.bytes, { tag: message.tag });
  if (message.tag !== 3) message.release();
}
await listener.close();
"""

ASKS = """
const listener = await sharedMmap.listen({ endpoint, poolBytes: 32 * 2 ** 20 });
const channel = await listener.accept();
for (const length of JSON.parse(args[0])) {
  const question = content(1, length);
  const answer = await channel.request(question, { tag: length });
  say([answer.tag, answer.byteLength, answer.bytes.every((each, at) => each === ((question[at] + 1) & 255))]);
  answer.release();
}
await channel.request(Buffer.from('reject')).catch(({ code, cause }) => say([code, cause.message]));
await channel.request(Buffer.from('release')).catch(({ code }) => say([code]));
await listener.close();
"""


def test_requests_of_any_length_are_answered(endpoint: str, node: Start) -> None:
    peer = node(ADDS_ONE)
    with Channel(endpoint, pool_bytes=16 * MIB) as channel:
        for length in LENGTHS:
            bytes_ = content(length, length)
            with channel.request(bytes_, tag=length + 10) as answer:
                assert answer.tag == length + 10
                assert np.array_equal(np.frombuffer(answer, np.uint8), bytes_ + np.uint8(1))
    peer.end()


def test_a_loan_is_filled_in_place(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    with Channel(endpoint) as channel:
        loan = channel.loan(4 * 1000)
        frame = np.frombuffer(loan, np.float32)
        assert frame.flags.writeable
        frame[:] = np.arange(1000)
        loan.tag = 77
        channel.send(loan)
        assert not loan.owned
        with channel.receive() as echo:  # type: ignore[union-attr]
            assert echo.tag == 77 and not echo.is_request
            assert np.array_equal(np.frombuffer(echo, np.float32), np.arange(1000))
        for use in (lambda: channel.send(loan), lambda: memoryview(loan), lambda: loan.truncate(1)):
            with pytest.raises(LoanNotOwned):
                use()
        with channel.loan(10) as other:
            other.truncate(3)
            assert len(other) == 3
            with pytest.raises(InvalidArgument):
                other.truncate(4)
            other.send(tag=5)
        assert len(channel.receive()) == 3  # type: ignore[arg-type]


def test_what_is_larger_than_the_pool_and_what_has_no_room(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    with Channel(endpoint, pool_bytes=MIB) as channel:
        with pytest.raises(MessageTooLarge) as error:
            channel.loan(1 << 32)
        assert error.value.code == "MESSAGE_TOO_LARGE"
        loan = channel.loan(MIB)
        with pytest.raises(TimedOut):
            channel.loan(1, timeout=0.02)
        view = memoryview(loan)
        loan.release()
        with pytest.raises(TimedOut):
            channel.loan(1, timeout=0)
        del view
        del loan
        channel.loan(MIB, timeout=0).release()
        # More than fits at once: it waits for what comes back.
        for number in range(20):
            channel.send(content(number, 600_000))
        with pytest.raises(InvalidArgument):
            channel.loan(-1)


def test_messages_larger_than_the_pool(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    with Channel(endpoint, pool_bytes=MIB) as channel:
        for number in range(6):
            sent = content(number, 3 * MIB + number)
            loan = channel.loan(len(sent))
            view = np.frombuffer(loan, np.uint8)
            view[:] = sent
            loan.send()
            del loan
            # What was sent may still be seen here, and is this process's alone.
            assert (view == sent).all()
            view[:] = 7
            answer = channel.receive()
            assert answer is not None
            assert (np.frombuffer(answer, np.uint8) == sent).all()
            del answer


def test_messages_of_numpy_of_any_shape(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    with Channel(endpoint) as channel:
        cube = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
        for data in (cube, cube[:, ::2], cube.T, np.zeros((0, 3)), np.float64(3)):
            channel.send(data)
            assert bytes(channel.receive()) == np.asarray(data).tobytes()  # type: ignore[arg-type]


def test_errors_of_requests(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    with Channel(endpoint) as channel:
        with pytest.raises(RequestFailed) as failure:
            channel.request(b"?", tag=1)
        cause = failure.value.__cause__
        assert str(cause) == 'TypeError: no "this"' and cause.properties == {"code": "NO"}  # type: ignore[union-attr]
        with pytest.raises(RequestUnanswered):
            channel.request(b"?", tag=2)
        with pytest.raises(TimedOut, match="was not answered"):
            channel.request(b"?", tag=3, timeout=0.001)
        # The late answer is nobody's, and goes back.
        assert bytes(channel.request(b"ab")) == b"bc"
        with pytest.raises(PeerDied):
            channel.request(b"?", tag=4)
        for use in (channel.receive, lambda: channel.send(b"?"), lambda: channel.loan(1)):
            with pytest.raises(PeerDied):
                use()


@pytest.mark.parametrize("way", ["for", "async for"])
def test_answers(endpoint: str, node: Start, way: str) -> None:
    peer = node(ASKS, LENGTHS)

    def answer_of(message: object) -> np.ndarray:
        return np.frombuffer(message, np.uint8) + np.uint8(1)  # type: ignore[call-overload,no-any-return]

    def answer() -> None:
        with Channel(endpoint, pool_bytes=16 * MIB) as channel:
            for message in channel:
                assert message.is_request
                if bytes(message) == b"reject":
                    message.reject("not this")
                elif bytes(message) != b"release":
                    message.respond(answer_of(message), tag=message.tag)
                    assert not message.is_request
                    with pytest.raises(NotARequest):
                        message.respond(b"")

    async def answer_async() -> None:
        async with await Channel.connect(endpoint, pool_bytes=16 * MIB) as channel:
            async for message in channel:
                if bytes(message) == b"reject":
                    await message.reject_async("not this")
                elif bytes(message) != b"release":
                    await message.respond_async(answer_of(message), tag=message.tag)

    answer() if way == "for" else asyncio.run(answer_async())
    assert [peer.hear() for _ in LENGTHS] == [[length, length, True] for length in LENGTHS]
    assert peer.hear() == ["REQUEST_FAILED", "not this"]
    assert peer.hear() == ["REQUEST_UNANSWERED"]
    peer.end()


def test_threads_ask_at_the_same_time_while_one_receives(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    wrong: list[object] = []
    echoes: list[int] = []

    def ask(channel: Channel, first: int) -> None:
        for number in range(first, first + 200):
            with channel.request(number.to_bytes(4, "big"), tag=10, timeout=30) as answer:
                if bytes(answer) != bytes((each + 1) & 255 for each in number.to_bytes(4, "big")):
                    wrong.append(number)

    def receive(channel: Channel) -> None:
        for echo in channel:
            echoes.append(echo.tag)
            if len(echoes) == 100:
                return

    with Channel(endpoint, spin_microseconds=0) as channel:
        threads = [threading.Thread(target=ask, args=(channel, 1000 * index)) for index in range(4)]
        threads.append(threading.Thread(target=receive, args=(channel,)))
        for thread in threads:
            thread.start()
        for number in range(100):
            channel.send(b"echo", tag=100 + number)
        for thread in threads:
            thread.join()
    assert wrong == []
    assert echoes == list(range(100, 200))


@pytest.mark.parametrize("way", ["receive", "for"])
def test_an_answer_that_another_thread_has_taken_wakes_the_one_who_asked(
    endpoint: str, node: Start, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint });
      const channel = await listener.accept();
      const question = await channel.receive();
      (await channel.receive()).release();
      await question.respond(Buffer.from('answer'));
      await channel.send(Buffer.from('message'));
      say('sent');
      question.release();
      await heard();
    """)
    about_to_sleep, may_sleep = threading.Event(), threading.Event()
    sleep = Waiting._sleep
    answers: list[bytes] = []
    told: list[bool] = []

    def sleep_later(self: Waiting, turn: int, left: float | None) -> None:
        if threading.current_thread() is asking:
            about_to_sleep.set()
            may_sleep.wait(30)
            told.append(turn != self._turn)
        sleep(self, turn, left)

    monkeypatch.setattr(Waiting, "_sleep", sleep_later)
    with Channel(endpoint) as channel:
        asking = threading.Thread(target=lambda: answers.append(bytes(channel.request(b"?", timeout=10))))
        asking.start()
        about_to_sleep.wait(30)
        channel.send(b"now")
        assert peer.hear() == "sent"
        # Takes the answer off the queue on its way to the message.
        message = channel.receive(30) if way == "receive" else next(iter(channel))
        assert bytes(message) == b"message"  # type: ignore[arg-type]
        may_sleep.set()
        asking.join()
    assert (answers, told) == ([b"answer"], [True])


def test_tasks_ask_at_the_same_time_while_one_receives(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)

    async def ask(channel: Channel, number: int) -> int:
        with await channel.request_async(bytes([number]), tag=10, timeout=30) as answer:
            return bytes(answer)[0]

    async def receive(channel: Channel) -> list[int]:
        return [(await channel.receive_async(30)).tag for _ in range(50)]  # type: ignore[union-attr]

    async def main() -> None:
        async with await Channel.connect(endpoint) as channel:
            received = asyncio.create_task(receive(channel))
            answers = asyncio.gather(*(ask(channel, number) for number in range(200)))
            for number in range(50):
                await channel.send_async(b"echo", tag=100 + number)
            assert await answers == list(range(1, 201))
            assert await received == list(range(100, 150))
            with pytest.raises(TimedOut):
                await channel.receive_async(0.01)
            waiting = asyncio.create_task(channel.receive_async())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert await ask(channel, 7) == 8

    asyncio.run(main())


def test_a_search_is_cancelled(endpoint: str) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Channel.connect(endpoint), 0.05)

    asyncio.run(main())


def test_the_orderly_end(endpoint: str, node: Start) -> None:
    peer = node("""
      const listener = await sharedMmap.listen({ endpoint });
      const channel = await listener.accept();
      let count = 0;
      for await (const message of channel) { count++; message.release(); }
      await channel.send(Buffer.from('after'));
      say(count);
      await listener.close();
    """)
    with Channel(endpoint) as channel:
        for _ in range(3):
            channel.send(b"before")
        channel.finish()
        assert peer.hear() == 3
        assert bytes(channel.receive()) == b"after"  # type: ignore[arg-type]
        assert channel.receive() is None
    peer.end()


def test_arrays_of_loans_and_messages_outlive_the_channel(endpoint: str, node: Start) -> None:
    node(ADDS_ONE)
    channel = Channel(endpoint)
    loan = channel.loan(100)
    lent = np.frombuffer(loan, np.uint8)
    lent[:] = 3
    answer = np.frombuffer(channel.request(content(5, 5000)), np.uint8)
    channel.close()
    lent[50] = 4
    assert lent.sum() == 301
    assert np.array_equal(answer, content(5, 5000) + np.uint8(1))

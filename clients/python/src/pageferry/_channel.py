"""Channels."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any, TypeVar

from . import _native
from ._closing import Closing
from ._errors import InvalidArgument, TimedOut
from ._memory import copy_into, length_of
from ._native import ANSWERS, MESSAGES, ROOM, Loan, Message
from ._waiting import SPIN_MICROSECONDS, Search, Waiting

T = TypeVar("T")

_NO_ROOM = "there was no room"
_NO_ANSWER = "the request was not answered"
_NO_MESSAGE = "no message has come"


class Channel(_native.Channel, Closing):
    """A connection to a listener, over which both sides send, receive, ask and answer.

    What is sent is a loan that was filled, or bytes-like data, which is copied into one. What is received is as with a
    Receiver.

        with Channel("filter") as channel:
            loan = channel.loan(4 * 640 * 480)
            np.frombuffer(loan, np.float32)[:] = frame
            with channel.request(loan) as answer:
                show(np.frombuffer(answer, np.float32))

    Threads may use one channel at the same time. So may tasks of one event loop.
    """

    __slots__ = ("__weakref__", "_waiting")

    def __init__(
        self,
        endpoint: str | os.PathLike[str],
        *,
        pool_bytes: int = 4 << 20,
        timeout: float | None = None,
        spin_microseconds: float = SPIN_MICROSECONDS,
        _stop: Callable[[], bool] | None = None,
    ) -> None:
        """Connects to a listener, and waits until it is there.

        endpoint: a name, a path, or `fd:N`, an inherited socket.
        pool_bytes: how many bytes of this side may be out at once. A longer message may be out alone.
        timeout: how long to wait for the listener, in seconds; None: for ever.
        spin_microseconds: how long to look again and again before sleeping.

        Raises TimedOut, VersionMismatch, TransportMismatch, PeerRejected, PeerMisbehaved, SystemCallFailed.
        """
        if pool_bytes < 1:
            raise InvalidArgument("pool_bytes is at least 1")
        path = os.fspath(endpoint)
        try:
            self._open(path, pool_bytes, timeout, _stop)
        except TimedOut:
            raise TimedOut(f"no listener has come to {path!r}") from None
        self._waiting = Waiting(self, spin_microseconds)

    @classmethod
    async def connect(
        cls,
        endpoint: str | os.PathLike[str],
        *,
        pool_bytes: int = 4 << 20,
        timeout: float | None = None,
    ) -> Channel:
        """As the constructor, for asyncio. It can be cancelled."""
        return await Search().run(
            lambda stop: cls(endpoint, pool_bytes=pool_bytes, timeout=timeout, _stop=stop)
        )

    # Sending

    def loan(self, length: int, timeout: float | None = None) -> Loan:
        """Lends memory of `length` bytes to write a message into. Its content is undefined.

        Raises TimedOut, MessageTooLarge, PeerDied, PeerRejected, Closed.
        """
        return self._waiting.until(lambda: self._lend(length), ROOM, timeout, _NO_ROOM)

    async def loan_async(self, length: int, timeout: float | None = None) -> Loan:
        """As `loan`, for asyncio."""
        return await self._waiting.until_async(lambda: self._lend(length), ROOM, timeout, _NO_ROOM)

    def send(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """Sends a loan, or a copy of bytes-like data. A loan is the other side's then: it must not be written to.

        tag: a number of 32 bits that travels with the message.

        Raises as `loan`. A loan is still this side's after an error.
        """
        with self._loan_of(data, tag, timeout) as loan:
            self._waiting.until(lambda: self._send(loan) or None, ROOM, timeout, _NO_ROOM)

    async def send_async(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """As `send`, for asyncio."""
        with await self._loan_of_async(data, tag, timeout) as loan:
            await self._waiting.until_async(lambda: self._send(loan) or None, ROOM, timeout, _NO_ROOM)

    def _loan_of(self, data: Any, tag: int | None, timeout: float | None) -> _Sending:
        if isinstance(data, Loan):
            return _Sending(data, tag, is_own=False)
        loan = self.loan(length_of(data), timeout)
        copy_into(loan, data)
        return _Sending(loan, tag, is_own=True)

    async def _loan_of_async(self, data: Any, tag: int | None, timeout: float | None) -> _Sending:
        if isinstance(data, Loan):
            return _Sending(data, tag, is_own=False)
        loan = await self.loan_async(length_of(data), timeout)
        copy_into(loan, data)
        return _Sending(loan, tag, is_own=True)

    # Receiving

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message or request; None at the end, when the other side has ended, and all was received.

        Raises TimedOut, PeerDied, PeerRejected, PeerMisbehaved, MessageLost, Closed.
        """
        found: object = self._waiting.until(self._take_for_all, MESSAGES, timeout, _NO_MESSAGE)
        return found if isinstance(found, Message) else None

    async def receive_async(self, timeout: float | None = None) -> Message | None:
        """As `receive`, for asyncio."""
        found: object = await self._waiting.until_async(self._take_for_all, MESSAGES, timeout, _NO_MESSAGE)
        return found if isinstance(found, Message) else None

    def try_receive(self) -> Message | None:
        """The next message or request, if one is here. None also at the end."""
        found = self._take_for_all()
        return found if isinstance(found, Message) else None

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            message = await self.receive_async()
            if message is None:
                return
            yield message
            message.release()

    def _take_for_all(self) -> Message | object | None:
        return self._telling(self._take)

    def _telling(self, take: Callable[[], T]) -> T:
        """Takes something off the queue. What was on the way to it may be what others wait for."""
        before = self._received
        try:
            return take()
        finally:
            if self._received != before:
                self._waiting.tell_others()

    # Asking and answering

    def request(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> Message:
        """Sends a request, as `send`, and waits for its answer, which is yours until it is released.

        Requests of the other side are answered by whoever receives them: by another thread, if it needs them.

        Raises TimedOut, RequestFailed, RequestUnanswered, and as `loan`.
        """
        with self._loan_of(data, tag, timeout) as loan:
            number = self._waiting.until(lambda: self._ask(loan), ROOM, timeout, _NO_ROOM)
        try:
            return self._waiting.until(lambda: self._answered(number), ANSWERS, timeout, _NO_ANSWER)
        except BaseException:
            self._give_up(number)
            raise

    async def request_async(
        self, data: Any, *, tag: int | None = None, timeout: float | None = None
    ) -> Message:
        """As `request`, for asyncio."""
        with await self._loan_of_async(data, tag, timeout) as loan:
            number = await self._waiting.until_async(lambda: self._ask(loan), ROOM, timeout, _NO_ROOM)
        try:
            return await self._waiting.until_async(
                lambda: self._answered(number), ANSWERS, timeout, _NO_ANSWER
            )
        except BaseException:
            self._give_up(number)
            raise

    def _answered(self, number: int) -> Message | None:
        return self._telling(lambda: self._answer(number))

    def respond(
        self, request: Message, data: Any, *, tag: int | None = None, timeout: float | None = None
    ) -> None:
        """Answers a request with a loan, or a copy of bytes-like data. The request is still to be released.

        Raises NotARequest, and as `send`.
        """
        with self._loan_of(data, tag, timeout) as loan:
            self._waiting.until(lambda: self._respond(request, loan) or None, ROOM, timeout, _NO_ROOM)

    async def respond_async(
        self, request: Message, data: Any, *, tag: int | None = None, timeout: float | None = None
    ) -> None:
        """As `respond`, for asyncio."""
        with await self._loan_of_async(data, tag, timeout) as loan:
            await self._waiting.until_async(
                lambda: self._respond(request, loan) or None, ROOM, timeout, _NO_ROOM
            )

    def reject(self, request: Message, error: object, *, timeout: float | None = None) -> None:
        """Answers a request with an error, of which the words travel."""
        words = str(error)
        self._waiting.until(lambda: self._reject(request, words) or None, ROOM, timeout, _NO_ROOM)

    async def reject_async(self, request: Message, error: object, *, timeout: float | None = None) -> None:
        """As `reject`, for asyncio."""
        words = str(error)
        await self._waiting.until_async(
            lambda: self._reject(request, words) or None, ROOM, timeout, _NO_ROOM
        )

    def close(self) -> None:
        """Ends in good order: what was sent may still be received. Views that are held keep their bytes, as copies."""
        waiting = getattr(self, "_waiting", None)
        if waiting is not None and not self.closed:
            waiting.close()
        super().close()


class _Sending:
    """A loan on its way. One that was made here is given back if it was not sent."""

    def __init__(self, loan: Loan, tag: int | None, *, is_own: bool) -> None:
        if tag is not None:
            loan.tag = tag
        self._loan = loan
        self._is_own = is_own

    def __enter__(self) -> Loan:
        return self._loan

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_own:
            self._loan.release()

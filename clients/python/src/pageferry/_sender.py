"""Senders."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from . import _native
from ._closing import Closing
from ._errors import InvalidArgument
from ._memory import copy_into, length_of
from ._native import ROOM, Loan
from ._receiver import POLICIES, Policy
from ._waiting import PATIENCE, Waiting

_NO_ROOM = "there was no room, or no receiver"


class ReceiverInfo(NamedTuple):
    """One receiver of a sender."""

    id: int
    """Of the receivers of this sender, from 0, in the order in which they came."""
    pid: int
    """Its process, as the kernel has named it; 0 if it has not."""
    policy: Policy
    """What becomes of messages while it is behind."""
    behind: int
    """How many messages it has not returned."""
    dropped: int
    """How many messages were dropped for it, modulo 2^32."""


class Sender(_native.Sender, Closing):
    """Publishes messages to any number of receivers, up to 64, which read the same memory.

        with Sender("frames", pool_bytes=64 << 20) as sender:
            loan = sender.loan(4 * 640 * 480)
            np.frombuffer(loan, np.float32)[:] = frame
            loan.send()

    Receivers are let in, and what they return is taken in, by whatever call uses the sender: one that is not used for
    long keeps them waiting.
    """

    __slots__ = ("__weakref__", "_waiting")

    def __init__(
        self,
        endpoint: str | os.PathLike[str],
        *,
        pool_bytes: int = 4 << 20,
        history: int = 0,
        max_receivers: int = 64,
    ) -> None:
        """Listens at an endpoint.

        endpoint: a name, a path, or `fd:N`, an inherited socket.
        pool_bytes: how many bytes may be out at once, allocated at once. A longer message may be out alone.
        history: how many messages to keep for receivers that come later, 0 to 1024.
        max_receivers: 1 to 64.

        Raises EndpointInUse, EndpointForbidden, InvalidArgument, SystemCallFailed.
        """
        if pool_bytes < 1 or max_receivers < 1 or history < 0:
            raise InvalidArgument("pool_bytes and max_receivers are at least 1, history is not negative")
        self._open(os.fspath(endpoint), pool_bytes, history, max_receivers)
        self._waiting = Waiting(self, 0, PATIENCE)

    def loan(self, length: int, timeout: float | None = None) -> Loan:
        """Lends memory of `length` bytes to write a message into. Its content is undefined.

        Raises TimedOut, MessageTooLarge, Closed.
        """
        return self._waiting.until(lambda: self._lend(length), ROOM, timeout, _NO_ROOM)

    async def loan_async(self, length: int, timeout: float | None = None) -> Loan:
        """As `loan`, for asyncio."""
        return await self._waiting.until_async(lambda: self._lend(length), ROOM, timeout, _NO_ROOM)

    def send(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """Sends a loan, or a copy of bytes-like data, to all receivers. It waits until there is one, unless history is
        kept, and until each has room that asks for all messages. A loan is theirs then: it must not be written to.

        tag: a number of 32 bits that travels with the message.

        Raises TimedOut, MessageTooLarge, LoanNotOwned, Closed. A loan is still this side's after an error.
        """
        loan = data if isinstance(data, Loan) else self.loan(length_of(data), timeout)
        self._prepare(loan, data, tag)
        try:
            self._waiting.until(lambda: self._send(loan) or None, ROOM, timeout, _NO_ROOM)
        finally:
            if loan is not data:
                loan.release()

    async def send_async(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """As `send`, for asyncio."""
        loan = data if isinstance(data, Loan) else await self.loan_async(length_of(data), timeout)
        self._prepare(loan, data, tag)
        try:
            await self._waiting.until_async(lambda: self._send(loan) or None, ROOM, timeout, _NO_ROOM)
        finally:
            if loan is not data:
                loan.release()

    def _prepare(self, loan: Loan, data: Any, tag: int | None) -> None:
        if loan is not data:
            copy_into(loan, data)
        if tag is not None:
            loan.tag = tag

    def wait_for_receivers(self, count: int = 1, timeout: float | None = None) -> None:
        """Waits until there are so many receivers at once."""
        what = "not so many receivers have come"
        self._waiting.until(lambda: self._has_receivers(count) or None, ROOM, timeout, what)

    async def wait_for_receivers_async(self, count: int = 1, timeout: float | None = None) -> None:
        """As `wait_for_receivers`, for asyncio."""
        what = "not so many receivers have come"
        await self._waiting.until_async(lambda: self._has_receivers(count) or None, ROOM, timeout, what)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until the receivers have returned everything."""
        what = "not everything was returned"
        self._waiting.until(lambda: self._is_flushed() or None, ROOM, timeout, what)

    async def flush_async(self, timeout: float | None = None) -> None:
        """As `flush`, for asyncio."""
        what = "not everything was returned"
        await self._waiting.until_async(lambda: self._is_flushed() or None, ROOM, timeout, what)

    @property
    def receivers(self) -> list[ReceiverInfo]:
        """Who receives now."""
        return [
            ReceiverInfo(id, pid, POLICIES[policy], behind, dropped)
            for id, pid, policy, behind, dropped in self._receivers()
        ]

    def close(self) -> None:
        """Ends in good order: receivers get what was sent, and then the end. Views of loans stay valid."""
        waiting = getattr(self, "_waiting", None)
        if waiting is not None and not self.closed:
            waiting.close()
        super().close()

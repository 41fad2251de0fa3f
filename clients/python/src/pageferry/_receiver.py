"""Receivers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from typing import Literal

from . import _native
from ._closing import Closing
from ._errors import InvalidArgument, TimedOut
from ._native import MESSAGES, Message
from ._waiting import SPIN_MICROSECONDS, Search, Waiting

Policy = Literal["wait", "drop-newest", "drop-oldest"]
"""What becomes of messages while the receiver is behind."""

POLICIES: tuple[Policy, ...] = ("wait", "drop-newest", "drop-oldest")


class Receiver(_native.Receiver, Closing):
    """Takes what a sender publishes, in the memory that it was written to.

    A message is yours until it is released, or nothing refers to it any more; its memory goes back to the sender
    when the last view of it is gone, too. `for message in receiver` releases each message when the loop's body is done
    with it.

        with Receiver("frames") as receiver:
            for message in receiver:
                frame = np.frombuffer(message, np.float32)

    Threads may wait for one receiver at the same time: each gets other messages.
    """

    __slots__ = ("__weakref__", "_waiting")

    def __init__(
        self,
        endpoint: str | os.PathLike[str],
        *,
        policy: Policy = "wait",
        depth: int = 0,
        timeout: float | None = None,
        spin_microseconds: float = SPIN_MICROSECONDS,
        _stop: Callable[[], bool] | None = None,
    ) -> None:
        """Connects to a sender, and waits until it is there.

        endpoint: a name, a path, or `fd:N`, an inherited socket.
        policy: what becomes of messages while this side is behind: `wait`, `drop-newest`, `drop-oldest`.
        depth: how many messages may be under way, 1 to 1024; 0 means 1024.
        timeout: how long to wait for the sender, in seconds; None: for ever.
        spin_microseconds: how long to look again and again before sleeping.

        Raises TimedOut, VersionMismatch, TransportMismatch, PeerRejected, PeerMisbehaved, SystemCallFailed.
        """
        if policy not in POLICIES:
            raise InvalidArgument(f"policy is one of {', '.join(POLICIES)}, not {policy!r}")
        path = os.fspath(endpoint)
        try:
            self._open(path, POLICIES.index(policy), depth, timeout, _stop)
        except TimedOut:
            raise TimedOut(f"no sender has come to {path!r}") from None
        self._waiting = Waiting(self, spin_microseconds)

    @classmethod
    async def connect(
        cls,
        endpoint: str | os.PathLike[str],
        *,
        policy: Policy = "wait",
        depth: int = 0,
        timeout: float | None = None,
    ) -> Receiver:
        """As the constructor, for asyncio. It can be cancelled."""
        return await Search().run(
            lambda stop: cls(endpoint, policy=policy, depth=depth, timeout=timeout, _stop=stop)
        )

    def receive(self, timeout: float | None = None) -> Message | None:
        """The next message; None at the end, when the sender has closed, and all was received.

        Raises TimedOut, PeerDied, PeerRejected, PeerMisbehaved, MessageLost, Closed.
        """
        found = self._waiting.until(self._take, MESSAGES, timeout, "no message has come")
        return found if isinstance(found, Message) else None

    async def receive_async(self, timeout: float | None = None) -> Message | None:
        """As `receive`, for asyncio."""
        found = await self._waiting.until_async(self._take, MESSAGES, timeout, "no message has come")
        return found if isinstance(found, Message) else None

    def try_receive(self) -> Message | None:
        """The next message, if one is here. None also at the end."""
        found = self._take()
        return found if isinstance(found, Message) else None

    async def __aiter__(self) -> AsyncIterator[Message]:
        while True:
            message = await self.receive_async()
            if message is None:
                return
            yield message
            message.release()

    def close(self) -> None:
        """Leaves. Messages and views of them that are still held keep their bytes, as copies."""
        waiting = getattr(self, "_waiting", None)
        if waiting is not None and not self.closed:
            waiting.close()
        super().close()


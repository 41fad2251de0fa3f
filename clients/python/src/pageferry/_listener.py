"""Listeners."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

from . import _native
from ._channel import Channel
from ._closing import Closing
from ._errors import InvalidArgument
from ._native import MESSAGES
from ._waiting import PATIENCE, SPIN_MICROSECONDS, Waiting

_NOBODY = "nobody has connected"


class Listener(_native.Listener, Closing):
    """Where channels are connected to, by programs in Python, Node or C.

        with Listener("filter") as listener:
            with listener.accept() as channel:
                for message in channel:
                    message.respond(b"yes")
    """

    __slots__ = ("__weakref__", "_channel_spin", "_waiting")

    def __init__(
        self,
        endpoint: str | os.PathLike[str],
        *,
        pool_bytes: int = 4 << 20,
        spin_microseconds: float = SPIN_MICROSECONDS,
    ) -> None:
        """Listens at an endpoint.

        endpoint: a name, a path, or `fd:N`, an inherited socket, at whose other end there is the one channel.
        pool_bytes: how many bytes of this side may be out at once, in each channel. A longer message may be out alone.
        spin_microseconds: how long the channels look again and again before sleeping.

        Raises EndpointInUse, EndpointForbidden, InvalidArgument, SystemCallFailed.
        """
        if pool_bytes < 1:
            raise InvalidArgument("pool_bytes is at least 1")
        self._open(os.fspath(endpoint), pool_bytes)
        self._channel_spin = spin_microseconds
        self._waiting = Waiting(self, 0, PATIENCE)

    def accept(self, timeout: float | None = None) -> Channel | None:
        """The channel with the next one that connects. It outlives the listener. None: of an inherited socket nobody else
        can come.

        Raises TimedOut, SystemCallFailed, Closed.
        """
        channel = Channel.__new__(Channel)
        found = self._waiting.until(lambda: self._accept(channel), MESSAGES, timeout, _NOBODY)
        return self._started(channel) if found is True else None

    async def accept_async(self, timeout: float | None = None) -> Channel | None:
        """As `accept`, for asyncio."""
        channel = Channel.__new__(Channel)
        found = await self._waiting.until_async(lambda: self._accept(channel), MESSAGES, timeout, _NOBODY)
        return self._started(channel) if found is True else None

    def _started(self, channel: Channel) -> Channel:
        channel._waiting = Waiting(channel, self._channel_spin)
        return channel

    def __iter__(self) -> Iterator[Channel]:
        while (channel := self.accept()) is not None:
            yield channel

    async def __aiter__(self) -> AsyncIterator[Channel]:
        while (channel := await self.accept_async()) is not None:
            yield channel

    def close(self) -> None:
        """Listens no more. Channels that were accepted stay."""
        waiting = getattr(self, "_waiting", None)
        if waiting is not None and not self.closed:
            waiting.close()
        super().close()

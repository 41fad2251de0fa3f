"""Waiting for a connection, by threads that block and by tasks of asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from ._errors import TimedOut
from ._native import ROOM

T = TypeVar("T")

SPIN_MICROSECONDS = 100
"""How long to look again and again before sleeping, unless the caller says otherwise."""

PATIENCE = 0.5
"""How long who listens sleeps at most, in seconds: who has connected and says nothing makes room for others in the end, and
descriptors come back, and nothing tells of either."""


class Waiting:
    """The calls that wait for one end.

    One thread sleeps in the kernel, for everything that any of them waits for. Others wait until it has been
    woken, and look for themselves then.
    """

    def __init__(self, end: Any, spin_microseconds: float, patience: float | None = None) -> None:
        """patience: how long one may sleep at most, in seconds, before looking again without having been woken."""
        # The end refers to this: it is to go when its user forgets it, and not with a garbage collection.
        self._end: Any = weakref.proxy(end)
        self._patience = patience
        end._set_spin(spin_microseconds)
        self._changed = threading.Condition()
        self._threads: list[int] = []
        self._is_watched = False
        self._turn = 0
        self._tasks: dict[asyncio.Future[None], int] = {}

    def until(self, attempt: Callable[[], T | None], changes: int, timeout: float | None, what: str) -> T:
        """Tries again whenever something may have changed, until `attempt` returns something.

        Raises TimedOut, with `what` as its words.
        """
        found = attempt()
        if found is None and changes != ROOM and timeout != 0 and self._end._spin():
            found = attempt()
        if found is not None:
            return found
        limit = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            self._threads.append(changes)
        try:
            while True:
                turn = self._turn
                found = attempt()
                if found is not None:
                    return found
                left = None if limit is None else limit - time.monotonic()
                if left is not None and left <= 0:
                    raise TimedOut(what)
                self._sleep(turn, left)
        finally:
            with self._changed:
                self._threads.remove(changes)

    def _sleep(self, turn: int, left: float | None) -> None:
        with self._changed:
            if turn != self._turn:
                return
            if self._is_watched:
                self._changed.wait(left)
                return
            self._is_watched = True
            changes = self._wanted()
        if self._patience is not None:
            left = self._patience if left is None else min(left, self._patience)
        try:
            self._end._wait(changes, left)
        finally:
            with self._changed:
                self._is_watched = False
            self.tell()

    def tell(self) -> None:
        """Has all that wait look again: something was taken that may be another one's."""
        with self._changed:
            self._turn += 1
            self._changed.notify_all()
            if self._is_watched:
                self._end._wake()
        for future in list(self._tasks):
            future.get_loop().call_soon_threadsafe(_wake, future)

    def tell_others(self) -> None:
        """As `tell`, where nobody may be waiting."""
        if self._threads or self._tasks:
            self.tell()

    def _wanted(self) -> int:
        wanted = 0
        for changes in (*self._threads, *self._tasks.values()):
            wanted |= changes
        return wanted

    async def until_async(
        self, attempt: Callable[[], T | None], changes: int, timeout: float | None, what: str
    ) -> T:
        """As `until`, for tasks of asyncio, all of one loop."""
        found = attempt()
        if found is not None:
            return found
        loop = asyncio.get_running_loop()
        limit = None if timeout is None else loop.time() + timeout
        while True:
            if limit is not None and loop.time() >= limit:
                raise TimedOut(what)
            future: asyncio.Future[None] = loop.create_future()
            self._watch(loop, future, changes)
            alarm = self._alarm_of(loop, limit)
            timer = None if alarm is None else loop.call_at(alarm, _wake, future)
            try:
                if not self._end._arm(self._wanted()):
                    self._wake_tasks()
                await future
            finally:
                if timer is not None:
                    timer.cancel()
                self._unwatch(loop, future)
            found = attempt()
            if found is not None:
                return found

    def _alarm_of(self, loop: asyncio.AbstractEventLoop, limit: float | None) -> float | None:
        if self._patience is None:
            return limit
        latest = loop.time() + self._patience
        return latest if limit is None else min(limit, latest)

    def _watch(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None], changes: int) -> None:
        if not self._tasks:
            loop.add_reader(self._end._fd(), self._wake_tasks)
        self._tasks[future] = changes

    def _unwatch(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[None]) -> None:
        del self._tasks[future]
        if not self._tasks and not self._end.closed:
            loop.remove_reader(self._end._fd())

    def _wake_tasks(self) -> None:
        for future in self._tasks:
            _wake(future)

    def close(self) -> None:
        """Before the end is closed: its descriptor may become another one's."""
        if self._tasks:
            loop = next(iter(self._tasks)).get_loop()
            loop.remove_reader(self._end._fd())
            self._wake_tasks()


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Search:
    """A search for the other side, in a thread, that a task can end."""

    def __init__(self) -> None:
        self.is_over = False

    async def run(self, open_it: Callable[[Callable[[], bool]], T]) -> T:
        """Runs `open_it` in a thread. It is to end soon after its argument has returned true."""
        loop = asyncio.get_running_loop()
        found = loop.run_in_executor(None, open_it, lambda: self.is_over)
        try:
            return await asyncio.shield(found)
        except asyncio.CancelledError:
            self.is_over = True
            found.add_done_callback(_close_unwanted)
            raise


def _close_unwanted(found: asyncio.Future[Any]) -> None:
    if not found.cancelled() and found.exception() is None:
        found.result().close()

"""What the extension in C has: see native/."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final

END: Final[object]
MESSAGES: Final[int]
ANSWERS: Final[int]
ROOM: Final[int]

class Message:
    """A message of the other side's: a read-only buffer in the memory that it was written to.

    It is yours until it is released, or nothing refers to it any more. The memory goes back when the last view of it is
    gone, too.
    """

    @property
    def number(self) -> int:
        """Messages of one sender are numbered from 0."""
    @property
    def tag(self) -> int:
        """A number of 32 bits that the sending program has chosen."""
    @property
    def is_request(self) -> bool:
        """Whether an answer is expected, and was not given yet."""
    @property
    def released(self) -> bool:
        """Whether it was released. Views from before may still be read."""
    def release(self) -> None:
        """Gives the memory back when the last view of it is gone. No more views after this. A second time does nothing."""
    def respond(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """Answers a request: as `Channel.respond`."""
    async def respond_async(self, data: Any, *, tag: int | None = None, timeout: float | None = None) -> None:
        """Answers a request: as `Channel.respond_async`."""
    def reject(self, error: object, *, timeout: float | None = None) -> None:
        """Answers a request with an error: as `Channel.reject`."""
    async def reject_async(self, error: object, *, timeout: float | None = None) -> None:
        """Answers a request with an error: as `Channel.reject_async`."""
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Message: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool: ...

class Loan:
    """Memory to write a message into: a writable buffer, until it is sent or released.

    A view of it that is kept must not be written to after that: the memory is the other side's, and later another loan's.
    """

    tag: int
    """A number of 32 bits that travels with the message."""
    @property
    def owned(self) -> bool:
        """Whether it was neither sent nor released."""
    def release(self) -> None:
        """Gives the memory back unsent, when the last view of it is gone. Does nothing to a loan that was sent."""
    def truncate(self, length: int, /) -> None:
        """Makes it shorter, in bytes. Views from before stay as long as they are."""
    def send(self, *, tag: int | None = None, timeout: float | None = None) -> Any:
        """Sends it: as the `send` of who has lent it."""
    async def send_async(self, *, tag: int | None = None, timeout: float | None = None) -> Any:
        """Sends it: as the `send_async` of who has lent it."""
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __enter__(self) -> Loan: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool: ...

class _End:
    @property
    def closed(self) -> bool:
        """Whether this process has closed it."""
    def close(self) -> None: ...
    def _fd(self) -> int: ...
    def _arm(self, changes: int, /) -> bool: ...
    def _wait(self, changes: int, seconds: float | None, /) -> bool: ...
    def _spin(self) -> bool: ...
    def _set_spin(self, microseconds: float, /) -> None: ...
    def _wake(self) -> None: ...

class Receiver(_End):
    @property
    def dropped(self) -> int:
        """How many messages were dropped for this receiver, modulo 2^32."""
    def _open(
        self,
        endpoint: str,
        policy: int,
        depth: int,
        seconds: float | None,
        stop: Callable[[], bool] | None,
        /,
    ) -> None: ...
    def _take(self) -> Message | object | None: ...
    def __iter__(self) -> Iterator[Message]: ...

class Sender(_End):
    def _open(self, endpoint: str, pool_bytes: int, history: int, max_receivers: int, /) -> None: ...
    def _lend(self, length: int, /) -> Loan | None: ...
    def _send(self, loan: Loan, /) -> bool: ...
    def _has_receivers(self, count: int, /) -> bool: ...
    def _is_flushed(self) -> bool: ...
    def _receivers(self) -> list[tuple[int, int, int, int, int]]: ...

class Listener(_End):
    def _open(self, endpoint: str, pool_bytes: int, /) -> None: ...
    def _accept(self, channel: Channel, /) -> object | None: ...

class Channel(_End):
    @property
    def _received(self) -> int: ...
    def _open(
        self, endpoint: str, pool_bytes: int, seconds: float | None, stop: Callable[[], bool] | None, /
    ) -> None: ...
    def _take(self) -> Message | object | None: ...
    def _lend(self, length: int, /) -> Loan | None: ...
    def _send(self, loan: Loan, /) -> bool: ...
    def _ask(self, loan: Loan, /) -> int | None: ...
    def _answer(self, number: int, /) -> Message | None: ...
    def _give_up(self, number: int, /) -> None: ...
    def _respond(self, request: Message, answer: Loan, /) -> bool: ...
    def _reject(self, request: Message, why: str, /) -> bool: ...
    def finish(self) -> None:
        """The orderly end of what this side sends. The other side may still send."""
    def __iter__(self) -> Iterator[Message]: ...

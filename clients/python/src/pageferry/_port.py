"""Values over channels."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any

from ._channel import Channel
from ._closing import Closing
from ._errors import (
    InvalidArgument,
    MessageTooLarge,
    NoHandler,
    NotCloneable,
    PageferryError,
    PeerMisbehaved,
    RemoteError,
    RequestFailed,
    TimedOut,
)
from ._memory import memory_of
from ._native import ROOM, Loan, Message
from ._values._decode import Decoded, decode
from ._values._encode import Encoded, encode, encode_name
from ._values._format import (
    ANSWER,
    FAILURE,
    GIVEN_UP,
    MAGIC,
    MAX_NAME_BYTES,
    MESSAGE,
    NO_HANDLER,
    PREFIX,
    REQUEST,
    given_up_message,
)

Handler = Callable[[Any], Any]
"""Answers requests: gets the value of one, and returns that of its answer, or one that was composed."""

_MAX_REQUEST_NUMBER = 2**30


class Value:
    """A value that was received. Its arrays are in the message: read-only, and valid as long as anything refers to them.

    The memory goes back to the sender when this was released, or nothing refers to it any more, and the last of the
    arrays is gone.
    """

    __slots__ = ("_message", "value")

    value: Any
    """The value itself: dicts, lists, texts, numbers, and arrays."""

    def __init__(self, message: Message, value: Any) -> None:
        self._message = message
        self.value = value

    @property
    def message(self) -> Message:
        """The message that it came in, with its tag."""
        return self._message

    def release(self) -> None:
        """Gives the memory back when the last of the arrays is gone. `value` is None then."""
        self.value = None
        self._message.release()

    def __enter__(self) -> Value:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Composed:
    """A value that lies in the memory that is sent. Only its arrays can be changed, until it is sent."""

    __slots__ = ("_loan", "_used_bytes", "value")

    value: Any
    """What the other side will get. Where `shared` stood there are arrays to be filled."""

    def __init__(self, loan: Loan, used_bytes: int) -> None:
        self._loan = loan
        self._used_bytes = used_bytes
        self.value = decode(loan).value

    def release(self) -> None:
        """Gives the memory back unsent."""
        self.value = None
        self._loan.release()

    def _become(self, kind: int, name: str, number: int) -> Loan:
        encoded = encode_name(name)
        with memory_of(self._loan) as memory:
            words = list(PREFIX.unpack_from(memory, 0))
            words[1], words[5], words[7] = kind, len(encoded), number
            PREFIX.pack_into(memory, 0, *words)
            memory[self._used_bytes : self._used_bytes + len(encoded)] = encoded
        self._loan.truncate(self._used_bytes + len(encoded))
        self.value = None
        return self._loan


class Port(Closing):
    """Values over a channel, as `createPort` of @pageferry/messages has them.

        with Port(Channel("values")) as port:
            port.send({"meta": {"width": 640}, "pixels": pixels})
            for received in port:
                show(received.value["pixels"])

    Arrays of numpy, `bytes` and other buffers lie beside the value in the same message: sending copies them once, into
    the memory that is sent, and receiving does not copy them. They have one dimension at the other side.

    It takes the channel over: nobody else receives from it.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._handlers: dict[str, Handler] = {}
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._number = 0

    # Sending

    def send(self, value: object, *, tag: int | None = None, timeout: float | None = None) -> None:
        """Sends a value, or one that was composed.

        Raises NotCloneable, which says where, and as `Channel.send`.
        """
        loan = value._become(MESSAGE, "", 0) if isinstance(value, Composed) else self._written(encode(value), timeout)
        self.channel.send(loan, tag=tag, timeout=timeout)

    async def send_async(self, value: object, *, tag: int | None = None, timeout: float | None = None) -> None:
        """As `send`, for asyncio."""
        if isinstance(value, Composed):
            loan = value._become(MESSAGE, "", 0)
        else:
            loan = await self._written_async(encode(value), timeout)
        await self.channel.send_async(loan, tag=tag, timeout=timeout)

    def compose(self, value: object, timeout: float | None = None) -> Composed:
        """Lays a value out in the memory that will be sent. What `shared` stands for is filled there; what it holds before
        that is undefined.

        Raises as `send`.
        """
        encoded = encode(value, takes_shared=True)
        loan = self.channel.loan(encoded.byte_length + MAX_NAME_BYTES, timeout)
        return self._composed(encoded, loan)

    async def compose_async(self, value: object, timeout: float | None = None) -> Composed:
        """As `compose`, for asyncio."""
        encoded = encode(value, takes_shared=True)
        loan = await self.channel.loan_async(encoded.byte_length + MAX_NAME_BYTES, timeout)
        return self._composed(encoded, loan)

    def _composed(self, encoded: Encoded, loan: Loan) -> Composed:
        with memory_of(loan) as memory:
            encoded.write_to(memory)
        return Composed(loan, encoded.used_bytes)

    def _written(self, encoded: Encoded, timeout: float | None) -> Loan:
        loan = self.channel.loan(encoded.byte_length, timeout)
        with memory_of(loan) as memory:
            encoded.write_to(memory)
        return loan

    async def _written_async(self, encoded: Encoded, timeout: float | None) -> Loan:
        loan = await self.channel.loan_async(encoded.byte_length, timeout)
        with memory_of(loan) as memory:
            encoded.write_to(memory)
        return loan

    # Receiving

    def receive(self, timeout: float | None = None) -> Value | None:
        """The next value; None at the end. Requests that come before it are answered by their handlers, here.

        Raises PeerMisbehaved for a message that is no value: it is gone, and the next call gets the next one. And as
        `Channel.receive`.
        """
        while True:
            message = self.channel.receive(timeout)
            if message is None:
                return None
            if message.is_request:
                self._serve(message)
            elif not _is_given_up(message):
                return _received(message)

    async def receive_async(self, timeout: float | None = None) -> Value | None:
        """As `receive`, for asyncio. Handlers run as tasks of their own, and may be coroutines."""
        while True:
            message = await self.channel.receive_async(timeout)
            if message is None:
                return None
            if message.is_request:
                self._begin(message)
            elif _is_given_up(message):
                self._give_up(_request_number(message))
            else:
                return _received(message)

    def __iter__(self) -> Iterator[Value]:
        while True:
            received = self.receive()
            if received is None:
                return
            yield received
            received.release()

    async def __aiter__(self) -> AsyncIterator[Value]:
        while True:
            received = await self.receive_async()
            if received is None:
                return
            yield received
            received.release()

    # Asking

    def request(self, name: str, value: object = None, *, timeout: float | None = None) -> Value:
        """Asks, and waits for the answer, which is yours until it is released.

        name: of the handler at the other side, 1 to 256 bytes.
        value: one to be sent, or one that was composed.

        Raises RequestFailed with the error of the handler as its `__cause__`, NoHandler, NotCloneable, and as
        `Channel.request`. While it waits, requests of the other side wait for whoever receives.
        """
        number = self._next_number(name, timeout)
        if isinstance(value, Composed):
            loan = value._become(REQUEST, name, number)
        else:
            loan = self._written(encode(value, kind=REQUEST, name=name, number=number), timeout)
        try:
            return _answer_of(self.channel.request(loan, timeout=timeout))
        except (TimedOut, KeyboardInterrupt):
            self._tell_given_up(loan, number)
            raise

    async def request_async(self, name: str, value: object = None, *, timeout: float | None = None) -> Value:
        """As `request`, for asyncio. If the task is cancelled, the request is given up."""
        number = self._next_number(name, 0)
        if isinstance(value, Composed):
            loan = value._become(REQUEST, name, number)
        else:
            loan = await self._written_async(encode(value, kind=REQUEST, name=name, number=number), timeout)
        try:
            return _answer_of(await self.channel.request_async(loan, timeout=timeout))
        except (TimedOut, asyncio.CancelledError):
            self._tell_given_up(loan, number)
            raise

    def call(self, name: str, value: object = None, *, timeout: float | None = None) -> Any:
        """Asks, and returns the value of the answer in ordinary memory: nothing is to be released. As `request`."""
        with self.request(name, value, timeout=timeout) as answer:
            return decode(bytearray(memory_of(answer.message))).value

    async def call_async(self, name: str, value: object = None, *, timeout: float | None = None) -> Any:
        """As `call`, for asyncio."""
        with await self.request_async(name, value, timeout=timeout) as answer:
            return decode(bytearray(memory_of(answer.message))).value

    def _next_number(self, name: str, timeout: float | None) -> int:
        """The number of a request that may be given up."""
        if name == "":
            raise InvalidArgument("a request has a name")
        if timeout is None:
            return 0
        self._number = self._number % _MAX_REQUEST_NUMBER + 1
        return self._number

    def _tell_given_up(self, loan: Loan, number: int) -> None:
        """Tells the other side at once, or not at all: what it answers is thrown away in any case."""
        if loan.owned:
            loan.release()
        elif number != 0:
            try:
                self.channel.send(given_up_message(number), timeout=0)
            except PageferryError:
                pass

    # Answering

    def handle(self, name: str, handler: Handler) -> None:
        """Answers requests of a name. The arrays of a request are in its message. What the handler raises becomes the
        error of the request.

        Handlers are called by whoever receives: `receive`, a loop over the port, or `serve`. Those that are coroutine
        functions need the ones for asyncio.

        Raises InvalidArgument if the name has a handler.
        """
        if not name or len(name.encode()) > MAX_NAME_BYTES:
            raise InvalidArgument(f"a name has 1 to {MAX_NAME_BYTES} bytes")
        if name in self._handlers:
            raise InvalidArgument(f"{name!r} has a handler")
        self._handlers[name] = handler

    def unhandle(self, name: str) -> None:
        """Takes back what `handle` said."""
        self._handlers.pop(name, None)

    def serve(self) -> None:
        """Answers requests until the other side ends. Messages that are none are dropped."""
        for _ in self:
            pass

    async def serve_async(self) -> None:
        """As `serve`, for asyncio: several at once. Handlers that are at work when the other side has hung up are cancelled."""
        async for _ in self:
            pass
        under_way = list(self._under_way.values())
        if not under_way:
            return
        # Who has ended what it sends may still wait for answers, until it hangs up.
        gone = asyncio.create_task(self._channel_is_over())
        answered = asyncio.gather(*under_way, return_exceptions=True)
        await asyncio.wait((gone, answered), return_when=asyncio.FIRST_COMPLETED)
        for task in (gone, *under_way):
            task.cancel()
        await asyncio.gather(gone, answered, return_exceptions=True)

    async def _channel_is_over(self) -> None:
        """Waits until nothing can be sent any more."""

        def look() -> bool | None:
            try:
                loan = self.channel._lend(0)
            except PageferryError:
                return True
            if loan is not None:
                loan.release()
            return None

        await self.channel._waiting.until_async(look, ROOM, None, "")

    def _serve(self, message: Message) -> None:
        with message:
            request = self._read(message)
            if request is None:
                self.channel.reject(message, "the request is no value")
                return
            answer = _as_answer(self._answer(request))
            request.value = None
            try:
                loan = answer if isinstance(answer, Loan) else self._written(answer, None)
            except MessageTooLarge as error:
                loan = self._written(_failure(error), None)
            self.channel.respond(message, loan)

    def _answer(self, request: Decoded) -> Encoded | Composed:
        handler = self._handlers.get(request.name)
        if handler is None:
            return encode(request.name, kind=NO_HANDLER)
        try:
            return _encoded(handler(request.value))
        except Exception as error:
            return _failure(error)

    def _begin(self, message: Message) -> None:
        number = _request_number(message)
        task = asyncio.get_running_loop().create_task(self._serve_async(message))
        # Those without a number cannot be given up, and are kept all the same: nothing else refers to them.
        key = number or -id(task)
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def _serve_async(self, message: Message) -> None:
        with message:
            request = self._read(message)
            if request is None:
                await self.channel.reject_async(message, "the request is no value")
                return
            answer = _as_answer(await self._answer_async(request))
            request.value = None
            try:
                await self._respond_async(message, answer)
            except PageferryError:
                # The channel has ended: its own calls say so.
                pass

    async def _respond_async(self, message: Message, answer: Encoded | Loan) -> None:
        try:
            loan = answer if isinstance(answer, Loan) else await self._written_async(answer, None)
        except MessageTooLarge as error:
            loan = await self._written_async(_failure(error), None)
        await self.channel.respond_async(message, loan)

    async def _answer_async(self, request: Decoded) -> Encoded | Composed:
        handler = self._handlers.get(request.name)
        if handler is None:
            return encode(request.name, kind=NO_HANDLER)
        try:
            result = handler(request.value)
            return _encoded(await result if inspect.isawaitable(result) else result)
        except Exception as error:
            return _failure(error)

    def _read(self, message: Message) -> Decoded | None:
        try:
            found = decode(message)
        except PageferryError:
            return None
        return found if found.kind == REQUEST else None

    def _give_up(self, number: int) -> None:
        task = self._under_way.get(number)
        if task is not None:
            task.cancel()

    def close(self) -> None:
        """Closes the channel."""
        for task in list(self._under_way.values()):
            task.cancel()
        self.channel.close()


def _encoded(result: object) -> Encoded | Composed:
    return result if isinstance(result, Composed) else encode(result, kind=ANSWER)


def _as_answer(answer: Encoded | Composed) -> Encoded | Loan:
    return answer._become(ANSWER, "", 0) if isinstance(answer, Composed) else answer


def _failure(error: Exception) -> Encoded:
    try:
        return encode(error, kind=FAILURE)
    except NotCloneable:
        return encode(RemoteError(str(error), name=type(error).__name__), kind=FAILURE)


def _prefix_of(message: Message) -> tuple[int, ...]:
    """Zeros for what is shorter than a prefix."""
    with memory_of(message) as memory:
        found = bytes(memory[: PREFIX.size])
    return PREFIX.unpack(found) if len(found) == PREFIX.size else (0,) * 8


def _is_given_up(message: Message) -> bool:
    words = _prefix_of(message)
    return len(message) == PREFIX.size and words[0] == MAGIC and words[1] == GIVEN_UP


def _request_number(message: Message) -> int:
    return _prefix_of(message)[7]


def _received(message: Message) -> Value:
    try:
        found = decode(message)
        if found.kind != MESSAGE:
            raise PeerMisbehaved("a message is no value: it is of another kind")
        return Value(message, found.value)
    except PageferryError:
        message.release()
        raise


def _answer_of(message: Message) -> Value:
    try:
        found = decode(message)
        if found.kind == ANSWER:
            return Value(message, found.value)
        if found.kind == NO_HANDLER:
            raise NoHandler(f"the other side handles no request {str(found.value)!r}")
        if found.kind != FAILURE:
            raise PeerMisbehaved("an answer is none: it is of another kind")
        # An error outlives its message.
        cause = decode(bytearray(memory_of(message))).value
        error = RequestFailed(f"the other side answered with an error: {cause}")
        error.__cause__ = cause if isinstance(cause, BaseException) else None
        raise error
    except PageferryError:
        message.release()
        raise

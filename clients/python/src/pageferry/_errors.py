"""What can go wrong. Each error has a `code`, which is that of Node's side, and never changes its meaning."""

from __future__ import annotations

import json
import os
from typing import Any


class PageferryError(Exception):
    """The base of all errors of this package."""

    code = ""


class InvalidArgument(PageferryError, ValueError):
    """An argument cannot be used. Nothing was done."""

    code = "INVALID_ARGUMENT"


class MessageTooLarge(PageferryError, ValueError):
    """A message has less than 4 GiB. Nothing was done."""

    code = "MESSAGE_TOO_LARGE"


class Closed(PageferryError):
    """This process has closed what is used, before or during the call."""

    code = "CLOSED"


class LoanNotOwned(PageferryError):
    """The loan was sent or released."""

    code = "LOAN_NOT_OWNED"


class MessageReleased(PageferryError, BufferError):
    """The message was released, and has no more views."""

    code = "DELIVERY_RELEASED"


class TimedOut(PageferryError, TimeoutError):
    """The time limit has passed. Nothing is lost."""

    code = "TIMEOUT"


class NotSupported(PageferryError):
    """This cannot be done here."""

    code = "NOT_SUPPORTED"


class EndpointInUse(PageferryError):
    """A live program listens there."""

    code = "ENDPOINT_IN_USE"


class EndpointForbidden(PageferryError, PermissionError):
    """The endpoint's file, or the folder of names, is not this user's alone."""

    code = "ENDPOINT_FORBIDDEN"


class VersionMismatch(PageferryError):
    """The other side speaks another version of the protocol."""

    code = "VERSION_MISMATCH"


class TransportMismatch(PageferryError):
    """The other side is something else: another transport, or a sender where a listener was looked for."""

    code = "TRANSPORT_MISMATCH"


class PeerRejected(PageferryError, PermissionError):
    """The other side refuses this user, has no room for one more, or has given this side up."""

    code = "PEER_REJECTED"


class PeerDied(PageferryError, ConnectionError):
    """The other side ended without closing."""

    code = "PEER_DIED"


class PeerMisbehaved(PageferryError):
    """The other side broke the protocol, or has sent what is no value."""

    code = "PEER_MISBEHAVED"


class RequestFailed(PageferryError):
    """The request was answered with an error, which is the `__cause__`."""

    code = "REQUEST_FAILED"


class RequestUnanswered(PageferryError):
    """The request was released without an answer, or the other side has ended in good order."""

    code = "REQUEST_UNANSWERED"


class NotARequest(PageferryError):
    """The message asks for no answer, or has got one."""

    code = "NOT_A_REQUEST"


class NoHandler(PageferryError):
    """The other side handles no request of that name."""

    code = "NO_HANDLER"


class NotCloneable(PageferryError, TypeError):
    """A value has something in it that cannot be sent; the words say where."""

    code = "NOT_CLONEABLE"


class SystemCallFailed(PageferryError, OSError):
    """A system call failed; `errno` says how."""

    code = "SYSTEM_CALL_FAILED"


class MessageLost(SystemCallFailed):
    """No descriptor was free for the memory of a message, which is lost. What follows is not."""


class RemoteError(Exception):
    """An error of the other side's."""

    name: str
    """What kind of error it is there: `TypeError`, `RangeError`."""
    stack: str | None
    """Where it happened there."""
    properties: dict[str, Any]
    """What else belongs to it, for example its `code`."""

    def __init__(
        self,
        message: str = "",
        *,
        name: str = "Error",
        stack: str | None = None,
        properties: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.name = name
        self.stack = stack
        self.properties = {} if properties is None else properties

    def __str__(self) -> str:
        return f"{self.name}: {self.args[0]}"


# What pf_result of pageferry.h stands for.
_OF_RESULT: dict[int, type[PageferryError]] = {
    2: TimedOut,
    -2: InvalidArgument,
    -3: PeerDied,
    -4: PeerMisbehaved,
    -5: PeerRejected,
    -6: VersionMismatch,
    -7: TransportMismatch,
    -8: PeerRejected,
    -10: RequestUnanswered,
    -12: MessageTooLarge,
    -13: EndpointInUse,
    -14: EndpointForbidden,
}


def error_of(result: int, words: str, errno: int) -> PageferryError:
    """The error for a result of the client in C."""
    if result == -1:
        return SystemCallFailed(errno, os.strerror(errno))
    if result == -9:
        return MessageLost(errno, words)
    return _OF_RESULT.get(result, PageferryError)(words)


def failure_of(text: bytes) -> RequestFailed:
    """The error for a request that was rejected with a description in JSON."""
    try:
        found = json.loads(text)
        name, message = str(found.pop("name", "Error")), str(found.pop("message", ""))
        cause = RemoteError(message, name=name, stack=found.pop("stack", None), properties=found)
    except (ValueError, AttributeError, RecursionError):
        cause = RemoteError("an error that cannot be read")
    error = RequestFailed(f"the other side answered with an error: {cause}")
    error.__cause__ = cause
    return error

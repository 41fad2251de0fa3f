"""Pageferry in Python: messages in memory that processes share, with Node.js at the other side, or Python, or C.

Nothing is copied: a message that was received is a read-only buffer in the memory that it was written to, and
`np.frombuffer(message, dtype)` an array in it.
"""

from ._channel import Channel
from ._errors import (
    Closed,
    EndpointForbidden,
    EndpointInUse,
    InvalidArgument,
    LoanNotOwned,
    MessageLost,
    MessageReleased,
    MessageTooLarge,
    NoHandler,
    NotARequest,
    NotCloneable,
    NotSupported,
    PageferryError,
    PeerDied,
    PeerMisbehaved,
    PeerRejected,
    RemoteError,
    RequestFailed,
    RequestUnanswered,
    SystemCallFailed,
    TimedOut,
    TransportMismatch,
    VersionMismatch,
)
from ._listener import Listener
from ._native import Loan, Message
from ._port import Composed, Handler, Port, Value
from ._receiver import Policy, Receiver
from ._sender import ReceiverInfo, Sender
from ._values._views import Shared, shared

__all__ = [
    "Channel",
    "Closed",
    "Composed",
    "EndpointForbidden",
    "EndpointInUse",
    "Handler",
    "InvalidArgument",
    "Listener",
    "Loan",
    "LoanNotOwned",
    "Message",
    "MessageLost",
    "MessageReleased",
    "MessageTooLarge",
    "NoHandler",
    "NotARequest",
    "NotCloneable",
    "NotSupported",
    "PageferryError",
    "PeerDied",
    "PeerMisbehaved",
    "PeerRejected",
    "Policy",
    "Port",
    "Receiver",
    "ReceiverInfo",
    "RemoteError",
    "RequestFailed",
    "RequestUnanswered",
    "Sender",
    "Shared",
    "SystemCallFailed",
    "TimedOut",
    "TransportMismatch",
    "Value",
    "VersionMismatch",
    "shared",
]

"""Views of messages and loans."""

from __future__ import annotations

from typing import Any

from ._native import Loan


def memory_of(buffer: Any) -> memoryview:
    """A view. Older type checkers do not know that messages and loans are buffers."""
    return memoryview(buffer)


def length_of(data: Any) -> int:
    """The length of bytes-like data, in bytes."""
    return memory_of(data).nbytes


def copy_into(loan: Loan, data: Any) -> None:
    """Copies bytes-like data of the same length."""
    source = memory_of(data)
    if source.nbytes > 0:
        flat = source.cast("B") if source.c_contiguous else memoryview(source.tobytes())
        with memory_of(loan) as target:
            target[:] = flat

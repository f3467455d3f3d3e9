"""A buffer that parsers, written as plain generators, read from: ``data = yield from reader.read(4)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["ByteReader"]


class ByteReader:
    """Bytes of the far end on their way to a parser.

    A parser generator yields whenever it needs more; whoever drives it calls :meth:`feed` and then ``next()``. What
    lies here unread is less than the parser's next :meth:`read`, so the parser's own limits bound the memory.
    """

    __slots__ = ("_buffer", "_position", "consumed")

    def __init__(self) -> None:
        self._buffer = b""
        self._position = 0  # what lies before it is read: cutting it off at every read would copy all the rest
        self.consumed = 0  # bytes that parsers have taken since the connection began

    def __len__(self) -> int:
        """Return how many bytes no parser has taken yet."""
        return len(self._buffer) - self._position

    def __bool__(self) -> bool:
        return True  # an empty reader is still a reader: "reader or ByteReader()" must not replace it

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer = self._buffer[self._position :] + data
        self._position = 0

    def read(self, count: int) -> Generator[None, None, bytes]:
        """Return exactly ``count`` bytes, yielding until they are there."""
        while len(self._buffer) - self._position < count:
            yield
        start = self._position
        self._position = start + count
        self.consumed += count
        return self._buffer[start : start + count]

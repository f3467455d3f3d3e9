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

    __slots__ = ("_buffer", "consumed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.consumed = 0  # bytes that parsers have taken since the connection began

    def __len__(self) -> int:
        """Return how many bytes no parser has taken yet."""
        return len(self._buffer)

    def __bool__(self) -> bool:
        return True  # an empty reader is still a reader: "reader or ByteReader()" must not replace it

    def feed(self, data: bytes) -> None:
        """Append what arrived."""
        self._buffer += data

    def read(self, count: int) -> Generator[None, None, bytes]:
        """Return exactly ``count`` bytes, yielding until they are there."""
        buffer = self._buffer
        while len(buffer) < count:
            yield
        data = bytes(buffer[:count])
        del buffer[:count]
        self.consumed += count
        return data

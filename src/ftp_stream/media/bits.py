"""Bits of a NAL unit's payload: fixed lengths and Exp-Golomb codes (ITU-T H.264, 7.2 and 9.1)."""

from __future__ import annotations

import re

from ftp_stream.errors import SegmentRefused

__all__ = ["BitReader", "BitWriter", "escaped", "unescaped"]

_MOST_ZEROS = 32  # before the first one of a code: none of the standard's is longer
_FORBIDDEN = re.compile(rb"\0\0(?=[\0-\3])")


def unescaped(unit: bytes) -> bytes:
    """Return a NAL unit without the bytes that keep start codes out of it (7.4.1)."""
    return unit.replace(b"\0\0\3", b"\0\0")


def escaped(unit: bytes) -> bytes:
    """Return a NAL unit with a 3 wherever a start code might be seen in it."""
    return _FORBIDDEN.sub(b"\0\0\3", unit)


class BitReader:
    """Reads a payload from its first bit on."""

    __slots__ = ("_left", "_value")

    def __init__(self, payload: bytes) -> None:
        self._value = int.from_bytes(payload, "big")
        self._left = 8 * len(payload)

    def fixed(self, count: int) -> int:
        """Return the next ``count`` bits as a number.

        Raises:
            SegmentRefused: There are not so many.
        """
        self._left -= count
        if self._left < 0:
            raise SegmentRefused("its decoder configuration ends too early")
        return self._value >> self._left & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return whether the next bit is set."""
        return bool(self.fixed(1))

    def unsigned(self) -> int:
        """Return the next ue(v).

        Raises:
            SegmentRefused: There is none.
        """
        zeros = 0
        while not self.fixed(1):
            zeros += 1
            if zeros > _MOST_ZEROS:
                raise SegmentRefused("its decoder configuration is damaged")
        return (1 << zeros) - 1 + self.fixed(zeros)

    def signed(self) -> int:
        """Return the next se(v)."""
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)

    def rest(self) -> tuple[int, int]:
        """Return all that is left up to and with the last one, as a number and how many bits it has."""
        value = self._value & ((1 << self._left) - 1)
        padding = (value & -value).bit_length() - 1 if value else self._left
        return value >> padding, self._left - padding


class BitWriter:
    """Writes a payload; its methods return it, so that a structure reads as one chain."""

    __slots__ = ("_length", "_value")

    def __init__(self) -> None:
        self._value = 0
        self._length = 0

    def fixed(self, value: int, count: int) -> BitWriter:
        """Add a number of ``count`` bits."""
        self._value = self._value << count | value
        self._length += count
        return self

    def unsigned(self, *values: int) -> BitWriter:
        """Add each as ue(v)."""
        for value in values:
            self.fixed(value + 1, 2 * (value + 1).bit_length() - 1)
        return self

    def signed(self, value: int) -> BitWriter:
        """Add se(v)."""
        return self.unsigned(2 * value - 1 if value > 0 else -2 * value)

    def closed(self) -> BitWriter:
        """Add the bit that ends a payload (7.3.2.11)."""
        return self.fixed(1, 1)

    def payload(self) -> bytes:
        """Return the bytes, the last one filled up with zeros."""
        padding = -self._length % 8
        return (self._value << padding).to_bytes((self._length + padding) // 8, "big")

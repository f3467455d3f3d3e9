"""RTMP's 32-bit milliseconds and their serial arithmetic (Adobe RTMP 1.0, clause 3: "serial number arithmetic")."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HALF", "MODULUS", "Timestamp"]

MODULUS = 1 << 32
HALF = 1 << 31  # a difference of this or more is a step back


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A point of the wire's clock: milliseconds modulo 2**32, which come round after 49.7 days.

    Comparison follows RFC 1982: ``a < b`` when going forward from a reaches b in less than half the circle. The hot
    path uses bare integers with ``& 0xFFFFFFFF``; this type is for everything else.
    """

    ms: int  # 0 <= ms < 2**32

    def __post_init__(self) -> None:
        if not 0 <= self.ms < MODULUS:
            raise ValueError(f"{self.ms} is not a 32-bit time")

    @classmethod
    def of(cls, total_ms: int) -> Timestamp:
        """Return the wire's time of a running total of milliseconds."""
        return cls(total_ms % MODULUS)

    def __add__(self, delta_ms: int) -> Timestamp:
        return Timestamp((self.ms + delta_ms) % MODULUS)

    def __sub__(self, other: Timestamp) -> int:
        """Return the signed way from ``other`` to here: -2**31 <= ms < 2**31."""
        return (self.ms - other.ms + HALF) % MODULUS - HALF

    def __lt__(self, other: Timestamp) -> bool:
        return self - other < 0

    def __le__(self, other: Timestamp) -> bool:
        return self - other <= 0

    def __gt__(self, other: Timestamp) -> bool:
        return self - other > 0

    def __ge__(self, other: Timestamp) -> bool:
        return self - other >= 0

    def unrolled(self, near_ms: int) -> int:
        """Return the running total with this time on the wire that lies nearest to ``near_ms``."""
        return near_ms + (self - Timestamp.of(near_ms))

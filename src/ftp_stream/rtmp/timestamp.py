"""RTMP's clock: 32 bits of milliseconds, which come round after 49.7 days (Adobe RTMP 1.0, clause 3).

The signed way from one time to another is ``(later - earlier + HALF) % MODULUS - HALF``: -2**31 <= ms < 2**31.
"""

from __future__ import annotations

from typing import Final

__all__ = ["HALF", "MODULUS"]

MODULUS: Final = 1 << 32
HALF: Final = 1 << 31  # a difference of this or more is a step back

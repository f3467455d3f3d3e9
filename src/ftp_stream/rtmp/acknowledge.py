"""The receiving side's acknowledgements (Adobe RTMP 1.0, 5.4.3), counted in the ways of real servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.rtmp.habits import AckBase, AckWrap

if TYPE_CHECKING:
    from ftp_stream.rtmp.habits import Habits

__all__ = ["Acknowledger"]

_HANDSHAKE = 3073  # bytes of C0, C1 and C2
_HIGH = 0xF0000000
_INT32_MAX = (1 << 31) - 1
_MASK = 0xFFFFFFFF
_SMALLEST_STEP = 1024  # bytes: a window of 1 must not buy an acknowledgement for every byte


class Acknowledger:
    """Says after which bytes what number is sent.

    Args:
        habits: How this server counts.
    """

    __slots__ = ("_count", "_due", "_habits", "_skip", "_step")

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._count = 0  # as this server counts
        self._due = 0  # bytes since the last acknowledgement
        self._step: int | None = None if habits.never_ack else habits.ack_every
        self._skip = _HANDSHAKE if habits.ack_base is AckBase.AFTER_HANDSHAKE else 0

    def window(self, size: int) -> None:
        """The publisher asked for acknowledgements by a window of ``size`` bytes."""
        if not self._habits.never_ack:
            self._step = max(_SMALLEST_STEP, size // self._habits.ack_divisor + self._habits.ack_margin)

    def connected(self, behind: int) -> None:
        """The connect command was read, with ``behind`` bytes received after it."""
        if self._habits.ack_base is AckBase.RTMP:
            self._count = self._due = behind

    def received(self, size: int) -> list[int]:
        """The numbers to send after one read of ``size`` bytes."""
        counted = max(0, size - self._skip)
        self._skip -= size - counted
        self._due += counted
        self._add(counted)
        if self._step is None or self._due < self._step:
            return []
        if self._habits.ack_base is AckBase.INCREMENT:
            times, self._due = divmod(self._due, self._step)
            return [self._step] * times
        self._due = 0
        return [self._count & _MASK]

    def _add(self, size: int) -> None:
        self._count += size
        wrap = self._habits.ack_wrap
        if wrap is AckWrap.RESET and self._count >= _HIGH:
            self._count = self._due = 0
        elif wrap is AckWrap.RESTART and self._count > _HIGH:
            self._count = size
        elif wrap is AckWrap.MINUS and self._count > _INT32_MAX:
            self._count -= _INT32_MAX

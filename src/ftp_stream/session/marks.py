"""What was sent and is not confirmed yet, group of pictures by group of pictures."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftp_stream.model import Skip
    from ftp_stream.report import StreamReport
    from ftp_stream.rtmp.publish import PublishProtocol
    from ftp_stream.supply import Hand, Supply

__all__ = ["Marks"]


@dataclass(slots=True, eq=False)
class _Mark:
    """A GOP that was sent; its number went into the ping behind it."""

    number: int
    hand: Hand | None  # None: what stood in for a segment, nothing to take note of
    gop: int
    frames: int
    left_out: Skip | None = None  # nothing was sent, and why


class Marks:
    """The marks of one connection."""

    def __init__(self, supply: Supply, protocol: PublishProtocol, report: StreamReport) -> None:
        self._supply = supply
        self._protocol = protocol
        self._report = report
        self._open: deque[_Mark] = deque()
        self._number = 0

    @property
    def waiting(self) -> bool:
        """Whether anything is still to be confirmed."""
        return bool(self._open)

    def add(self, hand: Hand | None, gop: int, frames: int, now: float) -> None:
        """Set a mark behind a GOP.

        Args:
            hand: Its segment; ``None`` for what stood in for one.
            gop: Which GOP of it.
            frames: Of the camera, sent since the last mark.
            now: Monotonic time, seconds.
        """
        self._number += 1
        self._open.append(_Mark(self._number, hand, gop, frames))
        self._protocol.mark(self._number, now)

    def take(self) -> None:
        """Take note of all that the server has confirmed."""
        marks, confirmed = self._open, self._protocol.confirmed
        while marks and marks[0].number <= confirmed:
            self._confirm(marks.popleft())

    def leave_out(self, hand: Hand, gop: int, skip: Skip) -> None:
        """Let GOPs up to ``gop``, which will not be sent, count as done once all that was sent before them does.

        Only then they are left out for good: a session that ends before is followed by one that decides anew.
        """
        if self._open:
            self._open.append(_Mark(self._open[-1].number, hand, gop, 0, skip))
        else:
            self._confirm(_Mark(self._number, hand, gop, 0, skip))

    def _confirm(self, mark: _Mark) -> None:
        supply, hand = self._supply, mark.hand
        supply.counters.frames_confirmed += mark.frames
        if hand is None:
            return
        if mark.left_out:
            supply.skip(supply.stream, mark.left_out)
            if not hand.passed:
                self._report.skipped(mark.left_out)
        if supply.confirmed(hand, mark.gop) and not mark.left_out:  # else its end was never there to confirm
            self._report.done(hand)

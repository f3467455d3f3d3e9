"""Which media time is due now, and when a media time will be.

A pace is a straight line through one anchor, so that its error does not grow with time: every question is answered
from the anchor, never from the answer before.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

__all__ = ["BURST_US", "CUSHION_US", "PHASES", "TURN", "Pace", "next_turn", "rate_for"]

TURN = 0.2  # seconds between two gatherings of due rows; wire times carry the exact instant
PHASES = 4  # beats that the streams of one service are spread over, so that they do not all send at once
BURST_US = 1_000_000  # the most that is sent ahead of its time when a publish starts
CUSHION_US = 2_000_000  # a segment that is ready this long before it is needed is not hurried for


@dataclass(frozen=True, slots=True)
class Pace:
    """Media time as a line over the monotonic clock."""

    now: float  # anchor, monotonic seconds
    media_us: int  # what is due at the anchor
    rate: float = 1.0  # media seconds per second

    def due(self, now: float) -> int:
        """Return the media time, in microseconds, up to which everything is due at ``now``."""
        return self.media_us + int((now - self.now) * self.rate * 1_000_000)

    def when(self, media_us: int) -> float:
        """Return the monotonic time, in seconds, at which ``media_us`` becomes due."""
        return self.now + (media_us - self.media_us) / (self.rate * 1_000_000)

    def at_rate(self, now: float, rate: float) -> Pace:
        """Return the pace that goes on from ``now`` at another rate, without a jump."""
        return self if rate == self.rate else Pace(now, self.due(now), rate)

    def resumed(self, now: float, media_us: int) -> Pace:
        """Return the pace after a stall: nothing beyond ``media_us`` was there to send until ``now``.

        What was missed is not hurried for: the stream lies that much further behind from here on, and the next late
        segment finds a cushion.
        """
        return self if self.due(now) <= media_us else Pace(now, media_us, self.rate)


def next_turn(now: float, phase: int) -> float:
    """Return the monotonic time of a stream's next turn.

    Turns fall on a common beat: streams whose turns come one behind the other find code and data still in the
    processor's caches, and the event loop wakes once for all of them.

    Args:
        now: Monotonic time, seconds.
        phase: Which of the `PHASES` beats the stream is on.
    """
    offset = phase * TURN / PHASES
    return (floor((now - offset) / TURN) + 1) * TURN + offset


def rate_for(*, files_waiting: int, left_us: int, catchup_rate: float) -> float:
    """Return the rate to run at.

    Args:
        files_waiting: Settled segments behind the one being sent.
        left_us: What is still to be sent of the segment in hand, microseconds.
        catchup_rate: The fastest rate allowed, media seconds per second.

    A stream catches up while the next segment is ready well before it is needed. The last `CUSHION_US` are left as
    they are: a stream without any cushion would stall at every seam for the jitter of its camera.
    """
    return catchup_rate if files_waiting > 1 or (files_waiting and left_us > CUSHION_US) else 1.0

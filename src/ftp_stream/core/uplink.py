"""Whether the path to a destination takes as much as the footage needs.

What says so is that data waits all the time and less gets through than the footage has: a path is not slow because
little is sent, and not because it stood still for some seconds and then made up for it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import floor, log10
from typing import NamedTuple

__all__ = ["RECOVERY", "WINDOW", "Flow", "SlowUplink", "Uplink"]

WINDOW = 12.0  # seconds over which a path is measured while data waits
RECOVERY = 8.0  # seconds for which a slow path must bear the footage before it is believed
BACKLOG = 3.0  # seconds of footage on the way, more than any round trip has: for those that the kernel's queue holds
MISSED = 5.0  # seconds between two looks, beyond which nothing is known of what was between them

_SHORT = 0.97  # of what the footage needs; a path that takes less is too slow, and the rest is the error of measuring
_AMPLE = 1.1  # of the same; a path that takes so much while data waits has recovered: it makes up for what it missed
_NORMAL = 0.9  # of the same, where nothing waits: there are quieter stretches in any footage
_ADVISED = 0.8  # of what the path takes: other traffic and the camera's own peaks need room


class Flow(NamedTuple):
    """What has gone through a connection since it began."""

    written: int  # bytes handed over
    taken: int  # bytes of those that the peer's TCP is known to have
    clear_at: float  # monotonic time at which last nothing was seen to wait for the kernel


@dataclass(frozen=True, slots=True)
class SlowUplink:
    """The path takes less than the footage needs."""

    uplink_bps: float  # bits per second that the path took
    footage_bps: float  # bits per second that the footage needs at its own pace

    @property
    def words(self) -> str:
        """Both rates in one line."""
        unit, name, digits = (1e6, "Mbit/s", 1) if self.footage_bps >= 1e6 else (1e3, "kbit/s", 0)  # noqa: PLR2004 - 1 Mbit/s
        return f"the line takes {self.uplink_bps / unit:.{digits}f} of {self.footage_bps / unit:.{digits}f} {name}"

    @property
    def cure(self) -> str:
        """What helps: a bitrate, in two digits, that the path bears with some room for peaks."""
        advised = max(self.uplink_bps * _ADVISED / 1000, 1.0)
        unit = 10 ** max(floor(log10(advised)) - 1, 0)
        return f"set the camera to {int(advised // unit * unit)} kbit/s or less, or use a better line"


class _Look(NamedTuple):
    now: float
    flow: Flow
    need: float  # bits that the footage needed since the first look


class Uplink:
    """The judgement about one stream's path; sans-IO, and it outlives the connections.

    Attributes:
        slow: What holds, as it was last measured; `None` while the path takes what the footage needs.
    """

    def __init__(self) -> None:
        self.slow: SlowUplink | None = None
        self._looks: deque[_Look] = deque()  # since data waits, or since it does not
        self._waits = False

    def look(self, now: float, flow: Flow, footage_bps: float) -> SlowUplink | None:
        """Take the counts, about once a second, and return what holds now.

        Args:
            now: Monotonic time, seconds.
            flow: Of the connection that is used now.
            footage_bps: What is being sent needs so many bits per second at its own pace; 0 where it is no footage.
        """
        last = self._looks[-1] if self._looks else None
        if last is None or footage_bps <= 0 or flow.written < last.flow.written or now - last.now > MISSED:
            self._looks = deque([_Look(now, flow, 0.0)])
            self._waits = False
            return self.slow
        waits = _waits(last, flow, footage_bps)
        if waits is not self._waits:
            self._looks = deque([last])
            self._waits = waits
        self._looks.append(_Look(now, flow, last.need + footage_bps * (now - last.now)))
        self._forget()
        self.slow = self._judged()
        return self.slow

    def _forget(self) -> None:
        """Keep one window while data waits, else only from where to where it does not."""
        looks = self._looks
        while self._waits and looks[-1].now - looks[1].now >= WINDOW:
            looks.popleft()
        if not self._waits and len(looks) > 2:  # noqa: PLR2004 - the first and the last
            del looks[1]

    def _judged(self) -> SlowUplink | None:
        first, last = self._looks[0], self._looks[-1]
        elapsed = last.now - first.now
        if not self._waits:
            return None if elapsed >= RECOVERY and _share(first, last) >= _NORMAL else self.slow
        if elapsed < WINDOW:
            return self.slow
        # Both halves: a path that stood still and now makes up for it is no slow one; nor is one that takes nothing
        middle = min(self._looks, key=lambda look: abs(look.now - first.now - elapsed / 2))
        halves = _share(first, middle), _share(middle, last)
        if all(share >= _AMPLE for share in halves):
            return None
        if all(0 < share < _SHORT for share in halves):
            return SlowUplink(_taken(first, last) / elapsed, (last.need - first.need) / elapsed)
        return self.slow


def _waits(last: _Look, flow: Flow, footage_bps: float) -> bool:
    """Whether data has waited ever since the last look, before the kernel or within it."""
    return flow.clear_at <= last.now or (flow.written - flow.taken) * 8 >= BACKLOG * footage_bps


def _taken(first: _Look, last: _Look) -> int:
    """Return the bits that the path took from one look to the other."""
    return (last.flow.taken - first.flow.taken) * 8


def _share(first: _Look, last: _Look) -> float:
    """Return how much of what the footage needed the path took."""
    return _taken(first, last) / (last.need - first.need)

"""Time that runs faster: an event loop all of whose waits and deadlines are shorter by one factor.

Nothing of the service is changed for it. What goes on beside the loop (a child's work, the disk, the far end) keeps its
real pace: at fifty times the speed a far end that gets no processor for a fifth of a second has been deaf for ten. So
the clock stands still whenever that happens, to the service or to the far end, which gives a sign of life for it.
"""

from __future__ import annotations

import asyncio
import mmap
import selectors
import struct
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEAP = 1.0  # seconds of fast time: the most that may pass between two looks at the clock
HEART = "heart"  # the file of the far end's signs of life
BEAT = 0.01  # real seconds between two signs of life
MISSED = 0.05  # real seconds without one after which the clock stands still
_MOMENT = struct.Struct("d")


class Heart:
    """The far end's sign of life: the moment of the last one, in memory that two processes share."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """The one in this file, which is made where it is not there."""
        with path.open("a+b") as file:
            file.truncate(_MOMENT.size)
            return cls(mmap.mmap(file.fileno(), _MOMENT.size))

    def beat(self) -> None:
        """Gives a sign of life."""
        _MOMENT.pack_into(self._memory, 0, time.monotonic())

    def last(self) -> float:
        """When the last one was given: monotonic seconds, which count alike in all processes."""
        return float(_MOMENT.unpack_from(self._memory)[0])


class Clock:
    """Seconds since it was made, at so many times the pace of the real clock, where both ends keep that up.

    Where nobody looks at it for longer than `LEAP`, or the far end gives no sign of life for longer than `MISSED`, it
    stands still: who gets no processor for a moment must not find all deadlines passed.
    """

    def __init__(
        self, speed: float, last_beat: Callable[[], float] | None = None, real: Callable[[], float] = time.monotonic
    ) -> None:
        self.speed = speed
        self._real = real
        self._last_beat = last_beat or real
        self._looked = real()
        self._seconds = 0.0

    def time(self) -> float:
        """Fast seconds since the beginning."""
        real = self._real()
        if real - self._last_beat() <= MISSED:
            self._seconds += min(LEAP, (real - self._looked) * self.speed)
        self._looked = real
        return self._seconds


class Selector(selectors.DefaultSelector):
    """Waits for files as the system's does, for so many times less long."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Waits at most ``timeout`` seconds of fast time."""
        return super().select(timeout if timeout is None else timeout / self._speed)


class Loop(asyncio.SelectorEventLoop):
    """An event loop that lives by a `Clock`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        super().__init__(Selector(clock.speed))

    def time(self) -> float:
        """Seconds of fast time: what all its timers go by."""
        return self._clock.time()

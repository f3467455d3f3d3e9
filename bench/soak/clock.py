"""Time that runs faster: an event loop all of whose waits and deadlines are shorter by one factor.

Nothing of the service is changed for it. What it measures beside the loop (a child's deadline, the disk, the network)
keeps its real pace, so that with a high speed a slow machine looks like a very slow server to it.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LEAP = 1.0  # seconds of fast time: the most that may pass between two looks at the clock


class Clock:
    """Seconds since it was made, at so many times the pace of the real clock.

    Where nobody looks at it for longer than `LEAP` it has stood still meanwhile: a process that gets no processor for
    a moment must not find all its deadlines passed.
    """

    def __init__(self, speed: float, real: Callable[[], float] = time.monotonic) -> None:
        self.speed = speed
        self._real = real
        self._looked = real()
        self._seconds = 0.0

    def time(self) -> float:
        """Fast seconds since the beginning."""
        real = self._real()
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

"""Releases files into inboxes as cameras would, by hard links: a file appears whole at the moment it is due."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.footage import Footage


@dataclass(frozen=True, slots=True)
class Schedule:
    """When the files of each camera appear; all times in seconds."""

    at_once: int  # files that appear together at the beginning, so that one is always waiting
    interval: float  # between the others
    spread: float  # the cameras begin evenly over this time


@dataclass(frozen=True, slots=True)
class Release:
    """One file that is due."""

    after: float  # seconds from the beginning
    camera: int
    number: int  # of the file


def plan(schedule: Schedule, cameras: int, files: int) -> list[Release]:
    """All releases, the soonest first."""
    releases = [
        Release(
            schedule.spread * camera / cameras + max(0, number - schedule.at_once + 1) * schedule.interval,
            camera,
            number,
        )
        for camera in range(cameras)
        for number in range(files)
    ]
    return sorted(releases, key=lambda release: release.after)


class Feeder:
    """A thread that releases files as planned."""

    def __init__(self, inboxes: Sequence[Path], footage: Footage, schedule: Schedule) -> None:
        self.released: dict[tuple[int, int], float] = {}  # (camera, number) -> monotonic time
        self._plan = plan(schedule, len(inboxes), len(footage.files))
        self._inboxes = inboxes
        self._footage = footage
        self._names = list(_names(footage))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)

    def start(self) -> None:
        """Begins now."""
        self._thread.start()

    def stop(self) -> None:
        """Releases nothing more."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        for release in self._plan:
            if self._end.wait(max(0.0, begun + release.after - time.monotonic())):
                return
            os.link(self._footage.files[release.number], self._inboxes[release.camera] / self._names[release.number])
            self.released[release.camera, release.number] = time.monotonic()


def _names(footage: Footage) -> Iterator[str]:
    """Names by the local time at which each file began: one length before it was last written."""
    from bench.footage import SECONDS  # noqa: PLC0415 - the footage brings FFmpeg with it, which tests of plans need not

    for path in footage.files:
        begun = datetime.fromtimestamp(path.stat().st_mtime - SECONDS).astimezone()
        yield f"{begun:%Y%m%d_%H%M%S}{path.suffix}"

"""The ground of a run: its footage, inboxes and server, and how large it is."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import kinds
from bench.feed import Schedule
from bench.footage import SECONDS, Footage, prepare
from bench.server import Server, key

if TYPE_CHECKING:
    from collections.abc import Iterator

Figures = dict[str, Any]

BACKLOG = Schedule(at_once=3, interval=SECONDS, spread=SECONDS)  # one file is always waiting
HUNGRY = Schedule(at_once=1, interval=1.2 * SECONDS, spread=SECONDS)  # each stream waits for its next file
SLACK = 30.0  # seconds that a stream may take longer than its footage


@dataclass(frozen=True, slots=True)
class Scale:
    """How large the runs are."""

    streams: int  # in the comparison of CPU and seams
    few: int  # streams with which those are compared for memory
    crowd: int  # streams on one core
    rival_files: int  # that each stream of ffmpeg sends
    seconds: float  # that the service is measured, once all streams have begun
    idle: int  # streams that hold a picture or show the slate
    audio: int  # streams whose sound is encoded
    idle_seconds: float  # that the former are measured

    def as_dict(self) -> Figures:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run's place: its footage, inboxes and server."""

    directory: Path
    footage: Footage
    inboxes: tuple[Path, ...]
    server: Server


@contextmanager
def bench(cameras: int, files: int, schedule: Schedule, kind: kinds.Kind = kinds.PLAIN) -> Iterator[Bench]:
    """Sets up a run."""
    with tempfile.TemporaryDirectory(prefix="ftp-stream-bench-") as name, Server(Path(name)) as server:
        directory = Path(name)
        (directory / "footage").mkdir()
        # No file is released before the time at which it was last written.
        begun = time.time() - schedule.at_once * SECONDS
        footage = prepare(kinds.masters(kind), files, directory / "footage", begun)
        inboxes = tuple(directory / "inboxes" / key(camera) for camera in range(cameras))
        for inbox in inboxes:
            inbox.mkdir(parents=True)
        yield Bench(directory, footage, inboxes, server)

"""The runs in which no camera sends anything any more: the last picture is held, or the slate is shown.

Beside the service, at the same time and to the same server, runs what would do the like without it: an ffmpeg per
stream that encodes a still picture, once a second for the hold, at the camera's rate for the slate, with silence. It
shows no clock, so it does less than the slate.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from bench import kinds
from bench.feed import Feeder, Schedule
from bench.footage import RATE, SECONDS
from bench.ground import SLACK, Bench, Figures, Scale, bench
from bench.machine import Watch
from bench.rivals import Still
from bench.runs import Reading, others, problems
from bench.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SCHEDULE = Schedule(at_once=2, interval=SECONDS, spread=2.0)  # the second file is the newest, and never taken
_FILES = 2
_RIVALS = 2  # streams
_HOLD = 'idle = "hold"\n'
_SLATE = 'idle = "slate"\nhold_seconds = 1\n'


def hold(scale: Scale) -> Figures:
    """All streams hold their last picture."""
    with bench(scale.idle, _FILES, _SCHEDULE) as at:
        return _measured(at, scale, _HOLD, "holding", 1)


def slate(scale: Scale) -> Figures:
    """All streams show the slate; and what it takes to make them, one for each camera."""
    with bench(scale.idle, _FILES, _SCHEDULE) as at:
        return _measured(at, scale, _SLATE, "slate_shown", RATE)


RUNS: dict[str, Callable[[Scale], Figures]] = {"hold": hold, "slate": slate}


def _measured(at: Bench, scale: Scale, settings: str, shown: str, rate: int) -> Figures:
    """What the service and its rival use while all streams show the same.

    Args:
        at: The ground.
        scale: How many streams, and how long.
        settings: Of the service.
        shown: The event that tells that a stream shows it.
        rate: Pictures a second of the rival.
    """
    contender = Service(at.directory, at.inboxes, at.server, settings=settings)
    rival = Still(_picture(at.directory), rate, [at.server.url(scale.idle + number) for number in range(_RIVALS)])
    contender.start()
    rival.start()
    try:
        feeder = Feeder(at.inboxes, at.footage, _SCHEDULE)
        feeder.start()
        contender.wait_for("holding", 1, SECONDS + SLACK)
        before = contender.cpu()
        contender.wait_for(shown, scale.idle, SECONDS + SLACK)
        time.sleep(1.0)  # what was kept for the restart, or made for the slate, is done
        made = contender.cpu() - before
        watch = Watch()
        begun, theirs = Reading(time.monotonic(), contender.cpu()), rival.cpu()
        time.sleep(scale.idle_seconds)
        ended, theirs = Reading(time.monotonic(), contender.cpu()), rival.cpu() - theirs
        contender.check()
        feeder.stop()
    finally:
        rival.stop()
        contender.stop()
    minutes = (ended.at - begun.at) / 60
    used = ended.cpu - begun.cpu
    return {
        "streams": scale.idle,
        "cpu_per_minute": (used.own + used.children) / minutes / scale.idle,
        "rival_per_minute": theirs / minutes / _RIVALS,
        "made_cpu_s": made.children / scale.idle,
        "problems": problems(contender),
    } | others(watch)


def _picture(directory: Path) -> Path:
    """A still picture of the footage's size."""
    path = directory / "still.png"
    [footage, *_] = kinds.masters(kinds.PLAIN)
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", footage, "-frames:v", "1", path], check=True)
    return path

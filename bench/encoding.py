"""The runs in which the camera sends what must be encoded: its sound alone, or its pictures.

What they cost is counted from before the first file until all are delivered, with the start of the children that
encode: what is encoded ahead would else be counted without being played, or the other way round. ffmpeg does the same
work afterwards, not meanwhile: the service's children give way to every other program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import kinds
from bench.feed import Feeder, Schedule
from bench.footage import RATE, SECONDS
from bench.ground import SLACK, Bench, Figures, Scale, bench
from bench.machine import Watch
from bench.rivals import PerFile, run_once
from bench.runs import others, problems
from bench.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

_FILES = 2  # of each camera that are delivered
_SCHEDULE = Schedule(at_once=_FILES + 1, interval=SECONDS, spread=2.0)  # the last is the newest, and never taken
_SLOWEST = 4.0  # times its length that encoding a file may take
# What the service makes of them; where it chooses nothing, ffmpeg's own
_AAC = ("-c:v", "copy", "-c:a", "aac", "-ar", "44100", "-ac", "2", "-b:a", "128k")
_H264 = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-maxrate", "6220k", "-bufsize", "6220k"),
    *("-bf", "0", "-g", str(2 * RATE), "-c:a", "copy"),
)


@dataclass(frozen=True, slots=True)
class _Work:
    """What the service did."""

    figures: Figures
    encoding: tuple[float, ...]  # how many seconds of pictures were encoded in one, for each file


def audio(scale: Scale) -> Figures:
    """Cameras with A-law at 8 kHz: pictures are copied, sound becomes AAC; then ffmpeg per file."""
    watch = Watch()
    with bench(scale.audio, _FILES + 1, _SCHEDULE, kinds.ALAW) as at:
        work = _work(at)
    with bench(scale.audio, _FILES, _SCHEDULE, kinds.ALAW) as at:
        rival = PerFile(at.inboxes, at.server, _FILES, _AAC)
        feeder = Feeder(at.inboxes, at.footage, _SCHEDULE)
        rival.start()
        feeder.start()
        rival.wait(_FILES * SECONDS + SLACK)
        feeder.stop()
    theirs = {"rival_per_minute": rival.costs.mean, "rival_failed": rival.costs.failed}
    return work.figures | theirs | others(watch)


def video(_scale: Scale) -> Figures:
    """A camera with HEVC that becomes H.264; then ffmpeg, not held to the pace, to see how fast it could be."""
    watch = Watch()
    with bench(1, _FILES + 1, _SCHEDULE, kinds.HEVC) as at:
        work = _work(at, 'video = "h264"\n')
        runs = [run_once(path, _H264, at.server.url(1)) for path in at.footage.files[:_FILES]]
    seconds = _FILES * SECONDS
    theirs = {
        "rival_per_minute": sum(cpu for cpu, _ in runs) * 60 / seconds,
        "rival_speed": seconds / sum(elapsed for _, elapsed in runs),
    }
    speed = {"speed": len(work.encoding) / sum(1 / each for each in work.encoding)}
    return work.figures | theirs | speed | others(watch)


RUNS: dict[str, Callable[[Scale], Figures]] = {"audio": audio, "video": video}


def _work(at: Bench, settings: str = "") -> _Work:
    """Lets the service deliver all files but the newest of each camera."""
    streams = len(at.inboxes)
    contender = Service(at.directory, at.inboxes, at.server, settings=settings)
    contender.start()
    try:
        before = contender.cpu()
        feeder = Feeder(at.inboxes, at.footage, _SCHEDULE)
        feeder.start()
        contender.wait_for("segment_done", streams * _FILES, _FILES * _SLOWEST * SECONDS + SLACK)
        used = contender.cpu() - before
        feeder.stop()
    finally:
        contender.stop()
    minutes = streams * _FILES * SECONDS / 60
    figures = {
        "streams": streams,
        "cpu_per_minute": (used.own + used.children) / minutes,
        "playing_per_minute": used.own / minutes,
        "publishes": len(contender.events("connected")),
        "problems": problems(contender),
    }
    return _Work(
        figures, tuple(each["encoding_speed"] for each in contender.events("segment_begun") if "encoding_speed" in each)
    )

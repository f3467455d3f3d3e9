"""The runs in which the camera sends what must be encoded: its sound alone, or its pictures."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench import kinds
from bench.feed import Feeder, Schedule
from bench.footage import RATE, SECONDS
from bench.ground import BACKLOG, SLACK, Figures, Scale, bench
from bench.machine import Watch
from bench.rivals import PerFile, run_once
from bench.runs import others, ours, problems
from bench.service import Service

if TYPE_CHECKING:
    from collections.abc import Callable

# What the service makes of them: the same work, by ffmpeg's own defaults where nothing was chosen
_AAC = ("-c:v", "copy", "-c:a", "aac", "-ar", "44100", "-ac", "2", "-b:a", "128k")
_H264 = (
    *("-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-maxrate", "6220k", "-bufsize", "6220k"),
    *("-bf", "0", "-g", str(2 * RATE), "-c:a", "copy"),
)
_FILES = 2  # whose pictures are encoded
_ALL = Schedule(at_once=_FILES + 1, interval=SECONDS, spread=0.0)  # the last is the newest, and never taken
_SLOW = 4.0  # times its length that encoding a file may take


def audio(scale: Scale) -> Figures:
    """Cameras with A-law at 8 kHz: pictures are copied, sound becomes AAC; ffmpeg per file at the same time."""
    with bench(scale.audio, scale.audio_files, BACKLOG, kinds.ALAW) as at:
        rival = PerFile(at.inboxes, at.server, scale.audio_files, _AAC)
        feeder = Feeder(at.inboxes, at.footage, BACKLOG)
        rival.start()
        feeder.start()
        try:
            found = ours(scale.audio, BACKLOG, scale.idle_seconds, kind=kinds.ALAW)
        finally:
            rival.wait(scale.audio_files * SECONDS + SLACK)
            feeder.stop()
        return found | {"rival_per_minute": rival.costs.mean, "rival_failed": rival.costs.failed}


def video(_scale: Scale) -> Figures:
    """A camera with HEVC that becomes H.264: CPU from first to last, and how fast; then ffmpeg as fast as it can."""
    watch = Watch()
    with bench(1, _FILES + 1, _ALL, kinds.HEVC) as at:
        contender = Service(at.directory, at.inboxes, at.server, settings='video = "h264"\n')
        contender.start()
        try:
            before = contender.cpu()
            feeder = Feeder(at.inboxes, at.footage, _ALL)
            feeder.start()
            contender.wait_for("segment_begun", 1, _SLOW * SECONDS + SLACK)
            waited = time.monotonic() - feeder.released[0, 1]
            contender.wait_for("segment_done", _FILES, _FILES * _SLOW * SECONDS + SLACK)
            used = contender.cpu() - before
            feeder.stop()
        finally:
            contender.stop()
        runs = [run_once(path, _H264, at.server.url(1)) for path in at.footage.files[:_FILES]]
        minutes = _FILES * SECONDS / 60
        return {
            "streams": 1,
            "cpu_per_minute": (used.own + used.children) / minutes,
            "rival_per_minute": sum(cpu for cpu, _ in runs) / minutes,
            "speed": SECONDS / waited,
            "rival_speed": _FILES * SECONDS / sum(elapsed for _, elapsed in runs),
            "problems": problems(contender),
        } | others(watch)


RUNS: dict[str, Callable[[Scale], Figures]] = {"audio": audio, "video": video}

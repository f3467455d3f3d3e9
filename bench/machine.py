"""The machine that a figure comes from, and how much of it was taken by others while it was measured."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bench import process

_TICK = os.sysconf("SC_CLK_TCK")


def describe() -> dict[str, str | int | float]:
    """What the reader of a figure must know of the machine."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ffmpeg": ffmpeg_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def ffmpeg_version() -> str:
    """Of the system's ffmpeg; empty where there is none."""
    if not shutil.which("ffmpeg"):
        return ""
    first = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return first.split()[2]


def _busy(cores: set[int]) -> tuple[float, float]:
    """CPU seconds that these cores have worked, and that were stolen from them, since the machine began."""
    busy = stolen = 0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *fields = line.split()
        if name.removeprefix("cpu").isdecimal() and int(name.removeprefix("cpu")) in cores:
            user, nice, system, _idle, _wait, interrupt, soft, steal, *_ = map(int, fields)
            busy += user + nice + system + interrupt + soft
            stolen += steal
    return busy / _TICK, stolen / _TICK


@dataclass(frozen=True, slots=True)
class Others:
    """How many cores other programs had, and the hypervisor took, while something was measured."""

    programs: float
    stolen: float


class Watch:
    """Measures `Others` from its making on."""

    def __init__(self, cores: set[int] | None = None, pid: int | None = None) -> None:
        """Begins.

        Args:
            cores: Which are looked at; all of them without it.
            pid: The process that, with its descendants, is not other; this one without it.
        """
        self._cores = cores or os.sched_getaffinity(0)
        self._pid = pid or os.getpid()
        self._begun = self._now()

    def read(self) -> Others:
        """Since the beginning."""
        elapsed, busy, stolen, ours = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return Others(max(0.0, busy - ours) / elapsed, stolen / elapsed)

    def _now(self) -> tuple[float, float, float, float]:
        mine = process.cpu(self._pid)
        return time.monotonic(), *_busy(self._cores), mine.own + mine.children

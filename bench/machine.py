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


def _busy() -> tuple[float, float]:
    """CPU seconds that the machine has worked, and that were stolen from it, since it began."""
    user, nice, system, _idle, _wait, interrupt, soft, steal, *_ = map(int, _first_line().split()[1:])
    return (user + nice + system + interrupt + soft) / _TICK, steal / _TICK


def _first_line() -> str:
    with Path("/proc/stat").open() as file:
        return file.readline()


@dataclass(frozen=True, slots=True)
class Others:
    """How many cores other programs had, and the hypervisor took, while something was measured."""

    programs: float
    stolen: float


class Watch:
    """Measures `Others` from its making on."""

    def __init__(self) -> None:
        self._begun = self._now()

    def read(self) -> Others:
        """Since the beginning."""
        elapsed, busy, stolen, ours = (now - then for now, then in zip(self._now(), self._begun, strict=True))
        return Others(max(0.0, busy - ours) / elapsed, stolen / elapsed)

    @staticmethod
    def _now() -> tuple[float, float, float, float]:
        mine = process.cpu(os.getpid())
        return time.monotonic(), *_busy(), mine.own + mine.children

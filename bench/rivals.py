"""The contenders that are made of ffmpeg: one process per file, one with a list, one with a still picture."""

from __future__ import annotations

import os
import statistics
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench import process
from bench.footage import SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.footage import Footage
    from bench.server import Server

_POLL = 0.2  # seconds between two looks into an empty inbox; a common script waits 1 to 5
_FFMPEG = ("ffmpeg", "-nostdin", "-loglevel", "error", "-re")
COPY = ("-c", "copy")


@dataclass(slots=True)
class Costs:
    """What the ffmpeg processes of a run cost."""

    cpu_per_minute: list[float] = field(
        default_factory=list
    )  # CPU seconds per minute of footage, one value per process
    failed: int = 0
    memory: list[process.Memory] = field(default_factory=list)  # one value per process

    @property
    def mean(self) -> float | None:
        """CPU seconds per minute of footage; None where no process came to its end."""
        return statistics.fmean(self.cpu_per_minute) if self.cpu_per_minute else None

    def add(self, status: int, cpu: float, footage: float) -> None:
        """Counts a process that has ended, and how many seconds of footage it sent."""
        if status:
            self.failed += 1
        else:
            self.cpu_per_minute.append(cpu * 60 / footage)


class _Children:
    """The ffmpeg processes that run now."""

    def __init__(self) -> None:
        self._running: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def run(self, command: Sequence[str]) -> tuple[int, float]:
        """Runs one to its end: exit status and CPU seconds."""
        child = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        with self._lock:
            self._running[child.pid] = child
        _, status, usage = os.wait4(child.pid, 0)
        with self._lock:
            del self._running[child.pid]
        child.returncode = os.waitstatus_to_exitcode(status)
        return child.returncode, usage.ru_utime + usage.ru_stime

    def memory(self) -> list[process.Memory]:
        """Resident memory of each that runs now."""
        found = []
        for pid in list(self._running):
            try:
                found.append(process.memory(pid))
            except (OSError, KeyError):
                continue  # ends right now
        return found

    def terminate(self) -> None:
        """Ends all."""
        with self._lock:
            for child in self._running.values():
                child.terminate()


class PerFile:
    """The common script: for each file that is there, one ``ffmpeg -re``; then the file is deleted."""

    def __init__(self, inboxes: Sequence[Path], server: Server, files: int, codecs: Sequence[str] = COPY) -> None:
        self.costs = Costs()
        self._out = (*codecs, "-f", "flv")
        self._children = _Children()
        self._files = files
        self._ending = False
        self._threads = [
            threading.Thread(target=self._stream, args=(inbox, server.url(camera)), daemon=True)
            for camera, inbox in enumerate(inboxes)
        ]

    def start(self) -> None:
        """Begins to look into the inboxes."""
        for thread in self._threads:
            thread.start()

    def sample_memory(self) -> None:
        """Notes the memory of the processes that run now."""
        self.costs.memory += self._children.memory()

    def wait(self, deadline: float) -> None:
        """Waits until every stream has sent all its files, or for so many seconds."""
        end = time.monotonic() + deadline
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._ending = True
        self._children.terminate()
        for thread in self._threads:
            thread.join()

    def _stream(self, inbox: Path, url: str) -> None:
        sent = 0
        while sent < self._files and not self._ending:
            files = sorted(inbox.iterdir())
            if not files:
                time.sleep(_POLL)
                continue
            path = files[0]
            status, cpu = self._children.run([*_FFMPEG, "-i", str(path), *self._out, url])
            if not self._ending:
                self.costs.add(status, cpu, SECONDS)
            path.unlink()
            sent += 1


class Still:
    """One ``ffmpeg -re`` per stream that encodes a still picture and silence until it is stopped."""

    def __init__(self, picture: Path, rate: int, urls: Sequence[str]) -> None:
        """Starts none yet.

        Args:
            picture: Is decoded once.
            rate: Pictures a second.
            urls: One per stream.
        """
        source = f"movie={picture},loop=-1:1,setpts=N/({rate}*TB),format=yuv420p"
        silence = "anullsrc=r=48000:cl=mono"
        inputs = ("-f", "lavfi", "-i", source, "-re", "-f", "lavfi", "-i", silence)
        # zerolatency: else it waits for pictures to come, and they come once a second
        pictures = ("-c:v", "libx264", "-preset", "veryfast", "-tune", "zerolatency", "-r", str(rate))
        group = ("-g", str(2 * rate))
        self._commands = [[*_FFMPEG, *inputs, *pictures, *group, "-c:a", "aac", "-f", "flv", url] for url in urls]
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Starts all."""
        self._running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in self._commands]

    def cpu(self) -> float:
        """CPU seconds so far, of all together.

        Raises:
            RuntimeError: One of them has ended.
        """
        if any(child.poll() is not None for child in self._running):
            raise RuntimeError("ffmpeg does not go on with a still picture")
        return sum(process.cpu(child.pid).own for child in self._running)

    def stop(self) -> None:
        """Ends all."""
        for child in self._running:
            child.terminate()
        for child in self._running:
            child.wait()


def run_once(path: Path, codecs: Sequence[str], url: str) -> tuple[float, float]:
    """Sends a file as fast as it can be; CPU seconds, and seconds that it took.

    Raises:
        RuntimeError: It could not.
    """
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-i", str(path), *codecs, "-f", "flv", url]
    begun = time.monotonic()
    status, cpu = _Children().run(command)
    if status:
        raise RuntimeError(f"ffmpeg failed: {' '.join(command)}")
    return cpu, time.monotonic() - begun


class Concat:
    """One ``ffmpeg -re -f concat`` per stream over a list of files that are all there from the start."""

    def __init__(self, directory: Path, footage: Footage, server: Server, streams: int) -> None:
        self.costs = Costs()
        self._children = _Children()
        self._seconds = SECONDS * len(footage.files)
        playlist = directory / "concat.txt"
        playlist.write_text("".join(f"file '{path}'\n" for path in footage.files))
        self._threads = [
            threading.Thread(target=self._stream, args=(playlist, server.url(stream)), daemon=True)
            for stream in range(streams)
        ]

    def start(self, spread: float) -> None:
        """Begins one stream after the other, evenly over so many seconds."""
        for thread in self._threads:
            thread.start()
            time.sleep(spread / len(self._threads))

    def sample_memory(self) -> None:
        """Notes the memory of the processes that run now."""
        self.costs.memory += self._children.memory()

    def wait(self) -> None:
        """Waits until all have sent everything."""
        for thread in self._threads:
            thread.join()

    def _stream(self, playlist: Path, url: str) -> None:
        command = [*_FFMPEG, "-f", "concat", "-safe", "0", "-i", str(playlist), *COPY, "-f", "flv", url]
        status, cpu = self._children.run(command)
        self.costs.add(status, cpu, self._seconds)

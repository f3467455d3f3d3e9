"""The server's process, from the side of whoever runs it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Self

from bench import seen

if TYPE_CHECKING:
    from pathlib import Path


class Server:
    """``bench.sink`` in a process of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.sink", str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout
        self._port = int(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def url(self, camera: int) -> str:
        """Where this camera publishes to."""
        return f"rtmp://127.0.0.1:{self._port}/live/{key(camera)}"

    def close(self) -> None:
        """Ends it; it writes what it saw."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def trace(self) -> seen.Trace:
        """Ends it and reads what it saw."""
        self.close()
        return seen.load(self._directory)


def key(camera: int) -> str:
    """The stream key of a camera."""
    return f"key{camera:04d}"


def number_of(name: str) -> int:
    """The camera that has this stream key."""
    return int(name.removeprefix("key"))

"""The installed program as a process, as an operator starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Self

from ftp_stream.config.variables import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 30.0  # seconds, for a busy machine


def environment(**settings: str) -> dict[str, str]:
    """This environment without settings of the machine, with these."""
    ours = {name.upper() for name in NAMES}
    return {name: value for name, value in os.environ.items() if name not in ours} | settings


class Program:
    """One run; what it says goes to a file."""

    def __init__(self, place: Path, *arguments: str, **settings: str) -> None:
        self._log = (place / "said").open("w+b")
        argv = [sys.executable, "-m", "ftp_stream", *arguments]
        self.process = subprocess.Popen(
            argv, cwd=place, env=environment(**settings), stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._log.close()

    @property
    def said(self) -> str:
        """All that it has said so far."""
        self._log.seek(0)
        return self._log.read().decode()

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until it holds; fail with what was said where it does not come, or the program ends."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not come: {self.said}"
            assert self.process.poll() is None, f"ended before {what}: {self.said}"
            time.sleep(0.02)

    def says(self, text: str) -> None:
        """Wait until it has said this."""
        self.until(lambda: text in self.said, repr(text))

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

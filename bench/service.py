"""Our own contender: ``python -m ftp_stream run`` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

from bench import process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.server import Server

_START = 60.0  # seconds that the service may take to be ready
_STOP = 30.0
_SETTINGS = """\
state_dir = "{state}"
log_format = "json"
min_file_age = 0
newest = "never"
catchup_rate = 1
"""
_CAMERA = """
[[camera]]
name = "{name}"
watch_dir = "{inbox}"

[[camera.destination]]
name = "sink"
url = "{url}"
"""


class Service:
    """The service with one stream per inbox; its usual settings, save that it takes files young and never hurries."""

    def __init__(
        self,
        directory: Path,
        inboxes: Sequence[Path],
        server: Server,
        cores: set[int] | None = None,
        settings: str = "",
    ) -> None:
        """Writes its settings.

        Args:
            directory: For its settings, state and log.
            inboxes: One per camera.
            server: That all publish to.
            cores: On which it may run; all of them without it.
            settings: Lines that are added for all cameras.
        """
        self._directory = directory
        self._state = directory / "state"
        (directory / "ftp-stream.toml").write_text(
            _SETTINGS.format(state=self._state)
            + settings
            + "".join(
                _CAMERA.format(name=f"camera{camera:04d}", inbox=inbox, url=server.url(camera))
                for camera, inbox in enumerate(inboxes)
            )
        )
        self._cores = cores
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it is ready.

        Raises:
            RuntimeError: It ended, or was not ready in time; with the end of its log.
        """
        before = os.sched_getaffinity(0)
        if self._cores:
            os.sched_setaffinity(0, self._cores)  # for the child to inherit
        with (self._directory / "service.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ftp_stream", "run"],
                cwd=self._directory,
                stdout=log,
                stderr=log,
                env={name: value for name, value in os.environ.items() if not name.startswith("RTMP_")},
            )
        os.sched_setaffinity(0, before)
        end = time.monotonic() + _START
        while not (self._state / "status.json").exists():
            self.check()
            if time.monotonic() > end:
                self.stop()
                raise RuntimeError(f"the service is not ready after {_START:g} s:\n{self.log()[-2000:]}")
            time.sleep(0.05)

    def check(self) -> None:
        """Makes sure that it runs.

        Raises:
            RuntimeError: It has ended; with the end of its log.
        """
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"the service has ended:\n{self.log()[-2000:]}")

    def log(self) -> str:
        """What it has logged so far."""
        return (self._directory / "service.log").read_text(errors="replace")

    def events(self, name: str) -> list[dict[str, Any]]:
        """The lines of its log so far that tell of such an event."""
        mark = f'"event": {json.dumps(name)}'
        whole, *_ = self.log().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if mark in line]

    def wait_for(self, name: str, times: int, deadline: float) -> None:
        """Waits until its log tells so often of an event.

        Raises:
            RuntimeError: It has ended, or so many seconds have passed; with the end of its log.
        """
        end = time.monotonic() + deadline
        while (found := len(self.events(name))) < times:
            self.check()
            if time.monotonic() > end:
                raise RuntimeError(f"{name}: {found} in {deadline:g} s, not {times}:\n{self.log()[-2000:]}")
            time.sleep(0.1)

    @property
    def pid(self) -> int:
        """Of its main process."""
        assert self._process
        return self._process.pid

    def cpu(self) -> process.Cpu:
        """CPU seconds so far: the main process, and the children that prepare."""
        return process.cpu(self.pid)

    def stop(self) -> None:
        """Ends it in order."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

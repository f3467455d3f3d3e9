"""The processes of a run, and what is seen of them from outside."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bench import process
from bench.soak import receiver
from bench.soak.footage import Feeder, record
from bench.soak.verdict import Sample
from ftp_stream.core.status import from_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftp_stream.core.status import StreamStatus

_STOP = 10.0  # seconds that a process may take to end
_SETTINGS = """\
state_dir = "{directory}/state"
log_format = "json"
log_level = "warning"

[[camera]]
name = "soak"
watch_dir = "{directory}/inbox"
camera_tz = "UTC"
min_file_age = 0
catchup_rate = 1
hold_seconds = 3600

[[camera.destination]]
name = "far-end"
url = "rtmp://127.0.0.1:{port}/live/{key}"
"""


class World:
    """A service that lives faster, a receiver, and a feeder between them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._begun = time.monotonic()
        self._children: set[int] = set()
        self._stack = ExitStack()
        self._feeder: Feeder
        self._service: subprocess.Popen[bytes]

    @contextmanager
    def running(self, speed: float) -> Iterator[None]:
        """Runs all of it while entered.

        Raises:
            RuntimeError: The receiver did not start.
        """
        with self._stack:
            files = record(self._directory / "files")
            inbox = self._directory / "inbox"
            inbox.mkdir()
            self._feeder = Feeder(files, inbox)
            far_end = self._start("receiver", str(self._directory), *map(str, files))
            assert far_end.stdout
            port = far_end.stdout.readline().decode().strip()
            if not port:
                raise RuntimeError(f"the receiver did not start:\n{self.log('receiver')}")
            settings = _SETTINGS.format(directory=self._directory, port=port, key=secrets.token_hex(8))
            (self._directory / "ftp-stream.toml").write_text(settings)
            self._service = self._start("service", str(self._directory), str(speed))
            yield

    def _start(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self._directory / f"{name}.log").open("wb"))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("RTMP_")}
        started = subprocess.Popen(
            [sys.executable, "-m", f"bench.soak.{name}", *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
        )
        self._stack.callback(_end, started)
        return started

    def feed(self) -> None:
        """Keeps files ready; to be called often."""
        self._feeder.feed()

    @property
    def alive(self) -> bool:
        """Whether the service runs."""
        return self._service.poll() is None

    @property
    def stream(self) -> StreamStatus | None:
        """What the service told last of its stream."""
        try:
            status = from_json((self._directory / "state" / "status.json").read_text())
        except FileNotFoundError:
            return None
        return status.cameras[0].streams[0]

    def seen(self) -> receiver.Seen:
        """What the far end told last."""
        return receiver.read(self._directory)

    def cpu(self) -> process.Cpu:
        """CPU seconds of the service and of its children so far."""
        return process.cpu(self._service.pid)

    def sample(self, seams: int) -> Sample:
        """The service now."""
        pid = self._service.pid
        self._children.update(process.descendants(pid))
        journal = (self._directory / "state").glob("journal.db*")
        return Sample(
            at=time.monotonic() - self._begun,
            seams=seams,
            rss=process.memory(pid).rss,
            children_rss=process.children_memory(pid)[1].rss,
            descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
            journal=sum(path.stat().st_size for path in journal) / 1e6,
            children=len(self._children),
        )

    def log(self, name: str = "service") -> str:
        """The end of what a process has logged: warnings, and worse."""
        return (self._directory / f"{name}.log").read_text(errors="replace")[-3000:]


def _end(started: subprocess.Popen[bytes]) -> None:
    started.terminate()
    try:
        started.wait(_STOP)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()
    if started.stdout:
        started.stdout.close()

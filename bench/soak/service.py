"""The service's process: ``python -m bench.soak.service DIRECTORY SPEED``, with its settings in that directory."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.soak.clock import HEART, Clock, Heart, Loop
from bench.soak.footage import AHEAD, SECONDS, START
from ftp_stream import logs
from ftp_stream.cli.process import collect_rarely
from ftp_stream.config.load import load
from ftp_stream.service import Service
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from ftp_stream.core.status import Status

_EVERY = 0.5  # seconds, real ones, between two writings of the status
_BEGIN = START + (AHEAD + 1) * SECONDS  # the feeder runs that far ahead: nothing is written in the future


class _Teller:
    """Writes the status file, not as often as the service tells."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._told = 0.0

    def __call__(self, status: Status) -> None:
        if time.monotonic() >= self._told + _EVERY:
            self._told = time.monotonic()
            statusfile.write(self._state_dir, status)


async def _run(clock: Clock, directory: Path) -> None:
    settings = load({}, directory)
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    service = Service(settings, on_status=_Teller(settings.state_dir), wall=lambda: _BEGIN + clock.time())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, service.stop)
    await service.run(collect_rarely)


def main() -> None:
    """Runs it until SIGTERM."""
    directory, speed = Path(sys.argv[1]), float(sys.argv[2])
    clock = Clock(speed, Heart.in_file(directory / HEART).last)
    with asyncio.Runner(loop_factory=lambda: Loop(clock)) as runner:
        runner.run(_run(clock, directory))


if __name__ == "__main__":
    main()

"""The service as a process of its own, with its settings in a file, as a technician runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream.config.variables import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.support.world import World

PROC = Path("/proc")


class ServiceProcess:
    """``ftp-stream run`` for a world's inbox, destinations and state; may be killed and started again."""

    def __init__(self, world: World, *, catchup_rate: float, within: Sequence[str] = ()) -> None:
        """Make one that is not started.

        Args:
            world: Its inbox, destinations and state.
            catchup_rate: In place of the world's, which may be faster than the settings allow.
            within: A command that becomes the one behind it, in other surroundings.
        """
        self._within = within
        self.directory = world.root / "service"
        self.directory.mkdir(parents=True)
        self.output = self.directory / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None
        (self.directory / "ftp-stream.toml").write_text(_settings(world, catchup_rate), encoding="utf-8")

    def start(self) -> None:
        """Start it, and do not wait for anything."""
        settings = {name.upper() for name in NAMES}
        environment = {name: value for name, value in os.environ.items() if name not in settings}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*self._within, sys.executable, "-m", "ftp_stream", "run"],
                cwd=self.directory,
                env=environment | {"HOME": str(self.directory)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def kill(self) -> None:
        """SIGKILL and wait; harmless where it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> int:
        """SIGTERM; return the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def family(self) -> dict[int, str]:
        """Return the command lines of the process and its children, by process id."""
        assert self.process is not None
        pid = self.process.pid
        children: list[int] = []
        with suppress(OSError):
            children = [int(each) for each in (PROC / f"{pid}/task/{pid}/children").read_text("ascii").split()]
        return {each: _command_line(each) for each in (pid, *children)}

    def events(self) -> list[dict[str, object]]:
        """Return what it logged in all its lives; a line that a kill cut off is left out."""
        found = []
        for line in self.output.read_text("utf-8", "replace").splitlines():
            with suppress(ValueError):
                found.append(json.loads(line))
        return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not waited for does not."""
    return bool(_command_line(pid))


def _command_line(pid: int) -> str:
    try:
        return (PROC / f"{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _settings(world: World, catchup_rate: float) -> str:
    """Return the settings file; JSON's strings are TOML's too."""
    lines = [
        f"state_dir = {json.dumps(str(world.state))}",
        'log_format = "json"',
        "[[camera]]",
        'name = "gate"',
        f"watch_dir = {json.dumps(str(world.inbox))}",
        f"scan_interval = {world.scan_interval}",
        f"idle = {json.dumps(world.idle.value)}",
        f"catchup_rate = {catchup_rate}",
        f"camera_tz = {json.dumps(world.plan.timezone)}",
        f"min_file_age = {world.plan.min_file_age}",
        f"max_lag = {json.dumps(world.plan.max_lag or 'off')}",
    ]
    for name, url in world.urls.items():
        lines += ["[[camera.destination]]", f"name = {json.dumps(name)}", f"url = {json.dumps(url)}"]
    return "\n".join(lines) + "\n"

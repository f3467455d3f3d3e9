"""`ftp-stream demo`: a made camera, the service and its own receiver, live in the terminal."""

import asyncio
import io
import re
import signal
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ftp_stream import logs
from ftp_stream.cli.common import FAULT, OK, complain, out
from ftp_stream.cli.stand_in import StandIn
from ftp_stream.cli.verdict import Verdict, frames_of, judge
from ftp_stream.config import CameraSettings, DestinationSettings, Idle, Settings
from ftp_stream.core.status import Status
from ftp_stream.model import PlanSettings
from ftp_stream.service import Service
from ftp_stream.view import Screen

__all__ = ["demo"]

_CAMERA = "demo"
_NAMES = ("--name-pattern", "%H_%M_%S.mp4")
_SEGMENT = 5  # seconds in each file
_PICTURE_WIDTH = 96  # characters, of the SVG
_EVERY = 0.5  # seconds between two pictures
_GOODBYE = 5.0  # seconds for the made camera to close its last file


def demo(
    *,
    seconds: Annotated[float | None, typer.Option(min=1, help="End by itself after this time.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write what was shown to this SVG file.", dir_okay=False)] = None,
) -> None:
    """See it work with a made camera and the built-in receiver. Needs nothing else and ends with a verdict."""
    with tempfile.TemporaryDirectory(prefix="ftp-stream-demo-") as directory:
        place = Path(directory)
        with (place / "log").open("w", encoding="utf-8") as log:
            logs.configure(log_format="console", stream=log)
            run = _Demo(place)
            verdict = asyncio.run(run.run(seconds))
        out.print(verdict)
        if picture:
            picture.write_text(_svg(run.shown, verdict), encoding="utf-8")
        if not verdict.good and not verdict.short:
            complain("What the service said:\n" + _last_lines(place / "log"))
    raise typer.Exit(OK if verdict.good else FAULT)


def _svg(*parts: RenderableType) -> str:
    """Return what was shown as a picture that fetches nothing from anywhere, not even a font."""
    console = Console(record=True, width=_PICTURE_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    console.print(*parts, sep="\n")
    return re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="make demo"), flags=re.DOTALL)


def _last_lines(path: Path, most: int = 20) -> str:
    return "\n".join(path.read_text(encoding="utf-8").splitlines()[-most:])


class _Demo:
    """One run of it in a directory of its own."""

    def __init__(self, place: Path) -> None:
        self._inbox = place / "inbox"
        self._archive = place / "delivered"  # kept to compare with what arrived
        self._state = place / "state"
        self._screen = Screen()
        self._status: Status | None = None
        self._over = asyncio.Event()
        self.shown: RenderableType = ""  # last, while it was running

    async def run(self, seconds: float | None) -> Verdict:
        """Run until the time is over or Ctrl-C; return the verdict."""
        for directory in (self._inbox, self._archive):
            directory.mkdir()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._over.set)
        async with StandIn(hashes=True) as receiver:
            camera = await self._start_camera()
            try:
                await self._stream(receiver, seconds)
            finally:
                await _stop(camera)
            return await self._judge(receiver)

    async def _start_camera(self) -> asyncio.subprocess.Process:
        argv = ("-m", "ftp_stream.media.camera", str(self._inbox), "--seconds", str(_SEGMENT), *_NAMES)
        return await asyncio.create_subprocess_exec(
            sys.executable, *argv, stdin=asyncio.subprocess.DEVNULL, start_new_session=True
        )

    async def _stream(self, receiver: StandIn, seconds: float | None) -> None:
        service = Service(self._settings(receiver.url(_CAMERA)), on_status=self._take)
        running = asyncio.create_task(service.run())
        running.add_done_callback(lambda _task: self._over.set())
        timer = asyncio.get_running_loop().call_later(seconds, self._over.set) if seconds else None
        with Live(console=out, auto_refresh=False) as live:
            while not self._over.is_set():
                self.shown = self._picture(receiver)
                live.update(self.shown, refresh=True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(_EVERY):
                        await self._over.wait()
            service.stop()
            await running
            live.update(self._picture(receiver), refresh=True)
        if timer:
            timer.cancel()

    def _settings(self, url: SecretStr) -> Settings:
        camera = CameraSettings(
            name=_CAMERA,
            watch_dir=self._inbox,
            destinations=(DestinationSettings("receiver", url),),
            scan_interval=1.0,
            idle=Idle.HOLD,
            catchup_rate=1.03,
            archive_dir=self._archive,
            plan=PlanSettings(min_file_age=1.0),
        )
        return Settings((camera,), self._state, "console", "info")

    def _take(self, status: Status) -> None:
        self._status = status

    def _picture(self, receiver: StandIn) -> Group:
        seen = receiver.status()
        intro = f"A made camera writes a file every {_SEGMENT} s; one publish is made of them. Ctrl-C ends."
        if not seen.frames:
            intro += "\nThe first file is sent once the camera has begun the next one."
        if self._status is None:
            return Group(Text(intro, "dim"))
        return Group(Text(intro, "dim"), "", self._screen.draw(replace(self._status, receiver=seen)))

    async def _judge(self, receiver: StandIn) -> Verdict:
        """Compare what arrived with what the camera wrote."""
        found = [*self._archive.rglob("*.mp4"), *self._inbox.glob("*.mp4")]
        files = sorted(found, key=lambda path: path.stat().st_mtime_ns)
        stream = self._status.cameras[0].streams[0] if self._status and self._status.cameras else None
        return judge(await frames_of(files), receiver.audit, stream)


async def _stop(camera: asyncio.subprocess.Process) -> None:
    """End the made camera; it closes the file it is writing."""
    with suppress(ProcessLookupError):
        camera.terminate()
    try:
        async with asyncio.timeout(_GOODBYE):
            await camera.wait()
    except TimeoutError:
        camera.kill()
        await camera.wait()

"""`ftp-stream test-stream`: publish a made picture and tone, step by step."""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live
from rich.text import Text

from ftp_stream import logs
from ftp_stream.cli.common import FAULT, HOW_TO_REACH, OK, load_settings, out, rtmp_url
from ftp_stream.cli.stand_in import StandIn, lacks_destination
from ftp_stream.config import Idle, Settings
from ftp_stream.core.status import Board
from ftp_stream.errors import ConfigError, DestinationFault, StorageError
from ftp_stream.model import FileFact, OrderKey, PreparedSegment
from ftp_stream.report import StreamReport
from ftp_stream.session import Session
from ftp_stream.shell import statusfile
from ftp_stream.shell.frames import FrameReader
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.publisher import Connection, connect
from ftp_stream.shell.spool import file_id
from ftp_stream.supply import Hand, StreamSettings, Supply
from ftp_stream.view import duration, plain

__all__ = ["trial"]

_STEPS = {
    "resolve": "name resolved",
    "tcp": "TCP connected",
    "tls": "TLS agreed, certificate verified",
    "handshake": "RTMP handshake done",
    "connect": "application accepted",
    "publish": "publish accepted",
}
_RUNGS = {
    "pong": "it answers our pings",
    "ack": "by acknowledgements",
    "tcp": "its TCP has it; it says nothing itself",
}
_FLOWING = 2.0  # seconds of media without a fault: several servers accept first and refuse then
_LOOK = 0.2  # seconds between two looks at the counters
_MADE_IN = 60.0  # seconds for the test picture to be made
_CONFIRMED_IN = 15.0  # seconds after which a server that confirms nothing is told as such


def trial(
    *,
    seconds: Annotated[float | None, typer.Option(min=1, help="End by itself after this time.")] = None,
    stream: Annotated[str, typer.Option(help="CAMERA/DESTINATION; the first one when not given.")] = "",
) -> None:
    """Publish a test picture to RTMP_URL, step by step. Exits with 1 on a fault."""
    settings = load_settings()
    logs.configure(level="error")
    raise typer.Exit(asyncio.run(_trial(settings, stream, seconds)))


async def _trial(settings: Settings, wanted: str, seconds: float | None) -> int:
    async with AsyncExitStack() as stack:
        if lacks_destination(settings):
            settings = (await stack.enter_async_context(StandIn())).fill_in(settings)
            out.print(Text(f"No destination is set, so this goes to the built-in receiver: {HOW_TO_REACH}", "yellow"))
        else:
            _refuse_to_disturb(settings, wanted)
        target = _target(settings, wanted)
        out.print(Text.assemble("Publishing to ", (target.url.masked, "bold"), "; Ctrl-C ends."))
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ftp-stream-test-")))
        began = time.monotonic()
        async with Preparer(place / "state") as preparer:
            file = await _make_picture(place)
            segment = await preparer.prepare(place, file)
            _tell_step("test picture made", time.monotonic() - began)
            try:
                return await _Trial(target, place / file.path, segment).run(seconds)
            except DestinationFault as fault:
                _tell_fault(fault)
                return FAULT


def _target(settings: Settings, wanted: str) -> StreamSettings:
    """Return the stream that is meant.

    Raises:
        ConfigError: There is none of that name.
    """
    streams = dict(_streams(settings))
    if wanted and wanted not in streams:
        raise ConfigError(f"--stream {wanted!r}: there is no such stream; there are {', '.join(streams)}")
    return streams[wanted] if wanted else next(iter(streams.values()))


def _streams(settings: Settings) -> Iterator[tuple[str, StreamSettings]]:
    for camera in settings.cameras:
        for destination in camera.destinations:
            name, url = f"{camera.name}/{destination.name}", rtmp_url(destination)
            if url:
                yield name, StreamSettings(name, url, destination.ca_file, Idle.OFF, 1.0, destination.preset)


def _refuse_to_disturb(settings: Settings, wanted: str) -> None:
    """Refuse while the service publishes there: a server takes one publisher of a name.

    Raises:
        ConfigError: It does.
    """
    name = _target(settings, wanted).name
    status = statusfile.read(settings.state_dir, time.time()).status
    if status and any(stream.name == name for camera in status.cameras for stream in camera.streams):
        raise ConfigError(f"the service (process {status.pid}) publishes {name}: stop it first, or look at its status")


async def _make_picture(place: Path) -> FileFact:
    """Return a file that plays well in a loop, made in a child process.

    Raises:
        StorageError: It could not be made.
    """
    path = place / "test.mp4"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ftp_stream.media.camera", str(path), "--single", stdin=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(_MADE_IN):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
    if child.returncode:
        raise StorageError(f"the test picture could not be made (exit status {child.returncode})")
    return FileFact(path.name, file_id(path.stat()))


# --- the publish ----------------------------------------------------------------------------------------------------


class _Trial:
    """One file in a loop to one destination."""

    def __init__(self, target: StreamSettings, path: Path, segment: PreparedSegment) -> None:
        self._target = target
        self._path = path
        self._segment = segment
        self._pool = ThreadPoolExecutor(1, "disk")
        self._supply = Supply(target.name, lambda _stream, _cursor: None, self._offer)
        self._lap = 0

    async def run(self, seconds: float | None) -> int:
        """Publish until the time is over or a signal comes.

        Raises:
            DestinationFault: A step failed.
        """
        connection = await connect(self._target.url, ca_file=self._target.ca_file, on_step=_tell_connected)
        clean = False
        try:
            await self._play(connection, seconds)
            clean = True
            out.print(f"  {self._counts()}")
        finally:
            await connection.close(clean=clean)
            self._supply.let_go()
            self._supply.drop_held()
            self._pool.shutdown(wait=False)
        return OK

    async def _play(self, connection: Connection, seconds: float | None) -> None:
        board = Board("", 0, 0.0)
        report = StreamReport(self._target.name, self._supply, board, time.time, self._target.preset)
        session = Session(self._target, self._supply, connection, None, report)
        self._supply.wake_taker = session.wake
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, session.stop)
        timer = loop.call_later(seconds, session.stop) if seconds else None
        watching = asyncio.create_task(self._watch(connection))
        try:
            await session.run()
        finally:
            watching.cancel()
            await asyncio.wait({watching})
            if timer:
                timer.cancel()

    def _offer(self) -> None:
        """Give the same file once more, as the next one in time."""
        if not self._supply.wants:
            return
        self._lap += 1
        reader = FrameReader(os.open(self._path, os.O_RDONLY), self._segment.sidecar, self._pool)
        recorded_at = self._lap * self._segment.table.duration_us / 1e6
        self._supply.offer(Hand(self._segment, OrderKey(recorded_at, ()), 0, reader))

    async def _watch(self, connection: Connection) -> None:
        """Tell when media flows and when the server confirms it, then show the counters."""
        clock = asyncio.get_running_loop().time
        began, counters = clock(), self._supply.counters
        await _until(lambda: counters.frames_sent > 0 and clock() - began > _FLOWING)
        _tell_step("media flowing", clock() - began)
        await _until(lambda: counters.frames_confirmed > 0 or clock() - began > _CONFIRMED_IN)
        rung = connection.protocol.rung
        if counters.frames_confirmed:
            _tell_step(f"server confirms ({_RUNGS.get(rung, rung)})", clock() - began)
        else:
            out.print(Text(f"! the server has confirmed nothing for {_CONFIRMED_IN:g} s", "yellow"))
        with Live(console=out, auto_refresh=False, transient=True) as live:
            while True:
                live.update(Text(f"  {duration(clock() - began)}: {self._counts()}"), refresh=True)
                await asyncio.sleep(_LOOK)

    def _counts(self) -> str:
        counters = self._supply.counters
        return f"{counters.frames_sent:,} frames sent, {counters.frames_confirmed:,} confirmed"


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - counters are looked at: whoever counts packets must not wake anybody
        await asyncio.sleep(_LOOK)


# --- what is told ---------------------------------------------------------------------------------------------------


def _tell_connected(step: str, seconds: float) -> None:
    _tell_step(_STEPS.get(step, step), seconds)


def _tell_step(words: str, seconds: float) -> None:
    spent = f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
    out.print(Text.assemble(("✔ ", "bold green"), f"{words:<40}", (f"{spent:>8}", "dim")))


def _tell_fault(fault: DestinationFault) -> None:
    out.print(Text.assemble(("✖ ", "bold red"), (f"{fault.step}: ", "bold"), plain(fault.reason)))
    if fault.code or fault.description:
        said = " ".join(filter(None, (fault.code, fault.description)))
        out.print(Text(f"  the server says: {plain(said)}"))
    if fault.cure:
        out.print(Text(f"  likely cure: {plain(fault.cure)}"))

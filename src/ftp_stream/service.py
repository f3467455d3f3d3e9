"""The root: which cameras and streams run, their start, change and ordered end."""

from __future__ import annotations

import asyncio
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import structlog

from ftp_stream import __version__
from ftp_stream.camera import Camera
from ftp_stream.core.status import Board
from ftp_stream.errors import ConfigError, StorageError
from ftp_stream.ledger import Ledger
from ftp_stream.logs import hide
from ftp_stream.pictures import Pictures
from ftp_stream.report import CameraReport, StreamReport
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import Spool
from ftp_stream.shell.watcher import Watcher
from ftp_stream.stream import Stream
from ftp_stream.streams import streams_of
from ftp_stream.supply import Supply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from ftp_stream.config import CameraSettings, Settings
    from ftp_stream.core.status import Status
    from ftp_stream.supply import StreamSettings

__all__ = ["STOP_DEADLINE", "Service"]

STOP_DEADLINE = 4.0  # seconds for the streams to end, out of the 5 that an ordered stop may take
CHANGE_DEADLINE = 0.5  # seconds that a change of settings may still take when the end is asked for
KEEP_DEADLINE = 0.5  # seconds that the last pictures of all cameras may take at the end, together
TICK = 1.0  # seconds between two looks at the counters
RESTART = 10.0  # seconds before a part that failed by a fault of this program is started again
_SCRATCH = 1 << 19  # bytes: a turn's worth of 20 Mbit/s
_THREADS = 64  # that may wait for slow disks at once; a stream takes one at most


@dataclass(slots=True, eq=False)
class _Running:
    """A camera at work."""

    camera: Camera
    spool: Spool
    task: asyncio.Task[None] | None = None
    streams: dict[str, tuple[Stream, asyncio.Task[None]]] = field(default_factory=dict)


class Service:
    """All cameras of one configuration."""

    def __init__(
        self,
        settings: Settings,
        *,
        on_status: Callable[[Status], None] = lambda _status: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Make a service that is not running yet.

        Args:
            settings: Every destination has a URL.
            on_status: Takes the status about once a second, in the event loop: a sign of life of all that runs there.
            wall: The UTC clock, seconds since the epoch.
        """
        self._settings = settings
        self._on_status = on_status
        self._wall = wall
        self._board = Board(__version__, os.getpid(), wall())
        self._log = structlog.get_logger()
        self._stopping = asyncio.Event()
        self._changing = asyncio.Lock()  # over which cameras and streams there are
        self._cameras: dict[str, _Running] = {}
        self._pool = ThreadPoolExecutor(_THREADS, "disk")
        self._scratch = memoryview(bytearray(_SCRATCH))
        self._pictures = Pictures(settings.state_dir, self._pool, self._scratch)
        self._told_rights: tuple[str, ...] = ()
        self._ledger: Ledger
        self._preparer: Preparer
        self._watcher: Watcher

    def stop(self) -> None:
        """Ask for an ordered end."""
        self._stopping.set()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Run until `stop`.

        Args:
            ready: Called once when every inbox is locked and every stream is set up.

        Raises:
            ConfigError: Another service has one of the inboxes.
            StorageError: The journal or an inbox cannot be used.
        """
        state_dir = self._settings.state_dir
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the state directory {state_dir}: {error.strerror}") from error
        async with AsyncExitStack() as stack:
            stack.callback(self._pool.shutdown, wait=False, cancel_futures=True)
            journal = await asyncio.to_thread(Journal, state_dir / "journal.db")
            if journal.warning:
                self._log.warning("journal_problem", problem=journal.warning)
            self._ledger = Ledger(journal, self._wall)
            stack.push_async_callback(self._ledger.close)
            self._preparer = await stack.enter_async_context(Preparer(state_dir))
            self._watcher = stack.enter_context(
                Watcher(lambda words: self._log.warning("watching_limited", problem=words))
            )
            stack.push_async_callback(self._end)
            async with self._changing:
                started = await self._start_all()
            if started:
                ready()
                await self._until_stopped()

    async def _start_all(self) -> bool:
        """Start all cameras; return ``False`` where an end is asked for first: a disk may stand still."""
        starting = asyncio.ensure_future(self._start_cameras())
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            return starting.done()
        finally:
            starting.cancel()
            stopping.cancel()
            await asyncio.wait({starting, stopping})

    async def _start_cameras(self) -> None:
        for camera in self._settings.cameras:
            await self._start_camera(camera)

    async def reload(self, settings: Settings) -> None:
        """Change to other settings; what did not change goes on undisturbed.

        Raises:
            ConfigError: A new inbox belongs to another service; what could be changed was.
            StorageError: A new inbox cannot be used; what could be changed was.
        """
        async with self._changing:
            if self._stopping.is_set():
                return
            self._settings = settings
            wanted = {camera.name: camera for camera in settings.cameras}
            before = {name for running in self._cameras.values() for name in running.streams}
            for name, running in list(self._cameras.items()):
                if not _same_inbox(running.camera.settings, wanted.get(name)):
                    await self._end_camera(name)
            problems = [problem for camera in settings.cameras if (problem := await self._apply(camera))]
            await self._remove_pictures(before - {name for camera in settings.cameras for name in _names(camera)})
            self._log.info("reloaded", cameras=len(self._cameras))
        if problems:
            raise problems[0]

    async def _apply(self, settings: CameraSettings) -> ConfigError | StorageError | None:
        """Start or change one camera; return why it could not be, so that the others go on."""
        try:
            if settings.name in self._cameras:
                await self._change_camera(settings)
            else:
                await self._start_camera(settings)
        except (ConfigError, StorageError) as error:
            self._log.error("camera_not_changed", camera=settings.name, problem=str(error))
            return error
        return None

    # --- cameras ----------------------------------------------------------------------------------------------------

    async def _start_camera(self, settings: CameraSettings) -> None:
        spool = Spool(settings.watch_dir, settings.archive_dir)
        try:
            if not await asyncio.get_running_loop().run_in_executor(self._pool, spool.lock):
                self._log.warning(
                    "inbox_not_locked",
                    camera=settings.name,
                    inbox=str(settings.watch_dir),
                    reason="its disk knows no locks",
                )
        except BaseException:
            spool.close()
            raise
        report = CameraReport(settings.name, self._board, self._wall)
        camera = Camera(
            settings,
            spool=spool,
            watcher=self._watcher,
            ledger=self._ledger,
            preparer=self._preparer,
            pool=self._pool,
            scratch=self._scratch,
            wall=self._wall,
            report=report,
            pictures=self._pictures,
        )
        self._board.add_camera(settings.name, str(settings.watch_dir))
        running = self._cameras[settings.name] = _Running(camera, spool)
        streams = streams_of(settings)
        await self._ledger.open(settings.name, streams)
        for each in streams.values():
            self._start_stream(running, each, await self._new_supply(running, each))
        running.task = asyncio.create_task(self._supervised(settings.name, camera.run))

    async def _change_camera(self, settings: CameraSettings) -> None:
        """Give a running camera its new settings; start, end and replace those of its streams that changed."""
        running = self._cameras[settings.name]
        wanted = streams_of(settings)
        changed = [name for name, (stream, _task) in running.streams.items() if wanted.get(name) != stream.settings]
        # until the new streams stand in their place, the ended ones count: no file may seem delivered to all meanwhile
        await self._stop_streams(running.streams[name] for name in changed)
        await self._keep_pictures(running.camera.supplies[name] for name in changed)
        await self._ledger.open(settings.name, [*wanted, *changed])
        fresh = [each for name, each in wanted.items() if name in changed or name not in running.streams]
        supplies = [await self._new_supply(running, each) for each in fresh]
        running.camera.settings = settings
        self._drop_streams(running, changed)
        self._board.add_camera(settings.name, str(settings.watch_dir))
        for each, supply in zip(fresh, supplies, strict=True):
            self._start_stream(running, each, supply)
        running.camera.wake()

    async def _end_camera(self, name: str) -> None:
        running = self._cameras[name]
        await self._stop_streams(running.streams.values())
        await self._keep_pictures(running.camera.supplies.values())
        await self._drop_camera(name)

    async def _drop_camera(self, name: str) -> None:
        """Know a camera, whose streams have ended, no more."""
        running = self._cameras[name]
        if running.task:
            running.task.cancel()
            await asyncio.wait({running.task})
        self._drop_streams(running, list(running.streams))
        del self._cameras[name]
        self._watcher.forget(running.spool.root)
        running.spool.close()

    # --- streams ----------------------------------------------------------------------------------------------------

    async def _new_supply(self, running: _Running, settings: StreamSettings) -> Supply:
        """Return the supply of a stream that is to start, with the last picture of an earlier run."""
        camera = running.camera
        supply = Supply(
            settings.name,
            advance=self._ledger.advance,
            wake_camera=camera.wake,
            skip=self._ledger.skip,
            play=self._ledger.play,
            slate=camera.slate,
            form=settings.form,
        )
        await self._pictures.restore(supply)
        return supply

    def _start_stream(self, running: _Running, settings: StreamSettings, supply: Supply) -> None:
        """Start a stream; nothing is awaited: where it replaces another, no turn of the camera may miss both."""
        name = settings.name
        hide(str(settings.url.key), str(settings.url.password or ""))
        report = StreamReport(name, supply, self._board, self._wall, settings.preset)
        stream = Stream(settings, supply, uniform=random.random, report=report)
        self._board.add_stream(running.camera.settings.name, name, settings.url.masked)
        running.camera.supplies[name] = supply
        running.streams[name] = (stream, asyncio.create_task(self._supervised(name, stream.run)))

    def _drop_streams(self, running: _Running, names: list[str]) -> None:
        """Know some of a camera's streams, which have ended, no more."""
        for name in names:
            running.camera.supplies[name].drop_held()
            self._pictures.forget(name)
            del running.streams[name], running.camera.supplies[name]
            self._board.remove_stream(name)

    async def _stop_streams(self, streams: Iterable[tuple[Stream, asyncio.Task[None]]]) -> None:
        """Stop streams in order, all at once; those that take too long are cut off."""
        tasks = set()
        for stream, task in streams:
            stream.stop()
            tasks.add(task)
        if not tasks:
            return
        _done, late = await asyncio.wait(tasks, timeout=STOP_DEADLINE)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _keep_pictures(self, supplies: Iterable[Supply]) -> None:
        """Keep the last pictures of streams that have ended, all at once, as far as the disk takes them in time."""
        try:
            async with asyncio.timeout(KEEP_DEADLINE):
                await asyncio.gather(*map(self._keep_picture, supplies))
        except TimeoutError:
            self._log.warning("picture_not_kept", reason="the disk stands still")

    async def _keep_picture(self, supply: Supply) -> None:
        try:
            await self._pictures.keep(supply, at_once=True)
        except StorageError as error:
            self._trouble(error)

    async def _remove_pictures(self, streams: Iterable[str]) -> None:
        try:
            await self._pictures.remove(streams)
        except StorageError as error:
            self._trouble(error)

    async def _supervised(self, name: str, life: Callable[[], Awaitable[None]]) -> None:
        """Run a part; where a fault of this program ends it, the rest goes on and it is started again."""
        while True:
            try:
                await life()
            except Exception:  # noqa: BLE001 - the last net: one part must not take the others with it
                camera = name.partition("/")[0]
                whose = {"camera": camera} if camera in self._cameras else {}
                self._log.exception("internal_error", part=name, restart_in=RESTART, **whose)
                await asyncio.sleep(RESTART)
            else:
                return

    # --- the whole --------------------------------------------------------------------------------------------------

    async def _until_stopped(self) -> None:
        """Keep the journal and the status up to date until an end is asked for."""
        parts = (("ledger", partial(self._ledger.run, self._trouble)), ("status", self._tell_on))
        tasks = {asyncio.create_task(self._supervised(name, life)) for name, life in parts}
        try:
            await self._stopping.wait()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _tell_on(self) -> None:
        """Look at the counters and tell the status, once a second."""
        while True:
            self._tick()
            await asyncio.sleep(TICK)

    def _tick(self) -> None:
        for running in self._cameras.values():
            for stream, _task in running.streams.values():
                stream.progress()
        self._tell_rights()
        self._on_status(self._board.status(self._wall()))

    def _tell_rights(self) -> None:
        """Warn once of what the processes that parse strangers' files could not give up on this system."""
        if (kept := self._preparer.kept_rights) != self._told_rights:
            self._told_rights = kept
            self._log.warning("inspection_keeps_rights", rights=kept)

    def _trouble(self, error: StorageError) -> None:
        self._log.error("storage_problem", problem=str(error))

    async def _end(self) -> None:
        """End everything in order: the streams of all cameras at once, then the cameras."""
        try:
            async with asyncio.timeout(CHANGE_DEADLINE):
                await self._changing.acquire()
        except TimeoutError:  # a reload waits for a disk that stands still: it gets no further
            self._log.warning("change_broken_off")
        await self._end_all()

    async def _end_all(self) -> None:
        cameras = self._cameras.values()
        await self._stop_streams(each for running in cameras for each in running.streams.values())
        try:
            await self._ledger.commit()  # first of all: whatever else takes too long, nothing confirmed is sent again
        except StorageError as error:
            self._trouble(error)
        self._tick()
        await self._keep_pictures(supply for running in cameras for supply in running.camera.supplies.values())
        for name in list(self._cameras):
            await self._drop_camera(name)


def _names(camera: CameraSettings) -> list[str]:
    """Return the names of a camera's streams."""
    return [f"{camera.name}/{destination.name}" for destination in camera.destinations]


def _same_inbox(old: CameraSettings, new: CameraSettings | None) -> bool:
    return new is not None and (new.watch_dir, new.archive_dir) == (old.watch_dir, old.archive_dir)

"""`ftp-stream run`: the service."""

import asyncio
import faulthandler
import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AsyncExitStack, suppress
from dataclasses import replace

import structlog
import typer

from ftp_stream import __version__, logs
from ftp_stream.cli.common import CANNOT_START, FAULT, HOW_TO_REACH, OK, load_settings
from ftp_stream.cli.process import LAST, allow_many_files, collect_rarely, leave_waiting_threads
from ftp_stream.cli.stand_in import StandIn, lacks_destination
from ftp_stream.config import Settings
from ftp_stream.core.status import Status
from ftp_stream.core.summary import summary
from ftp_stream.errors import ConfigError, StorageError
from ftp_stream.service import Service
from ftp_stream.shell import statusfile
from ftp_stream.shell.systemd import Notifier

__all__ = ["run"]


def run() -> None:
    """Run the service until Ctrl-C or SIGTERM. SIGHUP reads the settings again."""
    settings = load_settings()
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    faulthandler.enable()  # where it hung, in the journal, when the watchdog ends it
    allow_many_files()
    status = asyncio.run(_Run(settings).run())
    leave_waiting_threads(status)
    raise typer.Exit(status)


class _Run:
    """The service's life on one screen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stand_in: StandIn | None = None
        self._stack = AsyncExitStack()
        self._notifier = self._stack.enter_context(Notifier(os.environ))
        self._disk = ThreadPoolExecutor(1, "status")
        self._reader = ThreadPoolExecutor(1, "settings")  # it looks where inboxes lead, and a disk may stand still
        self._writing: Future[None] | None = None
        self._log = structlog.get_logger()
        self._started = False
        self._stopping = False
        self._told = True  # the last status could be written
        self._reloads: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Run until a signal; return the exit status."""
        self._log.info("starting", version=__version__, pid=os.getpid(), state_dir=self._settings.state_dir)
        async with self._stack:
            try:
                service = Service(await self._complete(self._settings), on_status=self._tell)
                self._listen(service)
                await service.run(self._ready)
            except (ConfigError, StorageError) as error:
                self._log.error("cannot_go_on" if self._started else "cannot_start", problem=str(error))
                return FAULT if self._started else CANNOT_START
            finally:
                self._end_telling()
        self._log.info("stopped")
        return OK

    async def _complete(self, settings: Settings) -> Settings:
        """Return the settings with the built-in receiver where no destination is set."""
        for warning in settings.warnings:
            self._log.warning("doubtful_setting", problem=warning)
        if not lacks_destination(settings):
            return settings
        if self._stand_in is None:
            self._stand_in = await self._stack.enter_async_context(StandIn())
            self._log.warning("no_destination", goes_to="the built-in receiver", to_reach_others=HOW_TO_REACH)
        return self._stand_in.fill_in(settings)

    # --- signals ----------------------------------------------------------------------------------------------------

    def _listen(self, service: Service) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop, service, number)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon, service)

    def _stop(self, service: Service, number: signal.Signals) -> None:
        if self._stopping:
            os._exit(128 + number)  # the second time: at once
        self._stopping = True
        self._notifier.stopping()
        self._log.info("stopping", signal=number.name)
        service.stop()

    def _reload_soon(self, service: Service) -> None:
        task = asyncio.get_running_loop().create_task(self._reload(service))
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self, service: Service) -> None:
        """Change to the settings as they stand now; where they are unusable, nothing changes."""
        self._notifier.reloading()
        try:
            settings = await asyncio.get_running_loop().run_in_executor(self._reader, load_settings)
            logs.configure(log_format=settings.log_format, level=settings.log_level)
            await service.reload(await self._complete(settings))
        except (ConfigError, StorageError) as error:
            self._log.error("settings_refused", problem=str(error))
        except Exception:  # noqa: BLE001 - the last net: the service goes on with what it has
            self._log.exception("internal_error", part="reload")
        finally:
            if self._started and not self._stopping:
                self._notifier.ready()

    # --- what the service tells -------------------------------------------------------------------------------------

    def _ready(self) -> None:
        self._started = True
        collect_rarely()
        streams = sum(len(camera.destinations) for camera in self._settings.cameras)
        self._log.info("ready", cameras=len(self._settings.cameras), streams=streams)
        self._notifier.ready()

    def _tell(self, status: Status) -> None:
        """Tell systemd that the service goes on, and how; and the others by a file, unless the last is still written.

        The file is not waited for: a disk that stands still is no reason to be ended by the watchdog.
        """
        self._notifier.alive(summary(status))
        if self._writing is None or self._writing.done():
            self._writing = self._disk.submit(self._write, status)

    def _end_telling(self) -> None:
        self._disk.shutdown(wait=False)
        self._reader.shutdown(wait=False, cancel_futures=True)
        if self._writing is None or wait([self._writing], LAST).done:
            with suppress(StorageError):  # a reader sees from the process's number that it is over
                statusfile.remove(self._settings.state_dir)

    def _write(self, status: Status) -> None:
        """Write the status file, in a thread. That it fails is told once, and stops nothing."""
        try:
            receiver = self._stand_in.status() if self._stand_in else None
            statusfile.write(self._settings.state_dir, replace(status, receiver=receiver))
        except StorageError as error:
            if self._told:
                self._log.warning("status_not_written", problem=str(error))
            self._told = False
        else:
            self._told = True

"""The life of one stream: one camera to one destination, one publish kept alive.

Whatever ends a session, the way back is the same as after a restart: everything in hand is let go, and the camera's
next decision offers the segment of the cursor again, from its first unconfirmed group of pictures.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ftp_stream.config import Idle
from ftp_stream.core.backoff import delays
from ftp_stream.core.tries import Tries
from ftp_stream.core.uplink import Uplink
from ftp_stream.errors import DestinationFault, StorageError
from ftp_stream.session import Session
from ftp_stream.shell.publisher import Connection, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ftp_stream.model import AudioConfig
    from ftp_stream.report import StreamReport
    from ftp_stream.supply import StreamSettings, Supply

__all__ = ["Stream"]

PROVEN_AFTER = 10.0  # seconds of media after which a destination counts as working: Publish.Start is no acceptance
GRACE = 1.0  # seconds for the camera to offer what was cut off, before a held picture is published instead
RENEWAL_GRACE = 10.0  # the same for what a session has ended for by plan: held before it, it would end the next one too


class Stream:
    """One camera to one destination."""

    def __init__(
        self,
        settings: StreamSettings,
        supply: Supply,
        *,
        uniform: Callable[[], float],
        report: StreamReport,
    ) -> None:
        """Make a stream that is not running yet.

        Args:
            settings: Where and how to publish.
            supply: Where its segments come from.
            uniform: Random numbers in [0, 1), for the delays between tries.
            report: Takes what happened, for status and log.
        """
        self.settings = settings
        self.supply = supply
        self._uniform = uniform
        self._report = report
        self._audio: AudioConfig | None = None  # of the last session, for segments without any
        self._stopping = asyncio.Event()
        self._news = asyncio.Event()
        self._connection: Connection | None = None
        self._session: Session | None = None
        self._flowing_since: float | None = None  # when this try's session began
        self._grace = GRACE  # as long as the next segment is waited for
        self._tries = Tries()
        self._uplink = Uplink()
        supply.wake_taker = self._wake

    def progress(self) -> None:
        """Tell the counters to the status; called about once a second."""
        connection, session = self._connection, self._session
        self._report.progress(connection.protocol.rung if connection else "")
        if connection and session:
            now = asyncio.get_running_loop().time()
            self._report.uplink(self._uplink.look(now, connection.flow(), session.footage_bps))

    def stop(self) -> None:
        """Ask it to end: to the end of the GOP in hand, then a clean goodbye."""
        self._stopping.set()
        if self._session:
            self._session.stop()
        self._wake()

    async def run(self) -> None:
        """Publish until `stop`; a fault of the destination ends a session and never the stream."""
        waits = self._delays()
        try:
            while await self._something_to_send():
                self._flowing_since = None
                try:
                    await self._publish()
                    self._tries = Tries()
                except (DestinationFault, StorageError) as fault:
                    if self._works_after(fault):
                        waits = self._delays()
                    await self._wait_after(fault, next(waits))
        finally:
            self.supply.let_go()
            self._report.stopped()

    def _delays(self) -> Iterator[float]:
        preset = self.settings.preset
        return delays(self._uniform, preset.first_retry, preset.longest_retry)

    def _wake(self) -> None:
        self._news.set()
        if self._session:
            self._session.wake()

    async def _something_to_send(self) -> bool:
        """Wait for a segment, or for nothing where a picture can be held; ``False`` to end."""
        can_hold = self.supply.held is not None and self.settings.idle is not Idle.OFF
        if not self.supply.hands and not can_hold:
            self._report.idle()
        while self.supply.first() is None and not self._stopping.is_set():
            self._news.clear()
            self.supply.ask()
            try:
                async with asyncio.timeout(self._grace if can_hold else None):
                    await self._news.wait()
            except TimeoutError:
                break
        self._grace = GRACE
        return not self._stopping.is_set()

    async def _publish(self) -> None:
        """Run one session from connect to its end.

        Raises:
            DestinationFault: The destination or the way to it failed.
            StorageError: This machine's disk failed.
        """
        self._report.connecting()
        try:
            connection = await self._connect()
            if connection is None:
                return
            self._report.connected()
            await self._play(connection)
        finally:
            self._session = self._connection = None
            self.supply.let_go()

    async def _connect(self) -> Connection | None:
        """Connect, or return ``None`` when the stream is stopped meanwhile."""
        connecting = asyncio.ensure_future(connect(self.settings.url, ca_file=self.settings.ca_file))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            return connecting.result() if connecting.done() else None
        finally:
            stopping.cancel()
            connecting.cancel()
            await asyncio.wait({connecting, stopping})

    async def _play(self, connection: Connection) -> None:
        session = Session(self.settings, self.supply, connection, self._audio, self._report)
        self._connection, self._session = connection, session
        self._flowing_since = asyncio.get_running_loop().time()
        clean = False
        try:
            await session.run()
            clean = True
            if not self._stopping.is_set():
                self._report.renewed(session.ended_because)
                self._grace = RENEWAL_GRACE
        finally:
            self._audio = session.audio or self._audio
            self.supply.need(self.settings.form)  # a new session may begin with what the camera sends by then
            await connection.close(clean=clean)
            session.take_confirmations()  # also those that came with the goodbye, or just before a fault

    def _works_after(self, fault: DestinationFault | StorageError) -> bool:
        """Take note of how this try ended; say whether the destination counts as working all the same."""
        since = self._flowing_since
        lasted = None if since is None else asyncio.get_running_loop().time() - since
        if isinstance(fault, DestinationFault):
            self._tries = self._tries.after(fault.kind, lasted)
        return lasted is not None and lasted > PROVEN_AFTER and not self._tries.repeated

    async def _wait_after(self, fault: DestinationFault | StorageError, delay: float) -> None:
        self._report.faulted(self._tries.judged(fault) if isinstance(fault, DestinationFault) else fault, delay)
        try:
            async with asyncio.timeout(delay):
                await self._stopping.wait()
        except TimeoutError:
            pass

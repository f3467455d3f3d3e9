"""The slate of one camera: made when it is first needed, then shown second by second."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ftp_stream.core.forms import config_at
from ftp_stream.core.request import SlateRequest
from ftp_stream.core.slate import moment, play
from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import FileId, OrderKey, PreparedSegment
from ftp_stream.shell.frames import MemoryReader
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftp_stream.config import CameraSettings
    from ftp_stream.core.slate import Slate
    from ftp_stream.report import CameraReport
    from ftp_stream.shell.preparer import Preparer

__all__ = ["Slates"]

_NO_FILE = FileId(0, 0, 0, 0)


class Slates:
    """What one camera shows when it has sent nothing for a while."""

    def __init__(self, settings: Callable[[], CameraSettings], preparer: Preparer, report: CameraReport) -> None:
        """Make none yet.

        Args:
            settings: Gives those of the camera, which may change.
            preparer: Makes slates.
            report: Takes what happened, for status and log.
        """
        self._settings = settings
        self._preparer = preparer
        self._report = report
        self._ready: dict[SlateRequest, Slate] = {}
        self._tasks: dict[SlateRequest, asyncio.Task[None]] = {}  # that are being made, or could not be

    def second(self, last: Hand, wall: float) -> Hand | None:
        """Return a second of the slate like a segment; ``None`` while it is being made, and where it cannot be.

        Args:
            last: What was shown last: the slate is like it, and says since when nothing came.
            wall: The moment that its clock shows, seconds since the epoch.
        """
        settings = self._settings()
        video = config_at(last.segment, len(last.segment.table.gops) - 1)
        request = SlateRequest(video.record, video.frame_rate, settings.name, settings.language.value)
        slate = self._ready.get(request)
        if slate is None:
            if request not in self._tasks:
                self._tasks[request] = asyncio.create_task(self._make(request))
            return None
        since = last.key.recorded_at if last.ends_at is None else last.ends_at
        table, content = play(slate, int(wall), [moment(since, wall, settings.plan.timezone)])
        segment = PreparedSegment("the slate", _NO_FILE, "slate", slate.video, last.segment.audio, table)
        return Hand(segment, OrderKey(wall, ()), 0, MemoryReader(content))

    def close(self) -> None:
        """Break off what is being made."""
        for task in self._tasks.values():
            task.cancel()

    async def _make(self, request: SlateRequest) -> None:
        try:
            self._ready[request] = await self._preparer.slate(request, self._settings().slate_image)
        except (SegmentRefused, StorageError) as error:
            self._report.no_slate(error)

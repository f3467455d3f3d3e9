"""The slate of one camera: made when it is first needed, then shown second by second."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ftp_stream.core.codecs import CODEC_NAMES
from ftp_stream.core.forms import config_at
from ftp_stream.core.request import SlateRequest
from ftp_stream.core.slate import moment, play, rate_for
from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import FileId, OrderKey, PreparedSegment, VideoCodec
from ftp_stream.shell.frames import MemoryReader
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ftp_stream.config import CameraSettings
    from ftp_stream.core.slate import Slate
    from ftp_stream.model import VideoConfig
    from ftp_stream.report import CameraReport
    from ftp_stream.shell.preparer import Preparer

__all__ = ["Slates"]

KEPT: Final = 8  # slates of the last uses: one for each size, rate and so on that the camera's streams send by turns
AGAIN: Final = 30.0  # seconds after which a user's picture is looked at anew, and what failed is tried again
_NO_FILE: Final = FileId(0, 0, 0, 0)

_Key = tuple[SlateRequest, "Path | None"]


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
        self._made: dict[_Key, tuple[Slate | None, float]] = {}  # and when to make it again; used last stands last
        self._tasks: dict[_Key, asyncio.Task[None]] = {}  # of those that are being made
        self._known: CameraSettings | None = None  # by which they were made
        self._told: set[str] = set()  # problems, each told once while the settings stay

    def second(self, last: Hand, wall: float) -> Hand | None:
        """Return a second of the slate like a segment; ``None`` while it is being made, and where it cannot be.

        Args:
            last: What was shown last: the slate is like it, and says since when nothing came.
            wall: The moment that its clock shows, seconds since the epoch.
        """
        settings = self._settings()
        if settings != self._known:
            self._known = settings
            self._told.clear()
            self._made = {key: made for key, made in self._made.items() if made[0]}
        video = config_at(last.segment, len(last.segment.table.gops) - 1)
        if video.codec is not VideoCodec.AVC:
            self._tell(f"there is none for {CODEC_NAMES[video.codec]}, the last picture is held: VIDEO=h264 brings it")
            return None
        slate = self._current(_request(settings, last, video), settings.slate_image)
        if slate is None:
            return None
        since = last.key.recorded_at if last.ends_at is None else last.ends_at
        table, content = play(slate, int(wall), [moment(since, wall, settings.plan.timezone)])
        segment = PreparedSegment("the slate", _NO_FILE, "slate", slate.video, last.segment.audio, table)
        return Hand(segment, OrderKey(wall, ()), 0, MemoryReader(content))

    def close(self) -> None:
        """Break off what is being made."""
        for task in self._tasks.values():
            task.cancel()

    def _current(self, request: SlateRequest, image: Path | None) -> Slate | None:
        """Return a slate as far as it is made, and see to it that it will be."""
        key = request, image
        slate, due = self._made.pop(key, (None, 0.0))
        if due:
            self._made[key] = slate, due
        if key not in self._tasks and asyncio.get_running_loop().time() >= due:
            self._tasks[key] = asyncio.create_task(self._make(key))
        return slate

    async def _make(self, key: _Key) -> None:
        """Make a slate, or ask whether it still is as it was made: the preparer keeps it while the picture stays."""
        request, image = key
        loop = asyncio.get_running_loop()
        slate: Slate | None = None
        try:
            slate = await self._with_picture(request, image) or await self._preparer.slate(replace(request, bitrate=0))
        except (SegmentRefused, StorageError) as error:
            self._tell(str(error))
        finally:
            del self._tasks[key]
        stays = slate is not None and image is None
        self._made.pop(key, None)
        self._made[key] = slate, float("inf") if stays else loop.time() + AGAIN
        while len(self._made) > KEPT:
            del self._made[next(iter(self._made))]

    async def _with_picture(self, request: SlateRequest, image: Path | None) -> Slate | None:
        """Return a slate with the user's picture, ``None`` where there is none that can be used."""
        if image is None:
            return None
        try:
            return await self._preparer.slate(request, image)
        except SegmentRefused as error:
            if (words := str(error)) not in self._told:
                self._told.add(words)
                self._report.slate_image_problem(error)
            return None

    def _tell(self, words: str) -> None:
        if words not in self._told:
            self._told.add(words)
            self._report.no_slate(words)


def _request(settings: CameraSettings, last: Hand, video: VideoConfig) -> SlateRequest:
    """Return what a slate is to be like, in round figures: files that differ a little have the same."""
    table, bitrate = last.segment.table, 0
    if settings.slate_image and len(table) > 1:  # a slate without a picture takes little; a still tells no bitrate
        bits = sum(table.size) * 8_000_000 // max(1, table.duration_us)
        bitrate = 1 << max(1, bits).bit_length() - 1
    return SlateRequest(video.record, rate_for(video.frame_rate), settings.name, settings.language.value, bitrate)

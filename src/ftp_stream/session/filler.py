"""What stands in while nothing comes: the last picture, held, and then the slate."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.config import Idle
from ftp_stream.core.forms import config_at
from ftp_stream.core.timeline import hold_table

if TYPE_CHECKING:
    from ftp_stream.model import FrameTable, VideoCodec, VideoConfig
    from ftp_stream.report import StreamReport
    from ftp_stream.supply import Hand, StreamSettings, Supply

__all__ = ["PATIENCE_US", "Filler", "Filling"]

PATIENCE_US = 1_000_000  # how late a segment may be before anything stands in; servers bear 3 s of silence


class Filling(NamedTuple):
    """A second of what stands in."""

    hand: Hand
    table: FrameTable
    camera: VideoConfig  # of the camera's picture that it stands behind


class Filler:
    """Says what stands in now, for one session."""

    def __init__(self, settings: StreamSettings, supply: Supply, report: StreamReport) -> None:
        self._settings = settings
        self._supply = supply
        self._report = report
        self._since: float | None = None  # monotonic time at which the hold began
        self._shows_slate = False

    @property
    def active(self) -> bool:
        """Whether something stands in."""
        return self._since is not None

    @property
    def patience_us(self) -> int:
        """How late the next segment may be, microseconds, before the next second of filling is due."""
        return 0 if self.active else PATIENCE_US

    def end(self) -> None:
        """Take note that a segment plays."""
        self._since = None
        self._shows_slate = False

    def next(self, now: float) -> Filling | None:
        """Return what stands in for the next second, ``None`` for nothing.

        Args:
            now: Monotonic time, seconds.
        """
        last = self._supply.last_begun()
        if self._settings.idle is Idle.OFF or last is None:
            return None
        if self._since is None:
            self._since = now
            self._report.holding(last)
        camera = config_at(last.segment, len(last.segment.table.gops) - 1)
        slate = self._slate(last, camera.codec, now)
        if slate is None:
            return Filling(last, hold_table(last.segment.table), camera)
        if not self._shows_slate:
            self._shows_slate = True
            self._report.slate_shown(last)
        return Filling(slate, slate.segment.table, camera)

    def _slate(self, last: Hand, codec: VideoCodec, now: float) -> Hand | None:
        """Return a second of the slate; ``None`` while the hold lasts, or where no slate can be shown."""
        if self._settings.idle is not Idle.SLATE or self._since is None:
            return None
        ready = self._supply.slate(last)  # asked for as early as the hold begins, so that it is ready in time
        if ready is None or ready.segment.video.codec is not codec:  # no server bears another codec
            return None
        return ready if now - self._since >= self._settings.hold_seconds else None

"""The segment that a session is sending."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftp_stream.core.timeline import Placed, Timeline
    from ftp_stream.supply import Hand

__all__ = ["Playing"]


@dataclass(slots=True, eq=False)
class Playing:
    """A segment, or what stands in for one, and how much of it was sent."""

    hand: Hand
    placed: Placed
    before: Timeline  # on which it was laid
    filler: bool  # a held picture or a slate: nothing of the camera's that could be delivered
    gop: int  # the GOP being sent
    row: int = field(init=False)  # the next row to send

    def __post_init__(self) -> None:
        """Begin with the first row."""
        self.row = self.placed.first_row

    @property
    def gop_end(self) -> int:
        """The row behind the GOP being sent."""
        gops = self.placed.table.gops
        return gops[self.gop + 1] if self.gop + 1 < len(gops) else len(self.placed.table)

    @property
    def at_gop(self) -> bool:
        """Whether the next row begins a GOP."""
        return self.row == self.placed.table.gops[self.gop]

    @property
    def sent_us(self) -> int:
        """How much of the segment lies before the next row, microseconds."""
        return self.placed.table.dts_us[self.row]

    @property
    def position(self) -> float:
        """When the next row was recorded, wall time."""
        return self.hand.key.recorded_at + self.sent_us / 1e6

    def change_row(self) -> int:
        """Return the row at which a decoder needs another configuration, the end where it needs none."""
        gops = self.placed.table.gops
        return next((gops[gop] for gop, _ in self.hand.segment.changes if gop > self.gop), len(self.placed.table))

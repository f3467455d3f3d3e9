"""Thirty days of one-minute files: neither the pace nor the wire's clock drifts from what was recorded.

The months here are played by the parts that a session plays them by (`Timeline`, `Pace`, `rate_for`, `next_turn`); the
test puts in nothing but the moments of its turns. So that a month takes a second, eight or forty-three AAC frames count
as one, about a second long and no rounder, and of the pictures only the keys are there.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from ftp_stream.core.pacing import CUSHION_US, TURN, Pace, next_turn, rate_for
from ftp_stream.core.timeline import Timeline, milliseconds
from ftp_stream.model import AudioConfig, FrameTable, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

DAYS = 30
FILES = DAYS * 1440
CATCHUP = 1.03
PHASE = 1
SECOND = 1_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera is set to; its files last a minute, or as near to it as whole pictures and sounds come."""

    rate: Fraction  # pictures a second
    sample_rate: int
    samples: int  # in one sound
    longer: str  # which track outlasts the other

    @property
    def audio(self) -> AudioConfig:
        return AudioConfig(b"\x12\x10", self.sample_rate, channels=1, frame_samples=self.samples)

    @property
    def pictures(self) -> int:
        return round(60 * self.rate)

    @property
    def sounds(self) -> int:
        exact = self.pictures / self.rate / self.sound
        return int(exact) if self.longer == "video" else -int(-exact // 1)

    @property
    def sound(self) -> Fraction:
        """Seconds of one."""
        return Fraction(self.samples, self.sample_rate)

    @property
    def length(self) -> Fraction:
        """Seconds of a file: of its longer track."""
        return max(self.pictures / self.rate, self.sounds * self.sound)

    def table(self) -> FrameTable:
        """A file as it is prepared: each time rounded from its own ticks."""
        keys = range(0, self.pictures, round(2 * self.rate))
        rows = [(n / self.rate, 0, Row.KEY if n in keys else Row(0)) for n in {*keys, self.pictures - 1}]
        rows += [(n * self.sound, 1, Row.AUDIO) for n in range(self.sounds)]
        rows.sort(key=lambda row: row[:2])
        return FrameTable(
            flags=bytes(int(row[2]) for row in rows),
            dts_us=array("q", [round(row[0] * SECOND) for row in rows]),
            cts_us=array("q", bytes(8 * len(rows))),
            position=array("q", bytes(8 * len(rows))),
            size=array("q", [100] * len(rows)),
            gops=(0, *[index for index, row in enumerate(rows) if row[2] & Row.KEY][1:]),
            duration_us=round(self.length * SECOND),
            audio_end_us=round(self.sounds * self.sound * SECOND),
        )


CAMERAS = [
    Camera(Fraction(30_000, 1001), 44_100, 43 * 1024, "audio"),
    Camera(Fraction(25, 2), 8_000, 8 * 1024, "audio"),
    Camera(Fraction(15), 44_100, 43 * 1024, "video"),
]
IDS = ["29.97 and 44.1 kHz", "12.5 and 8 kHz", "15 and 44.1 kHz"]


@pytest.mark.parametrize("camera", CAMERAS, ids=IDS)
def test_the_wires_milliseconds_are_those_of_the_exact_total(camera: Camera) -> None:
    """After every one of 43,200 files: half a microsecond a file, of its length in whole ones, is all that adds up.

    Both tracks of a file lie at one offset, so that what lies between them in the file does on the wire, on every day.
    """
    timeline, table = Timeline(camera.audio), camera.table()
    exact = Fraction(0)
    for number in range(FILES):
        timeline, placed = timeline.lay(table)
        assert abs(placed.offset_us - exact * SECOND) <= Fraction(number, 2)
        assert placed.table is table, "nothing is put in and nothing moved within a file"
        for at in table.dts_us[:4]:
            assert abs(milliseconds(placed.offset_us + at) * 1000 - placed.offset_us - at) <= 500
        exact += camera.length
    assert exact > (DAYS - 1) * 86_400


# --- pace


@dataclass(slots=True)
class Month:
    """A session's turns, only those at which something changes; media times in microseconds, others in seconds."""

    pace: Pace
    gained: Fraction = Fraction(0)  # media seconds beyond those that went by, by the rates that were asked for
    changed: float = 0.0  # when the rate was asked for that holds

    def at_rate(self, now: float, rate: float) -> None:
        """Go on at another rate, and take note of what the one before must have gained exactly."""
        if rate == self.pace.rate:
            return
        self.gained += (Fraction(now) - Fraction(self.changed)) * (Fraction(self.pace.rate) - 1)
        self.changed = now
        self.pace = self.pace.at_rate(now, rate)

    def error(self, now: float) -> Fraction:
        """Seconds by which what is due differs from what went by and was gained."""
        gained = self.gained + (Fraction(now) - Fraction(self.changed)) * (Fraction(self.pace.rate) - 1)
        return Fraction(self.pace.due(now), SECOND) - Fraction(now) - gained


def waiting(number: int) -> int:
    """Files that wait behind one: thirty after each night's outage, worked off by noon; then one behind every third."""
    return max(30 - number % 1440 // 33, 1 if number % 3 == 0 else 0)


def seams(camera: Camera) -> Iterator[tuple[int, int]]:
    """Each file's number and where it ends on the output clock."""
    timeline, table = Timeline(camera.audio), camera.table()
    for number in range(FILES):
        timeline, placed = timeline.lay(table)
        yield number, placed.offset_us + table.duration_us


@pytest.mark.parametrize("camera", CAMERAS, ids=IDS)
def test_the_pace_stays_within_one_turn_for_a_month(camera: Camera) -> None:
    """With a phase of catching up on every day, and of every third file but its last two seconds."""
    month = Month(Pace(0.0, 0))
    now = 0.0
    for number, end_us in seams(camera):
        for left_us in (60 * SECOND, CUSHION_US):
            now = max(now, next_turn(month.pace.when(end_us - left_us), PHASE))
            month.at_rate(now, rate_for(files_waiting=waiting(number), left_us=left_us, catchup_rate=CATCHUP))
        now = next_turn(month.pace.when(end_us), PHASE)
        late = month.pace.due(now) - end_us
        assert 0 <= late <= TURN * CATCHUP * SECOND + 1, "the turn at which a file's last frame goes out"
        if number % 30 == 0:
            assert abs(month.error(now)) < TURN / 2, "what is due is what went by, and what was caught up"
    assert now > (DAYS - 2) * 86_400
    assert month.gained > DAYS * 900

"""A path is too slow when data waits all the time and less gets through than the footage needs, and not before."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.uplink import BACKLOG, MISSED, RECOVERY, WINDOW, Flow, SlowUplink, Uplink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

MEGABIT = 1e6
ROOM = 1 << 20  # bytes that may wait to be written, as the publisher has it
KERNEL = 1 << 18  # bytes that the kernel takes ahead of the path
TURN = 0.2  # seconds between two writes
FINE = 0.01  # seconds of one step of the simulated path


@dataclass
class Line:
    """A path with buffers before it, and a stream that writes into them at its own pace while there is room."""

    footage: float = 4 * MEGABIT  # bits per second
    now: float = 1000.0
    due: float = 0.0  # bits that the footage had until now, less what was passed over
    written: float = 0.0  # bytes
    taken: float = 0.0
    clear_at: float = 0.0
    blocked: bool = False
    uplink: Uplink = field(default_factory=Uplink)
    told: list[SlowUplink | None] = field(default_factory=list)

    def run(self, seconds: float, takes: float, footage: float | None = None) -> SlowUplink | None:
        """Let time go by over a path that takes so many bits per second; look once a second."""
        footage = self.footage if footage is None else footage
        for step in range(round(seconds / FINE)):
            self._step(takes, footage, turn=step % round(TURN / FINE) == 0)
            if step % round(1 / FINE) == 0:
                self.look()
        return self.uplink.slow

    def look(self) -> None:
        flow = Flow(int(self.written), int(self.taken), self.clear_at)
        self.told.append(self.uplink.look(self.now, flow, self.footage))

    def _step(self, takes: float, footage: float, *, turn: bool) -> None:
        self.now += FINE
        self.due += footage * FINE / 8
        if self.due - self.written > 3 * footage / 8:  # a stream does not hurry for what it missed
            self.due = self.written + footage / 8
        self.taken = min(self.written, self.taken + takes * FINE / 8)
        waiting = max(self.written - self.taken - KERNEL, 0)
        self.blocked = waiting > (ROOM / 4 if self.blocked else ROOM)
        if turn and not waiting:
            self.clear_at = self.now
        if turn and not self.blocked:
            self.written = max(self.written, self.due)

    @property
    def changes(self) -> list[bool]:
        """How often it was found slow and recovered: True, False, True..."""
        states = [slow is not None for slow in self.told]
        return [state for before, state in zip([False, *states], states, strict=False) if state is not before]


@pytest.mark.parametrize("footage", [0.3, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("part", [0.3, 0.5, 0.9])
def test_a_path_of_half_the_rate_is_slow_and_both_rates_are_right(footage: float, part: float) -> None:
    """Whatever the bitrate is: a camera of 300 kbit/s never fills the buffer, one of 20 Mbit/s has it full at once."""
    line = Line(footage * MEGABIT)
    patience = BACKLOG / (1 - part) + WINDOW + 5
    slow = line.run(patience, takes=part * footage * MEGABIT)
    assert slow is not None
    assert slow.uplink_bps == pytest.approx(part * footage * MEGABIT, rel=0.05)
    assert slow.footage_bps == pytest.approx(footage * MEGABIT, rel=0.01)
    line.run(120, takes=part * footage * MEGABIT)
    assert line.changes == [True]


@pytest.mark.parametrize("footage", [0.3, 4.0, 20.0])
@pytest.mark.parametrize("part", [1.05, 1.5, 30.0])
def test_a_path_that_bears_the_footage_is_not(footage: float, part: float) -> None:
    line = Line(footage * MEGABIT)
    line.run(200, takes=part * footage * MEGABIT)
    assert line.changes == []


def test_it_takes_a_window_of_waiting() -> None:
    """Not a moment less: before that, it may still be an accident."""
    line = Line()
    line.run(WINDOW + 1, takes=2 * MEGABIT)
    assert line.uplink.slow is None
    line.run(3, takes=2 * MEGABIT)
    assert line.uplink.slow is not None


@pytest.mark.parametrize("lost", [1, 3, 8, 11])
def test_seconds_that_are_lost_and_made_up_for_are_not_slow(lost: float) -> None:
    line = Line()
    line.run(30, takes=12 * MEGABIT)
    line.run(lost, takes=0)
    line.run(60, takes=12 * MEGABIT)
    assert line.changes == []


def test_bad_seconds_that_are_made_up_for_little_by_little_are_not_slow() -> None:
    """Data waits for longer than a window, but the path is good for half of that."""
    line = Line(0.3 * MEGABIT)
    line.run(9, takes=0.05 * MEGABIT)
    line.run(60, takes=0.45 * MEGABIT)
    assert line.changes == []


def test_a_path_that_bears_the_footage_is_not_slow_because_more_waits() -> None:
    """As in catching up with any number of files."""
    line = Line()
    line.run(60, takes=4.1 * MEGABIT, footage=20 * MEGABIT)
    assert line.changes == []


def test_a_burst_of_the_camera_is_not_slow() -> None:
    """Fifteen seconds of three times the rate, over a path that takes more than the mean and less than the burst."""
    line = Line()
    line.run(20, takes=5 * MEGABIT)
    line.run(15, takes=5 * MEGABIT, footage=12 * MEGABIT)
    line.run(60, takes=5 * MEGABIT, footage=3 * MEGABIT)
    assert line.changes == []


def test_little_that_is_sent_is_no_slow_path() -> None:
    """A quiet stretch, or a disk that gives its bytes slowly: nothing waits for the path."""
    line = Line()
    line.run(60, takes=12 * MEGABIT, footage=1 * MEGABIT)
    assert line.changes == []


def test_a_path_that_takes_nothing_is_dead_and_not_slow() -> None:
    """Which is told as a fault, with its own words."""
    line = Line()
    line.run(20, takes=12 * MEGABIT)
    line.run(60, takes=0)
    assert line.changes == []


def test_a_slow_path_recovers_when_it_bears_the_footage() -> None:
    line = Line()
    line.run(30, takes=2 * MEGABIT)
    line.run(RECOVERY + 5, takes=12 * MEGABIT)
    assert line.changes == [True, False]
    line.run(40, takes=1 * MEGABIT)
    assert line.changes == [True, False, True]


def test_one_that_makes_up_for_what_it_missed_has_recovered_although_data_waits() -> None:
    line = Line()
    line.run(40, takes=2 * MEGABIT)
    for _ in range(30):  # whoever writes has more than the path takes, as in catching up
        line.run(1, takes=6 * MEGABIT, footage=20 * MEGABIT)
    assert line.changes == [True, False]


def test_a_pause_of_the_footage_proves_nothing() -> None:
    """A held picture goes through any line; the state stands until footage has gone through."""
    line = Line()
    line.run(30, takes=2 * MEGABIT)
    for _ in range(60):
        line.now += 1
        assert line.uplink.look(line.now, Flow(int(line.written), int(line.written), line.now), 0.0) is not None


def test_what_holds_is_measured_anew_while_it_lasts() -> None:
    line = Line()
    line.run(30, takes=3 * MEGABIT)
    slow = line.run(30, takes=1 * MEGABIT)
    assert slow is not None
    assert slow.uplink_bps == pytest.approx(1 * MEGABIT, rel=0.05)


def test_another_connection_counts_from_nothing() -> None:
    """What holds of the path stands over it."""
    line = Line()
    line.run(30, takes=2 * MEGABIT)
    line.written = line.taken = line.due = 0.0
    line.run(3, takes=2 * MEGABIT)
    assert line.changes == [True]
    line.run(60, takes=2 * MEGABIT)
    slow = line.uplink.slow
    assert slow is not None
    assert slow.uplink_bps == pytest.approx(2 * MEGABIT, rel=0.05)


def test_a_path_recovers_over_another_connection_as_well() -> None:
    line = Line()
    line.run(30, takes=2 * MEGABIT)
    line.run(4, takes=50 * MEGABIT)
    assert line.changes == [True]
    line.written = line.taken = line.due = 0.0
    line.run(RECOVERY + 5, takes=12 * MEGABIT)
    assert line.changes == [True, False]


def looks(uplink: Uplink, times: Iterable[float], flow: Callable[[float], Flow]) -> SlowUplink | None:
    return [uplink.look(now, flow(now), 4 * MEGABIT) for now in times][-1]


def test_of_what_nobody_looked_at_nothing_is_said() -> None:
    """The machine slept, or the loop stood still: the counts before it say nothing of what was between."""

    def little(now: float) -> Flow:
        return Flow(10_000_000, int(now * 100), 0)

    assert looks(Uplink(), [number * (MISSED + 1) for number in range(9)], little) is None
    assert looks(Uplink(), range(int(WINDOW) + 2), little) is not None


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(0, 10**6), st.integers(0, 10**6), st.booleans()), max_size=80))
def test_no_counts_break_it_and_it_keeps_few(steps: list[tuple[float, int, int, bool]]) -> None:
    uplink, now, written, taken, clear_at = Uplink(), 0.0, 0, 0, 0.0
    for seconds, more, gone, clear in steps:
        now, written = now + seconds, written + more
        taken, clear_at = min(written, taken + gone), now if clear else clear_at
        slow = uplink.look(now, Flow(written, taken, clear_at), MEGABIT)
        assert slow is None or 0 < slow.uplink_bps < slow.footage_bps
    for second in range(1000):
        uplink.look(now + second, Flow(written, written, now + second), MEGABIT)
    assert len(uplink._looks) <= 2
    for second in range(1000):
        uplink.look(now + 1000 + second, Flow(written + 10**7, written + second, now), MEGABIT)
    assert len(uplink._looks) <= WINDOW + 2


@pytest.mark.parametrize(
    ("takes", "needs", "words", "cure"),
    [
        (1_200_000, 4_000_000, "the line takes 1.2 of 4.0 Mbit/s", "960 kbit/s"),
        (3_990_000, 4_000_000, "the line takes 4.0 of 4.0 Mbit/s", "3100 kbit/s"),
        (312_400, 640_000, "the line takes 312 of 640 kbit/s", "240 kbit/s"),
        (100, 640_000, "the line takes 0 of 640 kbit/s", "1 kbit/s"),
    ],
)
def test_it_is_said_with_both_rates_and_a_bitrate_to_set(takes: float, needs: float, words: str, cure: str) -> None:
    slow = SlowUplink(takes, needs)
    assert slow.words == words
    assert f"set the camera to {cure} or less" in slow.cure

"""Timestamps and the count of samples, brought together: holes stay holes, jitter goes, a wrong clock is followed."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.media.runs import SLACK_US, Run, lay_runs

LENGTH = 128_000.0  # 1024 samples at 8 kHz


def track(count: int, *, length: float = LENGTH, start: float = 0.0, pace: float = 1.0) -> list[float]:
    return [start + number * length * pace for number in range(count)]


def lay(times: list[float], length: float = LENGTH, **more: set[int]) -> list[Run]:
    return lay_runs([round(time) for time in times], [length] * len(times), **more)


def spans(runs: list[Run]) -> list[tuple[int, int]]:
    return [(run.first, run.end) for run in runs]


def test_an_even_track_is_one_run() -> None:
    [run] = lay(track(100, start=7_000_000))
    assert (run.first, run.end, run.pace) == (0, 100, 1.0)
    assert run.start_us == 7_000_000


def test_no_sound_no_run() -> None:
    assert lay_runs([], []) == []
    assert lay_runs([0, 5], [0.0, 0.0]) == []


def test_one_packet_is_a_run() -> None:
    assert lay_runs([5], [LENGTH]) == [Run(0, 1, 5.0, 1.0)]


@pytest.mark.parametrize("length", [1024e6 / 44_100, 20_000.0, LENGTH])
@pytest.mark.parametrize("seconds", [1, 5, 60])
def test_times_that_a_container_rounds_to_milliseconds_are_smoothed(length: float, seconds: int) -> None:
    count = round(seconds * 1e6 / length)
    [run] = lay([round(time / 1000) * 1000 for time in track(count, length=length)], length)
    assert abs(run.start_us) <= 1000
    assert abs(run.pace - 1) * seconds * 1e6 < 2500


@pytest.mark.parametrize("rate", [7990, 8010, 7800, 8300])
def test_a_clock_that_runs_wrong_is_followed_to_the_end(rate: int) -> None:
    true = LENGTH * 8000 / rate
    times = track(470, length=true)
    [run] = lay(times)
    for number, time in enumerate(times):
        assert abs(run.start_us + number * LENGTH * run.pace - time) < 2000


@pytest.mark.parametrize(("told", "true"), [(8000, 16_000), (16_000, 8000), (8000, 44_100)])
def test_a_rate_that_is_told_wrong_is_found_by_the_times(told: int, true: int) -> None:
    length = 1024e6 / told
    [run] = lay(track(200, length=1024e6 / true), length)
    assert run.pace == pytest.approx(told / true, rel=1e-3)


@pytest.mark.parametrize(
    ("hole", "at"),
    [
        (hole, at)
        for hole in (30_000, 128_000, 5_000_000, 59_000_000)
        for at in (1, 3, 30, 59)
        if hole > 60_000 or at < 56
    ],
)
def test_a_hole_stays_a_hole(hole: int, at: int) -> None:
    times = track(60)
    times[at:] = [time + hole for time in times[at:]]
    runs = lay(times)
    assert spans(runs) == [(0, at), (at, 60)]
    assert [run.start_us for run in runs] == [times[0], times[at]]
    assert {run.pace for run in runs} == {1.0}


def test_many_holes_are_no_slow_clock() -> None:
    """A camera that records sound only while there is some: half a second missing in each fifteen."""
    times = [time + 500_000 * (number // 117) for number, time in enumerate(track(470))]
    runs = lay(times)
    assert len(runs) == 5
    assert {run.pace for run in runs} == {1.0}
    for run in runs:
        assert run.start_us == times[run.first]


def test_packets_that_gave_no_sound_are_a_hole() -> None:
    times = track(50)
    lengths = [LENGTH if number not in {20, 21} else 0.0 for number in range(50)]
    runs = lay_runs([round(time) for time in times], lengths)
    assert spans(runs) == [(0, 20), (22, 50)]
    assert runs[1].start_us == times[22]


def test_packets_that_are_stamped_late_now_and_then_are_not_moved() -> None:
    """Stamped when they arrived: never early, mostly in time."""
    true = track(3000, length=20_000.0)
    late = [number * 104_729 % 60_000 if number * 7919 % 10 < 3 else 0 for number in range(3000)]
    times = [time + each for time, each in zip(true, late, strict=True)]
    runs = lay(times, 20_000.0)
    for run in runs:
        assert abs(run.start_us - true[run.first]) < SLACK_US
    assert len(runs) < 5


def test_sound_that_comes_twice_overlaps() -> None:
    times = [*track(20), *(time - 500_000 for time in track(40)[20:])]
    runs = lay(times)
    assert spans(runs) == [(0, 20), (20, 40)]
    assert runs[1].start_us == times[20]


@pytest.mark.parametrize("jump", [-5_000_000, -(10**12), 61_000_000, 10**15])
def test_another_clock_goes_on_where_the_first_one_was(jump: int) -> None:
    times = track(40)
    times[20:] = [time + jump for time in times[20:]]
    [run] = lay(times)
    assert (run.first, run.end, run.pace) == (0, 40, 1.0)


def test_times_that_mean_nothing_leave_the_count_of_samples() -> None:
    """As FFmpeg reads G.726 in an AVI of its own making: four minutes from packet to packet."""
    [run] = lay(track(40, pace=2048.0))
    assert (run.start_us, run.pace) == (0.0, 1.0)


def test_another_kind_of_sound_is_another_run() -> None:
    runs = lay(track(30), changes={0, 10})
    assert spans(runs) == [(0, 10), (10, 30)]
    assert runs[1].start_us == 10 * LENGTH
    lengths = [0.0 if number == 10 else LENGTH for number in range(30)]
    assert spans(lay_runs([round(time) for time in track(30)], lengths, {11})) == [(0, 10), (11, 30)]


@given(
    st.lists(
        st.tuples(st.integers(-(2**62), 2**62), st.sampled_from([0.0, 0.1, 23_219.95, 20_000.0, 1e9])), max_size=60
    ),
    st.sets(st.integers(0, 60)),
)
def test_any_times_are_laid_out(packets: list[tuple[int, float]], changes: set[int]) -> None:
    """Every packet that is heard is in one run, in order."""
    runs = lay_runs([time for time, _ in packets], [length for _, length in packets], changes)
    heard = [number for number, (_, length) in enumerate(packets) if length]
    assert [each for run in runs for each in range(run.first, run.end) if each in heard] == heard
    assert all(before.end <= after.first for before, after in pairwise(runs))
    assert all(0.1 <= run.pace <= 10 for run in runs)


@given(st.lists(st.floats(10_000, 200_000), min_size=2, max_size=80), st.floats(-0.04, 0.04), st.data())
def test_steps_within_a_smooth_track_are_placed_where_the_timestamps_say(
    lengths: list[float], drift: float, data: st.DataObject
) -> None:
    """Whatever the sizes of packets and the pace: what one run says of its packets' times is near what they say."""
    true = [time * (1 + drift) for time in accumulate(lengths, initial=0.0)][: len(lengths)]
    at = data.draw(st.integers(1, len(lengths) - 1))
    hole = data.draw(st.sampled_from([0.0, 300_000.0]))
    times = [time + (hole if number >= at else 0) for number, time in enumerate(true)]
    runs = lay_runs([round(time) for time in times], lengths)
    for run in runs:
        counted = 0.0
        for number in range(run.first, run.end):
            assert abs(run.start_us + counted * run.pace - times[number]) <= 3 * SLACK_US
            counted += lengths[number]

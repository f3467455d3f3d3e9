from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.pacing import CUSHION_US, PHASES, TURN, Pace, next_turn, rate_for


def test_one_second_of_media_is_due_a_second_after_the_anchor() -> None:
    pace = Pace(now=100.0, media_us=5_000_000)
    assert pace.due(100.0) == 5_000_000
    assert pace.due(101.0) == 6_000_000
    assert pace.when(7_000_000) == 102.0


def test_another_rate_goes_on_without_a_jump() -> None:
    pace = Pace(now=0.0, media_us=0).at_rate(10.0, 1.03)
    assert pace.due(10.0) == 10_000_000
    assert pace.due(20.0) == 20_300_000


def test_the_same_rate_leaves_the_anchor_alone() -> None:
    pace = Pace(now=0.0, media_us=0)
    assert pace.at_rate(5.0, 1.0) is pace


def test_after_a_stall_nothing_is_hurried_for() -> None:
    pace = Pace(now=0.0, media_us=0).resumed(12.0, 10_000_000)
    assert pace.due(12.0) == 10_000_000
    assert pace.due(13.0) == 11_000_000


def test_media_that_is_not_due_yet_is_no_stall() -> None:
    pace = Pace(now=0.0, media_us=0)
    assert pace.resumed(9.0, 10_000_000) is pace


@given(st.floats(0, 1e6), st.integers(1, 150_000))
def test_thirty_days_of_turns_do_not_drift(start: float, turns: int) -> None:
    """What is due depends on the moment alone, however many questions were asked before it."""
    pace = Pace(now=start, media_us=0)
    moment = start
    for _ in range(min(turns, 100)):
        moment = start + turns * TURN * 86.4  # up to 30 days
        pace = pace.at_rate(moment, 1.0)
    assert abs(pace.due(moment) - (moment - start) * 1e6) <= 1


@given(st.floats(0, 1e7), st.integers(0, PHASES - 1))
def test_the_next_turn_comes_within_one_beat_and_never_before_now(now: float, phase: int) -> None:
    turn = next_turn(now, phase)
    assert now < turn <= now + TURN + 1e-6
    assert abs((turn - phase * TURN / PHASES) / TURN - round((turn - phase * TURN / PHASES) / TURN)) < 1e-3


def test_streams_of_one_phase_have_their_turns_at_one_moment() -> None:
    assert {next_turn(100.0 + part / 100, 1) for part in range(5)} == {next_turn(100.0, 1)}
    assert len({next_turn(100.0, phase) for phase in range(PHASES)}) == PHASES


def test_no_file_waiting_means_real_time() -> None:
    assert rate_for(files_waiting=0, left_us=60_000_000, catchup_rate=1.03) == 1.0


def test_one_file_waiting_is_hurried_for_until_the_cushion_is_reached() -> None:
    assert rate_for(files_waiting=1, left_us=CUSHION_US + 1, catchup_rate=1.03) == 1.03
    assert rate_for(files_waiting=1, left_us=CUSHION_US, catchup_rate=1.03) == 1.0


def test_two_files_waiting_are_always_hurried_for() -> None:
    assert rate_for(files_waiting=2, left_us=0, catchup_rate=1.03) == 1.03

"""Of which files it is worth to keep what is prepared."""

from __future__ import annotations

from tests.support.decisions import camera, judge, minutes, stream

from ftp_stream.core.plan import AHEAD
from ftp_stream.core.reach import BEHIND, within_reach
from ftp_stream.model import FileFact, PlanSettings

OFF = PlanSettings(timezone="UTC", max_lag=None)
FILES = minutes("10:00", "10:40")


def reached(near: set[object]) -> list[int]:
    """Return the places of what is within reach, in order."""
    return [index for index, file in enumerate(FILES) if file.id in near]


def played(until: int) -> list[FileFact]:
    return FILES[: until + 1]


def test_of_what_one_stream_has_played_and_another_has_far_ahead_nothing_is_kept() -> None:
    one = stream(FILES[30], complete=True)
    plan = judge(FILES, camera(one, stream(FILES[4], gop=1), delivered=played(30)), settings=OFF)
    at_two, at_one = range(4, 5 + AHEAD + BEHIND), range(31, 32 + AHEAD + BEHIND)
    assert reached(within_reach(plan, ())) == [*at_two, *at_one]


def test_what_is_wanted_while_a_file_is_in_hand_is_kept_while_it_is_not() -> None:
    """A dead destination is tried again and again: each time its file is taken, and let go of."""
    dead = stream(FILES[4])
    trying = stream(FILES[4], hand=FILES[4:5])
    during = judge(FILES, camera(trying), settings=OFF)
    after = judge(FILES, camera(dead), settings=OFF)
    wanted = {file.id for file in during.prepare}
    assert {file.id for file in after.prepare} < wanted | {FILES[4].id}
    assert wanted <= within_reach(after, ())


def test_what_was_let_go_of_since_the_decision_is_kept_and_what_was_taken_too() -> None:
    plan = judge(FILES, camera(stream(FILES[4], hand=FILES[4:6])), settings=OFF)
    assert {FILES[4].id, FILES[5].id, FILES[20].id} <= within_reach(plan, {FILES[20].id})


def test_without_files_there_is_nothing() -> None:
    assert within_reach(judge([]), ()) == set()

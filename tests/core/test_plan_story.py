"""Decisions carried out one after the other, as a camera and its streams live through them."""

from datetime import UTC as ZULU
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests.support.simulation import Stream, World

from ftp_stream.model import Action, CameraState, OrderKey, Plan, PlanSettings, StreamState, VerdictKind


def floor(stream: StreamState) -> OrderKey | None:
    """What a stream has begun; the camera's names are always believed here, so keys stay as they are."""
    marks = [*([stream.cursor.key] if stream.cursor else []), *([stream.head] if stream.head else [])]
    return max(marks, default=None)


UTC = PlanSettings(timezone="UTC")
HOUR = 3600.0
YEARS = 26 * 365 * 86400.0


class CameraLife(RuleBasedStateMachine):
    """A camera whose clock is right writes, streams play, all kinds of things go wrong."""

    @initialize(
        age=st.sampled_from([0.0, 30.0]),
        lag=st.sampled_from([None, 120.0, 300.0]),
        names=st.sampled_from([["a"], ["a", "b"]]),
    )
    def begin(self, age: float, lag: float | None, names: list[str]) -> None:
        chosen = PlanSettings(timezone="UTC", min_file_age=age, max_lag=lag)
        self.world = World(chosen, {name: Stream() for name in names})
        self.stepped = False

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        """The camera goes on writing for a while, or is silent."""
        self.world.wall += seconds
        self.world.grow()

    @rule()
    def the_next_file_begins(self) -> None:
        self.world.wall += 5
        self.world.begin_file()

    @rule()
    def nothing_moves_for_a_long_time(self) -> None:
        self.world.writing = None
        self.world.wall += 400

    @rule(age=st.sampled_from([61.0, 119.5, 307.0, 1200.5]))
    def a_clip_comes_late(self, age: float) -> None:
        self.world.upload_late(age)

    @rule()
    def a_turn(self) -> None:
        self.checked_turn()

    @rule(which=st.integers(0, 1), gops=st.integers(1, 4))
    def a_server_confirms(self, which: int, gops: int) -> None:
        streams = list(self.world.streams.values())
        for _ in range(gops):
            streams[which % len(streams)].confirm()

    @rule(which=st.integers(0, 1))
    def a_connection_drops(self, which: int) -> None:
        streams = list(self.world.streams.values())
        streams[which % len(streams)].drop()

    @precondition(lambda self: self.world.files)
    @rule()
    def the_service_is_killed(self) -> None:
        self.world.restart()

    def checked_turn(self) -> None:
        world = self.world
        state, files = world.state(), dict(world.files)
        before = {name: list(stream.hands) for name, stream in world.streams.items()}
        plan = world.turn()
        self.stepped |= bool(plan.step_back)
        self.check_what_goes(plan, state)
        for name, stream in world.streams.items():
            cursor = state.streams[name].cursor
            for hand in stream.hands[len(before[name]) :]:
                assert hand.file.path in files
                assert hand.file.path != world.writing
                resumed = cursor and cursor.file == hand.file.id and not before[name]
                assert resumed or not cursor or name in plan.step_back or hand.key > cursor.key
                assert all(hand.key > held.key for held in before[name])
            if not self.stepped:
                assert all(early < late for early, late in pairwise(stream.done))
            assert len(set(stream.done)) == len(stream.done)

    def check_what_goes(self, plan: Plan, state: CameraState) -> None:
        """No file goes that a stream has, or may still want."""
        world = self.world
        held = frozenset().union(*(stream.in_hand for stream in state.streams.values()))
        floors = [floor(stream) for stream in state.streams.values()]
        keys = sorted(plan.keys.values())
        files = [verdict.file for verdict in plan.verdicts]
        for verdict in plan.verdicts:
            if verdict.action is Action.NONE:
                continue
            file, key = verdict.file, plan.keys[verdict.file.id]
            assert file.id not in held
            assert file.path != world.writing
            newer = [other for other in files if all(mark and plan.keys[other.id] > mark for mark in floors)]
            proven = any(other.mtime >= file.mtime for other in newer)
            passed = all(mark and mark >= key for mark in floors)
            delivered = [file.id in done for done in state.delivered.values()]
            lag = world.settings.max_lag
            front = keys[-1].recorded_at
            expired = lag is not None and front - key.recorded_at >= lag
            near = [other for other in files if lag is None or front - plan.keys[other.id].recorded_at < lag]
            skipped = expired and any(other.mtime >= file.mtime for other in near)
            gone = all(done or (mark and mark >= key) for done, mark in zip(delivered, floors, strict=True))
            assert skipped or (passed and proven) or (any(delivered) and gone)

    def teardown(self) -> None:
        """When the camera has written two files more and all goes well, every file has found its end but the newest."""
        if not hasattr(self, "world"):
            return
        world = self.world
        for _ in range(2):
            world.wall += 61
            newest = world.begin_file()
        for _ in range(12 * len(world.files) + 60):
            world.wall += 10
            self.checked_turn()
            for stream in world.streams.values():
                stream.confirm()
        assert list(world.files) == [newest]
        assert world.left() == {newest: VerdictKind.NEWEST}


CameraLife.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
test_the_life_of_a_camera = CameraLife.TestCase


def played(world: World, name: str = "a") -> int:
    return len(world.streams[name].done)


def test_an_hour_of_a_camera_that_does_all_right_is_played_without_a_gap() -> None:
    world = World(UTC, {"a": Stream(), "b": Stream()})
    world.run(60)
    assert world.lost() == []
    assert world.streams["a"].done == [f"20260205_10{minute:02}00.mp4" for minute in range(58)]
    assert world.streams["b"].done == world.streams["a"].done
    assert len(world.files) == 2


@pytest.mark.parametrize("back", [YEARS, 3 * HOUR, HOUR, 20 * 60.0])
def test_a_reset_camera_clock_deletes_no_more_than_minutes(back: float) -> None:
    world = World(UTC, {"a": Stream(), "b": Stream()})
    world.run(30)
    world.camera_ahead = -back
    world.run(120)
    assert len(world.lost()) <= 4
    assert played(world) >= 140
    assert world.streams["a"].done == world.streams["b"].done
    world.camera_ahead = 0.0
    world.run(60)
    assert len(world.lost()) <= 8
    assert played(world) >= 195


def test_one_file_from_the_future_in_the_inbox_does_not_delete_all_that_follows() -> None:
    """A camera that never had the right time, and a clip that somebody put there."""
    world = World(UTC, {"a": Stream()})
    world.begin_file()
    world.wall += 100
    world.camera_ahead = -YEARS
    world.run(60)
    assert len(world.lost()) <= 4
    assert played(world) >= 52


def test_one_clip_dated_2036_is_played_in_its_place_and_nothing_goes_for_it() -> None:
    """Its time of writing counts, whoever put it there, and a warning names it as long as it lies there."""
    world = World(UTC, {"a": Stream()})
    world.run(10)
    clip = world.put("20360101_000000.mp4")
    plan = world.turn()
    assert [warning for warning in plan.warnings if clip in warning]
    world.run(20)
    assert world.lost() == []
    done = world.streams["a"].done
    assert done.index(clip) in {10, 11}
    assert sorted(set(done) - {clip}) == [path for path in done if path != clip]
    assert world.turn().warnings == ()


@pytest.mark.parametrize("ahead", [5 * HOUR, 13 * HOUR, 30 * HOUR, YEARS])
def test_a_camera_clock_that_runs_ahead_for_minutes_costs_nothing(ahead: float) -> None:
    world = World(UTC, {"a": Stream()})
    world.run(30)
    world.camera_ahead = ahead
    world.run(3)
    world.camera_ahead = 0.0
    world.run(30)
    assert world.lost() == []
    assert played(world) >= 61


def test_a_stream_whose_server_is_down_does_not_hold_back_another_through_a_step_of_the_clock() -> None:
    world = World(UTC, {"a": Stream(), "b": Stream()})
    world.run(10)
    down = world.streams["b"]
    down.confirm = lambda: None  # type: ignore[method-assign]
    world.run(5)
    world.camera_ahead = -YEARS
    world.run(60)
    assert played(world) >= 68
    world.run(10, playing=False)
    assert VerdictKind.EXPIRED not in world.left().values()
    assert len(world.lost()) <= 14
    del down.confirm
    down.drop()
    world.run(30)
    assert set(down.done[-3:]) & set(world.streams["a"].done[-3:])
    assert len(world.files) <= 6


def test_after_an_outage_no_more_than_the_longest_lag_is_sent_late() -> None:
    world = World(UTC, {"a": Stream()})
    world.run(10)
    world.run(20, playing=False)
    world.run(10)
    kinds = {verdict.kind for verdict in world.lost()}
    assert kinds == {VerdictKind.EXPIRED}
    assert 10 <= len(world.lost()) <= 17


# --- local time

NIGHTS = {
    "autumn": datetime(2026, 10, 24, 23, 30, tzinfo=ZULU),  # 01:30 in Berlin; at 03:00 it is 02:00 again
    "spring": datetime(2026, 3, 29, 0, 30, tzinfo=ZULU),  # 01:30 in Berlin; at 02:00 it is 03:00
}


def night(name: str, zone: str) -> World:
    """Three hours of a camera whose names are in a zone; the settings say Berlin's; with a restart in the change."""
    world = World(PlanSettings(timezone="Europe/Berlin"), {"a": Stream(), "b": Stream()}, zone=zone)
    world.wall = NIGHTS[name].timestamp()
    world.run(90)
    world.restart()
    world.run(90)
    return world


@pytest.mark.parametrize("name", NIGHTS)
def test_a_night_in_which_the_clock_changes_is_played_once_and_in_order(name: str) -> None:
    """In autumn every name from 02:00 to 02:59 comes twice, an hour apart: both are played, each in its turn."""
    world = night(name, "Europe/Berlin")
    berlin = ZoneInfo("Europe/Berlin")
    begun = [datetime.fromtimestamp(NIGHTS[name].timestamp() + 60 * minute, berlin) for minute in range(178)]
    assert world.lost() == []
    for stream in world.streams.values():
        assert stream.done == [f"{moment:%Y%m%d_%H%M%S}.mp4" for moment in begun]
    assert (stream.done.count("20261025_023000.mp4") == 2) == (name == "autumn")


@pytest.mark.parametrize("zone", ["Etc/GMT-2", "Etc/GMT-1", "UTC", "Asia/Tokyo", "America/New_York"])
@pytest.mark.parametrize("name", NIGHTS)
def test_a_camera_that_knows_no_summer_time_or_another_zone_loses_no_more_than_minutes(name: str, zone: str) -> None:
    """How its names sit to the times of writing is learned, and learned anew when the zone's own clock changes."""
    world = night(name, zone)
    assert len(world.lost()) <= 4
    assert played(world) >= 170
    assert world.streams["a"].done == world.streams["b"].done

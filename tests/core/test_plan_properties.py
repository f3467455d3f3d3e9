"""What holds of every decision, whatever lies in the inbox and whatever is known of it."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.decisions import SETTINGS, name
from tests.support.inbox import ZONE, at

from ftp_stream.core.naming import date_files, natural_key
from ftp_stream.core.plan import decide
from ftp_stream.model import (
    Action,
    Attempts,
    CameraState,
    Cursor,
    FileFact,
    FileId,
    NewestPolicy,
    OrderKey,
    Plan,
    PlanSettings,
    StreamState,
    Verdict,
    VerdictKind,
)

WALL = at("10:45")
HOUR = 3600.0
NAMES = [name(at("10:30") + 60 * index) for index in range(10)]
ODD = ["x.mp4", "20360101_000000.mp4", "10:29.jpg", "_failed/10:29.mp4", "10:33.mp4_", "10:33.mp4_idx", "b/10:31.mp4"]


@st.composite
def inboxes(draw: st.DrawFn) -> list[FileFact]:
    paths = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=8))
    paths += draw(st.lists(st.sampled_from(ODD), unique=True, max_size=2))
    return [FileFact(path, draw(versions(path))) for path in paths]


def versions(path: str) -> st.SearchStrategy[FileId]:
    """One or another version of a file, written at some time; most a minute after they were recorded."""
    number = NAMES.index(path) if path in NAMES else 3
    usual = at("10:31") + 60 * number
    written = st.sampled_from([usual] * 6 + [WALL - 40, WALL - 30, WALL - 29, WALL, WALL + 300, WALL + 2 * HOUR, 0.0])
    inode = [*NAMES, *ODD].index(path)
    sizes = st.sampled_from([1, 1, 1, 2])
    return st.builds(lambda moment, size: FileId(1, inode, size, int(moment * 1e9)), written, sizes)


@st.composite
def cameras(draw: st.DrawFn, files: list[FileFact]) -> CameraState:
    segments = [file for file in files if file.path in NAMES or file.path.endswith("x.mp4")]
    some = st.lists(st.sampled_from(segments), max_size=4) if segments else st.just([])
    streams = {}
    delivered = {}
    for stream in draw(st.lists(st.sampled_from(["one", "two", "three"]), unique=True, max_size=3)):
        delivered[stream] = frozenset(file.id for file in draw(some))
        cursor = draw(st.none() | cursors(segments))
        hand = sorted(draw(some)[:2], key=key)
        streams[stream] = StreamState(cursor, key(hand[-1]) if hand else None, frozenset(file.id for file in hand))
    failures = st.builds(
        Attempts, st.integers(1, 4), st.sampled_from([WALL - 400, WALL - 300, WALL - 10, WALL + 9e6]), st.just("odd")
    )
    return CameraState(
        streams,
        delivered=delivered,
        attempts={file.id: draw(failures) for file in draw(some)},
        proven=frozenset(file.id for file in draw(some)),
        before=frozenset(file.id for file in draw(some)),
        late_since=draw(st.sampled_from([None, None, WALL - 400, WALL - 300, WALL - 10])),
    )


@st.composite
def cursors(draw: st.DrawFn, segments: list[FileFact]) -> Cursor:
    gone = st.sampled_from(NAMES).flatmap(lambda path: st.builds(FileFact, st.just(path), versions(path)))
    file = draw(st.sampled_from(segments) | gone if segments else gone)
    complete = draw(st.booleans())
    return Cursor(key(file), file.path, file.id, draw(st.integers(0, 3)), complete)


def key(file: FileFact) -> OrderKey:
    return OrderKey(date_files([file], timezone=ZONE, max_clock_skew=600).times[0], natural_key(file.path))


SETTINGS_ALIKE = st.builds(
    lambda age, lag, newest: replace(SETTINGS, min_file_age=age, max_lag=lag, newest=newest),
    st.sampled_from([0.0, 30.0]),
    st.sampled_from([None, 0.0, 120.0, 300.0]),
    st.sampled_from(NewestPolicy),
)
CASES = inboxes().flatmap(lambda files: st.tuples(st.just(files), cameras(files), SETTINGS_ALIKE))
Case = tuple[list[FileFact], CameraState, PlanSettings]


def holders(state: CameraState, file: FileFact) -> list[str]:
    return [name for name, stream in state.streams.items() if file.id in stream.in_hand]


def begun(state: CameraState, file: FileFact) -> bool:
    """Tell whether some stream took this version, so that it was whole then."""
    cursors = [stream.cursor for stream in state.streams.values() if stream.cursor]
    delivered = set().union(*state.delivered.values()) if state.delivered else set()
    return bool(holders(state, file)) or file.id in delivered or file.id in {cursor.file for cursor in cursors}


def acts(plan: Plan) -> list[Verdict]:
    return [verdict for verdict in plan.verdicts if verdict.action is not Action.NONE]


@settings(max_examples=100)
@given(CASES)
def test_every_file_has_one_verdict_and_every_stream_at_most_one_file(case: Case) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    assert sorted(v.file.path for v in plan.verdicts) == sorted(file.path for file in files)
    assert all(verdict.reason for verdict in plan.verdicts)
    assert set(plan.play) <= set(state.streams)
    playing = {stream: v.file for v in plan.verdicts if v.kind is VerdictKind.PLAY for stream in v.streams}
    held = {stream: file for stream, file in plan.play.items() if holders(state, file)}
    assert playing | held == plan.play
    assert set(plan.keys) == {v.file.id for v in plan.verdicts if v.kind is not VerdictKind.IGNORE}
    assert len(set(plan.prepare)) == len(plan.prepare)
    assert set(plan.prepare) >= set(plan.play.values())


@settings(max_examples=100)
@given(CASES, st.randoms(use_true_random=False))
def test_the_order_of_input_does_not_matter_and_deciding_twice_changes_nothing(
    case: Case, chance: random.Random
) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    assert decide(files, state, WALL, chosen) == plan
    assert decide(chance.sample(files, len(files)), state, WALL, chosen) == plan


@settings(max_examples=100)
@given(CASES)
def test_a_stream_takes_nothing_older_than_what_it_has_begun(case: Case) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    for stream, file in plan.play.items():
        known = state.streams[stream]
        assert file.id not in known.in_hand
        assert file.id not in state.delivered[stream]
        held = [plan.keys[other.id] for other in files if other.id in known.in_hand and other.id in plan.keys]
        assert all(plan.keys[file.id] > other for other in held)
        cursor = known.cursor
        if cursor and cursor.file == file.id:
            assert not cursor.complete
            assert not known.in_hand
        elif cursor and cursor.file in plan.keys and cursor.file.mtime_ns <= (WALL + 600) * 1e9:
            assert plan.keys[file.id] > plan.keys[cursor.file]


@settings(max_examples=100)
@given(CASES)
def test_a_file_that_may_be_under_write_is_never_touched_nor_taken(case: Case) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    touched = {v.file for v in acts(plan)} | set(plan.play.values())
    for file in touched:
        young = WALL - chosen.min_file_age < file.mtime <= WALL + chosen.max_clock_skew
        assert begun(state, file) or not young
    newest = max(plan.keys.values(), default=None)
    for file in plan.play.values():
        if plan.keys[file.id] == newest and chosen.newest is NewestPolicy.NEVER and plan.late_since is None:
            assert begun(state, file)


@settings(max_examples=100)
@given(CASES)
def test_nothing_goes_that_is_not_delivered_late_expired_or_broken(case: Case) -> None:
    """Judged here by other means: from the facts and the keys, not from the verdict's kind."""
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    segments = [file for file in files if file.id in plan.keys]
    for verdict in acts(plan):
        file = verdict.file
        recorded = plan.keys[file.id].recorded_at
        assert state.streams
        assert not holders(state, file)
        delivered = any(file.id in done for done in state.delivered.values())
        newest = max(key.recorded_at for key in plan.keys.values())
        expired = chosen.max_lag is not None and newest - recorded >= chosen.max_lag and newest > recorded
        broken = file.id in state.attempts and state.attempts[file.id].count >= chosen.max_retries
        newer = any(plan.keys[other.id] > plan.keys[file.id] for other in segments)
        late = newer and all(stream.cursor or stream.in_hand for stream in state.streams.values())
        assert delivered or expired or broken or late
        match verdict.action:
            case Action.QUARANTINE:
                assert broken
            case Action.SET_ASIDE:
                assert file.id in state.before
            case Action.DELETE:
                assert delivered or file.id not in state.before


@settings(max_examples=100)
@given(CASES, st.floats(0, 1))
def test_until_the_time_it_names_a_decision_stays(case: Case, part: float) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    until = WALL + 9 * HOUR if plan.wake_at is None else plan.wake_at
    assert until > WALL
    later = decide(files, replace(state, late_since=plan.late_since), WALL + (until - WALL) * part * 0.999, chosen)
    assert [(v.file, v.kind, v.action, v.streams) for v in later.verdicts] == [
        (v.file, v.kind, v.action, v.streams) for v in plan.verdicts
    ]
    assert (later.play, later.step_back, later.prepare) == (plan.play, plan.step_back, plan.prepare)


@settings(max_examples=100)
@given(CASES)
def test_a_stream_steps_back_only_when_it_has_nothing_else_to_do(case: Case) -> None:
    files, state, chosen = case
    plan = decide(files, state, WALL, chosen)
    for stream in plan.step_back:
        assert stream not in plan.play
        assert not state.streams[stream].in_hand
        assert plan.late_since is not None
        assert WALL - plan.late_since >= (300.0 if chosen.max_lag is None else chosen.max_lag)
        assert sum(v.kind is VerdictKind.LATE for v in plan.verdicts) + len(state.streams) >= 2
    assert bool(plan.step_back) <= bool(plan.warnings)


@pytest.mark.parametrize("wall", [0.0, 1.0, 1e12])
def test_a_clock_of_this_machine_that_is_far_off_does_no_harm(wall: float) -> None:
    """A small computer without a battery starts in 1970."""
    files = [
        FileFact(path, FileId(1, index, 1, int(at("10:31") + 60 * index) * 10**9)) for index, path in enumerate(NAMES)
    ]
    plan = decide(files, CameraState({"one": StreamState(None)}), wall, SETTINGS)
    assert plan.play["one"].path == "10:35.mp4"
    assert decide(files, CameraState({"one": StreamState(None)}), at("10:45"), SETTINGS).play == plan.play

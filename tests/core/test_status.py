"""Events become the status that every face shows."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.core import status as told
from ftp_stream.core.status import Board, CameraStatus, Phase, Status, StreamStatus, apply
from ftp_stream.core.uplink import SlowUplink
from ftp_stream.errors import FaultKind
from ftp_stream.model import Action, FileFact, FileId, OrderKey, Plan, Verdict, VerdictKind

STREAM = StreamStatus("yard/tv", "rtmp://tv/live/***")


def board() -> Board:
    made = Board("1.2", 7, 100.0)
    made.add_camera("yard", "/in/yard")
    made.add_stream("yard", "yard/tv", "rtmp://tv/live/***")
    return made


def only_stream(made: Board) -> StreamStatus:
    (camera,) = made.status(200.0).cameras
    (stream,) = camera.streams
    return stream


# --- one stream -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (told.Connecting("yard/tv", 5.0), Phase.CONNECTING),
        (told.SegmentBegun("yard/tv", 5.0, "a.mp4", 1.0, seam=False), Phase.PLAYING),
        (told.Holding("yard/tv", 5.0), Phase.HOLDING),
        (told.Faulted("yard/tv", 5.0, "tcp", "refused"), Phase.BACKOFF),
        (told.Stopped("yard/tv", 5.0), Phase.STOPPED),
    ],
)
def test_an_event_sets_the_phase_and_when_it_began(event: told.StreamEvent, phase: Phase) -> None:
    after = apply(STREAM, event)
    assert (after.phase, after.since) == (phase, 5.0)
    assert apply(after, replace(event, wall=9.0)).since == 5.0  # the same phase goes on
    idle = apply(after, told.Idled("yard/tv", 9.0))
    assert (idle.phase, idle.since) == (Phase.IDLE, 9.0)


def test_counts_add_up() -> None:
    after = STREAM
    for frames in (0, 1, 30):
        after = apply(after, told.Sent("yard/tv", 1.0, frames, frames * 1000, 500.0 + frames))
        after = apply(after, told.Confirmed("yard/tv", 1.0, frames // 2, "pong"))
    assert (after.frames_sent, after.bytes_sent, after.frames_confirmed) == (31, 31_000, 15)
    assert (after.recorded_at, after.rung, after.phase) == (530.0, "pong", STREAM.phase)


def test_what_confirmation_rests_on_stays_until_something_new_is_told() -> None:
    after = apply(STREAM, told.Confirmed("yard/tv", 1.0, 5, "pong"))
    assert apply(after, told.Confirmed("yard/tv", 1.0, 5, "")).rung == "pong"
    assert apply(after, told.Connected("yard/tv", 1.0)).rung == ""


def test_only_a_segment_that_follows_in_the_same_publish_makes_a_seam() -> None:
    begun = told.SegmentBegun("yard/tv", 1.0, "a.mp4", 60.0, seam=False)
    first = apply(STREAM, begun)
    assert (first.seams, first.file, first.recorded_at) == (0, "a.mp4", 60.0)
    second = apply(first, replace(begun, file="b.mp4", seam=True))
    assert (second.seams, second.file) == (1, "b.mp4")
    assert apply(second, told.SegmentDone("yard/tv", 2.0, "a.mp4")).segments == 1


def test_every_publish_after_the_first_is_a_reconnect() -> None:
    after = STREAM
    for number in (0, 1, 2):
        after = apply(after, told.Connected("yard/tv", 10.0 + number))
        assert (after.reconnects, after.connected_at) == (number, 10.0 + number)


def test_a_session_that_ended_by_plan_is_no_reconnect() -> None:
    after = STREAM
    for event in (told.Connected, told.Renewed, told.Connected, told.Renewed, told.Connected):
        after = apply(after, event("yard/tv", 10.0))
    assert (after.reconnects, after.renewals, after.connected_at) == (0, 2, 10.0)
    assert apply(after, told.Connected("yard/tv", 11.0)).reconnects == 1


def test_a_fault_is_kept_and_the_next_try_is_told_only_while_waiting_for_it() -> None:
    said = ("publish", "name in use", "NetStream.Publish.BadName", "wait")
    after = apply(STREAM, told.Faulted("yard/tv", 50.0, *said, 51.6, FaultKind.NAME_TAKEN))
    assert after.fault == told.Fault(50.0, *said, FaultKind.NAME_TAKEN)
    assert after.retry_at == 51.6
    trying = apply(after, told.Connecting("yard/tv", 51.6))
    assert trying.retry_at is None
    assert trying.fault == after.fault


def test_a_slow_line_is_told_until_it_has_recovered() -> None:
    """Whatever else happens to the stream meanwhile."""
    slow = apply(STREAM, told.UplinkJudged("yard/tv", 5.0, SlowUplink(1e6, 4e6)))
    assert slow.uplink == SlowUplink(1e6, 4e6)
    assert (slow.phase, slow.since) == (STREAM.phase, 5.0)
    assert apply(slow, told.Faulted("yard/tv", 6.0, "media", "lost")).uplink == slow.uplink
    assert apply(slow, told.UplinkJudged("yard/tv", 7.0, None)).uplink is None


# --- the board ------------------------------------------------------------------------------------------------------


def test_the_status_tells_who_made_it_and_when() -> None:
    assert Board("1.2", 7, 100.0).status(101.0) == Status("1.2", 7, 100.0, 101.0)
    assert only_stream(board()) == STREAM


def test_events_reach_their_stream_and_no_other() -> None:
    made = board()
    made.add_camera("gate", "/in/gate")
    made.add_stream("gate", "gate/tv", "x")
    made.post(told.Connecting("gate/tv", 101.0))
    made.post(told.Connecting("nobody/tv", 101.0))
    made.post(told.Disposed("nobody", "late"))
    phases = [stream.phase for camera in made.status(102.0).cameras for stream in camera.streams]
    assert phases == [Phase.IDLE, Phase.CONNECTING]


def test_lag_is_the_newest_file_less_what_is_sent_and_never_negative() -> None:
    made = board()
    assert only_stream(made).lag is None
    made.post(told.Sent("yard/tv", 1.0, 1, 1, 1000.0))
    assert only_stream(made).lag is None
    scan = told.Scanned("yard", 2.0, "b.mp4", 1074.5, 1, {"yard/tv": 1}, {}, ())
    made.post(scan)
    assert only_stream(made).lag == 74.5
    made.post(replace(scan, newest_at=999.0))
    assert only_stream(made).lag == 0.0


def test_what_was_done_with_files_adds_up_by_kind() -> None:
    made = board()
    for kind, files in (("delivered", 1), ("expired", 10), ("delivered", 2)):
        made.post(told.Disposed("yard", kind, files))
    assert made.status(1.0).cameras[0].disposed == {"delivered": 3, "expired": 10}


def test_a_stream_that_goes_takes_its_camera_along_when_it_was_the_last() -> None:
    made = board()
    made.add_stream("yard", "yard/backup", "x")
    made.remove_stream("yard/tv")
    assert only_stream(made).name == "yard/backup"
    made.remove_stream("yard/backup")
    assert made.status(1.0).cameras == ()


def test_adding_a_camera_again_keeps_what_is_known_of_it() -> None:
    made = board()
    made.post(told.Disposed("yard", "late"))
    made.add_camera("yard", "/elsewhere")
    (camera,) = made.status(1.0).cameras
    assert (camera.watch_dir, camera.disposed, len(camera.streams)) == ("/elsewhere", {"late": 1}, 1)


# --- from a decision ------------------------------------------------------------------------------------------------


def plan(kinds: list[VerdictKind], warnings: tuple[str, ...] = ()) -> Plan:
    files = [FileFact(f"{number}.mp4", FileId(1, number, 10, 0)) for number in range(len(kinds))]
    verdicts = [
        Verdict(file, kind, Action.NONE, f"reason {file.path}") for file, kind in zip(files, kinds, strict=True)
    ]
    keys = {file.id: OrderKey(float(file.id.inode), ()) for file in files}
    return Plan(tuple(verdicts), {}, keys, (), newest=9.0, wake_at=None, warnings=warnings)


def test_a_decision_tells_what_waits_for_each_stream() -> None:
    """A stream that is ahead of another has fewer files waiting; what is ignored or gone waits for nobody."""
    kinds = [VerdictKind.DELIVERED, VerdictKind.SENDING, VerdictKind.PLAY, VerdictKind.WAIT, VerdictKind.NEWEST]
    heads = {"fresh": None, "slow": OrderKey(1.0, ()), "quick": OrderKey(3.0, ()), "all": OrderKey(4.0, ())}
    event = told.scanned("yard", 5.0, plan([*kinds, VerdictKind.IGNORE]), heads)
    assert event.waiting == {"fresh": 4, "slow": 3, "quick": 1, "all": 0}
    assert event.files_waiting == 3
    assert (event.newest, event.newest_at) == ("4.mp4", 9.0)
    assert event.verdicts["ignore"] == 1


def test_a_decision_on_the_board_survives_json() -> None:
    made = board()
    made.post(told.scanned("yard", 5.0, plan([VerdictKind.WAIT, VerdictKind.NEWEST]), {"yard/tv": None}))
    status = made.status(6.0)
    assert told.from_json(told.to_json(status)) == status
    assert status.cameras[0].verdicts == {"wait": 1, "newest": 1}


def test_an_empty_inbox_is_told_too() -> None:
    event = told.scanned("yard", 5.0, plan([]), {"yard/tv": None})
    assert (event.newest, event.files_waiting, event.waiting, event.problems) == ("", 0, {"yard/tv": 0}, ())


@pytest.mark.parametrize("bad", [0, 4, 5, 6])
def test_the_first_few_problems_are_told_warnings_first(bad: int) -> None:
    event = told.scanned("yard", 5.0, plan([VerdictKind.RETRY] * bad, ("the clock is odd",)), {})
    assert event.problems[0] == "the clock is odd"
    assert len(event.problems) == min(bad + 1, 5)
    assert all(text.startswith(f"{number}.mp4: reason") for number, text in enumerate(event.problems[1:]))


# --- JSON -----------------------------------------------------------------------------------------------------------

_texts = st.text(max_size=8) | st.just("\udcff.mp4")  # names that are not UTF-8 too
_times = st.none() | st.floats(0, 4e9)
_streams = st.builds(
    StreamStatus,
    name=_texts,
    destination=_texts,
    phase=st.sampled_from(Phase),
    file=_texts,
    lag=_times,
    recorded_at=_times,
    fault=st.none() | st.builds(told.Fault, st.floats(0, 4e9), _texts, _texts, _texts, _texts),
)
_cameras = st.builds(
    CameraStatus,
    name=_texts,
    watch_dir=_texts,
    streams=st.lists(_streams, max_size=2).map(tuple),
    disposed=st.dictionaries(_texts, st.integers(0, 9), max_size=2),
    problems=st.lists(_texts, max_size=2).map(tuple),
)
_receivers = st.builds(told.ReceiverStatus, _texts, problems=st.lists(_texts, max_size=2).map(tuple))


@settings(max_examples=50)
@given(st.lists(_cameras, max_size=2).map(tuple), st.none() | _receivers)
def test_a_status_survives_json(cameras: tuple[CameraStatus, ...], receiver: told.ReceiverStatus | None) -> None:
    before = Status("1.2", 7, 100.0, 101.5, cameras, receiver)
    text = told.to_json(before)
    assert "\n" not in text
    text.encode("ascii")
    assert told.from_json(text) == before


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '"x"', '{"cameras": 1, "receiver": null}', b"\xff"])
def test_what_is_no_status_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match="not a status of this version"):
        told.from_json(text)


def test_a_status_of_another_version_is_refused() -> None:
    data = json.loads(told.to_json(Status("1.2", 7, 100.0, 101.5, (CameraStatus("a", "b", (STREAM,)),))))
    data["cameras"][0]["streams"][0]["mood"] = "good"
    with pytest.raises(ValueError, match="mood"):
        told.from_json(json.dumps(data))


def test_no_field_of_a_status_is_lost_on_the_way() -> None:
    """A field that is added later must reach the faces, too."""
    data = json.loads(told.to_json(Status("1", 1, 1.0, 1.0, (CameraStatus("a", "b", (STREAM,)),))))
    assert set(data) == {each.name for each in fields(Status)}
    assert set(data["cameras"][0]["streams"][0]) == {each.name for each in fields(StreamStatus)}

"""What a stream tells of its segments."""

from __future__ import annotations

import os
import time
from array import array
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs
from tests.support.files import Clip, make
from tests.support.prepared import prepare_file

from ftp_stream.core.destinations import GENERIC, PRESETS
from ftp_stream.core.plan import decide
from ftp_stream.core.status import Board
from ftp_stream.model import (
    CameraState,
    FileFact,
    FileId,
    Form,
    FrameTable,
    OrderKey,
    PlanSettings,
    PreparedSegment,
    VideoCodec,
    VideoConfig,
)
from ftp_stream.report import CameraReport, StreamReport
from ftp_stream.shell.frames import FrameReader
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import file_id
from ftp_stream.supply import Hand, Supply

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence
    from pathlib import Path
    from typing import Any

    from ftp_stream.core.destinations import Preset

STREAM = "gate/one"


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def hand(path: Path, pool: ThreadPoolExecutor) -> Hand:
    """A real file in hand."""
    video = VideoConfig(VideoCodec.AVC, b"", 64, 48, 25.0)
    table = prepare_file(path).table
    segment = PreparedSegment(path.name, FileId(1, 1, 1, 1), "mp4", video, None, table)
    return Hand(segment, OrderKey(0.0, ()), 0, FrameReader(os.open(path, os.O_RDONLY), "", pool))


def told(event: str, preset: Preset, hands: Sequence[Hand]) -> list[MutableMapping[str, Any]]:
    """Begin segments one after the other; return what was logged of an event."""
    board = Board("", 1, time.time())
    board.add_camera("gate", "/inbox")
    board.add_stream("gate", STREAM, "rtmp://h/a/***")
    with capture_logs() as logged:
        supply = Supply(STREAM, lambda _stream, _cursor: None, lambda: None)
        report = StreamReport(STREAM, supply, board, time.time, preset)
        for each in hands:
            report.begun(each, seam=True)
    for each in hands:
        each.reader.close()
    return [entry for entry in logged if entry["event"] == event]


def wanted(preset: Preset, hands: Sequence[Hand]) -> list[MutableMapping[str, Any]]:
    """Begin segments one after the other; return what was logged of the destination's wants."""
    return told("destination_wants", preset, hands)


def test_what_does_not_suit_a_destination_is_warned_of_once(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    """However often it comes, and with whatever figures."""
    files = [make(tmp_path / f"{seconds}.mp4", Clip(seconds=seconds, gop=500)) for seconds in (6.0, 7.0, 6.0)]
    [entry] = wanted(PRESETS["youtube"], [hand(path, pool) for path in files])
    assert entry["log_level"] == "warning"
    assert entry["file"] == "6.0.mp4"
    assert entry["problem"].startswith("key frames are up to 6.0 s apart")
    assert "GOP) to 2 s" in entry["cure"]


def test_each_thing_is_warned_of_when_it_first_comes(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    fine = make(tmp_path / "fine.mp4", Clip(seconds=2.0, gop=50))
    rare = make(tmp_path / "rare.mp4", Clip(seconds=12.0, gop=500))
    both = make(tmp_path / "both.mp4", Clip(seconds=12.0, gop=500, b_frames=2))
    oven = PRESETS["ovenmediaengine"]
    found = wanted(oven, [hand(path, pool) for path in (fine, rare, fine, both, rare)])
    assert [(entry["file"], "B-frames" in entry["problem"]) for entry in found] == [
        ("rare.mp4", False),
        ("both.mp4", True),
    ]


async def encoded(path: Path, pool: ThreadPoolExecutor, form: Form) -> Hand:
    """A file in hand whose pictures were really encoded, by a child."""
    fact = FileFact(path.name, file_id(os.stat(path)))  # noqa: PTH116
    async with Preparer(path.parent / "state") as preparer:
        segment = await preparer.prepare(path.parent, fact, form)
    assert segment.encoded_video
    return Hand(segment, OrderKey(0.0, ()), 0, FrameReader(os.open(path, os.O_RDONLY), "", pool))


AUTO = Form(copied=frozenset({VideoCodec.AVC}), encoded=True)


@pytest.mark.parametrize(
    ("name", "clip", "words"),
    [
        ("a.avi", Clip(video="mjpeg", pixels="yuvj420p", audio="", seconds=6.0), "MJPEG"),
        ("a.mp4", Clip(video="libx265", audio="", seconds=6.0, gop=500), "H.265"),
    ],
)
async def test_that_pictures_are_encoded_is_told_once_with_the_cure(
    tmp_path: Path, pool: ThreadPoolExecutor, name: str, clip: Clip, words: str
) -> None:
    """What else the camera is set to does not matter then."""
    path = make(tmp_path / name, clip)
    hands = [await encoded(path, pool, AUTO) for _ in range(2)]
    [entry] = wanted(PRESETS["twitch"], hands)
    assert (
        entry["problem"] == f"Twitch is not known to take {words}: it is made into H.264 here, at the processor's cost"
    )
    assert entry["cure"] == "set the camera's video codec to H.264: then nothing is encoded"


async def test_where_all_is_encoded_it_is_told_what_the_setting_costs(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    path = make(tmp_path / "a.mp4", Clip(audio=""))
    [entry] = wanted(GENERIC, [await encoded(path, pool, Form(copied=frozenset(), encoded=True))])
    assert entry["problem"].startswith("everything is made into H.264 here")
    assert entry["cure"].startswith("set VIDEO=auto")


def test_where_pictures_were_encoded_it_is_told_how_fast(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    """In times real time, so that one sees how near the machine is to falling behind."""
    made, copied = (hand(make(tmp_path / name, Clip(seconds=3.0)), pool) for name in ("a.mp4", "b.mp4"))
    made.segment = replace(made.segment, encoded_video=True, encoding_seconds=1.5, video_from="mjpeg")
    first, second = told("segment_begun", GENERIC, [made, copied])
    assert first["encoded_from"] == "mjpeg"
    assert first["encoding_speed"] == pytest.approx(made.segment.table.duration_us / 1.5e6, abs=0.01)
    assert not {"encoding_speed", "encoded_from"} & second.keys()


def test_an_ordinary_camera_and_a_server_of_unknown_kind_say_nothing(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    assert wanted(GENERIC, [hand(make(tmp_path / "a.mp4", Clip(seconds=6.0, gop=500, b_frames=2)), pool)]) == []


# --- a camera's files -------------------------------------------------------------------------------------------------


def noted(*notes: str, path: str = "a.mp4") -> list[tuple[str, str]]:
    """Prepare one file after the other, each with a note; return level and text of what was logged."""
    board = Board("", 1, time.time())
    board.add_camera("gate", "/inbox")
    video = VideoConfig(VideoCodec.AVC, b"", 64, 48, 25.0)
    table = FrameTable(b"", array("q"), array("i"), array("q"), array("i"), (), 0, 0)
    with capture_logs() as logged:
        report = CameraReport("gate", board, time.time)
        for note in notes:
            report.prepared(PreparedSegment(path, FileId(1, 1, 1, 1), "mp4", video, None, table, notes=(note,)))
    assert {(entry["event"], entry["file"]) for entry in logged} <= {("segment_note", path)}
    return [(entry["log_level"], entry["note"]) for entry in logged]


def test_a_note_is_told_once_whatever_its_numbers() -> None:
    damaged = "12 pictures are damaged"
    assert noted(damaged, "13 pictures are damaged", damaged) == [("info", damaged)]
    assert len(noted("its header tells 9 s, there are 1.5 s", "its header tells 12 s, there are 10.25 s")) == 1
    assert len(noted("its pictures of 9000x5000 are made smaller", "its pictures of 8000x4500 are made smaller")) == 1
    assert len(noted("its audio is mp2, not AAC", "its audio is mp3, not AAC")) == 2, "a name is no number"


def test_an_encoder_that_was_not_asked_for_is_a_warning() -> None:
    note = "ENCODER=vaapi: no device; x264 is used"
    assert noted(note, note) == [("warning", note)]


def test_kinds_of_notes_without_end_take_no_memory_without_end() -> None:
    """The last hundred are known; a camera that has as many is told of again."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    notes = [f"it is {one}{two}" for one in letters for two in letters[:5]]
    assert len(noted(*notes, *notes[-100:])) == len(notes)
    assert len(noted(*notes, notes[0])) == len(notes) + 1


# --- encoding that is too slow ----------------------------------------------------------------------------------------

ONLY_AVC = Form(copied=frozenset({VideoCodec.AVC}), encoded=True)
ALL = Form(copied=frozenset(), encoded=True)


class Turns:
    """A camera that is slow to encode, as the status shows it."""

    def __init__(self, path: Path, pool: ThreadPoolExecutor) -> None:
        self.board = Board("", 1, time.time())
        self.board.add_camera("gate", "/inbox")
        self.report = CameraReport("gate", self.board, time.time)
        made = hand(path, pool)
        made.reader.close()
        self._segment = made.segment

    def prepared(self, form: Form, seconds: float, codec: VideoCodec = VideoCodec.AVC) -> None:
        """Something was prepared, in so many seconds of encoding; 0: it was copied."""
        video = replace(self._segment.video, codec=codec)
        self.report.prepared(
            replace(self._segment, form=form, video=video, encoded_video=seconds > 0, encoding_seconds=seconds)
        )

    def warned(self, *forms: Form) -> int:
        """Take a turn, and return how many warnings stand."""
        plan = decide([], CameraState({}), time.time(), PlanSettings())
        self.report.turned(plan, {}, [], forms)
        return len(self.board.status(time.time()).cameras[0].problems)


@pytest.fixture
def turns(tmp_path: Path, pool: ThreadPoolExecutor) -> Turns:
    return Turns(make(tmp_path / "a.mp4", Clip(seconds=1.0)), pool)


def test_encoding_that_is_too_slow_stands_until_it_keeps_up_and_is_told_once(turns: Turns) -> None:
    with capture_logs() as logged:
        for seconds in (9.0, 9.0, 0.1):
            turns.prepared(ONLY_AVC, seconds)
            assert turns.warned(ONLY_AVC) == (seconds > 1)
    assert [entry["event"] for entry in logged] == ["encoding_slow", "encoding_keeps_up"]


def test_once_the_camera_sends_what_is_copied_nothing_is_slow_any_more(turns: Turns) -> None:
    turns.prepared(ONLY_AVC, 9.0)
    turns.prepared(Form(), 0.0, VideoCodec.HEVC)
    assert turns.warned(ONLY_AVC, Form()) == 1, "another destination takes what this one needs encoded"
    turns.prepared(ONLY_AVC, 0.0)
    assert turns.warned(ONLY_AVC, Form()) == 0


def test_nor_once_no_destination_needs_it(turns: Turns) -> None:
    turns.prepared(ALL, 9.0)
    turns.prepared(ALL, 0.0)
    assert turns.warned(replace(ALL, shape=None), Form()) == 1
    assert turns.warned(Form()) == 0

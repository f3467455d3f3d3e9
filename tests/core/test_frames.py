"""Frame tables: the order of sending, time zero, GOPs and lengths, and the refusal of what cannot be true."""

from __future__ import annotations

import sys
from array import array
from dataclasses import replace
from operator import lt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.frames import (
    MAX_CTS_US,
    MAX_FRAME_BYTES,
    MAX_ROWS,
    MAX_SPAN_US,
    Columns,
    build,
    shown_span,
    still_table,
)
from ftp_stream.errors import SegmentRefused
from ftp_stream.model import AudioConfig, FrameTable, Row, Source

CONFIG = AudioConfig(b"\x11\x88", 48_000, 1)
FRAME_US = 1024e6 / 48_000
FILE_SIZE = 1_000_000
KEY, SIDECAR, AUDIO = int(Row.KEY), int(Source.SIDECAR), int(Row.AUDIO)


def track(
    times: list[int],
    *,
    keys: tuple[int, ...] = (0,),
    cts: list[int] | None = None,
    size: int = 10,
    source: int = 0,
    last_us: int = 0,
) -> Columns:
    """A track whose frames lie one behind the other."""
    count = len(times)
    return Columns(
        flags=bytes(source | (KEY if index in keys else 0) for index in range(count)),
        dts_us=array("q", times),
        cts_us=array("q", cts if cts is not None else [0] * count),
        position=array("q", (index * size for index in range(count))),
        size=array("q", [size] * count),
        last_us=last_us,
    )


def sound(times: list[int], *, source: int = 0) -> Columns:
    return replace(track(times, keys=(), source=source), cts_us=array("q"))


def table(video: Columns, audio: Columns | None = None, **sizes: int) -> FrameTable:
    return build(video, audio, config=CONFIG if audio else None, **{"file_size": FILE_SIZE, **sizes})


def rows(frames: FrameTable, *, audio: bool) -> list[int]:
    return [row for row in range(len(frames)) if bool(frames.flags[row] & AUDIO) == audio]


# --- order, time zero, GOPs -------------------------------------------------------------------------------------------


def test_rows_stand_by_decoding_time_video_first_where_equal() -> None:
    frames = table(track([0, 40_000, 80_000]), sound([0, 21_333, 42_667, 80_000]))
    assert list(frames.dts_us) == [0, 0, 21_333, 40_000, 42_667, 80_000, 80_000]
    assert [bool(flag & AUDIO) for flag in frames.flags] == [False, True, True, False, True, False, True]
    assert list(frames.position) == [0, 0, 10, 10, 20, 20, 30]


def test_time_zero_is_the_earliest_presentation() -> None:
    """With B-frames the first decoding times are negative, whatever the clock of the file said."""
    start = 5_000_000_000
    video = track([start, start + 40_000, start + 80_000], cts=[80_000, 160_000, 0], last_us=40_000)
    frames = table(video)
    assert list(frames.dts_us) == [-80_000, -40_000, 0]
    assert list(frames.cts_us) == [80_000, 160_000, 0]
    assert frames.duration_us == 160_000  # shown at 0, 120 ms (for 40 ms more) and 0


def test_audio_that_starts_first_sets_time_zero() -> None:
    frames = table(track([50_000, 90_000]), sound([-10_000, 11_333]))
    assert frames.dts_us[0] == 0
    assert frames.dts_us[rows(frames, audio=False)[0]] == 60_000
    assert frames.gops == (0,)


def test_gops_start_at_key_frames_and_the_first_at_row_zero() -> None:
    """Audio before the first picture belongs to the first GOP, audio between GOPs to the one before it."""
    video = track([10_000, 50_000, 90_000, 130_000, 170_000], keys=(0, 2, 4))
    frames = table(video, sound([0, 21_333, 64_000, 160_000]))
    assert frames.gops == (0, 5, 8)  # audio, key, audio, picture, audio, key, picture, audio, key
    assert [frames.flags[start] & KEY for start in frames.gops[1:]] == [KEY, KEY]


def test_one_picture_alone_is_a_table() -> None:
    frames = table(track([7], last_us=500_000))
    assert (len(frames), frames.gops, list(frames.dts_us), frames.duration_us) == (1, (0,), [0], 500_000)


def test_a_still_is_a_key_frame_alone_that_stands_for_its_recording() -> None:
    still = still_table(57, 4_000, 60_000_000)
    assert (len(still), still.flags, still.gops) == (1, bytes([KEY]), (0,))
    assert (still.position[0], still.size[0], still.duration_us, still.audio_end_us) == (57, 4_000, 60_000_000, 0)
    assert (still.dts_us[0], still.cts_us[0]) == (0, 0)
    one = build(replace(track([0], size=4_000, last_us=40_000), position=array("q", [57])), file_size=5_000)
    assert replace(still, duration_us=40_000) == one, "it is a table as any other"


# --- trimming ---------------------------------------------------------------------------------------------------------


def test_pictures_before_the_first_key_frame_are_left_out_and_the_audio_that_ends_before_it() -> None:
    frame = round(FRAME_US)
    key = 80_000
    video = track([0, 40_000, key, 120_000], keys=(2,))
    audio = sound([key - frame - 1000, key - frame, key - frame + 1, key + 1000])
    frames = table(video, audio)
    assert [frames.position[row] for row in rows(frames, audio=False)] == [20, 30]
    assert [frames.position[row] for row in rows(frames, audio=True)] == [20, 30]
    assert frames.gops == (0,)


def test_a_file_that_begins_with_its_key_frame_keeps_all_audio() -> None:
    frames = table(track([1_000_000, 1_040_000]), sound([0, 21_333, 42_667]))
    assert len(rows(frames, audio=True)) == 3


def test_audio_may_end_before_the_first_key_frame() -> None:
    frames = table(track([0, 5_000_000], keys=(1,)), sound([0, 21_333]))
    assert rows(frames, audio=True) == []
    assert frames.audio_end_us == 0


# --- lengths ----------------------------------------------------------------------------------------------------------


def test_the_longest_track_sets_the_length() -> None:
    video, long, short = track([0, 40_000], last_us=40_000), sound([0, 100_000]), sound([0])
    assert table(video, long).duration_us == table(video, long).audio_end_us == 100_000 + round(FRAME_US)
    assert table(video, short).duration_us == 80_000
    assert table(video, short).audio_end_us == round(FRAME_US)
    assert table(video).audio_end_us == 0


@pytest.mark.parametrize(
    ("last", "stays"),
    [
        (0, 40_000),
        (-1, 40_000),
        (1, 1),
        (1_000_000, 1_000_000),
        (1_000_001, 40_000),
        (47_721_000_000, 40_000),
    ],
)
def test_an_absurd_last_duration_is_replaced_by_the_median_step(last: int, stays: int) -> None:
    assert table(track([0, 40_000, 80_000, 120_000], last_us=last)).duration_us == 120_000 + stays


def test_the_last_picture_may_stay_as_long_as_another_did_but_ten_seconds_at_most() -> None:
    slow = [0, 40_000, 80_000, 5_880_000]
    assert table(track(slow, last_us=5_800_000)).duration_us == 5_880_000 + 5_800_000
    assert table(track(slow, last_us=5_800_001)).duration_us == 5_880_000 + 40_000
    slower = [0, 40_000, 80_000, 60_000_000]
    assert table(track(slower, last_us=10_000_000)).duration_us == 70_000_000
    assert table(track(slower, last_us=10_000_001)).duration_us == 60_040_000


def test_a_lone_picture_without_a_word_of_its_own_stays_40_ms() -> None:
    assert table(track([0])).duration_us == 40_000
    assert table(track([0], last_us=1_000_001)).duration_us == 40_000


# --- what is refused --------------------------------------------------------------------------------------------------


def refuse(reason: str, video: Columns, audio: Columns | None = None, **sizes: int) -> None:
    with pytest.raises(SegmentRefused, match=reason) as caught:
        table(video, audio, **sizes)
    assert not caught.value.truncated


GOOD = track([0, 40_000])


def test_no_picture_or_no_key_frame() -> None:
    refuse("no video frame", track([]))
    refuse("no key frame", track([0, 40_000], keys=()))


def test_bytes_that_are_named_many_times() -> None:
    """A table of a few rows could else make a turn of gigabytes."""
    table(track([0, 40_000]), file_size=20)
    refuse("named many times", replace(track([0, 40_000, 80_000]), position=array("q", [0, 0, 10])), file_size=20)


def test_positions_outside_the_files() -> None:
    """The last byte of a file may be used, the next may not; a sidecar has its own length."""
    table(GOOD, file_size=20)
    refuse("outside the file", GOOD, file_size=19)
    refuse("before the beginning", replace(GOOD, position=array("q", [0, -1])))
    aside = track([0, 40_000], source=SIDECAR)
    table(aside, file_size=0, sidecar_size=20)
    refuse("outside the prepared frames", aside, sidecar_size=19)
    mixed = replace(GOOD, flags=bytes([KEY, SIDECAR]))
    table(mixed, file_size=10, sidecar_size=20)
    refuse("outside the file", mixed, file_size=9, sidecar_size=20)
    refuse("outside the prepared frames", mixed, sidecar_size=19)
    refuse("audio frames lies outside the file", GOOD, sound([0, 1, 2]), file_size=20)


def test_sizes_out_of_bounds() -> None:
    size = MAX_FRAME_BYTES
    table(track([0], size=1))
    table(track([0], size=size), file_size=size)
    refuse("0 bytes", track([0], size=0))
    refuse(f"{size + 1} bytes", track([0], size=size + 1), file_size=2 * size)
    refuse("-5 bytes", replace(GOOD, size=array("q", [10, -5])))


def test_decoding_times_that_do_not_rise() -> None:
    table(track([0, 1]))
    refuse("video do not rise", track([0, 0]))
    refuse("video do not rise", track([1, 0]))
    refuse("audio do not rise", GOOD, sound([0, 5, 5]))


def test_spans_beyond_a_day() -> None:
    table(track([0, MAX_SPAN_US - 40_000], last_us=40_000))
    refuse("24 hours", track([0, MAX_SPAN_US + 1]))
    refuse("24 hours apart", GOOD, sound([MAX_SPAN_US]))


def test_offsets_beyond_reason() -> None:
    table(track([0, 40_000], cts=[MAX_CTS_US, -MAX_CTS_US]))
    refuse("shown more than", track([0, 40_000], cts=[0, MAX_CTS_US + 1]))
    refuse("shown more than", track([0, 40_000], cts=[0, -MAX_CTS_US - 1]))


@pytest.mark.parametrize("flags", [bytes([KEY | 2, 0]), bytes([KEY | AUDIO, 0]), bytes([KEY, 0x10]), bytes([KEY, 3])])
def test_flags_that_no_inspection_reports(flags: bytes) -> None:
    refuse("unknown kind", replace(GOOD, flags=flags))


def test_audio_cannot_be_a_key_frame() -> None:
    refuse("audio frames of an unknown kind", GOOD, replace(sound([0]), flags=bytes([KEY])))


@pytest.mark.parametrize("name", ["dts_us", "cts_us", "position", "size"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_columns_of_different_lengths(name: str, count: int) -> None:
    refuse("different lengths", replace(GOOD, **{name: array("q", [0, 40_000, 80_000][:count])}))


def test_more_rows_than_can_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftp_stream.core.frames.MAX_ROWS", 3)
    table(track([0, 1, 2]))
    refuse("4 video frames", track([0, 1, 2, 3]))
    refuse("4 audio frames", GOOD, sound([0, 1, 2, 3]))
    assert MAX_ROWS * 25 < 64 * 1024 * 1024


# --- properties -------------------------------------------------------------------------------------------------------


@st.composite
def tracks(draw: st.DrawFn) -> tuple[Columns, Columns | None]:
    """Any tracks that an honest inspection may report."""
    rng = draw(st.randoms(use_true_random=False))
    count = draw(st.integers(1, 40))
    start = draw(st.integers(-(10**9), 10**12))
    times, now = [], start
    for _ in range(count):
        times.append(now)
        now += rng.choice([1, 20_000, 40_000, 6_000_000])
    keys = {0, *rng.sample(range(count), rng.randint(0, count - 1))}
    keys = keys if draw(st.booleans()) else {count - 1}
    video = track(times, keys=tuple(keys), cts=[rng.choice([0, 40_000, 80_000]) for _ in times])
    video = replace(video, flags=bytes(flag | rng.choice([0, SIDECAR]) for flag in video.flags), last_us=40_000)
    if draw(st.booleans()):
        return video, None
    begin = start + rng.randint(-500_000, 500_000)
    return video, sound([begin + round(index * FRAME_US) for index in range(draw(st.integers(0, 60)))])


@given(tracks())
def test_every_table_keeps_its_promises(made: tuple[Columns, Columns | None]) -> None:
    video, audio = made
    frames = table(video, audio, sidecar_size=FILE_SIZE)
    columns = (frames.dts_us, frames.cts_us, frames.position, frames.size)
    assert {len(column) for column in columns} == {len(frames)}
    assert list(frames.dts_us) == sorted(frames.dts_us)
    for is_audio in (False, True):
        times = [frames.dts_us[row] for row in rows(frames, audio=is_audio)]
        assert all(map(lt, times, times[1:]))
    shown = [dts + cts for dts, cts in zip(frames.dts_us, frames.cts_us, strict=True)]
    assert min(shown) == 0
    assert frames.duration_us > max(shown)
    assert frames.audio_end_us <= frames.duration_us
    pictures = rows(frames, audio=False)
    assert frames.flags[pictures[0]] & KEY
    keys = [row for row in pictures if frames.flags[row] & KEY]
    assert frames.gops == (0, *keys[1:])


@given(tracks())
def test_every_frame_from_the_first_key_frame_on_is_there_once_with_its_own_place(
    made: tuple[Columns, Columns | None],
) -> None:
    video, audio = made
    frames = table(video, audio, sidecar_size=FILE_SIZE)
    first = next(index for index, flag in enumerate(video.flags) if flag & KEY)
    pictures = rows(frames, audio=False)
    assert [frames.position[row] for row in pictures] == list(video.position[first:])
    assert [frames.flags[row] for row in pictures] == list(video.flags[first:])
    assert [frames.cts_us[row] for row in pictures] == list(video.cts_us[first:])
    if audio and first == 0:
        assert [frames.position[row] for row in rows(frames, audio=True)] == list(audio.position)
    shift = video.dts_us[first] - frames.dts_us[pictures[0]]
    assert [frames.dts_us[row] + shift for row in pictures] == list(video.dts_us[first:])


numbers = st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 50), max_size=6).map(lambda x: array("q", x))
anything = st.builds(Columns, st.binary(max_size=6), numbers, numbers, numbers, numbers, st.integers())


@given(anything, st.none() | anything, st.integers(0, 2**63), st.integers(0, 2**63))
def test_whatever_a_child_reports_is_a_table_or_a_refusal(
    video: Columns, audio: Columns | None, file_size: int, sidecar_size: int
) -> None:
    try:
        frames = build(video, audio, config=CONFIG, file_size=file_size, sidecar_size=sidecar_size)
    except SegmentRefused:
        return
    for flag, position, size in zip(frames.flags, frames.position, frames.size, strict=True):
        assert position >= 0
        assert position + size <= (sidecar_size if flag & SIDECAR else file_size)


def test_a_row_costs_25_bytes() -> None:
    count = 10_000
    frames = table(track(list(range(count)), size=1))
    columns = (frames.flags, frames.dts_us, frames.cts_us, frames.position, frames.size)
    assert sum(map(sys.getsizeof, columns)) / count < 26.5  # array over-allocates by a sixteenth


# --- when pictures are shown ------------------------------------------------------------------------------------------


def test_pictures_are_shown_from_the_first_that_can_be_to_the_end_of_the_last() -> None:
    assert shown_span(track([0, 40_000, 80_000], last_us=40_000)) == (0, 120_000)
    assert shown_span(track([0, 40_000, 80_000], keys=(1,), last_us=20_000)) == (40_000, 100_000)
    assert shown_span(track([0, 40_000, 80_000], cts=[80_000, 120_000, 0])) == (80_000, 200_000)
    assert shown_span(track([5])) == (5, 40_005)
    assert shown_span(track([0, 500_000, 540_000], keys=(1,))) == (500_000, 580_000)  # the last one as its neighbour


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=20), st.integers(0, 19), st.integers(0, 10**6))
def test_a_table_without_sound_lasts_as_long_as_its_pictures(steps: list[int], key: int, last_us: int) -> None:
    times = [sum(steps[:index]) for index in range(len(steps))]
    video = track(times, keys=(key % len(times),), last_us=last_us)
    start, end = shown_span(video)
    assert table(video).duration_us == end - start

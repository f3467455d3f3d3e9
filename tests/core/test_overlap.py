"""Footage that stands in two files: never shown twice, and nothing is taken for it by guess."""

from __future__ import annotations

import secrets
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.overlap import CERTAIN, join, repeats
from ftp_stream.model import FileId, Footage, FrameTable, Row

START = 1_767_225_607.0  # not on a full minute
MINUTE = 60.0


def footage(path: str, starts_at: float = START, seconds: float = 60.0, **rest: object) -> Footage:
    values: dict[str, object] = {
        "digest": b"same",
        "file": FileId(1, secrets.randbelow(1 << 40), 1000, secrets.randbelow(1 << 60)),
        "named": True,
    }
    return Footage(path=path, starts_at=starts_at, ends_at=starts_at + seconds, **(values | rest))  # type: ignore[arg-type]


def played(*known: Footage) -> dict[bytes, Footage]:
    return {each.digest: each for each in known}


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_the_same_content_under_another_name_is_a_repeat_and_says_of_what() -> None:
    first = footage(f"{secrets.token_hex(3)}.mp4")
    words = repeats(footage("copy.mp4"), played(first))
    assert first.path in words


def test_other_content_is_no_repeat() -> None:
    assert repeats(footage("copy.mp4"), {}) == ""
    assert repeats(footage("copy.mp4", digest=b"other"), played(footage("10-31.mp4"))) == ""


def test_a_file_is_no_repeat_of_itself() -> None:
    """It is offered again after each fault of its destination."""
    one = footage("10-31.mp4")
    assert repeats(one, played(one)) == ""


@pytest.mark.parametrize(
    "again",
    [
        lambda file: replace(file, device=file.device + 1),  # network disks, btrfs, USB: another number at each start
        lambda file: replace(file, inode=file.inode + 1),  # FAT, overlays: no inodes that last
        lambda file: replace(file, mtime_ns=file.mtime_ns - 3_600_000_000_000),  # FAT counts local time
    ],
)
def test_a_file_that_has_another_identity_after_a_reboot_is_no_repeat_of_itself(again) -> None:
    one = footage("10-31.mp4")
    assert repeats(replace(one, file=again(one.file)), played(one)) == ""


def test_a_file_that_was_renamed_is_no_repeat_of_itself() -> None:
    one = footage("10-31.mp4")
    moved = replace(one, path="today/10-31.mp4", file=replace(one.file, device=9))
    assert repeats(moved, played(one)) == ""


@pytest.mark.parametrize(
    ("apart", "seconds", "repeated"),
    [
        (0.0, 60.0, True),
        (1.0, 60.0, True),
        (57.9, 60.0, True),
        (58.0, 60.0, False),  # it may lie behind the other: names are cut to full seconds
        (60.0, 60.0, False),
        (3600.0, 60.0, False),
        (0.0, 1.5, True),  # shorter than names are exact
        (0.9, 1.5, True),
        (1.0, 1.5, False),
        (0.0, 0.04, True),
    ],
)
@pytest.mark.parametrize("sign", [1, -1], ids=["later", "earlier"])
def test_names_that_tell_of_two_recordings_are_believed(
    apart: float, seconds: float, sign: int, *, repeated: bool
) -> None:
    first = footage("a.mp4", START, seconds)
    again = footage("b.mp4", START + sign * apart, seconds)
    assert bool(repeats(again, played(first))) is repeated


@pytest.mark.parametrize(("one", "other"), [(True, False), (False, True), (False, False)])
def test_times_of_writing_are_not_believed_against_the_content(one: bool, other: bool) -> None:  # noqa: FBT001
    first = footage("a.mp4", named=one)
    assert repeats(footage("b.mp4", START + 7200.0, named=other), played(first))


# --- joining ----------------------------------------------------------------------------------------------------------


def table(*starts: float, seconds: float, lead: float = 0.0) -> FrameTable:
    """Make a table of one key frame at each of these times, shown ``lead`` after it is decoded."""
    count = len(starts)
    return FrameTable(
        flags=bytes([int(Row.KEY)] * count),
        dts_us=array("q", [round((at - lead) * 1e6) for at in starts]),
        cts_us=array("i", [round(lead * 1e6)] * count),
        position=array("q", [0] * count),
        size=array("i", [1] * count),
        gops=tuple(range(count)),
        duration_us=round(seconds * 1e6),
        audio_end_us=0,
    )


TWENTY = table(*range(0, 20, 2), seconds=20.0)  # groups of two seconds
BEFORE = (START, START + 10.0)  # what was played before: ten seconds


def test_where_nothing_is_known_of_the_one_before_all_is_played() -> None:
    assert join(TWENTY, START, None) == 0


@pytest.mark.parametrize(
    ("overlap", "gop"),
    [
        (-3600.0, 0),  # it begins an hour later
        (-0.5, 0),
        (0.0, 0),  # exactly where the other ended
        (CERTAIN - 0.01, 0),
        (2.0, 0),  # the clocks that count pictures and that write names differ
        (4.0, 2),
        (4.05, 2),  # a key frame one picture before the end
        (4.2, 3),
        (6.0, 3),
    ],
)
def test_it_begins_with_the_key_frame_nearest_after_the_end_of_the_one_before(overlap: float, gop: int) -> None:
    assert join(TWENTY, START + 10.0 - overlap, BEFORE) == gop


@pytest.mark.parametrize(("reach", "gop"), [(-5.0, None), (0.0, None), (0.5, None), (1.0, 4), (2.5, 4)], ids=str)
def test_a_clip_wholly_inside_is_passed_and_one_that_reaches_beyond_is_not(reach: float, gop: int | None) -> None:
    """Where no key frame stands behind the end, some is shown again rather than the rest left out."""
    clip = table(0.0, 2.0, 4.0, 6.0, 8.0, seconds=10.0)
    until = START + 60.0
    assert join(clip, until + reach - 10.0, (START, until)) == gop


@pytest.mark.parametrize(("reach", "gop"), [(0.0, None), (20.0, 0)])
def test_a_file_of_one_group_is_played_whole_or_not_at_all(reach: float, gop: int | None) -> None:
    assert join(table(0.0, seconds=30.0), START + 60.0 + reach - 30.0, (START, START + 60.0)) == gop


def test_a_key_frame_counts_from_when_it_is_shown() -> None:
    late = table(*range(0, 20, 2), seconds=20.0, lead=0.5)
    assert join(late, START + 6.0, BEFORE) == 2


@pytest.mark.parametrize("starts_at", [MINUTE * 29_453_761, MINUTE * 29_453_762])
def test_names_that_tell_only_the_minute_prove_nothing(starts_at: float) -> None:
    """A recording named 10:31 may have begun at 10:31:50."""
    before = MINUTE * 29_453_761
    clip = table(*range(0, 50, 2), seconds=50.0)
    assert join(clip, starts_at, (before, before + 70.0)) == 0


@pytest.mark.parametrize(("began", "begins"), [(0, 55), (5, 60)])
def test_one_name_with_seconds_shows_that_names_have_them(began: int, begins: int) -> None:
    minute = MINUTE * 29_453_761
    clip = table(*range(0, 60, 2), seconds=60.0)
    assert join(clip, minute + begins, (minute + began, minute + begins + 15.0)) == 8


@pytest.mark.parametrize("seconds", [60.0, 600.0, 3600.0])
def test_pictures_that_count_a_little_more_time_than_passes_are_no_overlap(seconds: float) -> None:
    """A sensor of 25.03 pictures a second that counts 25: each file seems to end after the next has begun."""
    until = START + seconds * 1.005
    clip = table(*range(0, 60, 2), seconds=60.0)
    assert join(clip, START + seconds, (START, until)) == 0


@given(
    st.lists(st.integers(0, 10**8), min_size=1, max_size=30, unique=True).map(sorted),
    st.floats(-200.0, 200.0),
    st.floats(0.0, 300.0),
)
def test_nothing_new_is_left_out_but_to_the_next_key_frame(times: list[int], shift: float, length: float) -> None:
    starts = [(at - times[0]) / 1e6 for at in times]
    clip = table(*starts, seconds=starts[-1] + 2.0)
    begins, until = START + length - shift, START + length
    gop = join(clip, begins, (START, until))
    if gop is None:
        assert begins + clip.duration_us / 1e6 <= until + 1.0
    elif gop:
        assert begins + starts[gop - 1] <= until - 0.05, "the key frame before it had shown nothing old"
        assert begins <= until - CERTAIN + 1e-6


@pytest.mark.parametrize(
    ("starts", "apart", "gop"),
    [
        (50.0, None, 5),  # nothing is known of the writing
        (50.0, 10.0, 5),  # as much later as there is new in it
        (50.0, 14.9, 5),
        (50.0, 15.1, 0),  # nearer to all of its own length: recorded after the one before, by a clock that stepped back
        (50.0, -3600.0, 5),  # uploaded in another order
        (30.0, 10.0, None),  # inside; uploaded a moment after the other
        (30.0, 10.1, 0),
    ],
)
def test_files_that_were_written_a_whole_recording_apart_do_not_overlap(
    starts: float, apart: float | None, gop: int | None
) -> None:
    clip = table(*(2.0 * number for number in range(10)), seconds=20.0)
    assert join(clip, START + starts, (START, START + 60.0), apart) == gop

import random
import secrets
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.inbox import ZONE, at, fact

from ftp_stream.core.naming import DatedFiles, date_files, directory_of, natural_key, shown
from ftp_stream.model import FileFact, OrderKey

SKEW = 600.0
HOUR = 3600.0


def date(files: list[FileFact], **options: object) -> DatedFiles:
    return date_files(files, **({"timezone": ZONE, "max_clock_skew": SKEW} | options))  # type: ignore[arg-type]


def minutes(first: str, count: int, *, form: str = "%H-%M.mp4", late: float = 61.0) -> list[FileFact]:
    """Files of one minute each, written ``late`` seconds after their beginning."""
    begin = datetime.fromisoformat(f"2026-02-05 {first}")
    moments = [begin + timedelta(minutes=index) for index in range(count)]
    return [fact(moment.strftime(form), at(moment.isoformat(" ")) + late) for moment in moments]


# --- from names


@pytest.mark.parametrize(
    ("path", "time"),
    [
        ("10-31.mp4", "10:31"),
        ("10_31_00.mp4", "10:31"),
        ("10:31.mp4", "10:31"),
        ("20260205_103100.mp4", "10:31"),
        ("2026-02-05T10:31:00.mp4", "10:31"),
        ("2026-02-05T09:31:00Z.mp4", "10:31"),
        ("2026-02-05/10/31.mp4", "10:31"),
        ("2026/02/05/Balcony_00_20260205103100.mp4", "10:31"),
    ],
)
def test_a_files_name_says_when_it_was_recorded(path: str, time: str) -> None:
    dated = date([fact(path, "10:32:05")])
    assert dated.recorded_at == {path: at(time)}
    assert dated.warnings == ()


def test_no_files_have_no_dates() -> None:
    assert date([]) == DatedFiles([], [], [], also=(), patterns={}, changes_at=None, warnings=(), named=[])


def test_a_name_that_says_when_is_told_apart_from_a_time_of_writing() -> None:
    """What overlaps is only ever judged by what names say."""
    assert date(minutes("10:31", 2)).named == [True, True]
    assert date([*minutes("10:31", 2), fact(f"{secrets.token_hex(4)} x.mp4", "10:32")]).named == [False, False, False]
    assert date([fact("GH010073.mp4", "10:31"), fact("GH020073.mp4", "10:40")]).named == [False, False]


def test_a_name_that_is_not_believed_says_nothing() -> None:
    good, ahead = fact("20260205_103100.mp4", "10:32:01"), fact("20360205_103200.mp4", "10:33:01")
    assert date([good, ahead]).named == [True, False]
    assert date([ahead, good]).named == [False, True]


def test_the_hour_that_comes_twice_is_still_said_by_the_name() -> None:
    assert date([fact("20261025_023000.mp4", at("2026-10-25 02:31", fold=1))]).named == [True]


def test_the_segments_of_cursors_have_no_place_among_the_named() -> None:
    assert date(minutes("10:31", 1), also=[fact("10-30.mp4", "10:31")]).named == [True]


def test_a_directory_with_one_foreign_name_counts_by_times_of_writing() -> None:
    """Never mix: not even those whose names could be read."""
    foreign = f"holiday {secrets.token_hex(4)}.mp4"
    files = [*minutes("10:28", 3), fact(foreign, "10:29:30")]
    dated = date(files)
    assert dated.recorded_at == {file.path: file.mtime for file in files}
    assert dated.patterns == {"": ""}
    assert len(dated.warnings) == 1
    assert foreign in dated.warnings[0]


def test_names_of_two_kinds_that_one_general_pattern_reads_are_not_mixed() -> None:
    """Vivotek puts a number behind a name that it has given already."""
    files = [fact("Video_20260205_103100.mp4", "10:32"), fact("Video_20260205_103100_1.mp4", "10:32:09")]
    dated = date(files)
    assert set(dated.recorded_at.values()) == {at("10:31")}
    assert dated.patterns == {"": "date and time"}
    assert dated.warnings == ()


def test_names_of_unknown_kinds_count_by_times_of_writing_without_a_word() -> None:
    files = [fact("a.mp4", "10:31"), fact("b1.mp4", "10:30")]
    dated = date(files)
    assert dated.recorded_at == {"a.mp4": at("10:31"), "b1.mp4": at("10:30")}
    assert dated.warnings == ()


def test_each_directory_has_its_own_rule() -> None:
    files = [fact("x/clip.mp4", "10:00"), *(fact(f"y/{file.path}", file.mtime) for file in minutes("10:31", 2))]
    dated = date(files)
    assert dated.recorded_at == {"x/clip.mp4": at("10:00"), "y/10-31.mp4": at("10:31"), "y/10-32.mp4": at("10:32")}
    assert dated.patterns == {"x": "", "y": "time"}


@pytest.mark.parametrize(
    ("folder", "directory"),
    [
        ("", ""),
        ("gate", "gate"),
        ("2026/02/05", "*/*/*"),
        ("2026/02/05/13", "*/*/*/*"),
        ("gate/2026-02-05", "gate/*"),
        ("20260205/13", "*/*"),
        ("2023Y07M06D13H", "*"),
        ("2026021408", "*"),
        ("2019-05-09/001/dav/21", "*/001/dav/*"),
        ("FoscamCamera_00626EFE8B21/record", "FoscamCamera_00626EFE8B21/record"),
        ("01/2026-02-05", "01/*"),  # a channel is no hour
        ("192.168.0.64", "192.168.0.64"),
    ],
)
def test_folders_of_dates_and_hours_are_one_directory(folder: str, directory: str) -> None:
    assert directory_of(folder) == directory


def test_midnight_brings_no_other_rule() -> None:
    foreign = fact("2026-02-05/x.mp4", "23:58")
    files = [
        foreign,
        fact("2026-02-05/23-59.mp4", "2026-02-06 00:00"),
        fact("2026-02-06/00-00.mp4", "2026-02-06 00:01"),
    ]
    assert date(files).patterns == {"*": ""}
    assert date(files[1:]).recorded_at == {
        "2026-02-05/23-59.mp4": at("23:59"),
        "2026-02-06/00-00.mp4": at("2026-02-06 00:00"),
    }


def test_a_name_without_a_day_takes_the_day_nearest_to_its_writing() -> None:
    files = [fact("23-59.mp4", "2026-02-06 00:00:01"), fact("00-00.mp4", "2026-02-06 00:01:01")]
    assert date(files).recorded_at == {"23-59.mp4": at("23:59"), "00-00.mp4": at("2026-02-06 00:00")}


def test_names_that_are_not_utf_8_are_dated_and_can_be_shown() -> None:
    path = b"T\xfcr_00_20260205103100.mp4".decode("utf-8", "surrogateescape")
    dated = date([fact(path, "10:32")])
    assert dated.recorded_at == {path: at("10:31")}
    assert shown(path) == "T\\udcfcr_00_20260205103100.mp4"
    assert shown("a\nb\x1b[0m") == "a\\nb\\x1b[0m"


# --- clock changes


def test_the_hour_that_comes_twice_is_settled_by_the_time_of_writing() -> None:
    first, second = at("2026-10-25 02:30"), at("2026-10-25 02:30", fold=1)
    assert second == first + HOUR
    assert date([fact("20261025_023000.mp4", first + 61)]).times == [first]
    assert date([fact("20261025_023000.mp4", second + 61)]).times == [second]


def test_of_the_hour_that_comes_twice_no_instant_is_taken_that_is_later_than_usual() -> None:
    """This camera's names are two hours behind their writing."""
    first = at("2026-10-25 02:30")
    before = [fact(f"20261025_00{minute}00.mp4", first - HOUR / 2 + minute * 60 + 61) for minute in range(10, 20)]
    assert date([*before, fact("20261025_023000.mp4", first + 2 * HOUR + 61)]).times[-1] == first


def test_a_whole_autumn_night_is_in_order() -> None:
    """Two hours of it have names that begin with 02."""
    begin = at("2026-10-25 01:55")
    moments = [begin + index * 60 for index in range(200)]
    files = [
        fact(f"{index:03}/{datetime.fromtimestamp(moment, ZoneInfo(ZONE)):%Y%m%d_%H%M%S}.mp4", moment + 61)
        for index, moment in enumerate(moments)
    ]
    assert date(files).times == moments


def test_the_hour_that_does_not_come_is_settled_by_the_time_of_writing() -> None:
    """A camera that has not changed its clock yet writes 02:30 when it is 03:30."""
    written = at("2026-03-29 03:31:01")
    assert date([fact("20260329_023000.mp4", written)]).times == [at("2026-03-29 03:30")]


def test_a_camera_that_marks_summer_time_needs_no_settling() -> None:
    late = at("2026-10-25 12:00")
    summer, winter = (f"RecM02_{mark}20261025_023000_023030_0_800_033C820000_61B6F0.mp4" for mark in ("DST", ""))
    assert date([fact(summer, late), fact(winter, late)]).times == [
        at("2026-10-25 02:30"),
        at("2026-10-25 02:30", fold=1),
    ]


# --- what is believed


def test_one_file_dated_2036_counts_by_its_time_of_writing() -> None:
    wrong = fact("20360101_000000.mp4", "10:31:01")
    files = [*minutes("10:28", 3, form="%Y%m%d_%H%M%S.mp4"), wrong]
    dated = date(files)
    assert dated.times == [at("10:28"), at("10:29"), at("10:30"), at("10:30")]
    assert len(dated.warnings) == 1
    assert wrong.path in dated.warnings[0]


@pytest.mark.parametrize("count", [1, 2, 20])
def test_a_camera_whose_names_are_all_from_2036_counts_by_times_of_writing(count: int) -> None:
    files = [fact(f"20360101_00{index:02}00.mp4", at("10:00") + index * 60) for index in range(count)]
    dated = date(files)
    assert dated.times == [file.mtime for file in files]
    assert len(dated.warnings) == 1


@pytest.mark.parametrize("hours", [-9, -2, -1, 1, 5.5, 14])
def test_a_wrong_zone_is_learned_and_does_no_harm(hours: float) -> None:
    files = minutes("10:28", 5, form="%Y%m%d_%H%M%S.mp4", late=61 - hours * HOUR)
    dated = date(files)
    assert dated.times == [at("10:28") + index * 60 for index in range(5)]
    assert dated.warnings == ()


@pytest.mark.parametrize(("ahead", "believed"), [(0.0, True), (SKEW, True), (SKEW + 1, False)])
def test_a_name_may_be_later_than_usual_by_the_skew(ahead: float, believed: bool) -> None:  # noqa: FBT001
    """Usual here is two hours behind: a zone."""
    files = minutes("10:20", 5, form="%Y%m%d_%H%M%S.mp4", late=61 + 2 * HOUR)
    odd = fact("20260205_104000.mp4", at("10:40") + 61 + 2 * HOUR - ahead)
    times = date([*files, odd]).times
    assert times[:5] == [at("10:20") + index * 60 for index in range(5)]
    assert times[5] == (at("10:40") if believed else pytest.approx(odd.mtime - 61 - 2 * HOUR))


def test_files_that_come_late_are_believed_beside_fresh_ones() -> None:
    outage = [fact(file.path, at("12:00") + index * 6) for index, file in enumerate(minutes("10:00", 20))]
    fresh = minutes("12:01", 1)
    assert date([*outage, *fresh]).times == [*(at("10:00") + index * 60 for index in range(20)), at("12:01")]


def test_a_cursor_is_evidence_of_what_is_usual() -> None:
    """The inbox is nearly empty, as a rule: what was played is deleted."""
    ahead = fact("20260205_150000.mp4", "10:32:01")
    cursor = fact("20260205_103000.mp4", "10:31:01")
    assert date([ahead]).times == [at("15:00")]
    dated = date([ahead], also=[cursor])
    assert dated.times == [at("10:31")]
    assert dated.also == (OrderKey(at("10:30"), natural_key(cursor.path)),)


def test_a_cursor_does_not_become_early_by_what_comes_late_after_it() -> None:
    """Two clips of an hour ago are uploaded, one after the other: they are late, and no zone."""
    cursor = fact("20260205_113000.mp4", "11:31:01")
    late = minutes("10:31", 2, form="%Y%m%d_%H%M%S.mp4", late=HOUR + 61)
    dated = date(late, also=[cursor])
    assert dated.also[0].recorded_at == at("11:30")
    assert dated.times == [at("10:31"), at("10:32")]


def test_a_cursor_is_dated_by_the_rule_of_its_directory() -> None:
    """When a foreign file turns all to times of writing, the cursor turns too: else files between would be late."""
    cursor = fact("10-30.mp4", "10:31:01")
    files = minutes("10:31", 2)
    assert date(files, also=[cursor]).also[0].recorded_at == at("10:30")
    assert date([*files, fact("x.mp4", "10:31")], also=[cursor]).also[0].recorded_at == cursor.mtime
    assert date([], also=[cursor]).also[0].recorded_at == at("10:30")
    assert date(files, also=[fact("x.mp4", "10:31")]).times == [at("10:31"), at("10:32")]


def test_a_time_of_writing_from_the_future_counts_as_the_latest_of_the_others() -> None:
    wall = at("10:35")
    files = [fact("a.mp4", "10:31"), fact("b.mp4", "2036-01-01 00:00"), fact("c.mp4", wall + SKEW)]
    dated = date(files, wall=wall)
    assert dated.times == [at("10:31"), wall + SKEW, wall + SKEW]
    assert dated.changes_at == at("2036-01-01 00:00") - SKEW
    assert date([*files, fact("d.mp4", "2037-01-01 00:00")], wall=wall).changes_at == dated.changes_at
    assert date(files).times == [file.mtime for file in files]


def test_when_all_was_written_in_the_future_this_machines_clock_is_behind() -> None:
    files = [fact("a.mp4", "10:31"), fact("b.mp4", "10:32")]
    assert date(files, wall=at("2001-01-01 00:00")).times == [at("10:31"), at("10:32")]


# --- GoPro


def order(dated: DatedFiles) -> list[str]:
    return sorted(dated.paths, key=lambda path: (dated.recorded_at[path], natural_key(path)))


def test_chapters_follow_one_another_though_uploaded_by_name() -> None:
    names = ["GH010073.MP4", "GH010074.MP4", "GH020073.MP4", "GH020074.MP4", "GH030073.MP4"]
    dated = date([fact(name, at("10:00") + index * 60) for index, name in enumerate(names)])
    assert order(dated) == ["GH010073.MP4", "GH020073.MP4", "GH030073.MP4", "GH010074.MP4", "GH020074.MP4"]
    assert dated.patterns == {"": "gopro"}


def test_chapters_copied_in_one_instant_are_in_order() -> None:
    names = ["GP010073.MP4", "GOPR0074.MP4", "GOPR0073.MP4"]
    assert order(date([fact(name, "10:00") for name in names])) == ["GOPR0073.MP4", "GP010073.MP4", "GOPR0074.MP4"]


def test_chapters_that_come_one_by_one_count_by_times_of_writing() -> None:
    names = ["GH010073.MP4", "GH020073.MP4", "GH010074.MP4"]
    dated = date([fact(name, at("10:00") + index * 480) for index, name in enumerate(names)])
    assert dated.times == [at("10:00"), at("10:08"), at("10:16")]


def test_recordings_whose_numbers_begin_anew_stay_in_order() -> None:
    names = ["GH019999.MP4", "GH029999.MP4", "GH010001.MP4"]
    dated = date([fact(name, at("10:00") + index * 60) for index, name in enumerate(names)])
    assert order(dated) == names


def test_a_chapter_after_the_cursors_is_after_it() -> None:
    """Though its recording's first chapter is delivered and gone, and another recording came before it."""
    cursor = fact("GH010073.MP4", "10:00")
    dated = date([fact("GH010074.MP4", "10:01"), fact("GH020073.MP4", "10:02")], also=[cursor])
    assert order(dated) == ["GH020073.MP4", "GH010074.MP4"]
    assert dated.also[0] < OrderKey(dated.recorded_at["GH020073.MP4"], natural_key("GH020073.MP4"))


# --- properties

DATED = "20260205_103100 20260205_103200 20360101_000000 20261025_023000 2026-02-05/10/31 2026-02-06/10/31"
UNDATED = "10-31 10-32 23-59 x GH010073 GH020073"
NAMES = st.sampled_from([f"{name}.mp4" for name in f"{DATED} {UNDATED}".split()])
FILES = st.dictionaries(NAMES, st.sampled_from([at("10:30"), at("10:31:30"), at("10:33"), at("2026-10-25 02:31")]))


@settings(max_examples=150)
@given(FILES, FILES, st.randoms(use_true_random=False))
def test_the_order_in_which_files_are_given_does_not_matter(
    here: dict[str, float], gone: dict[str, float], chance: random.Random
) -> None:
    files = [fact(path, moment) for path, moment in here.items()]
    also = [fact(path, moment) for path, moment in gone.items()]
    mixed = date(chance.sample(files, len(files)), also=also, wall=at("10:34"))
    plain = date(files, also=also, wall=at("10:34"))
    assert mixed.recorded_at == plain.recorded_at
    assert (mixed.also, mixed.patterns, mixed.warnings) == (plain.also, plain.patterns, plain.warnings)
    assert set(plain.recorded_at) == set(here)


@settings(max_examples=150)
@given(FILES)
def test_nothing_counts_as_recorded_long_after_it_was_written(here: dict[str, float]) -> None:
    files = [fact(path, moment) for path, moment in here.items()]
    dated = date(files)
    assert all(at - file.mtime <= 14 * HOUR + 2 * SKEW for at, file in zip(dated.times, files, strict=True))

import random
import re
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.patterns import PATTERNS, Stamp, first_match

# Real names, one line each: what the pattern is called, the path, what it says. No zone: local time.
REAL = [
    ("dahua", "2019-05-09/001/dav/21/21.04.49-21.05.14[M][0@0][0].mp4", "2019-05-09 21:04:49"),
    ("dahua", "AMC002A3_K2G7HH/2019-05-09/001/dav/03/03.28.59-03.29.26[M][0@0][0].dav", "2019-05-09 03:28:59"),
    ("dahua", "2019-05-09/001/dav/23/23.59.50-00.00.20[R][0@0][0].mp4", "2019-05-09 23:59:50"),
    ("dahua nvr", "NVR_ch1_main_20230619064223_20230619064228.dav", "2023-06-19 06:42:23"),
    ("dahua nvr", "XVR_ch1_main_20260604130000_20260604135959.mp4", "2026-06-04 13:00:00"),
    ("dahua nvr", "测试门店A_ch1_main_20260917084403_20260917084422.dav", "2026-09-17 08:44:03"),
    ("xvr", "CH07-20260326-173728-184505.avi", "2026-03-26 17:37:28"),
    ("xvr", "CH09_20260326_173728_184505.avi", "2026-03-26 17:37:28"),
    ("hikvision", "192.168.0.64_01_20190319093422939_MOTION_DETECTION.mp4", "2019-03-19 09:34:22.939"),
    ("hikvision", "10.4.100.111_01_20150619045051383_TIMING.mp4", "2015-06-19 04:50:51.383"),
    ("hikvision", "gg_733804851_20190319124752348_MOTION_DETECTION.mp4", "2019-03-19 12:47:52.348"),
    ("hikvision", "下站_AG3749139_20260708172229945_LINE_CROSSING_DETECTION.mp4", "2026-07-08 17:22:29.945"),
    (
        "reolink sd",
        "Mp4Record/2024-08-27/RecM02_DST20240827_090302_090334_0_800_800_033C820000_61B6F0.mp4",
        "2024-08-27 09:03:02",
    ),
    ("reolink sd", "RecS07_20250219_111146_111238_0_A714C0A000_21E67C.mp4", "2025-02-19 11:11:46"),
    ("reolink", "2026/02/05/Balcony_00_20260205174608.mp4", "2026-02-05 17:46:08"),
    ("reolink", "Zs4 Raolink Doorbell_00_20240605152917.mp4", "2024-06-05 15:29:17"),
    ("foscam", "FoscamCamera_00626EFE8B21/record/MDalarm_20180812_100109.mkv", "2018-08-12 10:01:09"),
    ("foscam", "R2C_00626EA776E4/snap/MDAlarm_20180807-135928.mp4", "2018-08-07 13:59:28"),
    ("foscam", "HMDAlarm_20260101-103424.avi", "2026-01-01 10:34:24"),
    ("foscam", "alarm_20150422_081443.avi", "2015-04-22 08:14:43"),
    ("yi", "2023Y07M06D13H/E201M57S03.mp4", "2023-07-06 13:01:57"),
    ("yi", "2023Y05M06D15H/00M00S60.mp4", "2023-05-06 15:00:00"),
    ("xiaomi", "2026021408/06M45S_1771056405.mp4", "2026-02-14 08:06:45"),
    ("axis", "video24-03-01_12-00-00-05_00001.mkv", "2024-03-01 12:00:00.05"),
    ("blackvue", "20230101_120000_NF.mp4", "2023-01-01 12:00:00"),
    ("viofo", "2026_0831_065229_000646F.MP4", "2026-08-31 06:52:29"),
    ("viofo", "20260628_133416_0001PF.MP4", "2026-06-28 13:34:16"),
    ("viofo", "20260628133416_000123.mp4", "2026-06-28 13:34:16"),
    ("insta360", "VID_20240115_143025_00_001.insv", "2024-01-15 14:30:25"),
    ("dji", "DJI_20240120120000_0005_D.MP4", "2024-01-20 12:00:00"),
    ("frigate cache", "retro_casetta@20231205144622+0100.mp4", "2023-12-05 13:46:22Z"),
    ("frigate", "2023-12-05/14/gate/31.15.mp4", "2023-12-05 14:31:15Z"),
    ("prefix, date, time", "Video_20080104_100341.3gp", "2008-01-04 10:03:41"),
    ("prefix, date, time", "FRONT_20240301_120000.mp4", "2024-03-01 12:00:00"),
    ("prefix, date, time", "2024/03/01/eufy-t8410x-e0be-20240301-120000.mp4", "2024-03-01 12:00:00"),
    ("prefix, date, time", "ABUS_20091115_164501.avi", "2009-11-15 16:45:01"),
    ("prefix, date, time", "video@20030102_030405.avi", "2003-01-02 03:04:05"),
    ("prefix, date, time", "20260101_103100.mp4", "2026-01-01 10:31:00"),
    ("iso 8601", "2026-01-01T10:31:00.mp4", "2026-01-01 10:31:00"),
    ("iso 8601", "2023-01-01T12-00-00.mp4", "2023-01-01 12:00:00"),
    ("iso 8601", "20260101T103100Z.mp4", "2026-01-01 10:31:00Z"),
    ("iso 8601", "2026-01-01T10:31:00.250+01:00.mp4", "2026-01-01 09:31:00.25Z"),
    ("iso 8601", "gate 2026-01-01T10-31-00-0530.mp4", "2026-01-01 16:01:00Z"),
    ("iso 8601", "2026-01-01T10:31+01.mp4", "2026-01-01 09:31:00Z"),
    ("date and time", "Front_Door_2009_10_12@195037.avi", "2009-10-12 19:50:37"),
    ("date and time", "EVENT_2021-01-09-14-05-06-123_1.avi", "2021-01-09 14:05:06"),
    ("date and time", "20220906_060821_HVGA_23_5_120.avi", "2022-09-06 06:08:21"),
    ("date and time", "DJI_20240328_234918_14_null_beauty.mp4", "2024-03-28 23:49:18"),
    ("date and time", "cam1_2024-01-01_10-31-00.mp4", "2024-01-01 10:31:00"),
    ("date and time", "2023-01-01_12-00-00-front.mp4", "2023-01-01 12:00:00"),
    ("date and time", "01-20260205103100.mp4", "2026-02-05 10:31:00"),
    ("date and time", "20260205103100123.mp4", "2026-02-05 10:31:00.123"),
    ("date and time", "2026-02-05 10.31.00.mp4", "2026-02-05 10:31:00"),
    ("date and time", "2026-02-05 10h31m00s.mp4", "2026-02-05 10:31:00"),
    ("date and time", "2026-02-05 03-31-00 PM.mp4", "2026-02-05 15:31:00"),
    ("date and time", "2026-02-05 12-31-00 AM.mp4", "2026-02-05 00:31:00"),
    ("date and minute", "2026-02-05 12-31 pm.mp4", "2026-02-05 12:31:00"),
    ("date and minute", "2026-02-05_10-31.mp4", "2026-02-05 10:31:00"),
    ("date and minute", "2026-02-05 3-31-20 PM.mp4", "2026-02-05 15:31:20"),
    ("date folder, time", "2026-02-05/10-31-00.mp4", "2026-02-05 10:31:00"),
    ("date folder, time", "20260205/10/gate_103100.mp4", "2026-02-05 10:31:00"),
    ("date folder, time", "IPCamera/Alarm/20100708/12/12.13.14.avi", "2010-07-08 12:13:14"),
    ("date and hour folders, minute", "record/20210512/13/07.mp4", "2021-05-12 13:07:00"),
    ("date and hour folders, minute", "2026-02-05/10/31.mp4", "2026-02-05 10:31:00"),
    ("date and hour folders, minute", "2026/02/05/13/07-30.264", "2026-02-05 13:07:30"),
    ("date folder, minute", "2026/02/05/10-31.mp4", "2026-02-05 10:31:00"),
    ("epoch", "gate_1771056405.mp4", "2026-02-14 08:06:45Z"),
    ("epoch", "1771056405250.mp4", "2026-02-14 08:06:45.25Z"),
]
TIMES = [
    ("10-31.mp4", "10:31:00"),
    ("10_31_00.mp4", "10:31:00"),
    ("10:30.mp4", "10:30:00"),
    ("10.31.264", "10:31:00"),
    ("23h59m58s.mkv", "23:59:58"),
    ("inbox/00-00.mp4", "00:00:00"),
]
CHAPTERS = [
    ("GH010073.MP4", (73, 1)),
    ("GX020119.MP4", (119, 2)),
    ("GOPR1234.MP4", (1234, 0)),
    ("GP011234.MP4", (1234, 1)),
    ("GHYY1234.MP4", (1234, 0)),
    ("100GOPRO/GH010073.mp4", (73, 1)),
]
NO_TIME = [
    "clip.mp4",
    "clip_01_02.mp4",  # counters, not a time
    "20260205_0001.mp4",
    "24-00.mp4",
    "10-60.mp4",
    "59M00S60.mp4",  # Yi without folders: only the minute
    "2026-02-31_10-31-00.mp4",
    "cam_01_99999999999999.mp4",
    "SNC24030112000005.mp4",  # Sony: years of two digits and a counter
    "2026-02-05 13-31-00 PM.mp4",
    "2026-02-05_1_02.mp4",  # channel and counter
    "gate_0123456789.mp4",
    "00626EFE8B21.mp4",
    "gate_12345678901.mp4",
    "103100.mp4",
    "\udcff\udc80.mp4",
    "",
]


def seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(seconds=1)


def read(path: str) -> tuple[str, Stamp]:
    found = first_match(path)
    assert found, path
    pattern, said = found
    return pattern.name, said if isinstance(said, Stamp) else Stamp(said)


@pytest.mark.parametrize(("name", "path", "time"), REAL, ids=[path for _, path, _ in REAL])
def test_a_real_name_says_when_its_recording_began(name: str, path: str, time: str) -> None:
    pattern, stamp = read(path)
    assert pattern == name
    assert (stamp.instant if time.endswith("Z") else stamp.local) == pytest.approx(seconds(time), abs=1e-3)
    assert (stamp.local if time.endswith("Z") else stamp.instant) is None


@pytest.mark.parametrize(("path", "time"), TIMES)
def test_a_name_without_a_day_says_the_time_of_day(path: str, time: str) -> None:
    pattern, stamp = read(path)
    assert pattern == "time"
    assert stamp == Stamp(time_of_day=int(seconds(f"1970-01-01 {time}")))


@pytest.mark.parametrize(("path", "chapter"), CHAPTERS)
def test_a_gopro_name_says_its_recording_and_its_chapter(path: str, chapter: tuple[int, int]) -> None:
    assert read(path) == ("gopro", Stamp(chapter=chapter))


@pytest.mark.parametrize("path", NO_TIME)
def test_numbers_that_are_no_time_are_not_taken_for_one(path: str) -> None:
    assert first_match(path) is None


def test_of_a_dahua_recorders_two_times_the_start_is_taken() -> None:
    """A loose expression for "camera, channel, 14 digits" takes the end; so do public parsers."""
    name = "XVR_ch1_main_20260604130000_20260604135959.mp4"
    loose = re.fullmatch(r".+_(\d+)_(\d{14})\.\w+", name)
    assert loose
    assert loose[2] == "20260604135959"
    assert read(name)[1].local == seconds("2026-06-04 13:00:00")


def test_an_end_after_midnight_does_not_disturb_the_start() -> None:
    path = "2019-05-09/001/dav/23/23.59.50-00.00.20[M][0@0][0].mp4"
    assert read(path)[1].local == seconds("2019-05-09 23:59:50")


def test_summer_time_marked_in_a_name_is_read() -> None:
    assert read("RecM02_DST20241027_023000_023030_0_800_033C820000_61B6F0.mp4")[1].summer is True
    assert read("RecM02_20241027_023000_023030_0_800_033C820000_61B6F0.mp4")[1].summer is False


@given(st.sampled_from([path for _, path, _ in REAL] + [path for path, _ in TIMES]), st.randoms(use_true_random=False))
def test_which_patterns_may_match_does_not_depend_on_the_digits(path: str, chance: random.Random) -> None:
    """The table is looked up by shape; an expression with a literal digit in it would be missed."""
    other = re.sub("[0-9]", lambda _: chance.choice(string.digits), path)
    for pattern in PATTERNS:
        names = [text if pattern.in_folders else text.rpartition("/")[2] for text in (path, other)]
        assert bool(pattern.expression.search(names[0])) == bool(pattern.expression.search(names[1])), pattern.name


def test_digits_that_are_not_ascii_are_no_time() -> None:
    assert first_match("\u0661\u0660-\u0663\u0661.mp4") is None


@given(st.text(max_size=60))
def test_any_text_can_be_read(path: str) -> None:
    found = first_match(path)
    assert found is None or found[0] in PATTERNS


@given(st.binary(max_size=40))
def test_names_that_are_not_utf_8_can_be_read(name: bytes) -> None:
    plain = first_match("20260101_103100.mp4")
    path = name.replace(b"/", b"").decode("utf-8", "surrogateescape")
    assert first_match(f"{path}/20260101_103100.mp4") == plain

"""What does not suit a destination is told with the setting of the camera that mends it."""

from __future__ import annotations

from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.destinations import GENERIC, PRESETS
from ftp_stream.core.shortcomings import Figures, encoding_cost, figures, shortcomings
from ftp_stream.model import FrameTable, Row, VideoCodec, VideoConfig

FULL_HD = VideoConfig(VideoCodec.AVC, b"", 1920, 1080, 25.0)
FINE = Figures(gop_seconds=2.0, reordered=False, bitrate=4e6)
YOUTUBE, OVEN = PRESETS["youtube"], PRESETS["ovenmediaengine"]


def table(
    pictures: int = 100, *, gop: int = 50, step_us: int = 40_000, size: int = 1000, cts: tuple[int, ...] = (0,)
) -> FrameTable:
    """Make a table of pictures with a sound behind each; ``cts`` are their composition offsets in steps, in turn."""
    keys = [index % gop == 0 for index in range(pictures)]
    shifts = [cts[index % len(cts)] * step_us for index in range(pictures)]
    return FrameTable(
        flags=bytes(flag for key in keys for flag in (int(Row.KEY) if key else 0, int(Row.AUDIO))),
        dts_us=array("q", [index * step_us for index in range(pictures) for _ in range(2)]),
        cts_us=array("i", [value for shift in shifts for value in (shift, 0)]),
        position=array("q", [0] * (2 * pictures)),
        size=array("i", [size, 77_777] * pictures),
        gops=tuple(2 * index for index, key in enumerate(keys) if key),
        duration_us=pictures * step_us,
        audio_end_us=pictures * step_us,
    )


# --- figures --------------------------------------------------------------------------------------------------------


def test_figures_are_those_of_the_pictures_alone() -> None:
    assert figures(table()) == Figures(gop_seconds=2.0, reordered=False, bitrate=1000 * 8 * 25)


@pytest.mark.parametrize(
    ("pictures", "gop", "longest"), [(1, 50, 0.04), (60, 50, 2.0), (75, 100, 3.0), (201, 200, 8.0)]
)
def test_the_longest_gop_counts_and_the_last_one_ends_with_the_segment(pictures, gop, longest) -> None:
    assert figures(table(pictures, gop=gop)).gop_seconds == pytest.approx(longest)


def test_the_longest_gop_may_be_the_last() -> None:
    found = figures(replace(table(100, gop=100), gops=(0, 40)))
    assert found.gop_seconds == pytest.approx((100 - 20) * 0.04)


@pytest.mark.parametrize(
    ("cts", "reordered"),
    [((0,), False), ((1,), False), ((2, 2, 2), False), ((1, 3, 0, 0), True), ((1, 2, 0), True)],
)
def test_b_frames_are_pictures_shown_in_another_order(cts, reordered) -> None:
    """A constant delay of all of them is none."""
    assert figures(table(cts=cts)).reordered is reordered


@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 2_000_000), st.integers(0, 1_000_000))
def test_any_table_has_figures(pictures: int, gop: int, step_us: int, size: int) -> None:
    found = figures(table(pictures, gop=gop, step_us=step_us, size=size))
    assert found.gop_seconds == pytest.approx(min(gop, pictures) * step_us / 1e6)
    assert found.bitrate == pytest.approx(size * 8e6 / step_us)


# --- shortcomings ---------------------------------------------------------------------------------------------------


def told(preset, found: Figures = FINE, video: VideoConfig = FULL_HD) -> list[tuple[str, str]]:
    return [(each.words, each.cure) for each in shortcomings(preset, video, found)]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_an_ordinary_camera_suits_every_destination(preset) -> None:
    assert told(preset) == []


def test_rare_key_frames_are_told_with_the_interval_to_set() -> None:
    [(words, cure)] = told(YOUTUBE, replace(FINE, gop_seconds=8.0))
    assert words == "key frames are up to 8.0 s apart, where YouTube Live asks for 2 s and bears 4 s"
    assert cure == "set the camera's key-frame interval (I-frame interval, GOP) to 2 s (50 pictures)"


@pytest.mark.parametrize(
    ("preset", "seconds", "amiss"),
    [
        ("youtube", 4.0, False),
        ("youtube", 4.3, False),  # a camera set to 4 s
        ("youtube", 4.5, True),
        ("twitch", 2.1, False),
        ("twitch", 4.0, True),
        ("mediamtx", 10.0, False),
        ("mediamtx", 60.0, True),
        ("generic", 300.0, True),
    ],
)
def test_cameras_keep_to_their_interval_only_so_far(preset: str, seconds: float, *, amiss: bool) -> None:
    assert bool(told(PRESETS[preset], replace(FINE, gop_seconds=seconds))) is amiss


def test_where_the_frame_rate_is_unknown_no_pictures_are_counted() -> None:
    [(_, cure)] = told(YOUTUBE, replace(FINE, gop_seconds=8.0), replace(FULL_HD, frame_rate=0.0))
    assert cure.endswith("to 2 s")


def test_b_frames_matter_to_ovenmediaengine_alone() -> None:
    found = replace(FINE, reordered=True)
    [(words, cure)] = told(OVEN, found)
    assert words == "the pictures have B-frames, with which OvenMediaEngine stutters"
    assert cure == "set the camera's profile to Baseline, or its B-frames to 0"
    assert not any(told(preset, found) for preset in PRESETS.values() if preset is not OVEN)


@pytest.mark.parametrize(("mbit", "amiss"), [(10.0, False), (10.9, False), (11.1, True)])
def test_a_bitrate_beyond_the_table_is_told_with_the_one_to_set(mbit: float, *, amiss: bool) -> None:
    found = told(YOUTUBE, replace(FINE, bitrate=mbit * 1e6))
    assert bool(found) is amiss
    if amiss:
        [(words, cure)] = found
        assert words.startswith("11.1 Mbit/s, where YouTube Live asks for 10 at most (H.264 of 1920x1080 at 25")
        assert cure == "set the camera's bitrate to at most 10000 kbit/s"


def test_a_codec_that_is_not_taken_is_told() -> None:
    hevc = replace(FULL_HD, codec=VideoCodec.HEVC)
    [(words, cure)] = told(PRESETS["nginx-rtmp"], video=hevc)
    assert words == "nginx with its RTMP module is not known to take H.265"
    assert cure == "set the camera's video codec to H.264, or set VIDEO=auto"
    [(_, cure)] = told(PRESETS["srs"], video=replace(FULL_HD, codec=VideoCodec.AV1))
    assert "to H.264 or H.265," in cure
    [(_, cure)] = told(GENERIC, video=hevc)
    assert "RTMP_PRESET" in cure
    assert told(YOUTUBE, video=hevc) == []


@pytest.mark.parametrize(
    ("preset", "codec", "name"),
    [("nginx-rtmp", "hevc", "H.265"), ("srs", "mjpeg", "MJPEG"), ("twitch", "mpeg4", "MPEG-4"), ("srs", "av1", "AV1")],
)
def test_what_encoding_costs_is_told_with_the_codec_to_set(preset: str, codec: str, name: str) -> None:
    found = encoding_cost(PRESETS[preset], codec, always=False)
    assert f"is not known to take {name}: it is made into H.264 here, at the processor's cost" in found.words
    choice = "H.264 or H.265" if preset == "srs" else "H.264"
    assert found.cure == f"set the camera's video codec to {choice}: then nothing is encoded"


def test_the_kind_of_server_is_asked_for_where_some_kind_takes_what_the_camera_sends() -> None:
    assert "RTMP_PRESET" in encoding_cost(GENERIC, "hevc", always=False).cure
    assert "RTMP_PRESET" not in encoding_cost(GENERIC, "mjpeg", always=False).cure


def test_where_everything_is_encoded_the_cure_is_the_setting() -> None:
    found = encoding_cost(YOUTUBE, "hevc", always=True)
    assert found.words == "everything is made into H.264 here, at the processor's cost (VIDEO=h264)"
    assert found.cure == "set VIDEO=auto: YouTube Live takes H.265 as the camera made it"
    assert "H.264, and VIDEO=auto: then" in encoding_cost(PRESETS["twitch"], "hevc", always=True).cure


def test_pictures_of_a_kind_that_is_taken_may_be_none_that_can_be_sent() -> None:
    """As AV1 without the record that RTMP wants."""
    found = encoding_cost(YOUTUBE, "av1", always=False)
    assert found.words.startswith("its AV1 cannot be sent as it is: it is made into H.264")
    assert found.cure.startswith("set the camera's video codec to H.264:")


def test_all_that_is_amiss_is_told_at_once() -> None:
    found = told(OVEN, Figures(60.0, reordered=True, bitrate=1e9), replace(FULL_HD, codec=VideoCodec.HEVC))
    assert [cure.split(" to ")[0] for _, cure in found] == [
        "set the camera's video codec",
        "set the camera's profile",
        "set the camera's key-frame interval (I-frame interval, GOP)",
    ]
    assert len(told(PRESETS["twitch"], Figures(60.0, reordered=True, bitrate=1e9))) == 2


def test_a_cure_stays_the_same_while_the_figures_change() -> None:
    """It is what tells a new shortcoming from one that was told."""
    cures = {
        told(YOUTUBE, Figures(gop, reordered=False, bitrate=rate))[0][1] for gop in (5.0, 9.0) for rate in (1e6, 9e6)
    }
    assert len(cures) == 1

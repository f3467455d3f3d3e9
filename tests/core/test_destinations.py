"""A preset is found by name or host, and keeps what every server bears."""

from __future__ import annotations

import secrets
from itertools import islice, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.backoff import delays
from ftp_stream.core.destinations import AUTO, GENERIC, PRESETS, bitrate_limit, preset_for
from ftp_stream.model import VideoCodec

AVC, HEVC, AV1 = VideoCodec.AVC, VideoCodec.HEVC, VideoCodec.AV1
HOUR = 3600


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("a.rtmps.youtube.com", "youtube"),
        ("B.RTMP.YouTube.com", "youtube"),
        ("a.rtmp.youtube.com.", "youtube"),
        ("live.twitch.tv", "twitch"),
        ("fra05.contribute.live-video.net", "twitch"),
        ("ingest.global-contribute.live-video.net", "twitch"),
        ("0123456789ab.global-contribute.live-video.net", "generic"),  # another service of the same house
        ("rtmp-api.facebook.com", "facebook"),
        ("notyoutube.com", "generic"),
        ("youtube.com.example", "generic"),
        ("youtube.example", "generic"),
        ("srs.example", "generic"),  # a name proves nothing
        ("192.0.2.10", "generic"),
        ("::1", "generic"),
        ("receiver", "generic"),
        ("", "generic"),
    ],
)
def test_auto_knows_platforms_by_their_hosts_and_nothing_else(host: str, name: str) -> None:
    assert preset_for(AUTO, host).name == name


@pytest.mark.parametrize("name", PRESETS)
def test_a_name_has_precedence_over_the_host(name: str) -> None:
    assert preset_for(name, "a.rtmps.youtube.com") is PRESETS[name]


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        preset_for(secrets.token_hex(4), "h")


def test_the_presets_are_those_of_the_settings() -> None:
    """And nobody can be chosen by another's name."""
    assert list(PRESETS) == [
        "youtube",
        "twitch",
        "facebook",
        "ovenmediaengine",
        "srs",
        "mediamtx",
        "nginx-rtmp",
        "node-media-server",
        "generic",
    ]
    assert all(name == preset.name for name, preset in PRESETS.items())
    assert AUTO not in PRESETS


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_is_sound(preset) -> None:
    """H.264 goes everywhere, a session ends before 31 bits of milliseconds do, and what is asked for is borne."""
    assert AVC in preset.codecs
    assert preset.new_headers <= preset.codecs
    assert 0 < preset.session_limit <= 23 * 24 * HOUR < (1 << 31) / 1000
    assert preset.longest_silence is None or preset.longest_silence >= 3
    assert 0 < preset.key_interval <= preset.longest_key_interval
    assert 0 < preset.first_retry <= preset.longest_retry <= 30
    assert preset.note.endswith(".")
    assert preset.title


def test_platforms_that_end_broadcasts_get_a_new_session_before() -> None:
    assert PRESETS["twitch"].session_limit < 48 * HOUR
    assert PRESETS["facebook"].session_limit < 8 * HOUR


def test_the_generic_preset_asks_for_no_more_than_any_server_bears() -> None:
    assert all(GENERIC.codecs <= preset.codecs for preset in PRESETS.values())
    assert GENERIC.needs_audio
    known = [preset.longest_silence for preset in PRESETS.values() if preset.longest_silence is not None]
    assert GENERIC.longest_silence == min(known)


def test_only_ovenmediaengine_minds_b_frames() -> None:
    assert [name for name, preset in PRESETS.items() if not preset.b_frames] == ["ovenmediaengine"]


def test_only_ovenmediaengine_has_no_tls() -> None:
    assert [name for name, preset in PRESETS.items() if not preset.rtmps] == ["ovenmediaengine"]


def test_hevc_headers_change_only_where_that_is_known() -> None:
    """MediaMTX drops the second SequenceStart of Enhanced RTMP."""
    bear = {name for name, preset in PRESETS.items() if HEVC in preset.new_headers}
    assert bear == {"srs", "node-media-server"}
    assert {name for name, preset in PRESETS.items() if not preset.new_headers} == {"youtube", "twitch", "facebook"}


def test_several_tries_fall_into_youtube_s_minute() -> None:
    """After about a minute without a stream it ends the broadcast."""
    preset = PRESETS["youtube"]
    waits = list(islice(delays(lambda: 1.0, preset.first_retry, preset.longest_retry), 8))
    assert sum(waits[:7]) < 60
    assert max(waits) == 15


# --- bitrates -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "width", "height", "rate", "mbit"),
    [
        (AVC, 640, 360, 15, 8),
        (AVC, 1280, 720, 60, 8),
        (AVC, 1280, 960, 25, 10),
        (AVC, 1920, 1080, 0, 10),
        (AVC, 1920, 1080, 25, 10),
        (AVC, 1920, 1080, 30.02, 10),
        (AVC, 1920, 1080, 31, 12),
        (AVC, 1920, 1080, 59.94, 12),
        (HEVC, 1920, 1080, 30, 8),
        (AV1, 1920, 1080, 60, 10),
        (AVC, 1080, 1920, 30, 10),  # upright
        (AVC, 2560, 1440, 25, 15),
        (AVC, 3840, 2160, 30, 30),
        (HEVC, 3840, 2160, 60, 40),
        (AVC, 7680, 4320, 120, 35),  # beyond the table: its last row
    ],
)
def test_youtube_s_table_is_read_by_size_and_frame_rate(codec, width, height, rate, mbit) -> None:
    assert bitrate_limit(PRESETS["youtube"], codec, width, height, rate) == mbit * 1_000_000


def test_twitch_has_one_limit_and_a_server_of_one_s_own_none() -> None:
    assert bitrate_limit(PRESETS["twitch"], AVC, 3840, 2160, 60) == 6_000_000
    assert bitrate_limit(PRESETS["srs"], AVC, 3840, 2160, 60) is None


@given(st.sampled_from(VideoCodec), st.integers(2, 5000), st.floats(0, 240), st.floats(0, 240))
def test_more_pictures_may_take_no_fewer_bits(codec: VideoCodec, height: int, one: float, other: float) -> None:
    limits = [bitrate_limit(PRESETS["youtube"], codec, 8000, height, rate) for rate in sorted((one, other))]
    assert limits[0] is not None
    assert limits[1] is not None
    assert limits[0] <= limits[1]


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_the_rows_of_a_table_rise(preset) -> None:
    """The first one that fits is taken."""
    for before, after in pairwise(preset.bitrates):
        assert (before.height, before.frame_rate) < (after.height, after.frame_rate)

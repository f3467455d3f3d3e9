"""Why a session ends by plan, in words for the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.renewal import lasted, other_pictures, other_sound
from ftp_stream.model import AudioConfig, VideoCodec, VideoConfig

AVC = frozenset({VideoCodec.AVC})
LAST = VideoConfig(VideoCodec.AVC, b"\x01day", 1280, 720, 25.0)
NIGHT = replace(LAST, record=b"\x01night", width=640, height=360)
HOUR = 3_600_000_000  # microseconds


@pytest.mark.parametrize(
    ("last", "following", "borne", "words"),
    [
        (None, LAST, frozenset(), ""),
        (LAST, replace(LAST, frame_rate=12.5), frozenset(), ""),  # the record is what a decoder gets
        (LAST, NIGHT, AVC, ""),
        (LAST, NIGHT, frozenset(), "from 1280x720 to 640x360, which this server is not known to bear"),
        (LAST, replace(LAST, record=b"\x01other"), frozenset(), "their parameters, at 1280x720"),
        (LAST, replace(NIGHT, codec=VideoCodec.HEVC), frozenset(VideoCodec), "from H.264 to H.265"),
        (LAST, replace(NIGHT, codec=VideoCodec.AV1), AVC, "from H.264 to AV1"),
    ],
)
def test_pictures_that_a_session_cannot_go_on_with(
    last: VideoConfig | None, following: VideoConfig, borne: frozenset[VideoCodec], words: str
) -> None:
    found = other_pictures(last, following, borne)
    assert words in found
    assert bool(found) is bool(words)


def test_sound_of_another_configuration_alone_ends_a_session() -> None:
    assert other_sound(DEFAULT_AUDIO, None) == ""
    assert other_sound(DEFAULT_AUDIO, replace(DEFAULT_AUDIO)) == ""
    assert "sound" in other_sound(DEFAULT_AUDIO, AudioConfig(b"\x15\x88", 8000, 1))


def test_a_session_lasts_as_long_as_it_may_and_no_longer() -> None:
    assert lasted(8 * HOUR, 8 * HOUR) == ""
    assert lasted(8 * HOUR + 1, 8 * HOUR) == "it has lasted 8.0 h, as long as it may"

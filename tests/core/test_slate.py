"""The slate's arithmetic: which pieces make a second, where its frames stand, and what is believed of a child."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.slate import (
    CHOICES,
    MAX_RATE,
    SENTENCES,
    Field,
    Moment,
    Piece,
    Slate,
    decode_slate,
    encode_slate,
    is_picture,
    moment,
    play,
    rate_for,
)
from ftp_stream.core.wire import PREFIX_BYTES
from ftp_stream.errors import SegmentRefused
from ftp_stream.model import Row, Source, VideoCodec, VideoConfig

VIDEO = VideoConfig(VideoCodec.AVC, b"\x01\x64\x00\x1f", 640, 360, 25.0)


def made(rate: int = 25, *, keys: int = 1) -> Slate:
    """A slate whose bytes say what they are."""

    def picture(number: int) -> tuple[Piece, ...]:
        pieces = [
            Piece(field, tuple(f"[{number} {field.name} {choice}]".encode() for choice in range(CHOICES[field])))
            for field in Field
        ]
        return (Piece(None, (f"<{number}>".encode(),)), *pieces, Piece(None, (b"end",)))

    return Slate(
        VIDEO, tuple(picture(number) for number in range(keys)), tuple(b"p%d" % number for number in range(1, rate))
    )


def shown(first: int, count: int) -> list[Moment]:
    return [Moment(10, 44, 17, 23, (first + second) % 60) for second in range(count)]


# --- what is shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["UTC", "Europe/Madrid", "America/St_Johns", "Asia/Kathmandu"])
def test_times_are_shown_as_the_cameras_clock_shows_them(zone: str) -> None:
    since = datetime(2026, 11, 25, 10, 44, 59, tzinfo=ZoneInfo(zone)).timestamp()
    wall = datetime(2026, 11, 26, 0, 3, 7, tzinfo=ZoneInfo(zone)).timestamp()
    assert moment(since, wall + 0.99, zone) == Moment(10, 44, 0, 3, 7)


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_every_moment_has_its_choice(since: float, wall: float) -> None:
    assert all(0 <= value < most for value, most in zip(moment(since, wall, "Europe/Madrid"), CHOICES, strict=True))


def test_a_second_takes_one_choice_for_each_field_and_repeats_it() -> None:
    key, *repeats = made().second(0, Moment(10, 44, 17, 23, 59))
    assert key == b"<0>[0 SINCE_HOUR 10][0 SINCE_MINUTE 44][0 HOUR 17][0 MINUTE 23][0 SECOND 59]end"
    assert repeats == [b"p%d" % number for number in range(1, 25)]


def test_two_key_frames_in_a_row_are_told_apart_where_nothing_stands_between_them() -> None:
    slate = made(1, keys=2)
    assert [slate.second(count, Moment(0, 0, 0, 0, 0))[0][:3] for count in range(4)] == [b"<0>", b"<1>", b"<0>", b"<1>"]


def test_every_language_has_its_sentence() -> None:
    assert {language: " ".join(lines) for language, lines in SENTENCES.items()} == {
        "en": "no new video since ",
        "es": "sin vídeo nuevo desde las ",
    }


# --- as a table of frames ---------------------------------------------------------------------------------------------


@given(st.integers(1, MAX_RATE), st.integers(0, 10**6), st.integers(1, 8))
def test_a_table_begins_a_gop_at_each_whole_second_and_names_every_byte(rate: int, count: int, seconds: int) -> None:
    slate = made(rate, keys=2)
    moments = shown(count, seconds)
    table, frames = play(slate, count, moments)
    assert table.gops == tuple(range(0, seconds * rate, rate))
    assert [table.dts_us[row] for row in table.gops] == [1_000_000 * second for second in range(seconds)]
    assert table.duration_us == 1_000_000 * seconds
    assert not any(table.cts_us)
    payloads = [frames[at : at + size] for at, size in zip(table.position, table.size, strict=True)]
    assert payloads == [each for at, when in enumerate(moments, count) for each in slate.second(at, when)]
    assert len(frames) == sum(map(len, payloads))
    assert {flag & Row.SOURCE_MASK for flag in table.flags} == {Source.SIDECAR}


@given(st.integers(1, MAX_RATE))
def test_pictures_are_spread_evenly(rate: int) -> None:
    table, _ = play(made(rate, keys=2), 0, shown(0, 3))
    steps = {after - before for before, after in zip(table.dts_us, list(table.dts_us)[1:], strict=False)}
    assert all(abs(step - 1_000_000 / rate) < 1 for step in steps)


# --- what a child tells -----------------------------------------------------------------------------------------------


def report(slate: Slate) -> tuple[dict[str, object], bytes]:
    """A report as the service reads it: its header as an object, and its body."""
    first, *body = encode_slate(slate)
    return json.loads(bytes(first)[PREFIX_BYTES:]), b"".join(body)


@pytest.mark.parametrize("slate", [made(), made(1, keys=2), made(60), made(MAX_RATE)])
def test_a_slate_is_believed_in_the_words_in_which_it_is_told(slate: Slate) -> None:
    header, body = report(slate)
    assert decode_slate(json.dumps(header).encode(), body) == slate


@pytest.mark.parametrize(
    "change",
    [
        {"slate": []},
        {"slate": None},
        {"slate": [[]]},
        {"slate": [[[-1]]]},
        {"slate": [[[-2, 3]]]},
        {"slate": [[[5, 3]]]},
        {"slate": [[[-1, 1, 1]]]},
        {"slate": [[[int(Field.HOUR), *[1] * 23]]]},
        {"slate": [[[-1, 0]]]},
        {"slate": [[[-1, -5]]]},
        {"slate": [[[-1, 1.0]]]},
        {"slate": [[[True, 3]]]},
        {"slate": [[[-1, 2**40]]]},
        {"slate": [[[-1, 1]]]},
        {"slate": [[[-1, 1]] * 10_000]},
        {"slate": [[[-1, 3]]] * 3},
        {"repeats": [1] * MAX_RATE},
        {"repeats": [65]},
        {"repeats": "x"},
        {"codec": "hevc"},
        {"record": "00"},
        {"width": 10**6},
    ],
)
def test_nothing_else_is_believed(change: dict[str, object]) -> None:
    header, body = report(made())
    with pytest.raises(SegmentRefused, match="damaged report"):
        decode_slate(json.dumps(header | change).encode(), body)


def test_key_frames_without_anything_between_them_must_differ() -> None:
    header, body = report(made(1))
    with pytest.raises(SegmentRefused, match="damaged report"):
        decode_slate(json.dumps(header).encode(), body)


def test_a_picture_too_large_to_be_sent_is_refused() -> None:
    """Each of its pieces could be sent alone."""
    half = bytes(9 * 1024 * 1024)
    slate = Slate(VIDEO, ((Piece(None, (half,)), Piece(None, (half,))),), (b"p",))
    header, body = report(slate)
    with pytest.raises(SegmentRefused, match="damaged report"):
        decode_slate(json.dumps(header).encode(), body)


@pytest.mark.parametrize("change", [-1, 1])
def test_bytes_that_are_not_told_or_not_there_are_refused(change: int) -> None:
    header, body = report(made())
    body = body[:change] if change < 0 else body + secrets.token_bytes(change)
    with pytest.raises(SegmentRefused, match="damaged report"):
        decode_slate(json.dumps(header).encode(), body)


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists), st.binary(max_size=100))
def test_nonsense_is_refused_in_words(told: object, body: bytes) -> None:
    header, _ = report(made())
    with pytest.raises(SegmentRefused):
        decode_slate(json.dumps(header | {"slate": told}).encode(), body)


# --- the user's picture -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "known"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0\x0d", True),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1", True),
        (b"RIFF\x24\0\0\0WEBPVP8 ", True),
        (b"BM\x46\0\0\0\0\0\0\0\x36\0", True),
        (b"RIFF\x24\0\0\0AVI LIST", False),
        (b"GIF89a\0\0\0\0\0\0", False),
        (b"\x89PN", False),
        (b"", False),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(head: bytes, *, known: bool) -> None:
    assert is_picture(head) is known


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 25), (0.2, 1), (24.97, 25), (29.97, 30), (1000.0, MAX_RATE)])
def test_a_slate_has_a_whole_number_of_pictures_a_second(rate: float, expected: int) -> None:
    assert rate_for(rate) == expected

"""Slates, decoded by FFmpeg without a complaint: every choice shows its number, and changes nothing else."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
from av.video.frame import VideoFrame

from ftp_stream.core.request import SlateRequest
from ftp_stream.core.slate import CHOICES, Field, Moment, Slate
from ftp_stream.errors import SegmentRefused
from ftp_stream.media.avc import MACROBLOCK, Like, configuration, parse_sps, sps_of
from ftp_stream.media.bits import BitReader, unescaped
from ftp_stream.media.nal import is_parameter_set, leading_sets, record_sets, split_prefixed, unit_type
from ftp_stream.media.slate import make_slate
from ftp_stream.media.words import Line, lay_out
from ftp_stream.model import VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PLAIN = Moment(0, 0, 0, 0, 0)
SHAPES = [
    Like(100, 0, 10, 160, 90, (1, 1)),
    Like(66, 0xC0, 30, 848, 478, (0, 0)),
    Like(77, 0, 30, 704, 576, (16, 11)),
    Like(100, 0x0C, 40, 1366, 768, (1, 1)),
    Like(100, 0, 30, 360, 640, (1, 1)),
    Like(100, 0, 40, 960, 1080, (2, 1)),
    Like(100, 0, 40, 1920, 1080, (1, 1)),
    Like(100, 0, 51, 3840, 2160, (1, 1)),
]


def ids(like: object) -> str:
    return f"{like.width}x{like.height}" if isinstance(like, Like) else str(like)


@contextmanager
def opened(path: str | Path) -> Iterator[int]:
    fileno = os.open(path, os.O_RDONLY)
    try:
        yield fileno
    finally:
        os.close(fileno)


def made(
    like: Like,
    rate: float = 25.0,
    *,
    name: str = "Torre Ñ",
    language: str = "en",
    image: Path | None = None,
    most: int = 0,
) -> Slate:
    with opened(image or os.devnull) as fileno:
        return make_slate(fileno, SlateRequest(configuration(like, 25, 1), rate, name, language, most))


def decoded(slate: Slate, payloads: Sequence[bytes]) -> list[VideoFrame]:
    """What a decoder shows that bears nothing wrong."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.extradata = slate.video.record
    decoder.thread_count = 1
    decoder.options = {"err_detect": "crccheck+bitstream+buffer+explode", "strict": "very"}
    av.logging.set_level(av.logging.WARNING)
    try:
        with av.logging.Capture() as said:
            frames = [frame for payload in payloads for frame in decoder.decode(av.Packet(payload))]
            frames += decoder.decode(None)
    finally:
        av.logging.set_level(None)
    assert not said
    assert len(frames) == len(payloads)
    return frames


def keys(slate: Slate, moments: Sequence[Moment]) -> list[list[bytes]]:
    """The luma of the key frames of some moments, row by row."""
    frames = decoded(slate, [payload for number, each in enumerate(moments) for payload in slate.second(number, each)])
    return [luma(frame) for frame in frames[:: slate.rate]]


def luma(frame: VideoFrame) -> list[bytes]:
    plane = frame.planes[0]
    whole = bytes(plane)
    return [whole[at : at + frame.width] for at in range(0, frame.height * plane.line_size, plane.line_size)]


def boxes(slate: Slate, name: str, language: str, *, low: bool = False) -> dict[Field, tuple[Line, int, slice, slice]]:
    """Where each field stands: its line and letter, its columns and rows in pixels."""
    like = parse_sps(sps_of(slate.video.record))
    found = {}
    for line in lay_out(like, name, language, low=low).lines:
        for (field, letter), (left, right) in zip(line.fields, line.columns(), strict=True):
            top, bottom = line.rows()
            columns = slice(MACROBLOCK * left, MACROBLOCK * right)
            found[field] = line, letter, columns, slice(MACROBLOCK * top, MACROBLOCK * bottom)
    return found


def cut(picture: list[bytes], columns: slice, rows: slice) -> list[bytes]:
    return [row[columns] for row in picture[rows]]


def ink(picture: list[bytes], line: Line, first: int, place: int) -> list[float]:
    """How far each cell of a field's letter is lit: 0 to 1."""
    left = line.letter_x(first) + round(6 * line.wide) * place
    across = [slice(round(left + cell * line.wide), round(left + (cell + 1) * line.wide)) for cell in range(5)]
    down = [slice(round(line.y + cell * line.high), round(line.y + (cell + 1) * line.high)) for cell in range(7)]
    cells = [b"".join(row[columns] for row in picture[rows]) for rows in down for columns in across]
    return [(sum(cell) / len(cell) - 40) / (line.level - 40) for cell in cells]


# --- times ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("like", SHAPES, ids=ids)
def test_a_choice_changes_its_own_field_and_nothing_else(like: Like) -> None:
    language = secrets.choice(["en", "es"])
    slate = made(like, language=language)
    moments = [PLAIN] + [PLAIN._replace(**{field.name.lower(): CHOICES[field] - 1}) for field in Field]
    plain, *changed = keys(slate, moments)
    for field, picture in zip(Field, changed, strict=True):
        _, _, columns, rows = boxes(slate, "Torre Ñ", language)[field]
        assert cut(picture, columns, rows) != cut(plain, columns, rows)
        for y, (row, before) in enumerate(zip(picture, plain, strict=True)):
            inside = columns if rows.start <= y < rows.stop else slice(0, 0)
            assert row[: inside.start] == before[: inside.start]
            assert row[inside.stop :] == before[inside.stop :]


@pytest.fixture(scope="module")
def digits() -> dict[str, list[float]]:
    """How each digit looks where it is large."""
    slate = made(Like(100, 0, 30, 1280, 720, (1, 1)))
    line, letter, _, _ = boxes(slate, "Torre Ñ", "en")[Field.SECOND]
    pictures = keys(slate, [PLAIN._replace(second=second) for second in range(10)])
    return {str(second): ink(picture, line, letter, 1) for second, picture in enumerate(pictures)}


def reading(seen: list[float], digits: dict[str, list[float]]) -> str:
    """The digit that looks most like what is seen."""
    return min(digits, key=lambda digit: sum(abs(a - b) for a, b in zip(seen, digits[digit], strict=True)))


@pytest.mark.parametrize("like", SHAPES[:6], ids=ids)
def test_every_choice_shows_its_number(like: Like, digits: dict[str, list[float]]) -> None:
    slate = made(like)
    pictures = keys(slate, [Moment(*(second % most for most in CHOICES)) for second in range(60)])
    for field, (line, letter, _, _) in boxes(slate, "Torre Ñ", "en").items():
        for number, picture in enumerate(pictures):
            read = "".join(reading(ink(picture, line, letter, place), digits) for place in (0, 1))
            assert read == f"{number % CHOICES[field]:02d}"


def test_digits_are_those_of_the_font(digits: dict[str, list[float]]) -> None:
    rows = ["".join(".#"[each > 0.5] for each in digits[digit]) for digit in "17"]
    one = "..#.. .##.. ..#.. ..#.. ..#.. ..#.. .###."
    seven = "##### ....# ...#. ..#.. .#... .#... .#..."
    assert [" ".join(row[at : at + 5] for at in range(0, 35, 5)) for row in rows] == [one, seven]


@pytest.mark.parametrize("rate", [1.0, 1.5, 7.5, 12.5, 23.976, 25.0, 29.97, 50.0, 60.0])
def test_a_second_has_the_pictures_of_its_rate_and_all_are_alike(rate: float) -> None:
    slate = made(SHAPES[0], rate)
    assert slate.rate == round(rate) == slate.video.frame_rate
    moments = [Moment(10, 44, 23, 59, second) for second in (58, 59)] * 2
    frames = decoded(slate, [each for number, when in enumerate(moments) for each in slate.second(number, when)])
    shown = [b"".join(luma(frame)) for frame in frames]
    for second in range(4):
        assert len(set(shown[second * slate.rate : (second + 1) * slate.rate])) == 1
    assert shown[0] == shown[2 * slate.rate] != shown[slate.rate]
    assert [frame.key_frame for frame in frames] == [number % slate.rate == 0 for number in range(len(frames))]


def idr_ids(payload: bytes) -> set[int]:
    """The idr_pic_id of all slices of a key frame."""
    found = set()
    for unit in split_prefixed(payload):
        if is_parameter_set(unit_type(unit, VideoCodec.AVC), VideoCodec.AVC):
            continue
        bits = BitReader(unescaped(unit)[1:])
        bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.fixed(8)
        found.add(bits.unsigned())
    return found


def test_key_frames_that_follow_each_other_are_told_apart() -> None:
    """H.264, 7.4.3: FFmpeg bears it otherwise, another decoder may take two for one."""
    slow = made(SHAPES[0], 1.0)
    assert [idr_ids(slow.second(count, PLAIN)[0]) for count in range(4)] == [{0}, {1}, {0}, {1}]
    assert len(made(SHAPES[0], 2.0).keys) == 1


@pytest.mark.parametrize("rate", [1.0, 25.0])
def test_a_key_frame_brings_its_parameter_sets_under_numbers_of_their_own(rate: float) -> None:
    """What remuxes may know the first header alone: then the slate and the camera's next pictures are decoded still."""
    slate = made(SHAPES[0], rate)
    for count in (0, 1):
        key, *repeats = slate.second(count, PLAIN)
        sets = leading_sets(split_prefixed(key), VideoCodec.AVC)
        assert sets == record_sets(slate.video.record, VideoCodec.AVC)
        sps, pps = (BitReader(unescaped(unit)[at:]) for unit, at in zip(sets, (4, 1), strict=True))
        assert sps.unsigned() == 31
        assert (pps.unsigned(), pps.unsigned()) == (255, 31)
        for payload in (key, *repeats):
            slices = [unit for unit in split_prefixed(payload) if unit not in sets]
            assert slices
            for unit in slices:
                bits = BitReader(unescaped(unit)[1:])
                bits.unsigned(), bits.unsigned()
                assert bits.unsigned() == 255


def test_an_unknown_rate_is_a_usual_one() -> None:
    assert made(SHAPES[0], 0.0).rate == 25


# --- likeness ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("like", SHAPES, ids=ids)
def test_a_slate_is_like_the_cameras_pictures(like: Like) -> None:
    slate = made(like)
    assert (slate.video.width, slate.video.height) == (like.width, like.height)
    record = slate.video.record
    assert record[1:4] == configuration(like, 25, 1)[1:4]
    [frame, *_] = decoded(slate, slate.second(0, PLAIN))
    assert (frame.width, frame.height) == (like.width, like.height)
    assert parse_sps(sps_of(record)).aspect == like.aspect


def test_a_plain_slate_is_small() -> None:
    assert sum(map(len, made(Like(100, 0, 40, 1920, 1080, (1, 1))).second(0, PLAIN))) < 50_000


@pytest.mark.parametrize("name", ["", " ", "x" * 500, "a\nb", "\u732b" * 30, "Cámara del bosque número 7, torre norte"])
@pytest.mark.parametrize("like", SHAPES[:3], ids=ids)
def test_any_name_finds_room(like: Like, name: str) -> None:
    for language in ("en", "es"):
        slate = made(like, name=name, language=language)
        decoded(slate, slate.second(0, Moment(23, 59, 23, 59, 59)))
        for line in lay_out(like, name, language, low=False).lines:
            assert line.x >= 0
            assert line.letter_x(len(line.words)) - line.wide <= like.width


def test_camera_and_language_are_shown() -> None:
    pictures = [
        keys(made(SHAPES[3], name=name, language=language), [PLAIN])[0]
        for name, language in (("A", "en"), ("A", "es"), ("B", "en"))
    ]
    assert pictures[0] != pictures[1]
    assert pictures[0] != pictures[2]


@pytest.mark.parametrize("width", range(160, 420, 2))
def test_fields_lie_apart_at_any_width(width: int) -> None:
    """Checked without encoding: no field shares a macroblock with another, and all are inside."""
    for height in (90, 240):
        for aspect in ((1, 1), (16, 11), (2, 1), (1, 2)):
            like = Like(100, 0, 30, width, height, aspect)
            for language, low in (("en", False), ("es", True)):
                taken: set[tuple[int, int]] = set()
                for line in lay_out(like, "Torre", language, low=low).lines:
                    assert line.parted
                    for left, right in line.columns():
                        box = {(x, y) for x in range(left, right) for y in range(*line.rows())}
                        assert not box & taken
                        taken |= box
                assert all(0 <= x < like.columns and 0 <= y < like.rows for x, y in taken)


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [(158, 90, "sides must be even"), (160, 88, "sides must be even"), (8400, 160, "8192 is the most")],
)
def test_a_size_that_cannot_be_is_refused(width: int, height: int, words: str) -> None:
    with pytest.raises(SegmentRefused, match=words):
        made(Like(100, 0, 30, width, height, (1, 1)))


def test_there_is_none_without_a_record_of_h264() -> None:
    hevc = b"\1\1\x60\0\0\0\x90\0\0\0\0\0\x5d\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\0"
    with opened(os.devnull) as fileno, pytest.raises(SegmentRefused, match="decoder configuration"):
        make_slate(fileno, SlateRequest(hevc, 25.0, "x", "en"))


# --- the user's picture -----------------------------------------------------------------------------------------------


def picture(path: Path, width: int, height: int, codec: str = "png", form: str = "rgb24") -> Path:
    """Write a picture: red at the left, blue at the right."""
    frame = VideoFrame(width, height, "rgb24")
    red, blue = b"\xd0\x20\x20" * (width // 2), b"\x20\x20\xd0" * (width - width // 2)
    gap = bytes(frame.planes[0].line_size - 3 * width)
    frame.planes[0].update((red + blue + gap) * height)
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, form, Fraction(1, 25)
    if form.startswith("yuvj"):
        context.color_range = 2
    frame = frame.reformat(format=form)
    frame.pts = 0
    path.write_bytes(b"".join(map(bytes, [*context.encode(frame), *context.encode(None)])))
    return path


@pytest.mark.parametrize(
    ("codec", "form"), [("png", "rgb24"), ("png", "rgba"), ("mjpeg", "yuvj420p"), ("bmp", "bgr24")]
)
@pytest.mark.parametrize("size", [(400, 400), (1000, 300), (64, 512)])
def test_the_users_picture_fills_the_slate_above_the_texts(
    tmp_path: Path, codec: str, form: str, size: tuple[int, int]
) -> None:
    image = picture(tmp_path / "image", *size, codec, form)
    slate = made(Like(100, 0, 30, 640, 360, (1, 1)), image=image)
    frame = decoded(slate, slate.second(0, PLAIN))[-1]
    rgb = frame.reformat(format="rgb24")
    row = bytes(rgb.planes[0])[20 * rgb.planes[0].line_size :][: 3 * 640]
    for at, expected in ((0, (208, 32, 32)), (200, (208, 32, 32)), (440, (32, 32, 208)), (639, (32, 32, 208))):
        assert all(abs(have - want) < 12 for have, want in zip(row[3 * at : 3 * at + 3], expected, strict=True))


def test_times_are_right_over_the_users_picture(tmp_path: Path, digits: dict[str, list[float]]) -> None:
    slate = made(Like(100, 0, 30, 854, 480, (1, 1)), image=picture(tmp_path / "image", 500, 400))
    pictures = keys(slate, [Moment(*(second % most for most in CHOICES)) for second in range(0, 60, 7)])
    for field, (line, letter, _, _) in boxes(slate, "Torre Ñ", "en", low=True).items():
        for number, shown in enumerate(pictures):
            read = "".join(reading(ink(shown, line, letter, place), digits) for place in (0, 1))
            assert read == f"{7 * number % CHOICES[field]:02d}"


def test_a_noisy_picture_keeps_to_its_bitrate(tmp_path: Path) -> None:
    """Noise is what costs most; the texts come on top of it."""
    frame = VideoFrame(640, 360, "rgb24")
    frame.planes[0].update(secrets.token_bytes(frame.planes[0].buffer_size))
    context = av.CodecContext.create("png", "w")
    context.width, context.height, context.pix_fmt, context.time_base = 640, 360, "rgb24", Fraction(1, 25)
    frame.pts = 0
    image = tmp_path / "noise"
    image.write_bytes(b"".join(map(bytes, [*context.encode(frame), *context.encode(None)])))
    like = Like(100, 0, 30, 640, 360, (1, 1))
    fine, coarse = (made(like, image=image, most=most) for most in (10**8, 600_000))
    for slate in (fine, coarse):
        decoded(slate, slate.second(0, PLAIN))
    sizes = [len(slate.second(0, PLAIN)[0]) for slate in (fine, coarse)]
    assert sizes[1] < 90_000 < sizes[0]


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_is_no_picture_is_refused_by_its_settings_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image").write_bytes(content)
    with pytest.raises(SegmentRefused, match=r"SLATE_IMAGE cannot be read: .*; PNG, JPEG, WebP and BMP can be"):
        made(SHAPES[0], image=tmp_path / "image")


@pytest.mark.parametrize(("width", "height", "words"), [(8000, 8000, "megapixels are the most"), (4000, 2, "too long")])
def test_a_picture_of_an_absurd_size_is_refused(tmp_path: Path, width: int, height: int, words: str) -> None:
    image = picture(tmp_path / "image", width, height)
    with pytest.raises(SegmentRefused, match=f"SLATE_IMAGE is {width}x{height}: .*{words}"):
        made(Like(100, 0, 40, 1920, 1080, (1, 1)), image=image)

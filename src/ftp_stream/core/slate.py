"""The slate: what is shown once a camera has sent nothing for a while. It says since when, and a clock in it runs.

A child encodes it once, as a mosaic (`media.mosaic`): the picture of a second is one choice for each of its pieces,
joined, and what follows until the next second are pictures that repeat the one before. So a slate costs nobody an
encoder, and every stream that shows the same shares its bytes.

There is none for HEVC and AV1: whoever sends those holds the last picture in its place.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ftp_stream.core.clocks import time_of_day
from ftp_stream.core.frames import MAX_FRAME_BYTES, Columns, build
from ftp_stream.core.inspection import video_config, video_header
from ftp_stream.core.wire import DAMAGED, framed, number, parsed
from ftp_stream.errors import SegmentRefused
from ftp_stream.model import Row, Source, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.model import FrameTable, VideoConfig

__all__ = [
    "CHOICES",
    "MAX_RATE",
    "PICTURE_FORMATS",
    "SENTENCES",
    "Field",
    "Moment",
    "Piece",
    "Slate",
    "decode_slate",
    "encode_slate",
    "is_picture",
    "moment",
    "play",
    "rate_for",
]

SECOND_US: Final = 1_000_000
MAX_RATE: Final = 120  # pictures a second
_USUAL_RATE: Final = 25  # the same where the camera's are unknown
_MAX_PIECES: Final = 8192  # of a picture: four in each row of macroblocks of the tallest
_MAX_REPEAT: Final = 64  # bytes of a picture that repeats the one before
_MAX_BYTES: Final = 64 * 1024 * 1024  # of all pieces: a slate of 4K with a photograph has a tenth
_KEY_FLAGS: Final = int(Row.KEY) | int(Source.SIDECAR)
_REPEAT_FLAGS: Final = int(Source.SIDECAR)

# What it says, by language: the second line ends with the time
SENTENCES: Final = {"en": ("no new video", "since "), "es": ("sin vídeo nuevo", "desde las ")}


PICTURE_FORMATS: Final = "PNG, JPEG, WebP or BMP"  # of a user's own


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with these bytes, twelve or more, says that it is of one of `PICTURE_FORMATS`."""
    return head.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM")) or (head[:4], head[8:12]) == (
        b"RIFF",
        b"WEBP",
    )


class Field(IntEnum):
    """What changes in the picture, numbered as in `Moment`."""

    SINCE_HOUR = 0
    SINCE_MINUTE = 1
    HOUR = 2
    MINUTE = 3
    SECOND = 4


CHOICES: Final = (24, 60, 24, 60, 60)  # of each field


class Moment(NamedTuple):
    """What the fields show."""

    since_hour: int
    since_minute: int
    hour: int
    minute: int
    second: int


def rate_for(frame_rate: float) -> int:
    """Return how many pictures a slate has a second behind pictures of this rate; 0 where that is unknown."""
    return min(MAX_RATE, max(1, round(frame_rate or _USUAL_RATE)))


def moment(since: float, wall: float, timezone: str) -> Moment:
    """Return what is shown at a moment, as the camera's own clock would show it.

    Args:
        since: When the last video ended or began, seconds since the epoch, UTC.
        wall: The moment, the same.
        timezone: IANA name; "" is the system's zone.

    Raises:
        ConfigError: The zone is unknown.
    """
    begun, now = time_of_day(since, timezone), time_of_day(wall, timezone)
    return Moment(begun // 3600, begun // 60 % 60, now // 3600, now // 60 % 60, now % 60)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of a picture."""

    field: Field | None  # what chooses among them; None: there is one choice
    choices: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Slate:
    """A slate as its child made it; all payloads are NAL units behind their lengths, as they go on the wire."""

    video: VideoConfig
    keys: tuple[tuple[Piece, ...], ...]  # the picture that begins a second, told apart by idr_pic_id: one or two
    repeats: tuple[bytes, ...]  # the pictures that follow it until the next

    @property
    def rate(self) -> int:
        """Pictures a second."""
        return 1 + len(self.repeats)

    def second(self, count: int, shown: Moment) -> list[bytes]:
        """Return the payloads of one second, a key frame and its repetitions.

        Args:
            count: Which second it is: two in a row differ by one, as two IDR pictures in a row must not be alike.
            shown: What the fields show.
        """
        pieces = self.keys[count % len(self.keys)]
        return [
            b"".join([each.choices[0 if each.field is None else shown[each.field]] for each in pieces]),
            *self.repeats,
        ]


def play(slate: Slate, count: int, shown: Sequence[Moment]) -> tuple[FrameTable, bytes]:
    """Return some seconds as a table of frames, and the bytes it names as those of a sidecar.

    Each second begins a GOP at a whole second, and its pictures are spread evenly over it; so nothing ever drifts.

    Args:
        slate: The slate.
        count: Which second since it appeared is the first.
        shown: What each second shows.
    """
    payloads = [payload for at, each in enumerate(shown, count) for payload in slate.second(at, each)]
    size = array("q", map(len, payloads))
    rate, pictures = slate.rate, len(payloads)
    dts_us = array("q", (picture * SECOND_US // rate for picture in range(pictures)))
    video = Columns(
        flags=bytes((_KEY_FLAGS, *(_REPEAT_FLAGS for _ in slate.repeats))) * len(shown),
        dts_us=dts_us,
        cts_us=array("q", bytes(8 * pictures)),
        position=array("q", accumulate(size[:-1], initial=0)),
        size=size,
        last_us=len(shown) * SECOND_US - dts_us[-1],
    )
    return build(video, file_size=0, sidecar_size=sum(size)), b"".join(payloads)


# --- the child's side -------------------------------------------------------------------------------------------------


def encode_slate(slate: Slate) -> list[bytes | memoryview]:
    """Return the report of a slate as buffers to be written one behind the other."""
    pictures = [[[_field_code(piece.field), *map(len, piece.choices)] for piece in pieces] for pieces in slate.keys]
    header = {"slate": pictures, "repeats": [*map(len, slate.repeats)], **video_header(slate.video)}
    return framed(header, [b"".join(piece.choices) for pieces in slate.keys for piece in pieces] + [*slate.repeats])


def _field_code(field: Field | None) -> int:
    return -1 if field is None else int(field)


# --- the service's side -----------------------------------------------------------------------------------------------


def decode_slate(header: bytes, body: bytes | bytearray) -> Slate:
    """Check a report and return the slate.

    Raises:
        SegmentRefused: The report is damaged.
    """
    told = parsed(header)
    video = video_config(told)
    cut = _Cutter(body)
    keys = tuple(_picture(each, cut) for each in _list(told.get("slate"), 2, least=1))
    repeats = tuple(cut(size, _MAX_REPEAT) for size in _list(told.get("repeats"), MAX_RATE - 1))
    # With no picture between them, key frames must differ
    if video.codec is not VideoCodec.AVC or len(keys) + len(repeats) < 2 or not cut.done:  # noqa: PLR2004
        raise SegmentRefused(DAMAGED)
    return Slate(video, keys, repeats)


def _picture(told: object, cut: _Cutter) -> tuple[Piece, ...]:
    pieces: list[Piece] = []
    for each in _list(told, _MAX_PIECES, least=1):
        code, *sizes = _list(each, 1 + max(CHOICES), least=2)
        field = None if code == -1 else Field(number(code, max(Field)))
        if len(sizes) != (1 if field is None else CHOICES[field]):
            raise SegmentRefused(DAMAGED)
        pieces.append(Piece(field, tuple(cut(size, MAX_FRAME_BYTES) for size in sizes)))
    if sum(max(map(len, piece.choices)) for piece in pieces) > MAX_FRAME_BYTES:
        raise SegmentRefused(DAMAGED)
    return tuple(pieces)


def _list(told: object, most: int, least: int = 0) -> list[Any]:
    if not isinstance(told, list) or not least <= len(told) <= most:
        raise SegmentRefused(DAMAGED)
    return told


class _Cutter:
    """Takes pieces one behind the other, each of at least one byte."""

    __slots__ = ("_at", "_body")

    def __init__(self, body: bytes | bytearray) -> None:
        if len(body) > _MAX_BYTES:
            raise SegmentRefused(DAMAGED)
        self._body = bytes(body)
        self._at = 0

    def __call__(self, size: object, most: int) -> bytes:
        start = self._at
        self._at += number(size, most, 1)
        if self._at > len(self._body):
            raise SegmentRefused(DAMAGED)
        return self._body[start : self._at]

    @property
    def done(self) -> bool:
        """Whether nothing is left."""
        return self._at == len(self._body)

"""Pictures as mosaics of H.264 slices, some of which can be changed for others without encoding anything again.

The slices of an IDR picture know nothing of each other. So each part of the picture that changes is encoded alone, once
for each of its looks, and so is each part that never does; any choice of looks then makes a whole picture. What an
encoder writes after a slice's header does not say where the slice stands, so the parts are encoded as small pictures of
their own and their headers written anew: borders fall wherever they are wanted, whatever the width of the whole.

A slice runs in raster order, so a part as wide as the picture is one slice, and another part has one slice in each row.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av
from av.video.frame import VideoFrame

from ftp_stream.core.slate import Piece
from ftp_stream.media.avc import MACROBLOCK, intra_slice, slice_format
from ftp_stream.media.nal import prefixed, split_annexb, unit_type
from ftp_stream.model import VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ftp_stream.core.slate import Field
    from ftp_stream.media.avc import SliceFormat
    from ftp_stream.media.canvas import Canvas

__all__ = ["Part", "compose"]

_SPS, _PPS, _IDR = 7, 8, 5
# No slice may depend on a pixel outside it, and each picture is an IDR picture that comes out at once. A subme below 6
# never makes a macroblock of raw samples (I_PCM), which is the only thing in a slice that must begin at a whole byte
_X264: Final = (
    "keyint=1:bframes=0:scenecut=0:threads=1:rc-lookahead=0:sync-lookahead=0:cabac=0:8x8dct=0:no-deblock=1:aq-mode=0"
    ":mbtree=0:psy=0:weightp=0:ref=1:subme=5:trellis=0:analyse=i4x4:annexb=1:repeat-headers=1:aud=0:interlaced=0"
)


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of the picture with several looks; all sides in macroblocks."""

    field: Field  # what chooses the look
    left: int
    top: int
    columns: int
    rows: int
    looks: Sequence[Canvas]  # without padding


def compose(background: Canvas, parts: Sequence[Part], quantiser: int, idr_id: int) -> tuple[Piece, ...]:
    """Return the pieces of a picture, in the order in which they follow each other.

    Args:
        background: The whole picture, its sides multiples of a macroblock.
        parts: What changes of it; those that share a row share all their rows, and no two overlap.
        quantiser: H.264's QP.
        idr_id: The idr_pic_id of the picture.

    Raises:
        SegmentRefused: The encoder does not do what is asked of it.
    """
    return tuple(_merged(_pieces(background, parts, quantiser, idr_id)))


def _pieces(background: Canvas, parts: Sequence[Part], quantiser: int, idr_id: int) -> Iterator[Piece]:
    columns, rows = background.width // MACROBLOCK, background.height // MACROBLOCK
    done = 0
    for top in sorted({part.top for part in parts}):
        band = sorted((part for part in parts if part.top == top), key=lambda part: part.left)
        yield from _rows([_still(background, 0, done, columns, top - done)], columns, quantiser, idr_id)
        yield from _rows(_across(background, band), columns, quantiser, idr_id)
        done = top + band[0].rows
    yield from _rows([_still(background, 0, done, columns, rows - done)], columns, quantiser, idr_id)


def _across(background: Canvas, band: Sequence[Part]) -> list[Part | _Still]:
    """Return all parts of a band from the left to the right edge."""
    top, rows, done = band[0].top, band[0].rows, 0
    found: list[Part | _Still] = []
    for part in band:
        found += [_still(background, done, top, part.left - done, rows), part]
        done = part.left + part.columns
    found.append(_still(background, done, top, background.width // MACROBLOCK - done, rows))
    return found


@dataclass(frozen=True, slots=True)
class _Still:
    """A rectangle that never changes."""

    left: int
    top: int
    columns: int
    rows: int
    looks: Sequence[Canvas]
    field: None = None


def _still(background: Canvas, left: int, top: int, columns: int, rows: int) -> _Still:
    box = (MACROBLOCK * left, MACROBLOCK * top, MACROBLOCK * columns, MACROBLOCK * rows)
    return _Still(left, top, columns, rows, [background.cut(*box)] if columns and rows else [])


def _rows(band: Iterable[Part | _Still], width: int, quantiser: int, idr_id: int) -> Iterator[Piece]:
    """Yield the slices of parts that lie side by side, row by row."""
    parts = [part for part in band if part.columns and part.rows]
    encoded = [_encode(part.looks, quantiser, whole=part.columns == width) for part in parts]
    for row in range(min((len(looks[0]) for _, looks in encoded), default=0)):
        for part, (form, looks) in zip(parts, encoded, strict=True):
            first_mb = (part.top + row) * width + part.left
            choices = (prefixed(intra_slice(slices[row], form, first_mb, idr_id)) for slices in looks)
            yield Piece(part.field, tuple(choices))


def _encode(pictures: Sequence[Canvas], quantiser: int, *, whole: bool) -> tuple[SliceFormat, list[list[bytes]]]:
    """Return how to read the slices of small pictures, and those of each: one, or one for each row."""
    width, height = pictures[0].width, pictures[0].height
    parameters = f"{_X264}:qp={quantiser}" + ("" if whole else f":slice-max-mbs={width // MACROBLOCK}")
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base = Fraction(1)
    context.thread_count = 1
    context.options = {"preset": "veryfast", "x264-params": parameters}
    packets: list[bytes] = []
    for number, picture in enumerate(pictures):
        frame = VideoFrame(width, height, "yuv420p")
        picture.fill_frame(frame)
        frame.pts = number
        packets += map(bytes, context.encode(frame))
    packets += map(bytes, context.encode(None))
    coded = [_by_type(packet) for packet in packets]
    return slice_format(coded[0][_SPS][0], coded[0][_PPS][0]), [units[_IDR] for units in coded]


def _by_type(packet: bytes) -> dict[int, list[bytes]]:
    units: dict[int, list[bytes]] = {}
    for unit in split_annexb(packet):
        units.setdefault(unit_type(unit, VideoCodec.AVC), []).append(unit)
    return units


def _merged(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join pieces that never change with their neighbours that never do."""
    still: list[bytes] = []
    for piece in pieces:
        if piece.field is None:
            still += piece.choices
            continue
        if still:
            yield Piece(None, (b"".join(still),))
            still = []
        yield piece
    if still:
        yield Piece(None, (b"".join(still),))

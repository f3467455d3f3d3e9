"""Makes a slate: a quiet picture with the camera's name, since when nothing came from it, and a clock.

It is like the pictures that the stream sends, in size, shape of the pixels, profile and level, so that no decoder has
to think anew. What a decoder must know of it stands in it, before each key frame, under numbers that no camera uses: so
it needs no header of its own, and the camera's stays valid behind it. A user's own picture takes the place of the plain
background; the texts then stand on a band below.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from math import gcd
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.video.reformatter import ColorRange, Colorspace

from ftp_stream.core.inspection import MAX_SIDE
from ftp_stream.core.slate import CHOICES, Piece, Slate, rate_for
from ftp_stream.errors import SegmentRefused
from ftp_stream.media.avc import MACROBLOCK, configuration, parse_sps, skipped_picture, sps_of
from ftp_stream.media.canvas import Canvas, rgb
from ftp_stream.media.mosaic import Part, compose
from ftp_stream.media.nal import prefixed, record_sets
from ftp_stream.media.words import lay_out
from ftp_stream.model import VideoCodec, VideoConfig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from av.video.frame import VideoFrame

    from ftp_stream.core.request import SlateRequest
    from ftp_stream.media.avc import Like
    from ftp_stream.media.words import Layout, Line

__all__ = ["SMALLEST", "make_slate"]

SMALLEST: Final = (160, 90)  # width and height in pixels below which the texts do not fit
_LARGEST_SIDE: Final = 8192  # pixels
_MATRIX: Final = 6  # colours are those of ITU-R BT.601, and said to be
_QUANTISER: Final = 24  # of plain pictures: letters without a trace of noise, for a few kilobytes
_QUANTISERS: Final = (22, 26, 30, 34, 38, 42)  # of a user's picture: the first that is small enough
_MOST_BYTES: Final = 800_000  # of a user's picture: nginx-rtmp's max_message is 1 MiB, and the texts come on top
_BYTES_PER_PIXEL: Final = 0.1  # of a user's picture, which is sent once a second: 1.7 Mbit/s at 1080p
_FORMATS: Final = "png_pipe,jpeg_pipe,webp_pipe,bmp_pipe"
_MOST_PIXELS: Final = 50_000_000  # of a user's picture
_MOST_SQUEEZED: Final = 4  # of a pixel's sides
_BACKGROUND, _BAND, _ACCENT = rgb(20, 27, 40), rgb(14, 18, 26), rgb(226, 164, 62)


def make_slate(fileno: int, request: SlateRequest) -> Slate:
    """Draw and encode a slate.

    Args:
        fileno: The user's picture; anything but a regular file for none.
        request: What it is to be like.

    Raises:
        SegmentRefused: There can be none of this kind, with the reason in words.
    """
    like = _sane(parse_sps(sps_of(request.record)))
    if like.width < SMALLEST[0] or like.height < SMALLEST[1] or like.width % 2 or like.height % 2:
        raise SegmentRefused(
            f"no slate of {like.width}x{like.height} can be made: sides must be even, 160x90 the least"
        )
    if max(like.width, like.height) > _LARGEST_SIDE:
        raise SegmentRefused(f"no slate of {like.width}x{like.height} can be made: {_LARGEST_SIDE} is the most")
    pictured = stat.S_ISREG(os.fstat(fileno).st_mode)
    layout = lay_out(like, request.name, request.language, low=pictured)
    background = _picture(fileno, like) if pictured else _plain(like)
    quantiser = _choose_quantiser(background, like, request.bitrate) if pictured else _QUANTISER
    _draw_still(background, layout, band=pictured)
    parts = [part for line in layout.lines for part in _parts(background, line)]
    rate = rate_for(request.frame_rate)
    record = configuration(like, rate, _MATRIX)
    sets = Piece(None, (b"".join(map(prefixed, record_sets(record, VideoCodec.AVC))),))
    return Slate(
        video=VideoConfig(
            codec=VideoCodec.AVC,
            record=record,
            width=like.width,
            height=like.height,
            frame_rate=float(rate),
            aspect=like.aspect if all(like.aspect) else (1, 1),
        ),
        # Two key frames in a row, with none between them, must differ in idr_pic_id (7.4.3)
        keys=tuple((sets, *compose(background, parts, quantiser, idr_id)) for idr_id in range(2 if rate == 1 else 1)),
        repeats=tuple(prefixed(skipped_picture(like, number)) for number in range(1, rate)),
    )


def _sane(like: Like) -> Like:
    """Return the same without a shape of the pixels that no camera has."""
    across, down = (side // (gcd(*like.aspect) or 1) for side in like.aspect)
    sane = 0 < across <= _MOST_SQUEEZED * down and 0 < down <= _MOST_SQUEEZED * across and max(across, down) <= MAX_SIDE
    return replace(like, aspect=(across, down) if sane else (0, 0))


# --- the background ---------------------------------------------------------------------------------------------------


def _plain(like: Like) -> Canvas:
    width, height = MACROBLOCK * like.columns, MACROBLOCK * like.rows
    canvas = Canvas(width, height, (width, width // 2, width // 2))
    canvas.fill(0, 0, width, height, _BACKGROUND)
    return canvas


def _picture(fileno: int, like: Like) -> Canvas:
    """Return the user's picture, made so large that it covers all, and its middle cut out.

    Raises:
        SegmentRefused: It cannot be read.
    """
    width, height = MACROBLOCK * like.columns, MACROBLOCK * like.rows
    frame = _read_picture(fileno)
    across = like.aspect[1] / like.aspect[0] if all(like.aspect) else 1.0
    scale = max(width / across / frame.width, height / frame.height)
    covering = _even(max(width, frame.width * scale * across)), _even(max(height, frame.height * scale))
    if max(covering) > 2 * _LARGEST_SIDE:
        raise SegmentRefused(f"SLATE_IMAGE is {frame.width}x{frame.height}: too long and narrow for {width}x{height}")
    scaled = frame.reformat(
        *covering, format="yuv420p", dst_colorspace=Colorspace.SMPTE170M, dst_color_range=ColorRange.MPEG
    )
    luma, cb, cr = (plane.line_size for plane in scaled.planes)
    canvas = Canvas(*covering, (luma, cb, cr))
    canvas.planes = (bytearray(scaled.planes[0]), bytearray(scaled.planes[1]), bytearray(scaled.planes[2]))
    return canvas.cut((covering[0] - width) // 4 * 2, (covering[1] - height) // 4 * 2, width, height)


def _read_picture(fileno: int) -> VideoFrame:
    """Open by descriptor, so that neither a name nor the content can lead FFmpeg to anything else."""
    os.lseek(fileno, 0, os.SEEK_SET)
    options = {"fd": str(fileno), "protocol_whitelist": "fd", "format_whitelist": _FORMATS}
    try:
        with av.open("fd:", options=options, metadata_errors="replace") as container:
            stream = container.streams.video[0]
            if stream.width * stream.height > _MOST_PIXELS:
                most = f"{_MOST_PIXELS // 1_000_000} megapixels are the most"
                raise SegmentRefused(f"SLATE_IMAGE is {stream.width}x{stream.height}: {most}")
            stream.codec_context.thread_count = 1
            return next(container.decode(stream))
    except (av.error.FFmpegError, ValueError, IndexError, StopIteration) as error:
        words = (isinstance(error, av.error.FFmpegError) and error.strerror) or str(error) or "it holds no picture"
        raise SegmentRefused(f"SLATE_IMAGE cannot be read: {words}; PNG, JPEG, WebP and BMP can be") from error


def _even(length: float) -> int:
    return -(-round(length) // 2) * 2


def _choose_quantiser(picture: Canvas, like: Like, bitrate: int) -> int:
    """Return how finely a user's picture can be coded."""
    most = min(_MOST_BYTES, bitrate / 8 if bitrate else like.width * like.height * _BYTES_PER_PIXEL)
    for quantiser in _QUANTISERS:
        if sum(len(piece.choices[0]) for piece in compose(picture, (), quantiser, 0)) <= most:
            return quantiser
    return _QUANTISERS[-1]


# --- the texts --------------------------------------------------------------------------------------------------------


def _draw_still(canvas: Canvas, layout: Layout, *, band: bool) -> None:
    """Draw all that does not change."""
    if band:
        canvas.fill(0, layout.top, canvas.width, canvas.height - layout.top, _BAND)
    left, top, width, height = layout.bar
    canvas.fill(left, top, width, height, _ACCENT)
    for line in layout.lines:
        canvas.text(line.x, line.y, line.still, line.high, wide=line.wide, level=line.level)


def _parts(background: Canvas, line: Line) -> Sequence[Part]:
    """Return what changes of a line, in all its looks."""
    parts: list[Part] = []
    for (field, letter), (left, right) in zip(line.fields, line.columns(), strict=True):
        first, last = line.rows()
        box = background.cut(
            MACROBLOCK * left, MACROBLOCK * first, MACROBLOCK * (right - left), MACROBLOCK * (last - first)
        )
        looks = [_look(box, line, letter, (left, first), value) for value in range(CHOICES[field])]
        parts.append(Part(field, left, first, right - left, last - first, looks))
    return parts


def _look(box: Canvas, line: Line, letter: int, corner: tuple[int, int], value: int) -> Canvas:
    canvas = box.copy()
    x = line.letter_x(letter) - MACROBLOCK * corner[0]
    canvas.text(x, line.y - MACROBLOCK * corner[1], f"{value:02d}", line.high, wide=line.wide, level=line.level)
    return canvas

"""What encoded pictures are like: their size, their bitrate and level, and what to say where encoding is too slow."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from ftp_stream.core.levels import LEVELS, MACROBLOCK
from ftp_stream.model import Shape

__all__ = [
    "GOP_US",
    "Placement",
    "bitrate",
    "is_high_definition",
    "level",
    "own_shape",
    "place",
    "sane_aspect",
    "slowness",
    "speed",
]

GOP_US: Final = 2_000_000  # what YouTube, Twitch and Facebook ask for
_PLAIN_RATE: Final = 25  # pictures a second where nothing tells
_MAX_RATE: Final = 120
_BITS_PER_PIXEL: Final = 0.1  # 1280x720 at 25: 2.3 Mbit/s; 1920x1080 at 25: 5.2; 640x480 at 15: 0.46
_LEAST, _MOST = 300_000, 16_000_000  # bits per second
_MAX_SIDE: Final = 4096  # what decoders of H.264 bear, in hardware and in browsers
_LOWEST, _HIGHEST = 30, 52  # levels: whatever plays H.264 bears the lowest, and few more than the highest
_MAX_MACROBLOCKS: Final = LEVELS[_HIGHEST].size  # of a picture
_HD_WIDTH, _HD_HEIGHT = 1024, 576  # beyond these, players take colours for those of BT.709
_SANE_ASPECT: Final = Fraction(4)  # of one pixel; 64:33 is the widest in use
_SNAP: Final = 0.01  # part of a side by which a picture may be stretched to spare it bars


# --- shape ----------------------------------------------------------------------------------------------------------


def own_shape(width: int, height: int, rate: float, aspect: Fraction | None) -> Shape:
    """Return the shape for pictures that keep their own: sides made even (H.264 with 4:2:0), as large as decoders bear.

    Args:
        width: Pixels, 2 at least.
        height: Pixels, 2 at least.
        rate: Pictures a second, 0 where unknown; what stands in the shape is whole, since files that a camera records
            alike are never measured alike.
        aspect: Of one pixel, width to height.
    """
    while width > _MAX_SIDE or height > _MAX_SIDE or _macroblocks(width, height) > _MAX_MACROBLOCKS:
        factor = min(_MAX_SIDE / max(width, height), (_MAX_MACROBLOCKS / _macroblocks(width, height)) ** 0.5, 0.99)
        width, height = int(width * factor), int(height * factor)
    pixel = sane_aspect(aspect)
    whole = min(max(round(rate), 1), _MAX_RATE) if rate > 0 else _PLAIN_RATE
    return Shape(_even(width), _even(height), float(whole), (pixel.numerator, pixel.denominator))


def sane_aspect(aspect: Fraction | None) -> Fraction:
    """Return the aspect of a pixel, 1 where it is unknown or nonsense."""
    if not aspect or not 1 / _SANE_ASPECT <= aspect <= _SANE_ASPECT:
        return Fraction(1)
    return aspect.limit_denominator(255)


def _even(side: int) -> int:
    return max(2, side // 2 * 2)


def _macroblocks(width: int, height: int) -> int:
    return -(-width // MACROBLOCK) * -(-height // MACROBLOCK)


def is_high_definition(shape: Shape) -> bool:
    """Whether colours are those of BT.709, else of BT.601: by size, as every player assumes."""
    return shape.width > _HD_WIDTH or shape.height > _HD_HEIGHT


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture stands in a shape; the rest is black. All even, in pixels."""

    width: int
    height: int
    left: int
    top: int


def place(width: int, height: int, aspect: Fraction | None, shape: Shape) -> Placement:
    """Return where a picture goes so that all of it is seen, as wide to its height as it was.

    Args:
        width: Of the picture, pixels.
        height: Of the picture, pixels.
        aspect: Of one of its pixels.
        shape: What it is placed into.
    """
    seen = sane_aspect(aspect) * width / height / Fraction(*shape.aspect)  # width to height in the shape's pixels
    wide, high = _snapped(shape.height * seen, shape.width), _snapped(shape.width / seen, shape.height)
    if high < shape.height:
        wide = shape.width
    return Placement(wide, high, (shape.width - wide) // 4 * 2, (shape.height - high) // 4 * 2)


def _snapped(side: Fraction, full: int) -> int:
    """Return an even side within the full one, which it is where it nearly is."""
    if side >= full * (1 - _SNAP) or full - side <= 2:  # noqa: PLR2004 - a bar narrower than two colour samples
        return full
    return max(2, round(side / 2) * 2)


# --- bits -----------------------------------------------------------------------------------------------------------


def bitrate(shape: Shape) -> int:
    """Return how many bits per second pictures of a shape take at most, where nobody says: 0.1 bit per pixel."""
    return round(min(max(shape.width * shape.height * shape.frame_rate * _BITS_PER_PIXEL, _LEAST), _MOST))


def level(shape: Shape, most: int) -> int:
    """Return the level (x 10) that a decoder needs for a shape and a bitrate: by these alone, never by the pictures."""
    size = _macroblocks(shape.width, shape.height)
    fitting = (
        number
        for number, bears in LEVELS.items()
        if number >= _LOWEST and size <= bears.size and size * shape.frame_rate <= bears.speed and most <= bears.bits
    )
    return min(next(fitting, _HIGHEST), _HIGHEST)


# --- speed ----------------------------------------------------------------------------------------------------------


def speed(duration_us: int, encoding_seconds: float) -> float:
    """Return how many seconds of footage were encoded in one second; 0 where nothing was.

    Below 1 a camera that records without a break falls behind for ever.
    """
    return duration_us / 1e6 / encoding_seconds if encoding_seconds > 0 else 0.0


def slowness(duration_us: int, encoding_seconds: float) -> str:
    """Return what to say and to change where encoding is slower than real time; "" where it keeps up.

    Args:
        duration_us: Of the segment, microseconds of footage.
        encoding_seconds: That the encoding of its pictures took; 0 where nothing was encoded.
    """
    times = speed(duration_us, encoding_seconds)
    if not 0 < times < 1:
        return ""
    return (
        f"encoding runs at {times:.2f} times real time ({duration_us / 1e6:.0f} s of video took"
        f" {encoding_seconds:.0f} s): the stream will fall behind. Set the camera to H.264, which is copied; or lower"
        " its resolution or frame rate; or use a hardware encoder (ENCODER=) or a faster machine"
    )

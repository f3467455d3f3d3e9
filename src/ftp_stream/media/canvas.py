"""A canvas in planar YUV 4:2:0, drawn on with byte slices alone: small machines have no drawing library."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ftp_stream.media.letters import ADVANCE, RISE, glyph

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

__all__ = ["WHITE_LEVEL", "Canvas", "Colour", "rgb"]

Colour = tuple[int, int, int]  # Y, Cb, Cr in the limited range

WHITE_LEVEL: Final = 235  # luma of white in the limited range


def rgb(red: int, green: int, blue: int) -> Colour:
    """Return 8-bit RGB as limited-range YCbCr (ITU-R BT.601)."""
    luma = 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256
    cb = 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256
    cr = 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256
    return round(luma), round(cb), round(cr)


@lru_cache(maxsize=512)
def _ink_over(background: int, level: int) -> bytes:
    """Return a translation table from coverage to luma, for letters of this luma on this background."""
    return bytes(round(background + (level - background) * share / 255) for share in range(256))


class Canvas:
    """Three planes of bytes, laid out like the planes of the encoder's frame (each row padded to a stride)."""

    def __init__(self, width: int, height: int, strides: tuple[int, int, int]) -> None:
        self.width = width
        self.height = height
        self.strides = strides
        luma, cb, cr = strides
        self.planes = (bytearray(luma * height), bytearray(cb * (height // 2)), bytearray(cr * (height // 2)))

    def copy(self) -> Canvas:
        """Return an independent picture like this one."""
        twin = Canvas.__new__(Canvas)
        twin.width, twin.height, twin.strides = self.width, self.height, self.strides
        luma, cb, cr = self.planes
        twin.planes = (bytearray(luma), bytearray(cb), bytearray(cr))
        return twin

    def fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fill a rectangle, in pixels; what lies outside is left out and odd edges fall on even ones in the chroma."""
        x, right = max(0, x), min(self.width, x + width)
        y, bottom = max(0, y), min(self.height, y + height)
        for index, (plane, stride, value) in enumerate(zip(self.planes, self.strides, colour, strict=True)):
            shift = 1 if index else 0
            start, stop = x >> shift, right >> shift
            row = bytes((value,)) * (stop - start)
            for line in range(y >> shift, bottom >> shift):
                plane[line * stride + start : line * stride + stop] = row

    def column(self, x: int, top: int, colour: Colour) -> None:
        """Fill two columns of pixels from ``top`` to the bottom edge; ``x`` is even."""
        for offset in (x, x + 1):
            rows = self.height - top
            self.planes[0][top * self.strides[0] + offset :: self.strides[0]] = bytes((colour[0],)) * rows
        for plane, stride, value in zip(self.planes[1:], self.strides[1:], colour[1:], strict=True):
            first = (top + 1) // 2
            plane[first * stride + x // 2 :: stride] = bytes((value,)) * (self.height // 2 - first)

    def fill_frame(self, frame: VideoFrame) -> None:
        """Copy the picture to one of FFmpeg's of the same size, whose rows are padded in its own way."""
        for plane, drawn, stride in zip(frame.planes, self.planes, self.strides, strict=True):
            gap = bytes(plane.line_size - stride)
            plane.update(b"".join(drawn[at : at + stride] + gap for at in range(0, len(drawn), stride)))

    def cut(self, x: int, y: int, width: int, height: int) -> Canvas:
        """Return a picture of a rectangle of this one, in even pixels, that has no padding."""
        part = Canvas(width, height, (width, width // 2, width // 2))
        for index, (plane, stride, mine) in enumerate(zip(self.planes, self.strides, part.planes, strict=True)):
            shift = 1 if index else 0
            count = width >> shift
            for line in range(height >> shift):
                start = ((y >> shift) + line) * stride + (x >> shift)
                mine[line * count : (line + 1) * count] = plane[start : start + count]
        return part

    def shade(self, x: int, y: int, width: int, height: int, share: float) -> None:
        """Darken a rectangle to ``share`` of its light and grey it, so that letters are easy to read on it."""
        darker = bytes(round(16 + max(0, level - 16) * share) for level in range(256))
        greyer = bytes(round(128 + (level - 128) * share) for level in range(256))
        for index, (plane, stride) in enumerate(zip(self.planes, self.strides, strict=True)):
            shift = 1 if index else 0
            for line in range(y >> shift, (y + height) >> shift):
                part = slice(line * stride + (x >> shift), line * stride + ((x + width) >> shift))
                plane[part] = plane[part].translate(greyer if index else darker)

    def disc(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fill a circle around a centre, in pixels."""
        for line in range(-radius, radius, 2):
            half = int(math.sqrt(radius * radius - line * line)) & ~1
            self.fill(x - half, y + line, 2 * half, 2, colour)

    def text(self, x: int, y: int, words: str, cell: float, *, wide: float = 0.0, level: int = WHITE_LEVEL) -> None:
        """Write letters as far as they lie inside.

        The background must not change along a row of pixels.

        Args:
            x: Left edge of the first letter, pixels.
            y: Top edge of its capitals.
            words: The letters; unknown ones become question marks.
            cell: Height of a cell of them, pixels.
            wide: Width of a cell where it is another.
            level: Luma of the letters.
        """
        wide = wide or cell
        luma, stride = self.planes[0], self.strides[0]
        top = y - round(RISE * cell)
        for position, letter in enumerate(words):
            left = x + round(position * ADVANCE * wide)
            skipped, start = max(0, -left), max(0, left)
            for line, coverage in enumerate(glyph(letter, wide, cell), top):
                seen = coverage[skipped : max(0, self.width - left)]
                if 0 <= line < self.height and any(seen):
                    at = line * stride + start
                    luma[at : at + len(seen)] = seen.translate(_ink_over(luma[at], level))

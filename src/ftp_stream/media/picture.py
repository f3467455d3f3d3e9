"""A test picture in planar YUV 4:2:0, drawn with byte slices alone: a landscape at dusk, a clock, a train that passes.

Machines that run this often have no font file and no drawing library, so the letters are a bitmap of 5 by 7 cells,
enlarged with rounded edges. What does not change is drawn once, what changes by the second once a second; a frame
then costs a copy and some hundred row slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["SMALLEST", "Canvas", "Caption", "Picture"]

SMALLEST = (160, 90)  # width and height in pixels below which the drawing does not fit

Colour = tuple[int, int, int]  # Y, Cb, Cr in the limited range of ITU-R BT.601

_CELLS_WIDE, _CELLS_HIGH, _ADVANCE = 5, 7, 6
_INK = 0.4  # the blurred ink that is the edge of a stroke: even strokes, straight and slanting
_WHITE_LEVEL = 235  # luma of white in the limited range
# The columns of each letter from left to right, the lowest bit on top.
_FONT = {
    " ": "0000000000",
    "0": "3E4141413E",
    "1": "00427F4000",
    "2": "6251494946",
    "3": "2241494936",
    "4": "1814127F10",
    "5": "2745454539",
    "6": "3E49494932",
    "7": "0171090503",
    "8": "3649494936",
    "9": "264949493E",
    "A": "7E1111117E",
    "B": "7F49494936",
    "C": "3E41414122",
    "D": "7F4141413E",
    "E": "7F49494941",
    "F": "7F09090901",
    "G": "3E4149497A",
    "H": "7F0808087F",
    "I": "00417F4100",
    "J": "2040413F01",
    "K": "7F08142241",
    "L": "7F40404040",
    "M": "7F020C027F",
    "N": "7F0408107F",
    "O": "3E4141413E",
    "P": "7F09090906",
    "Q": "3E4151215E",
    "R": "7F09192946",
    "S": "2649494932",
    "T": "01017F0101",
    "U": "3F4040403F",
    "V": "1F2040201F",
    "W": "3F4038403F",
    "X": "6314081463",
    "Y": "0708700807",
    "Z": "6151494543",
    ":": "0036360000",
    ".": "0060600000",
    ",": "0050300000",
    "-": "0808080808",
    "_": "4040404040",
    "/": "2010080402",
    "+": "08083E0808",
    "#": "147F147F14",
    "(": "001C224100",
    ")": "0041221C00",
    "?": "0201510906",
}


def _rgb(red: int, green: int, blue: int) -> Colour:
    """Turns 8-bit RGB into limited-range YCbCr (ITU-R BT.601)."""
    luma = 16 + (65.738 * red + 129.057 * green + 25.064 * blue) / 256
    cb = 128 + (-37.945 * red - 74.494 * green + 112.439 * blue) / 256
    cr = 128 + (112.439 * red - 94.154 * green - 18.285 * blue) / 256
    return round(luma), round(cb), round(cr)


def _blend(first: Colour, second: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from the first to the second."""
    y, u, v = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return y, u, v


_SKY = (_rgb(18, 28, 64), _rgb(74, 84, 140), _rgb(236, 150, 110))  # from the top to the horizon
_DUSK = 0.6  # where between them the middle colour stands
_SUN = _rgb(255, 214, 130)
_HILLS = (_rgb(92, 84, 122), _rgb(62, 68, 96), _rgb(30, 50, 52))  # from far to near
_MEADOW, _RAIL, _SLEEPER = _rgb(24, 40, 34), _rgb(150, 150, 150), _rgb(70, 58, 48)
_WAGONS = (_rgb(196, 56, 48), _rgb(226, 226, 214), _rgb(40, 104, 160), _rgb(226, 226, 214))
_WINDOW, _WHEEL, _CHIMNEY = _rgb(255, 226, 140), _rgb(12, 12, 14), _rgb(120, 30, 30)
_BARS = tuple(
    _rgb(*rgb)
    for rgb in (
        (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0),
        (191, 0, 191), (191, 0, 0), (0, 0, 191), (16, 16, 16),
    )
)  # fmt: skip
_MARK_ON, _MARK_OFF, _BEEP = _rgb(255, 214, 130), _rgb(70, 76, 110), _rgb(240, 60, 50)


# --- letters ----------------------------------------------------------------------------------------------------------


def _lit(columns: bytes, column: int, row: int) -> int:
    inside = 0 <= column < _CELLS_WIDE and 0 <= row < _CELLS_HIGH
    return columns[column] >> row & 1 if inside else 0


def _spline(place: float) -> tuple[int, tuple[float, float, float]]:
    """The first of the three cells around a place, and their weights: a quadratic B-spline."""
    middle = math.floor(place)
    off = place - middle - 0.5
    return middle - 1, (0.5 * (0.5 - off) ** 2, 0.75 - off * off, 0.5 * (0.5 + off) ** 2)


def _coverage(columns: bytes, x: float, y: float, sharpness: float) -> int:
    """How much ink stands at a place given in cells: 0..255. Blurred and made sharp again, corners come out round."""
    left, across = _spline(x)
    top, down = _spline(y)
    ink = sum(
        _lit(columns, left + column, top + row) * horizontal * vertical
        for row, vertical in enumerate(down)
        for column, horizontal in enumerate(across)
    )
    return round(255 * min(1.0, max(0.0, (ink - _INK) * sharpness + 0.5)))


@lru_cache(maxsize=256)
def _glyph(letter: str, cell: int) -> tuple[bytes, ...]:
    """The letter's rows of coverage, each cell ``cell`` pixels wide; an unknown letter is a question mark."""
    columns = bytes.fromhex(_FONT.get(letter.upper(), _FONT["?"]))
    sharpness = max(1.0, cell / 1.5)
    across = [(x + 0.5) / cell for x in range(_ADVANCE * cell)]
    down = [(y + 0.5) / cell for y in range(_CELLS_HIGH * cell)]
    return tuple(bytes(_coverage(columns, x, y, sharpness) for x in across) for y in down)


@lru_cache(maxsize=256)
def _ink_over(background: int) -> bytes:
    """A translation table from coverage to luma, for white letters on this background."""
    return bytes(round(background + (_WHITE_LEVEL - background) * share / 255) for share in range(256))


# --- canvas -----------------------------------------------------------------------------------------------------------


class Canvas:
    """Three planes of bytes, laid out like the planes of the encoder's frame (each row padded to a stride)."""

    def __init__(self, width: int, height: int, strides: tuple[int, int, int]) -> None:
        self.width = width
        self.height = height
        self.strides = strides
        luma, cb, cr = strides
        self.planes = (bytearray(luma * height), bytearray(cb * (height // 2)), bytearray(cr * (height // 2)))

    def copy(self) -> Canvas:
        """Makes an independent picture like this one."""
        twin = Canvas.__new__(Canvas)
        twin.width, twin.height, twin.strides = self.width, self.height, self.strides
        luma, cb, cr = self.planes
        twin.planes = (bytearray(luma), bytearray(cb), bytearray(cr))
        return twin

    def fill(self, x: int, y: int, width: int, height: int, colour: Colour) -> None:
        """Fills a rectangle, in pixels; what lies outside is left out and odd edges fall on even ones in the chroma."""
        x, right = max(0, x), min(self.width, x + width)
        y, bottom = max(0, y), min(self.height, y + height)
        for index, (plane, stride, value) in enumerate(zip(self.planes, self.strides, colour, strict=True)):
            shift = 1 if index else 0
            start, stop = x >> shift, right >> shift
            row = bytes((value,)) * (stop - start)
            for line in range(y >> shift, bottom >> shift):
                plane[line * stride + start : line * stride + stop] = row

    def column(self, x: int, top: int, colour: Colour) -> None:
        """Fills two columns of pixels from ``top`` to the bottom edge; ``x`` is even."""
        for offset in (x, x + 1):
            rows = self.height - top
            self.planes[0][top * self.strides[0] + offset :: self.strides[0]] = bytes((colour[0],)) * rows
        for plane, stride, value in zip(self.planes[1:], self.strides[1:], colour[1:], strict=True):
            first = (top + 1) // 2
            plane[first * stride + x // 2 :: stride] = bytes((value,)) * (self.height // 2 - first)

    def shade(self, x: int, y: int, width: int, height: int, share: float) -> None:
        """Darkens a rectangle to ``share`` of its light and greys it, so that letters are easy to read on it."""
        darker = bytes(round(16 + max(0, level - 16) * share) for level in range(256))
        greyer = bytes(round(128 + (level - 128) * share) for level in range(256))
        for index, (plane, stride) in enumerate(zip(self.planes, self.strides, strict=True)):
            shift = 1 if index else 0
            for line in range(y >> shift, (y + height) >> shift):
                part = slice(line * stride + (x >> shift), line * stride + ((x + width) >> shift))
                plane[part] = plane[part].translate(greyer if index else darker)

    def disc(self, x: int, y: int, radius: int, colour: Colour) -> None:
        """Fills a circle around a centre, in pixels."""
        for line in range(-radius, radius, 2):
            half = int(math.sqrt(radius * radius - line * line)) & ~1
            self.fill(x - half, y + line, 2 * half, 2, colour)

    def text(self, x: int, y: int, words: str, cell: int) -> None:
        """Writes white letters whose cells are ``cell`` pixels, as far as they find room.

        The background must not change along a row of pixels.
        """
        luma, stride = self.planes[0], self.strides[0]
        for position, letter in enumerate(words):
            left = x + position * _ADVANCE * cell
            if not 0 <= left <= self.width - _ADVANCE * cell:
                continue
            for line, coverage in enumerate(_glyph(letter, cell)[: self.height - y], y):
                start = line * stride + left
                luma[start : start + len(coverage)] = coverage.translate(_ink_over(luma[start]))


def _text_width(words: str, cell: int) -> int:
    return (len(words) * _ADVANCE - 1) * cell


# --- the picture ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caption:
    """The lines of text that change at most once a second."""

    title: str  # top left
    details: str  # top right
    small: str  # over the clock: the date
    large: str  # the clock


class _Train:
    """A train that passes from the left to the right; rows wide enough to be cut out at any place."""

    def __init__(self, width: int, strides: tuple[int, int, int], cell: int) -> None:
        wagon, gap = 26 * cell, 2 * cell
        self._length = len(_WAGONS) * (wagon + gap)
        self._view = width
        self.height = 18 * cell
        wide = self._length + 2 * width
        band = Canvas(wide, self.height, (wide, wide // 2, wide // 2))
        _draw_track(band, cell)
        for index, colour in enumerate(reversed(_WAGONS)):
            _draw_wagon(band, width + index * (wagon + gap), cell, colour, engine=index == len(_WAGONS) - 1)
        self._band = band
        self._strides = strides

    def draw(self, canvas: Canvas, top: int, progress: float) -> None:
        """Draws the band with the train ``progress`` (0..1) of its way across."""
        travelled = round(progress * (self._view + self._length)) & ~1
        left = self._view + self._length - travelled
        planes = zip(canvas.planes, canvas.strides, self._band.planes, self._band.strides, strict=True)
        for index, (plane, stride, band, wide) in enumerate(planes):
            shift = 1 if index else 0
            count, source = self._view >> shift, left >> shift
            for line in range(self.height >> shift):
                start = ((top >> shift) + line) * stride
                plane[start : start + count] = band[line * wide + source : line * wide + source + count]


def _draw_track(band: Canvas, cell: int) -> None:
    band.fill(0, 0, band.width, band.height, _MEADOW)
    band.fill(0, 16 * cell, band.width, 2 * cell, _SLEEPER)
    band.fill(0, 15 * cell & ~1, band.width, max(2, cell), _RAIL)


def _draw_wagon(band: Canvas, x: int, cell: int, colour: Colour, *, engine: bool) -> None:
    roof = 4 * cell
    band.fill(x, roof, 26 * cell, 9 * cell, colour)
    if engine:
        band.fill(x + 18 * cell, 0, 4 * cell, roof, _CHIMNEY)
        band.fill(x + 2 * cell, 2 * cell, 10 * cell, 2 * cell, _CHIMNEY)
    for window in range(1 if engine else 4):
        band.fill(x + (3 + 6 * window) * cell, 6 * cell, 4 * cell, 3 * cell, _WINDOW)
    for wheel in (4, 8, 18, 22):
        band.disc(x + wheel * cell, 13 * cell, 2 * cell, _WHEEL)


def _draw_sky(canvas: Canvas, horizon: int) -> None:
    for line in range(0, canvas.height, 2):
        place = min(1.0, line / horizon)
        if place < _DUSK:
            colour = _blend(_SKY[0], _SKY[1], place / _DUSK)
        else:
            colour = _blend(_SKY[1], _SKY[2], (place - _DUSK) / (1 - _DUSK))
        canvas.fill(0, line, canvas.width, 2, colour)


def _draw_hills(canvas: Canvas, horizon: int, unit: float) -> None:
    waves = ((-6, 16, 150, 0.4), (8, 14, 96, 2.2), (26, 10, 210, 4.0))  # offset, height, length and phase of each range
    for colour, (offset, swing, length, phase) in zip(_HILLS, waves, strict=True):
        for x in range(0, canvas.width, 2):
            turn = x / (length * unit) + phase
            rise = math.sin(turn) + 0.4 * math.sin(2.7 * turn + phase)
            canvas.column(x, int(horizon + unit * (offset - swing * rise)), colour)


class Picture:
    """The test picture of one camera; even width and height, in pixels."""

    def __init__(self, width: int, height: int, strides: tuple[int, int, int], rate: int, lap: float) -> None:
        self._unit = min(width / 640, height / 360)
        self._cell = max(1, round(self._unit))
        self._rate = rate
        self._lap = lap  # seconds that the train takes
        self._train = _Train(width, strides, max(2, round(2 * self._unit)))
        self._scene = self._draw_scene(Canvas(width, height, strides))
        self._caption: Caption | None = None
        self._captioned = self._scene

    def draw(self, number: int, caption: Caption) -> Canvas:
        """Draws frame ``number`` (from 0)."""
        if caption != self._caption:
            self._caption, self._captioned = caption, self._draw_caption(caption)
        canvas = self._captioned.copy()
        self._train.draw(canvas, self._track_top, number / self._rate % self._lap / self._lap)
        self._centred(canvas, 178, f"FRAME {number:08d}", 3 * self._cell)
        self._draw_second(canvas, number % self._rate)
        return canvas

    def _px(self, length: float) -> int:
        return int(length * self._unit) & ~1

    @property
    def _track_top(self) -> int:
        return (self._scene.height - self._px(20) - self._train.height) & ~1

    def _draw_scene(self, canvas: Canvas) -> Canvas:
        self._scene = canvas
        horizon = self._track_top - self._px(34)
        _draw_sky(canvas, horizon)
        canvas.disc(canvas.width * 4 // 5 & ~1, horizon - self._px(12), self._px(28), _SUN)
        _draw_hills(canvas, horizon, self._unit)
        bar = canvas.width / len(_BARS)
        for index, colour in enumerate(_BARS):
            canvas.fill(int(index * bar) & ~1, canvas.height - self._px(20), int(bar) + 2, self._px(20), colour)
        return canvas

    def _draw_caption(self, caption: Caption) -> Canvas:
        canvas = self._scene.copy()
        canvas.shade(0, 0, canvas.width, self._px(36), 0.45)
        width = self._px(432)
        canvas.shade((canvas.width - width) // 2 & ~1, self._px(50), width, self._px(176), 0.45)
        margin, title, details = self._px(16), 3 * self._cell, 2 * self._cell
        room = (canvas.width - 3 * margin - _text_width(caption.details, details)) // (_ADVANCE * title)
        canvas.text(margin, self._px(8), caption.title[: max(0, room)], title)
        right = canvas.width - margin - _text_width(caption.details, details)
        canvas.text(right, self._px(12), caption.details, details)
        self._centred(canvas, 62, caption.small, 4 * self._cell)
        self._centred(canvas, 106, caption.large, 8 * self._cell)
        return canvas

    def _centred(self, canvas: Canvas, y: int, words: str, cell: int) -> None:
        left = (canvas.width - _text_width(words, cell)) // 2
        canvas.text(max(0, left), self._px(y), words, cell)

    def _draw_second(self, canvas: Canvas, position: int) -> None:
        """A row of marks, one a frame, red at the beep: what stutters is seen, and so is sound out of step."""
        width, top = self._px(384), self._px(210)
        left = (canvas.width - width) // 2
        for mark in range(self._rate):
            start, stop = (left + width * edge // self._rate & ~1 for edge in (mark, mark + 1))
            on = _BEEP if mark == 0 else _MARK_ON
            canvas.fill(start, top, max(2, stop - start - 2), self._px(8), on if mark <= position else _MARK_OFF)

"""A test picture in planar YUV 4:2:0, drawn with byte slices alone: a landscape at dusk, a clock, a train that passes.

What does not change is drawn once, what changes by the second once a second; a frame then costs a copy and some hundred
row slices.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.media.canvas import Canvas, rgb
from ftp_stream.media.letters import ADVANCE, text_width

if TYPE_CHECKING:
    from ftp_stream.media.canvas import Colour

__all__ = ["SMALLEST", "Caption", "Picture"]

SMALLEST = (160, 90)  # width and height in pixels below which the drawing does not fit


def _blend(first: Colour, second: Colour, share: float) -> Colour:
    """The colour ``share`` of the way from the first to the second."""
    y, u, v = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return y, u, v


_SKY = (rgb(18, 28, 64), rgb(74, 84, 140), rgb(236, 150, 110))  # from the top to the horizon
_DUSK = 0.6  # where between them the middle colour stands
_SUN = rgb(255, 214, 130)
_HILLS = (rgb(92, 84, 122), rgb(62, 68, 96), rgb(30, 50, 52))  # from far to near
_MEADOW, _RAIL, _SLEEPER = rgb(24, 40, 34), rgb(150, 150, 150), rgb(70, 58, 48)
_WAGONS = (rgb(196, 56, 48), rgb(226, 226, 214), rgb(40, 104, 160), rgb(226, 226, 214))
_WINDOW, _WHEEL, _CHIMNEY = rgb(255, 226, 140), rgb(12, 12, 14), rgb(120, 30, 30)
_BARS = tuple(
    rgb(*parts)
    for parts in (
        (191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0),
        (191, 0, 191), (191, 0, 0), (0, 0, 191), (16, 16, 16),
    )
)  # fmt: skip
_MARK_ON, _MARK_OFF, _BEEP = rgb(255, 214, 130), rgb(70, 76, 110), rgb(240, 60, 50)


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
        """Draw the band with the train ``progress`` (0..1) of its way across."""
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
        """Draw frame ``number`` (from 0)."""
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
        room = (canvas.width - 3 * margin - text_width(caption.details, details)) // (ADVANCE * title)
        canvas.text(margin, self._px(8), caption.title[: max(0, room)], title)
        right = canvas.width - margin - text_width(caption.details, details)
        canvas.text(right, self._px(12), caption.details, details)
        self._centred(canvas, 62, caption.small, 4 * self._cell)
        self._centred(canvas, 106, caption.large, 8 * self._cell)
        return canvas

    def _centred(self, canvas: Canvas, y: int, words: str, cell: int) -> None:
        left = (canvas.width - text_width(words, cell)) // 2
        canvas.text(max(0, left), self._px(y), words, cell)

    def _draw_second(self, canvas: Canvas, position: int) -> None:
        """A row of marks, one a frame, red at the beep: what stutters is seen, and so is sound out of step."""
        width, top = self._px(384), self._px(210)
        left = (canvas.width - width) // 2
        for mark in range(self._rate):
            start, stop = (left + width * edge // self._rate & ~1 for edge in (mark, mark + 1))
            on = _BEEP if mark == 0 else _MARK_ON
            canvas.fill(start, top, max(2, stop - start - 2), self._px(8), on if mark <= position else _MARK_OFF)

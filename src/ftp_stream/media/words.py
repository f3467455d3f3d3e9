"""Where the texts of a slate stand, so that what changes of them lies in macroblocks of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, Final

from ftp_stream.core.slate import SENTENCES, Field
from ftp_stream.media.avc import MACROBLOCK
from ftp_stream.media.canvas import WHITE_LEVEL
from ftp_stream.media.letters import ADVANCE, CELLS_HIGH, known, text_width

if TYPE_CHECKING:
    from ftp_stream.media.avc import Like

__all__ = ["Layout", "Line", "lay_out"]

# Sizes as parts of the picture's height, of the room that a line has as part of its width
_NAME, _SENTENCE, _CLOCK = 0.105, 0.05, 0.15
_GAP, _BAR_HIGH, _BAR_WIDE = 0.055, 0.008, 0.07
_ROOM: Final = 0.88
_LOW_SCALE: Final = 0.62  # of all that on a band below a user's picture
_SENTENCE_LEVEL, _CLOCK_LEVEL = 172, 222
_ONE_LINE: Final = 0.8  # a sentence is broken where it would else be smaller than this part of its usual size
_LEAST_NAME: Final = 0.5  # a name is cut where it would else be smaller
_LEAST: Final = 1.0  # pixels of a cell that can be read
_EDGE: Final = 0.5  # cells by which a rounded letter spreads
_CLOCK_WORDS: Final = "00:00:00"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text."""

    words: str  # 00 stands for each field
    x: int  # left edge of the first letter, pixels
    y: int  # top edge of the capitals
    high: float  # height of a cell of the letters, pixels
    wide: float  # its width
    level: int  # luma
    fields: tuple[tuple[Field, int], ...] = ()  # with the letter that each begins with

    @property
    def still(self) -> str:
        """What does not change of it."""
        letters = [*self.words]
        for _, first in self.fields:
            letters[first : first + 2] = "  "
        return "".join(letters)

    @property
    def height(self) -> int:
        """Of its capitals."""
        return round(CELLS_HIGH * self.high)

    def letter_x(self, number: int) -> int:
        """Return the left edge of a letter."""
        return self.x + round(number * ADVANCE * self.wide)

    def rows(self) -> tuple[int, int]:
        """Return the rows of macroblocks that its fields take, the first and the one behind the last."""
        top, bottom = self.y - _EDGE * self.high, self.y + (CELLS_HIGH + _EDGE) * self.high
        return floor(top / MACROBLOCK), ceil(bottom / MACROBLOCK)

    def columns(self) -> list[tuple[int, int]]:
        """Return the columns of macroblocks that each field takes, the same way."""
        borders = [floor(self.letter_x(first) / MACROBLOCK) for _, first in self.fields]
        borders.append(ceil(self._end(self.fields[-1][1]) / MACROBLOCK) if self.fields else 0)
        return list(pairwise(borders))

    @property
    def parted(self) -> bool:
        """Whether no field reaches into the columns of the next."""
        return all(
            self._end(first) <= MACROBLOCK * right
            for (_, first), (_, right) in zip(self.fields, self.columns(), strict=True)
        )

    def _end(self, first: int) -> float:
        """Return where the ink of a field's two letters ends."""
        return self.letter_x(first + 2) - _EDGE * self.wide


@dataclass(frozen=True, slots=True)
class Layout:
    """Where all stands, in pixels."""

    lines: tuple[Line, ...]
    bar: tuple[int, int, int, int]  # between name and sentence: left, top, width, height
    top: int  # of what a band must cover


def lay_out(like: Like, name: str, language: str, *, low: bool) -> Layout:
    """Return where the texts stand.

    Args:
        like: The picture.
        name: The camera's.
        language: A key of `SENTENCES`.
        low: They stand at the lower edge, and smaller.
    """
    across, down = like.aspect if all(like.aspect) else (1, 1)
    layout = _lay_out(_Page(like, down / across, low=low), name, language)
    # Where there is no room for letters in their right shape, there is for others
    return layout if _fits(layout, like) else _lay_out(_Page(like, 1.0, low=low), name, language)


def _lay_out(page: _Page, name: str, language: str) -> Layout:
    title = page.name_line(known(" ".join(name.split())))
    lines = [title, *page.sentence_lines(*SENTENCES[language]), page.clock_line()]
    gap, bar = max(4, round(_GAP * page.unit)), max(2, round(_BAR_HIGH * page.unit) // 2 * 2)
    above = [0, bar + 2 * gap, *(round(0.7 * gap) for _ in lines[2:-1]), round(1.3 * gap)]
    y = page.top(sum(above) + sum(line.height for line in lines), gap)
    placed: list[Line] = []
    for line, distance in zip(lines, above, strict=True):
        y += distance
        placed.append(page.placed(line, y))
        y += line.height
    placed[-1] = _below(placed[-1], placed[-2])
    too_low = max(0, placed[-1].rows()[1] - page.rows)
    placed = [replace(line, y=line.y - MACROBLOCK * too_low) for line in placed]
    bar_wide = round(_BAR_WIDE * page.width) // 2 * 2
    bar_top = (placed[0].y + title.height + gap) // 2 * 2
    return Layout(
        lines=tuple(placed),
        bar=((page.width - bar_wide) // 4 * 2, bar_top, bar_wide, bar),
        top=max(0, placed[0].y - gap) // 2 * 2,
    )


def _fits(layout: Layout, like: Like) -> bool:
    return layout.lines[0].y >= 0 and all(
        line.x >= 0 and line.parted and line.letter_x(len(line.words)) - line.wide <= like.width
        for line in layout.lines
    )


class _Page:
    """The picture, and how large letters are in it."""

    def __init__(self, like: Like, squash: float, *, low: bool) -> None:
        self.squash = squash  # width of a cell to its height
        self.width, self.height, self.rows = like.width, like.height, like.rows
        self.low = low
        self.unit = min(like.height, like.width / self.squash) * (_LOW_SCALE if low else 1.0)

    def top(self, height: int, gap: int) -> int:
        """Return where texts of this height begin."""
        return self.height - height - round(1.5 * gap) if self.low else (self.height - height) // 2

    def name_line(self, name: str) -> Line:
        """Return the camera's name, as large as it fits, else cut."""
        usual = _NAME * self.unit / CELLS_HIGH
        cell = max(self._least, _LEAST_NAME * usual, self._cell(name, usual))
        fitting = int((_ROOM * self.width / (cell * self.squash) + 1.01) / ADVANCE)
        return self._line(name if len(name) <= fitting else f"{name[: fitting - 3]}...", cell, WHITE_LEVEL)

    def sentence_lines(self, first: str, second: str) -> list[Line]:
        """Return the sentence in one line, or in two."""
        usual = _SENTENCE * self.unit / CELLS_HIGH
        whole = f"{first} {second}00:00"
        fields = ((Field.SINCE_HOUR, -5), (Field.SINCE_MINUTE, -2))
        cell = self._cell(whole, usual)
        if cell >= max(self._least, _ONE_LINE * usual):
            return [self._line(whole, cell, _SENTENCE_LEVEL, fields)]
        second += "00:00"
        cell = max(self._least, min(self._cell(first, usual), self._cell(second, usual)))
        return [self._line(first, cell, _SENTENCE_LEVEL), self._line(second, cell, _SENTENCE_LEVEL, fields)]

    def clock_line(self) -> Line:
        """Return the clock, large enough that its fields lie apart."""
        usual = max(_CLOCK * self.unit / CELLS_HIGH, MACROBLOCK / (ADVANCE + _EDGE) / self.squash)
        fields = ((Field.HOUR, 0), (Field.MINUTE, 3), (Field.SECOND, 6))
        return self._line(_CLOCK_WORDS, self._cell(_CLOCK_WORDS, usual), _CLOCK_LEVEL, fields)

    def placed(self, line: Line, y: int) -> Line:
        """Return a line in the middle of the page, moved aside where its fields would else not lie apart."""
        middle = (self.width - text_width(line.words, line.wide)) // 2
        at = sorted(range(-MACROBLOCK, MACROBLOCK + 1), key=abs)
        lines = (replace(line, x=middle + aside, y=y) for aside in at)
        return next((each for each in lines if each.parted), replace(line, x=middle, y=y))

    @property
    def _least(self) -> float:
        """The smallest cell that can be read, each way."""
        return max(_LEAST, _LEAST / self.squash)

    def _cell(self, words: str, usual: float) -> float:
        """Return the height of a cell so that words fit."""
        return min(usual, _ROOM * self.width / self.squash / max(1, text_width(words, 1)))

    def _line(self, words: str, cell: float, level: int, fields: tuple[tuple[Field, int], ...] = ()) -> Line:
        from_left = tuple((field, first % len(words)) for field, first in fields)
        return Line(words, 0, 0, cell, cell * self.squash, level, from_left)


def _below(clock: Line, sentence: Line) -> Line:
    """Return the clock where it shares no row of macroblocks with the fields of the sentence."""
    first, free = clock.rows()[0], sentence.rows()[1]
    return clock if first >= free else replace(clock, y=MACROBLOCK * free + ceil(_EDGE * clock.high))

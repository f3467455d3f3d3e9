"""Letters as bitmaps of 5 by 7 cells, enlarged with rounded edges: machines that run this often have no font file."""

from __future__ import annotations

import math
import unicodedata
from functools import lru_cache
from typing import Final

__all__ = ["ADVANCE", "CELLS_HIGH", "RISE", "glyph", "known", "text_width"]

CELLS_HIGH: Final = 7  # of a capital
ADVANCE: Final = 6  # cells from letter to letter
RISE: Final = 3  # cells over a capital, for its accent
_FALL: Final = 1  # cells below it
_LINES: Final = RISE + CELLS_HIGH + _FALL
_CELLS_WIDE: Final = 5
_INK: Final = 0.4  # the blurred ink that is the edge of a stroke: even strokes, straight and slanting
_STEPS: Final = 1024  # in which ink is counted
_SOFTEST: Final = 2.0  # sharpness of the smallest letters: nothing of them is left beside their strokes
_ACCENT_LINES: Final = 2
_X_HEIGHT: Final = 2  # the first line of a small letter without an upper length
_DOT: Final = 0b11  # what an i loses under an accent
# The columns of each letter from left to right, the lowest bit on top.
_FONT: Final = {
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
    "a": "2054547840",
    "b": "7F28444438",
    "c": "3844444428",
    "d": "384444287F",
    "e": "3854545418",
    "f": "00087E0902",
    "g": "18A4A49C78",
    "h": "7F08040478",
    "i": "00447D4000",
    "j": "2040403D00",
    "k": "007F102844",
    "l": "00417F4000",
    "m": "7C04780478",
    "n": "7C08040478",
    "o": "3844444438",
    "p": "FC18242418",
    "q": "18242418FC",
    "r": "7C08040408",
    "s": "4854545424",
    "t": "04043F4424",
    "u": "3C4040207C",
    "v": "1C2040201C",
    "w": "3C4030403C",
    "x": "4428102844",
    "y": "4C9090907C",
    "z": "4464544C44",
    "!": "00005F0000",
    '"': "0007000700",
    "$": "242A7F2A12",
    "%": "2313086462",
    "&": "3649562050",
    "'": "0000070000",
    "*": "2A1C7F1C2A",
    ";": "0080563600",
    "<": "0008142241",
    "=": "1414141414",
    ">": "0041221408",
    "@": "324979413E",
    "[": "007F414100",
    "]": "0041417F00",
    "¡": "00007D0000",
    "¿": "3048454020",
    "°": "0609090600",
    "·": "0000180000",
    "|": "00007F0000",
}
# The same of accents, by their combining characters; of two lines
_ACCENTS: Final = {
    "\u0300": "0003020000",  # grave
    "\u0301": "0000020300",  # acute
    "\u0302": "0002010200",  # circumflex
    "\u0303": "0201030201",  # tilde
    "\u0308": "0002000200",  # diaeresis
    "\u030a": "0003030000",  # ring
    "\u030c": "0001020100",  # caron
}
_CEDILLA: Final = "\u0327"
_CEDILLA_COLUMN, _CEDILLA_BIT = 2, 0x80


def text_width(words: str, cell: float) -> int:
    """Return the width of a line in pixels, given that of a cell."""
    return round((len(words) * ADVANCE - 1) * cell)


def known(words: str) -> str:
    """Return words in letters that can be drawn: each that cannot be is a question mark."""
    composed = unicodedata.normalize("NFC", words)
    return "".join(letter if _columns(letter) else "?" for letter in composed)


@lru_cache(maxsize=512)
def glyph(letter: str, wide: float, high: float) -> tuple[bytes, ...]:
    """Return a letter's rows of coverage, 0..255 each pixel, from `RISE` cells over its capital height on.

    Args:
        letter: One letter; an unknown one is a question mark.
        wide: Width of a cell in pixels.
        high: Height of a cell in pixels.
    """
    columns = _columns(letter) or _columns("?")
    across = [_spline((x + 0.5) / wide) for x in range(round(ADVANCE * wide))]
    lines = [_blurred(columns, line, across) for line in range(-1, _LINES + 1)]
    edge = _edge(max(_SOFTEST, min(wide, high) / 1.5))
    rows: list[bytes] = []
    for y in range(round(_LINES * high)):
        first, (above, middle, below) = _spline((y + 0.5) / high)
        upper, here, lower = lines[first + 1 : first + 4]
        inks = zip(upper, here, lower, strict=True)
        rows.append(bytes(edge[int(a * above + b * middle + c * below)] for a, b, c in inks))
    return tuple(rows)


def _columns(letter: str) -> tuple[int, ...]:
    """Return the columns of a letter with its accent, the lowest bit `RISE` lines over a capital; empty if unknown."""
    base, *marks = list(unicodedata.normalize("NFD", letter))
    if base not in _FONT or len(marks) > 1 or not {*marks} <= {*_ACCENTS, _CEDILLA}:
        return ()
    columns = [*bytes.fromhex(_FONT[base])]
    if not marks:
        return tuple(column << RISE for column in columns)
    if marks == [_CEDILLA]:
        columns[_CEDILLA_COLUMN] |= _CEDILLA_BIT
        return tuple(column << RISE for column in columns)
    accent = bytes.fromhex(_ACCENTS[marks[0]])
    small = base.islower()
    if small:
        columns = [column & ~_DOT for column in columns]
    lift = RISE - 1 - _ACCENT_LINES + (_X_HEIGHT if small else 0)
    return tuple(column << RISE | mark << lift for column, mark in zip(columns, accent, strict=True))


def _spline(place: float) -> tuple[int, tuple[float, float, float]]:
    """Return the first of the three cells around a place, and their weights: a quadratic B-spline."""
    middle = math.floor(place)
    off = place - middle - 0.5
    return middle - 1, (0.5 * (0.5 - off) ** 2, 0.75 - off * off, 0.5 * (0.5 + off) ** 2)


def _blurred(columns: tuple[int, ...], line: int, across: list[tuple[int, tuple[float, float, float]]]) -> list[float]:
    """Return how much ink of one line of cells falls on each pixel across, 0..`_STEPS`."""
    lit = [float(column >> line & 1) if line >= 0 else 0.0 for column in columns]
    padded = [0.0, *lit, *(0.0 for _ in range(ADVANCE - _CELLS_WIDE + 1))]
    return [
        (_STEPS - 1) * sum(ink * weight for ink, weight in zip(padded[first + 1 : first + 4], weights, strict=True))
        for first, weights in across
    ]


@lru_cache(maxsize=64)
def _edge(sharpness: float) -> bytes:
    """Return a table from blurred ink to coverage. Blurred and made sharp again, corners come out round."""
    return bytes(
        round(255 * min(1.0, max(0.0, (ink / (_STEPS - 1) - _INK) * sharpness + 0.5))) for ink in range(_STEPS)
    )

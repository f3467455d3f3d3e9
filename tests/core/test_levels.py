"""The levels of H.264 rise, and are those of table A-1."""

from __future__ import annotations

from itertools import pairwise

import pytest

from ftp_stream.core.levels import LEVELS


def test_each_level_bears_what_the_one_below_bears() -> None:
    for (low, less), (high, more) in pairwise(LEVELS.items()):
        assert low < high
        assert less.speed <= more.speed
        assert less.size <= more.size
        assert less.bits <= more.bits


@pytest.mark.parametrize(
    ("level", "width", "height", "rate", "mbit"),
    [(30, 720, 576, 25, 12.5), (31, 1280, 720, 30, 17.5), (40, 1920, 1088, 30, 25), (52, 4096, 2304, 56, 300)],
)
def test_levels_are_those_of_well_known_sizes(level: int, width: int, height: int, rate: int, mbit: float) -> None:
    size = width * height // 256
    assert LEVELS[level].size >= size
    assert size * rate <= LEVELS[level].speed < size * (rate + 1)
    assert LEVELS[level].bits == mbit * 1e6

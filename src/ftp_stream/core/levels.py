"""The levels of H.264: what a decoder of each must bear of size, speed and bits (ITU-T H.264, table A-1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "MACROBLOCK", "Level"]

MACROBLOCK: Final = 16  # pixels each way


@dataclass(frozen=True, slots=True)
class Level:
    """What a decoder of one level bears."""

    speed: int  # macroblocks a second
    size: int  # macroblocks of a picture
    bits: int  # per second, in High profile


# By level_idc, rising; 1b and 4.1 are left out: they differ from their neighbours in their bits alone
LEVELS: Final[Mapping[int, Level]] = {
    10: Level(1_485, 99, 80_000),
    11: Level(3_000, 396, 240_000),
    12: Level(6_000, 396, 480_000),
    13: Level(11_880, 396, 960_000),
    20: Level(11_880, 396, 2_500_000),
    21: Level(19_800, 792, 5_000_000),
    22: Level(20_250, 1_620, 5_000_000),
    30: Level(40_500, 1_620, 12_500_000),
    31: Level(108_000, 3_600, 17_500_000),
    32: Level(216_000, 5_120, 25_000_000),
    40: Level(245_760, 8_192, 25_000_000),
    42: Level(522_240, 8_704, 62_500_000),
    50: Level(589_824, 22_080, 168_750_000),
    51: Level(983_040, 36_864, 300_000_000),
    52: Level(2_073_600, 36_864, 300_000_000),
    60: Level(4_177_920, 139_264, 300_000_000),
    61: Level(8_355_840, 139_264, 600_000_000),
    62: Level(16_711_680, 139_264, 1_000_000_000),
}

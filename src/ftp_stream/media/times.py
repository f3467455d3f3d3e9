"""Media time of a track: from a container's ticks to microseconds that rise, whatever the recorder wrote."""

from __future__ import annotations

from bisect import bisect_left
from fractions import Fraction
from itertools import islice
from math import inf
from operator import sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "MAX_GAP_US",
    "PLAIN_BASE",
    "PLAIN_STEP_US",
    "apart",
    "decoding_times",
    "fill",
    "micro",
    "presentation_times",
    "rate",
    "steady",
]

PLAIN_BASE = Fraction(1, 1_000_000)  # seconds in a tick where a container does not say
PLAIN_STEP_US = 40_000  # 25 pictures a second: FFmpeg's assumption too where nothing tells
MAX_GAP_US = 60_000_000  # the longest hole between two frames that is believed to be one
_JITTER_US = 1_000_000  # a step back shorter than this is an odd stamp, a longer one another clock
_WIRE_STEP_US = 1_000  # RTMP counts milliseconds: what must rise there must rise by one of them
_SAME_RATE = 0.02  # part by which a declared frame rate may differ from the measured one and be believed
_MIN_OFFSET_LIMIT_US, _REORDERED = 5_000_000, 32  # seconds, and pictures: twice what any decoder can reorder


def micro(ticks: Iterable[int], base: Fraction) -> list[int]:
    """Return times in microseconds, each rounded from its own ticks."""
    numerator, denominator = base.numerator * 1_000_000, base.denominator
    half = denominator // 2
    return [(tick * numerator + half) // denominator for tick in ticks]


def fill(ticks: Sequence[int | None], durations: Sequence[int | None], plain: int) -> list[int]:
    """Return decoding times without holes: a frame without one follows the frame before by that one's duration.

    Args:
        ticks: The times, ``None`` where the container has none.
        durations: Of the frames, ``None`` or 0 where unknown.
        plain: The duration to assume then.
    """
    known = next((index for index, tick in enumerate(ticks) if tick is not None), len(ticks))
    lengths = [length if length and length > 0 else plain for length in durations]
    now = (ticks[known] or 0) - sum(lengths[:known]) if known < len(ticks) else 0
    filled: list[int] = []
    for tick, length in zip(ticks, lengths, strict=True):
        now = now if tick is None else tick
        filled.append(now)
        now += length
    return filled


def decoding_times(shown: Sequence[int], delay: int = 0) -> list[int]:
    """Return decoding times for frames in decoding order of which only the presentation times are known.

    The decoder takes a frame at each instant at which one is shown, earlier by as many frames as reordering needs,
    and by ``delay`` frames at least.
    """
    instants = sorted(shown)
    delay = max(min(delay, len(shown) - 1), *(index - bisect_left(instants, time) for index, time in enumerate(shown)))
    if not delay:
        return instants
    step = _median_step(instants)
    return [*(instants[0] - step * before for before in range(delay, 0, -1)), *instants[: len(instants) - delay]]


def presentation_times(dts: Sequence[int], ranks: Sequence[int]) -> list[int]:
    """Return presentation times for frames of which only decoding times and their order of presentation are known.

    Args:
        dts: Decoding times.
        ranks: Per frame, how many frames are shown before it.
    """
    delay = max((index - rank for index, rank in enumerate(ranks)), default=0)
    step = _median_step(dts)
    instants = [*dts, *(dts[-1] + step * after for after in range(1, delay + 1))]
    return [instants[rank + delay] for rank in ranks]


def steady(dts: list[int], shown: list[int]) -> tuple[list[int], list[int], list[str]]:
    """Return decoding and presentation times (microseconds) whose decoding times rise, and what was mended, in words.

    An odd stamp is moved behind the one before it. Where the clock is another from some frame on, in the past or far
    in the future, the rest follows the frame before at the usual distance.
    """
    steps = list(map(sub, islice(dts, 1, None), dts))
    if not steps or (min(steps) > 0 and max(steps) <= MAX_GAP_US):
        return dts, *_offsets_mended(dts, shown)
    usual = _median_step(dts, MAX_GAP_US)
    mended, moved, offset, odd, jumps = dts[:1], shown[:1], 0, 0, 0
    for time, show in zip(islice(dts, 1, None), islice(shown, 1, None), strict=True):
        before, now = mended[-1], time + offset
        if now > before + MAX_GAP_US or now <= before - _JITTER_US:
            jumps += 1
            offset += before + usual - now
            now = before + usual
        elif now <= before:
            odd += 1
            now = before + _WIRE_STEP_US
        mended.append(now)
        moved.append(max(show + offset, now) if show >= time else show + offset)
    told = (
        (jumps, f"its clock jumps {jumps} times, back or more than a minute ahead: played on without a break"),
        (odd, f"{odd} frames with timestamps that do not rise are moved"),
    )
    moved, notes = _offsets_mended(mended, moved)
    return mended, moved, [words for count, words in told if count] + notes


def rate(declared: Fraction | None, dts: Sequence[int]) -> float:
    """Return pictures per second: as declared where it is near the truth, else as measured."""
    if len(dts) < 2 or dts[-1] <= dts[0]:  # noqa: PLR2004 - one picture has no rate
        return 0.0
    measured = (len(dts) - 1) * 1e6 / (dts[-1] - dts[0])
    if declared and abs(float(declared) - measured) <= _SAME_RATE * measured:
        return float(declared)
    return round(measured, 3)


def apart(times: Sequence[int], start: int, end: int) -> int:
    """Return what to add to a track's times to bring it to the track from ``start`` to ``end`` in the same file.

    0 where they lie together. Tracks further apart than any hole were stamped by different clocks and begin together.
    """
    far = times[0] - end > MAX_GAP_US or start - times[-1] > MAX_GAP_US
    return start - times[0] if far else 0


def _offsets_mended(dts: list[int], shown: list[int]) -> tuple[list[int], list[str]]:
    """Show at once what would be shown absurdly far from where it is decoded."""
    offsets = list(map(sub, shown, dts))
    limit = _MIN_OFFSET_LIMIT_US
    if -limit <= min(offsets) and max(offsets) <= limit:
        return shown, []
    limit = max(limit, _REORDERED * _median_step(dts))
    absurd = sum(abs(offset) > limit for offset in offsets)
    mended = [time + (offset if abs(offset) <= limit else 0) for time, offset in zip(dts, offsets, strict=True)]
    return mended, [f"{absurd} pictures with absurd presentation times are shown when decoded"] if absurd else []


def _median_step(times: Sequence[int], most: float = inf) -> int:
    steps = sorted(step for step in map(sub, islice(times, 1, None), times) if 0 < step <= most)
    return steps[len(steps) // 2] if steps else PLAIN_STEP_US

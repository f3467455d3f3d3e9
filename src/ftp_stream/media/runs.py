"""Where decoded sound belongs on the file's clock: stretches without a hole, each at the pace of its own clock.

Two clocks tell when a sample is heard: the packets' timestamps, which the pictures share and which a container rounds,
and the count of samples, which is smooth and which a camera's cheap oscillator makes run a little fast or slow. The
timestamps decide in the long run, the count from packet to packet. Where both part for good, sound is missing, or there
is too much of it, and another run begins.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Final

from ftp_stream.media.times import MAX_GAP_US

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Run", "lay_runs"]

SLACK_US: Final = 10_000.0  # how far timestamps may stray from the count of samples: half of what lips forgive
_STEP_BACK_US: Final = 1_000_000.0  # a longer step back is another clock
_STAYS_US, _STAYS_PACKETS = 1_000_000.0, 64  # timestamps that stray for so long do not come back by themselves
_BASELINES: Final = 4  # a clock's pace is measured over so many parts of the track, so that a hole spoils but some
_STEP_US, _NEAR = 60_000.0, 5  # a step as large is a hole, where so many packets on both sides agree
_FEW_PERCENT: Final = 0.06  # by which a clock may run wrong and be believed
_FASTEST, _SLOWEST = 0.1, 10.0  # real seconds for each that the rate tells: beyond, nothing fits
_AGREE, _ALIKE = 0.9, 0.5  # a wrong rate shows in nine of ten packets, to half of itself; a hole shows in few
_UNHEARD_US: Final = 2_000.0  # a clock that strays less over the whole file is right: nothing is bent for it


@dataclass(frozen=True, slots=True)
class Run:
    """Packets whose sound follows without a hole."""

    first: int  # the first packet
    end: int  # behind the last one
    start_us: float  # when its first sample is heard
    pace: float  # real seconds for each second that its count of samples tells


def lay_runs(times: Sequence[int], lengths: Sequence[float], changes: Collection[int] = ()) -> list[Run]:
    """Lay out a track.

    Args:
        times: When each packet begins by its timestamp, microseconds, in any order.
        lengths: How long its sound lasts by the count of its samples, microseconds; 0 where it gave none.
        changes: Packets from which on the sound is of another kind.

    Returns:
        The runs in the order of their packets; they may overlap in time. Packets without sound are in none or silent.
    """
    heard = [packet for packet, length in enumerate(lengths) if length > 0]
    if not heard:
        return []
    counted = list(accumulate((lengths[packet] for packet in heard), initial=0.0))
    strayed = _strayed([times[packet] for packet in heard], counted)
    drift = _drift(counted, strayed)
    steady = [late - drift * count for late, count in zip(strayed, counted, strict=False)]
    runs: list[Run] = []
    for first, end, anchor in _stretches(steady, counted, _positions(heard, changes)):
        start = anchor + counted[first] * (1 + drift)
        runs.append(Run(heard[first], heard[end - 1] + 1, start, 1 + drift))
    return runs


def _positions(heard: Sequence[int], changes: Collection[int]) -> set[int]:
    """Return where among the packets that are heard another kind of sound begins."""
    return {position for position, packet in enumerate(heard) if packet in changes} if changes else set()


def _strayed(times: Sequence[int], counted: Sequence[float]) -> list[float]:
    """Return how far each timestamp is from the count of samples; where the clock is another one, the count goes on."""
    strayed: list[float] = []
    offset = 0.0
    for time, count in zip(times, counted, strict=False):
        now = time + offset - count
        if strayed and not -_STEP_BACK_US < now - strayed[-1] <= MAX_GAP_US:
            offset += strayed[-1] - now
            now = strayed[-1]
        strayed.append(now)
    return strayed


def _drift(counted: Sequence[float], strayed: Sequence[float]) -> float:
    """Return by which part the timestamps run slower than the count of samples (negative: faster), 0 for none."""
    wrong = _slope(counted, strayed)
    if abs(wrong) > _FEW_PERCENT and _FASTEST <= 1 + wrong <= _SLOWEST and _is_rate(wrong, counted, strayed):
        return wrong
    smooth = _without_steps(counted, strayed)
    slope = _fitted(counted, smooth, _slope(counted, smooth))
    unheard = abs(slope) * counted[len(strayed) - 1] < _UNHEARD_US
    return 0.0 if unheard or abs(slope) > _FEW_PERCENT else slope


def _slope(counted: Sequence[float], strayed: Sequence[float]) -> float:
    """Return the usual slope over a good part of the track, so that neither rounding nor a late packet tells it."""
    baseline = counted[len(strayed) - 1] / _BASELINES
    slopes: list[float] = []
    behind = 0
    for count, late in zip(counted, strayed, strict=False):
        while count - counted[behind + 1] >= baseline and counted[behind + 1] < count:
            behind += 1
        if count - counted[behind] >= baseline > 0:
            slopes.append((late - strayed[behind]) / (count - counted[behind]))
    return _median(slopes) if slopes else 0.0


def _fitted(counted: Sequence[float], strayed: Sequence[float], slope: float) -> float:
    """Return a slope without what rounding added to it: that of the line nearest to all that lies along it."""
    level = _median([late - slope * count for count, late in zip(counted, strayed, strict=False)])
    along = [
        (count, late)
        for count, late in zip(counted, strayed, strict=False)
        if abs(late - slope * count - level) <= SLACK_US
    ]
    middle = sum(count for count, _ in along) / len(along)
    width = sum((count - middle) ** 2 for count, _ in along)
    return sum((count - middle) * late for count, late in along) / width if width else slope


def _without_steps(counted: Sequence[float], strayed: Sequence[float]) -> list[float]:
    """Return how far timestamps stray without their large steps, which are holes and no drift."""
    smooth = [strayed[0]]
    offset = 0.0
    for at in range(1, len(strayed)):
        limit = max(_STEP_US, _FEW_PERCENT * (counted[at] - counted[max(0, at - 2 * _NEAR)]))
        if abs(strayed[at] - strayed[at - 1]) > limit:
            level = _median(strayed[at : at + _NEAR]) - _median(strayed[max(0, at - _NEAR) : at])
            offset -= level if abs(level) > limit else 0.0  # else it was but one packet that came late
        smooth.append(strayed[at] + offset)
    return smooth


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _is_rate(slope: float, counted: Sequence[float], strayed: Sequence[float]) -> bool:
    """Whether timestamps and samples part at every packet: the rate is told wrong. Else there are holes."""
    parts = [
        (after - before) / (end - start)
        for before, after, start, end in zip(
            strayed, islice(strayed, 1, None), counted, islice(counted, 1, None), strict=False
        )
    ]
    alike = sum(abs(part - slope) <= _ALIKE * abs(slope) for part in parts)
    return alike >= _AGREE * len(parts)


def _stretches(
    steady: Sequence[float], counted: Sequence[float], changes: Collection[int]
) -> list[tuple[int, int, float]]:
    """Return first, end and usual straying of every stretch within which nothing is missing."""
    stretches: list[tuple[int, int, float]] = []
    first, anchor = 0, _usual(steady, counted, 0)
    for position, late in enumerate(steady):
        if position in changes or (abs(late - anchor) > SLACK_US and _stays(steady, counted, position, anchor)):
            if position:
                stretches.append((first, position, anchor))
            first, anchor = position, _usual(steady, counted, position)
    stretches.append((first, len(steady), anchor))
    return stretches


def _window(counted: Sequence[float], at: int, count: int) -> range:
    """Return the packets of the next second, a few at least."""
    end = min(at + _STAYS_PACKETS, count)
    late = (after for after in range(at + _NEAR, end) if counted[after] - counted[at] > _STAYS_US)
    return range(at, next(late, end))


def _usual(steady: Sequence[float], counted: Sequence[float], at: int) -> float:
    """Return how far the next packets stray usually: those that do so like the first one."""
    near = [
        steady[each] for each in _window(counted, at, len(steady)) if abs(steady[each] - steady[at]) <= 2 * SLACK_US
    ]
    return _median(near)


def _stays(steady: Sequence[float], counted: Sequence[float], at: int, anchor: float) -> bool:
    """Whether the next packets stray all to the same side: one that comes late alone was only stamped late."""
    strays = [steady[each] - anchor for each in _window(counted, at, len(steady))]
    limit = SLACK_US if len(strays) >= _NEAR else _STEP_US  # the last ones have few to speak for them
    return min(strays) > limit or max(strays) < -limit

"""Clocks that are not ours: local time in names, and how names sit to the moments at which their files were written.

Local times are handled as *naive seconds*: what ``datetime`` without zone would count from 1970-01-01 00:00:00. They
are not instants; only `instants` makes instants (seconds since the epoch, UTC) of them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ftp_stream.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "LATELY",
    "ZONE_SPAN",
    "Sample",
    "UsualOffset",
    "clock_text",
    "instants",
    "learn_offset",
    "naive_day",
    "nearest_day",
    "time_of_day",
]

DAY = 86400
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive on purpose: the base of naive seconds
_SLOT = 900  # seconds; zones change their offset at quarter hours only, so one look-up serves a whole slot

_MINUTES = tuple(f"{minute // 60:02}:{minute % 60:02}" for minute in range(1440))
_LAST = float(1 << 33)  # seconds since the epoch: in the year 2242

ZONE_SPAN = 14 * 3600.0  # seconds; no zone is further from UTC, so a wrong zone explains no more than this
_ZONE_STEP = 1800.0  # seconds; zones differ by half hours, but for a few
LATELY = 86400.0  # seconds; files written that long before the latest still tell how the camera's names sit today

Sample = tuple[float, float]  # (name's time minus time of writing, time of writing), seconds


# --- local time -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _zone(timezone: str) -> ZoneInfo | None:
    if not timezone:
        return None  # the system's
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"time zone {timezone!r} is unknown; use an IANA name such as Europe/Berlin, or leave it empty"
        ) from error


def naive_day(year: int, month: int, day: int) -> int:
    """Return the naive seconds at which a day begins; ValueError where the calendar has no such day."""
    return (date(year, month, day).toordinal() - _EPOCH_DAY) * DAY


def instants(naive: float, timezone: str) -> tuple[float, ...]:
    """Return the instants that a local time may mean, earliest first.

    One, as a rule. Two in the hour that autumn repeats, and two in the hour that spring leaves out: a camera that has
    not changed its clock yet counts on, one that changed it too early is ahead.

    Args:
        naive: Local time, naive seconds.
        timezone: IANA name; "" is the system's zone.

    Raises:
        ConfigError: The zone is unknown.
    """
    first, second = _offsets(naive // _SLOT, timezone)
    if first == second:
        return (naive - first,)
    return tuple(sorted((naive - first, naive - second)))


@lru_cache(maxsize=1 << 16)
def _offsets(slot: float, timezone: str) -> tuple[float, float]:
    """Return the offsets from UTC of a slot of local time, for its first and for its second passage (PEP 495)."""
    zone = _zone(timezone)
    moment = _EPOCH + timedelta(seconds=slot * _SLOT)
    first, second = (_offset(moment.replace(fold=fold), zone) for fold in (0, 1))
    return first, second


def _offset(moment: datetime, zone: ZoneInfo | None) -> float:
    if zone is None:
        return (moment - _EPOCH).total_seconds() - moment.timestamp()
    found = moment.replace(tzinfo=zone).utcoffset()
    return found.total_seconds() if found is not None else 0.0


@lru_cache(maxsize=1 << 16)
def _utc_offset(slot: float, timezone: str) -> float:
    """Return the offset of local time from UTC in a slot of UTC."""
    moment = datetime.fromtimestamp(slot * _SLOT, UTC).astimezone(_zone(timezone))
    found = moment.utcoffset()
    return found.total_seconds() if found is not None else 0.0


def _to_naive(instant: float, timezone: str) -> float:
    """Return what local clocks show; a file system's most absurd times are cut to what calendars can name."""
    bounded = instant if 0.0 <= instant <= _LAST else min(max(instant, 0.0), _LAST)
    return bounded + _utc_offset(bounded // _SLOT, timezone)


@lru_cache(maxsize=1 << 16)
def nearest_day(time_of_day: int, instant: float, timezone: str) -> tuple[float, ...]:
    """Return the instants near ``instant`` at which local clocks show a time of day, nearest first.

    Args:
        time_of_day: Seconds since midnight, local.
        instant: Seconds since the epoch, UTC.
        timezone: IANA name; "" is the system's zone.
    """
    midnight = _to_naive(instant, timezone) // DAY * DAY
    found = [at for day in (-DAY, 0, DAY) for at in instants(midnight + day + time_of_day, timezone)]
    return tuple(sorted(found, key=lambda at: (abs(at - instant), at)))


def clock_text(instant: float, timezone: str, day: int | None = None) -> str:
    """Return an instant as the camera's wall clock shows it.

    Args:
        instant: Seconds since the epoch, UTC.
        timezone: IANA name; "" is the system's zone.
        day: The day (as `day_of` numbers them) that needs no mention.
    """
    here, second = divmod(int(_to_naive(instant, timezone)), DAY)
    minute, second = divmod(second, 60)
    text = f"{_MINUTES[minute]}:{second:02}" if second else _MINUTES[minute]
    return text if here == day else f"{_day_text(here)} {text}"


def day_of(instant: float, timezone: str) -> int:
    """Return the local day of an instant, counted from 1970-01-01."""
    return int(_to_naive(instant, timezone)) // DAY


def time_of_day(instant: float, timezone: str) -> int:
    """Return the seconds since midnight that local clocks show at an instant.

    Raises:
        ConfigError: The zone is unknown.
    """
    return int(_to_naive(instant, timezone)) % DAY


@lru_cache(maxsize=4096)
def _day_text(day: int) -> str:
    return date.fromordinal(day + _EPOCH_DAY).isoformat()


# --- how names sit to the moments of writing ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UsualOffset:
    """What is known of "name's time minus time of writing" for one camera; seconds."""

    usual: float  # stands in for a name that is not believed
    latest: float  # a name later than this after its file's writing is not believed

    def at_least(self, latest: float) -> UsualOffset:
        """Return the same with names believed up to ``latest`` seconds after writing, if not more."""
        return UsualOffset(self.usual, max(self.latest, latest))


def learn_offset(samples: Sequence[Sample], max_clock_skew: float) -> UsualOffset:
    """Learn from a camera's files how its names sit to their times of writing.

    Nothing is recorded after it was written, so a name later than its file is the fault of a zone or of a clock. As
    long as any name is sane in that sense, the others that are not count for nothing. Among what is left, a usual
    offset is known where more than half of the files share one (within ``max_clock_skew``) that a zone explains, *and*
    were written at the pace at which they were recorded: what is uploaded late shares nothing but its delay.
    Where no offset is known, a name may be as late as its file's writing, or `ZONE_SPAN` later when no name is sane.

    Args:
        samples: What is to be learned from; their order does not matter.
        max_clock_skew: By how much clocks may disagree, seconds.
    """
    late = max_clock_skew + ZONE_SPAN
    usable = [sample for sample in samples if sample[0] <= late]
    sane = [sample for sample in usable if sample[0] <= max_clock_skew]
    shared = _shared(sorted(sane or usable), max_clock_skew)
    if shared is not None and _zone_explains(shared, max_clock_skew):
        return UsualOffset(shared, shared + max_clock_skew)
    return UsualOffset(max((offset for offset, _ in sane or usable), default=0.0), max_clock_skew if sane else late)


def _zone_explains(offset: float, skew: float) -> bool:
    """Tell whether names are off by a zone, and by a delay of no more than ``skew``."""
    return abs(offset) <= skew or (abs(offset) <= ZONE_SPAN + skew and -offset % _ZONE_STEP <= skew)


def _shared(samples: Sequence[Sample], width: float) -> float | None:
    """Return the top of the highest window of offsets that holds more than half of the sorted samples, if it counts."""
    half = len(samples) // 2
    if not half:
        return None  # one file shows no habit
    offsets = [offset for offset, _ in samples]
    for top in range(bisect_right(offsets, offsets[half] + width) - 1, half - 1, -1):
        bottom = bisect_left(offsets, offsets[top] - width)
        if 2 * (top - bottom + 1) > len(samples):
            return offsets[top] if _in_step(samples[bottom : top + 1]) else None
    return None


def _in_step(samples: Sequence[Sample]) -> bool:
    """Tell whether files were written at about the pace at which they were recorded, not in one rush."""
    written = [moment for _, moment in samples]
    recorded = [moment + offset for offset, moment in samples]
    return 2 * (max(written) - min(written)) >= max(recorded) - min(recorded)

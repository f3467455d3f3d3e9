"""How cameras write the time of recording into file and folder names.

The table and its order come from real cameras' names; the first pattern that matches *and* makes a possible date wins.
Two rules for whoever adds one: the order matters (a loose pattern takes what a strict one after it would have read
rightly), and an expression must hold no literal digit, because which expressions match is looked up by the name's
shape, in which every digit stands for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.core.clocks import naive_day

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PATTERNS", "Pattern", "Said", "Stamp", "first_match"]

_NOON = 12  # hours
_YEARS = range(1970, 2100)  # a year outside comes from a number that is no date
_MILLIS_DIGITS = 13  # an epoch of that many digits counts milliseconds
_EPOCHS = range(946_684_800, 4_102_444_800)  # 2000 to 2100: other numbers of ten digits are counters and serials
_SHAPE = bytes.maketrans(b"123456789", b"000000000")


class Stamp(NamedTuple):
    """What a name says of the time of recording, where it is more or less than a date and a time."""

    local: float | None = None  # local time, naive seconds (core.clocks)
    time_of_day: int | None = None  # local, seconds since midnight, the day unknown
    instant: float | None = None  # seconds since the epoch, UTC
    chapter: tuple[int, int] | None = None  # no time, but an order: recording and its chapter
    summer: bool | None = None  # of a local time that comes twice: the first (summer time) or the second


Said = float | Stamp  # a plain local time, in naive seconds, as nearly all names have it, or what needs more words


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """One way of writing the time of recording into a name.

    What an expression captures says how it is read: ``Y`` ``m`` ``d`` date (``y`` with two digits), ``H`` ``M`` ``S``
    time, ``f`` its fraction, ``half`` AM or PM, ``zone`` the offset from UTC, ``summer`` set in summer time, ``epoch``
    seconds or milliseconds since 1970, ``chapter`` and ``num`` an order without a time.
    """

    name: str
    expression: re.Pattern[str]
    reader: Callable[[re.Match[str]], Said]  # LookupError or ValueError: digits, but no date, as the 31st of February
    in_folders: bool  # read from the whole path, not from the file's name alone

    def read(self, path: str) -> Said | None:
        """Return what a path says, ``None`` where it does not match or names no possible time."""
        match = self.expression.search(path if self.in_folders else path[path.rfind("/") + 1 :])
        if match is None:
            return None
        try:
            return self.reader(match)
        except (LookupError, ValueError):
            return None


def first_match(path: str) -> tuple[Pattern, Said] | None:
    """Return the first pattern of the table that reads a path, and what it reads."""
    shape = path.encode("utf-8", "surrogatepass").translate(_SHAPE)
    index = _next_of_shape(shape, 0)
    while index < len(PATTERNS):
        said = PATTERNS[index].read(path)
        if said is not None:
            return PATTERNS[index], said
        index = _next_of_shape(shape, index + 1)
    return None


@lru_cache(maxsize=4096)
def _next_of_shape(shape: bytes, first: int) -> int:
    """Return the place of the next pattern that may read paths of a shape; behind the table where there is none.

    Trying one after the other on each of 100,000 files takes seconds, and their shapes are few.
    """
    path = shape.decode("utf-8", "surrogatepass")
    name = path[path.rfind("/") + 1 :]
    for index in range(first, len(PATTERNS)):
        pattern = PATTERNS[index]
        if pattern.expression.search(path if pattern.in_folders else name):
            return index
    return len(PATTERNS)


# --- reading --------------------------------------------------------------------------------------------------------

# Looking numbers up takes a fraction of the time of making and checking them, and it is done for each file of an inbox.
_HOURS = {f"{hour:02}": hour * 3600.0 for hour in range(24)}
_MINUTES = {f"{minute:02}": minute * 60 for minute in range(60)}
_SECONDS = {f"{second:02}": second for second in range(60)}


def _read_plain(match: re.Match[str]) -> float:
    """Read a date and a time and nothing else: nearly all names."""
    year, month, day, hour, minute, second = match.group("Y", "m", "d", "H", "M", "S")
    return _day(year, month, day) + _HOURS[hour] + _MINUTES[minute] + _SECONDS[second or "00"]


def _read_general(match: re.Match[str]) -> Stamp:
    """Read a date and a time with what may stand behind it: fraction, AM or PM, zone."""
    found = match.groupdict("")
    day = _day(found["Y"] if "Y" in found else f"20{found['y']}", found["m"], found["d"])
    hour = _HOURS[_hour(found["H"], found.get("half", ""))]
    local = day + hour + _MINUTES[found["M"]] + _SECONDS[found.get("S") or "00"] + float(f"0.{found.get('f', '')}0")
    if found.get("zone"):
        return Stamp(instant=local - _zone_seconds(found["zone"]))
    return Stamp(local, summer=bool(found["summer"]) if "summer" in found else None)


def _read_utc(match: re.Match[str]) -> Stamp:
    return Stamp(instant=_read_plain(match))


def _read_time(match: re.Match[str]) -> Stamp:
    hour, minute, second = match.group("H", "M", "S")
    return Stamp(time_of_day=int(_HOURS[hour]) + _MINUTES[minute] + _SECONDS[second or "00"])


def _read_epoch(match: re.Match[str]) -> Stamp:
    text = match.group("epoch")
    number = int(text) / (1000 if len(text) == _MILLIS_DIGITS else 1)
    if int(number) not in _EPOCHS:
        raise ValueError(text)
    return Stamp(instant=number)


def _read_chapter(match: re.Match[str]) -> Stamp:
    number, *chapters = match.group("num", "chapter", "further")
    return Stamp(chapter=(int(number), next((int(text) for text in chapters if text and text.isdecimal()), 0)))


@lru_cache(maxsize=4096)
def _day(year: str, month: str, day: str) -> int:
    if int(year) not in _YEARS:
        raise ValueError(year)
    return naive_day(int(year), int(month), int(day))


def _hour(text: str, half: str) -> str:
    """Return the hour of a day of 24 hours, in two digits."""
    hour = int(text)
    if half and 1 <= hour <= _NOON:
        return f"{hour % _NOON + (_NOON if half[0] in 'Pp' else 0):02}"
    if half:
        raise ValueError(text)
    return text  # a lone digit is no hour but a channel or a counter, and is not found


def _zone_seconds(text: str) -> float:
    """Return the offset that ``Z``, ``+01``, ``+0100`` or ``+01:00`` names."""
    if text in "zZ":
        return 0
    digits = text[1:].replace(":", "").ljust(4, "0")
    seconds = _HOURS[digits[:2]] + _MINUTES[digits[2:]]
    return -seconds if text[0] == "-" else seconds


# --- the table ------------------------------------------------------------------------------------------------------

_DATE = r"(?P<Y>\d{4})(?P<m>\d{2})(?P<d>\d{2})"
_TIME = r"(?P<H>\d{2})(?P<M>\d{2})(?P<S>\d{2})"
_LOOSE_DATE = r"(?<!\d)(?P<Y>\d{4})[-_.]?(?P<m>\d{2})[-_.]?(?P<d>\d{2})"
_LOOSE_TIME = r"(?P<H>\d{2})[-_.:h]?(?P<M>\d{2})[-_.:m]?(?P<S>\d{2})"
_FOLDER_DATE = r"(?:^|/)(?:[^/]*[^/\d])?(?P<Y>\d{4})[-_./]?(?P<m>\d{2})[-_./]?(?P<d>\d{2})/"
_HALF = r"(?:s?[ _.-]?(?P<half>[AP]M)(?![A-Z]))?"


def _reader(groups: frozenset[str]) -> Callable[[re.Match[str]], Said]:
    if "chapter" in groups:
        return _read_chapter
    if "epoch" in groups:
        return _read_epoch
    if not groups & {"Y", "y"}:
        return _read_time
    return _read_plain if groups == set("YmdHMS") else _read_general


def _pattern(name: str, expression: str, *, in_folders: bool = False, utc: bool = False) -> Pattern:
    compiled = re.compile(expression, re.ASCII | re.IGNORECASE)
    reader = _read_utc if utc else _reader(frozenset(compiled.groupindex))
    return Pattern(name, compiled, reader, in_folders)


PATTERNS = (
    _pattern(
        "dahua",  # 2019-05-09/001/dav/21/21.04.49-21.05.14[M][0@0][0].mp4: start and end
        r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})/\d+/dav/\d{2}(?:/.*)?/(?P<H>\d{2})\.(?P<M>\d{2})\.(?P<S>\d{2})"
        r"-\d{2}\.\d{2}\.\d{2}\[[A-Z]\]\[[^\]]*\]\[\d+\]\.\w+$",
        in_folders=True,
    ),
    _pattern("dahua nvr", rf"^.+_ch\d+_(?:main|sub|extra\d*)_{_DATE}{_TIME}_\d{{14}}\.\w+$"),
    _pattern("xvr", rf"^CH\d+[-_]{_DATE}[-_]{_TIME}[-_]\d{{6}}\.\w+$"),
    _pattern("hikvision", rf"^.+?_[^_]+_{_DATE}{_TIME}(?P<f>\d{{3}})_[A-Z_]+\.\w+$"),
    _pattern("reolink sd", rf"^Rec[MS][0-9A-F]{{2}}_(?P<summer>DST)?{_DATE}_{_TIME}_\d{{6}}_.*\.\w+$"),
    _pattern("reolink", rf"^.+_\d{{2,3}}_{_DATE}{_TIME}(?:[_-]?\d+)?\.\w+$"),
    _pattern("foscam", rf"^(?:(?:H?MD)?alarm|schedule)_{_DATE}[-_]{_TIME}\.\w+$"),
    _pattern(
        "yi",  # 2023Y07M06D13H/E201M57S03.mp4: event, minute, second, length
        r"(?P<Y>\d{4})Y(?P<m>\d{2})M(?P<d>\d{2})D(?P<H>\d{2})H/(?:E\d)?(?P<M>\d{2})M(?P<S>\d{2})S\d{2}\.\w+$",
        in_folders=True,
    ),
    _pattern(
        "xiaomi",  # 2026021408/06M45S_1771056405.mp4; whether the last number is UTC is not known
        rf"(?:^|/){_DATE}(?P<H>\d{{2}})/(?P<M>\d{{2}})M(?P<S>\d{{2}})S(?:_\d{{10}})?\.\w+$",
        in_folders=True,
    ),
    _pattern(
        "axis",  # video24-03-01_12-00-00-05_00001.mkv: fraction, then a sequence number
        r"(?<!\d)(?P<y>\d{2})-(?P<m>\d{2})-(?P<d>\d{2})_(?P<H>\d{2})-(?P<M>\d{2})-(?P<S>\d{2})-(?P<f>\d{2,3})_\d+\.\w+$",
    ),
    _pattern("blackvue", rf"^{_DATE}_{_TIME}_[NEPMIOATBRXGDLYF][FRIO][LS]?\.\w+$"),
    _pattern("viofo", rf"^(?P<Y>\d{{4}})_?(?P<m>\d{{2}})(?P<d>\d{{2}})_?{_TIME}_\d+[PE]?[FRTI]?\.\w+$"),
    _pattern(
        "gopro",  # GH020073.MP4 is chapter 2 of recording 73; the first of old models is GOPR0073, loops are GHYY0073
        r"^(?:G[HX](?P<chapter>\d{2}|YY)|GOPR|GP(?P<further>\d{2}))(?P<num>\d{4})\.\w+$",
    ),
    _pattern("insta360", rf"^(?:VID|LRV)_{_DATE}_{_TIME}_\d{{2}}_\d{{3}}\.\w+$"),
    _pattern("dji", rf"^DJI_{_DATE}{_TIME}_\d{{4}}_[A-Z]\.\w+$"),
    _pattern("frigate cache", rf"^.+@{_DATE}{_TIME}(?P<zone>[+-]\d{{4}})\.\w+$"),
    _pattern(
        "frigate",  # 2023-12-05/14/gate/31.15.mp4
        r"(?P<Y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})/(?P<H>\d{2})/[^/]*[^/\d][^/]*/(?P<M>\d{2})\.(?P<S>\d{2})\.\w+$",
        in_folders=True,
        utc=True,
    ),
    _pattern("prefix, date, time", rf"^.*?_?(?<!\d){_DATE}[_-]{_TIME}\.\w+$"),
    _pattern(
        "iso 8601",  # 2026-01-01T10:31:00.250+01:00.mp4, 20260101T103100Z.mp4
        r"(?<!\d)(?P<Y>\d{4})-?(?P<m>\d{2})-?(?P<d>\d{2})T(?P<H>\d{2})[-_.:]?(?P<M>\d{2})(?:[-_.:]?(?P<S>\d{2}))?"
        r"(?:[.,](?P<f>\d{1,6}))?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)?\.\w+$",
    ),
    _pattern(
        "date and time",  # the start, where an end follows
        rf"{_LOOSE_DATE}[T _@-]*{_LOOSE_TIME}(?P<f>\d{{3}})?(?!\d){_HALF}",
    ),
    _pattern(
        "date and minute",  # with a separator: without it, it could be a counter
        rf"{_LOOSE_DATE}[T _@-]+(?P<H>\d{{1,2}})[-_.:h](?P<M>\d{{2}})(?:[-_.:](?P<S>\d{{2}}))?(?!\d){_HALF}",
    ),
    _pattern(
        "date folder, time",  # 2026-02-05/10-31-00.mp4, 20260205/10/gate_103100.mp4
        rf"{_FOLDER_DATE}(?:[^/]+/)*(?:[^/]*[A-Z][_@ -])?{_LOOSE_TIME}(?!\d)[^/]*$",
        in_folders=True,
    ),
    _pattern(
        "date and hour folders, minute",  # 20210512/13/07.mp4, 2026/02/05/13/07-30.mp4
        rf"{_FOLDER_DATE}(?P<H>\d{{2}})/(?P<M>\d{{2}})(?:[-_.:m]?(?P<S>\d{{2}})s?)?\.\w+$",
        in_folders=True,
    ),
    _pattern(
        "date folder, minute",  # 2026-02-05/10-31.mp4
        rf"{_FOLDER_DATE}(?P<H>\d{{2}})[-_.:h](?P<M>\d{{2}})\.\w+$",
        in_folders=True,
    ),
    _pattern("time", r"^(?P<H>\d{2})[-_.:h](?P<M>\d{2})(?:[-_.:m](?P<S>\d{2})s?)?\.\w+$"),
    _pattern("epoch", r"(?<![\dA-Z])(?P<epoch>\d{10}(?:\d{3})?)(?![\dA-Z])"),
)

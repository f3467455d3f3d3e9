"""What one path says of the time of recording, in a zone; whether that is believed is for `core.naming` to say."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.core.clocks import instants
from ftp_stream.core.patterns import Stamp, first_match
from ftp_stream.core.remember import Remembered

if TYPE_CHECKING:
    from ftp_stream.core.patterns import Pattern, Said

__all__ = ["Reading", "directory_of", "readings_in"]

_DATED_FOLDER = re.compile(
    r"(?:\d{4}|\d{6}|\d{8}|\d{10}|\d{4}([-_.])\d{1,2}(\1\d{1,2}([-_ T.]\d{2})?)?|\d{4}Y\d{2}M\d{2}D(\d{2}H)?)", re.ASCII
)
_SHORT_NUMBER = re.compile(r"\d{1,2}", re.ASCII)  # a month, a day, an hour, where it follows a dated folder


@lru_cache(maxsize=4096)
def directory_of(folder: str) -> str:
    """Return the directory for which one pattern must hold: the folder with its dates and hours put as ``*``."""
    parts: list[str] = []
    dated = False
    for part in folder.split("/"):
        here = bool(_DATED_FOLDER.fullmatch(part)) or (dated and bool(_SHORT_NUMBER.fullmatch(part)))
        dated = dated or here
        parts.append("*" if here else part)
    return "/".join(parts)


class Reading(NamedTuple):
    """What one path says, in one zone."""

    directory: str
    pattern: Pattern | None  # None: no known one
    at: float | None = None  # the instant, where there is exactly one
    choices: tuple[float, ...] = ()  # the instants, earliest first, where a clock change leaves two
    time_of_day: int | None = None
    chapter: tuple[int, int] | None = None


def _read(path: str, timezone: str, pattern: Pattern | None = None) -> Reading:
    """Read a path by the first pattern that reads it, or by the one that is wanted."""
    directory = directory_of(path[: max(path.rfind("/"), 0)])
    found = first_match(path) if pattern is None else (pattern, pattern.read(path))
    if found is None or found[1] is None:
        return Reading(directory, None)
    return _resolve(directory, found[0], found[1], timezone)


@lru_cache(maxsize=32)
def readings_in(timezone: str, pattern: Pattern | None = None) -> Remembered[Reading]:
    """Return the memory of what paths say."""
    return Remembered(lambda path: _read(path, timezone, pattern))


def _resolve(directory: str, pattern: Pattern, said: Said, timezone: str) -> Reading:
    if not isinstance(said, Stamp):
        choices = instants(said, timezone)
    elif said.local is not None:
        choices = instants(said.local, timezone)
    else:
        return Reading(directory, pattern, said.instant, (), said.time_of_day, said.chapter)
    if len(choices) == 1:
        return Reading(directory, pattern, choices[0])
    if isinstance(said, Stamp) and said.summer is not None:
        return Reading(directory, pattern, choices[0 if said.summer else 1])
    return Reading(directory, pattern, None, choices)

"""When a camera's files were recorded: from their names where these can be trusted, else from their times of writing.

Names are trusted per *directory*, all or none: one foreign file among a camera's turns all to times of writing, since
the two kinds differ by a segment's length and a zone, and mixed they would put segments out of order. Folders made of
dates and hours (``2026/02/05/13``, ``2023Y07M06D13H``) are one directory in this sense, so that midnight begins no
other rule; folders that name a channel or a device are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.core.clocks import LATELY, clock_text, learn_offset, nearest_day
from ftp_stream.core.natural import natural_key
from ftp_stream.core.patterns import PATTERNS
from ftp_stream.core.reading import Reading, directory_of, readings_in
from ftp_stream.model import OrderKey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftp_stream.core.clocks import UsualOffset
    from ftp_stream.core.patterns import Pattern
    from ftp_stream.model import FileFact

__all__ = ["DatedFiles", "date_files", "directory_of", "natural_key", "shown"]


# --- dating files ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatedFiles:
    """When each of a camera's files was recorded; times in seconds since the epoch, UTC."""

    paths: Sequence[str]  # of the files, in the order in which they were given; the next two are parallel to it
    times: Sequence[float]  # when each was recorded
    written: Sequence[float]  # when each was written last, or what stands in for what cannot be believed
    also: tuple[OrderKey, ...]  # the keys of the further segments that were asked for, in their order
    patterns: Mapping[str, str]  # directory -> the pattern that holds for it, "" where times of writing count
    changes_at: float | None  # wall time at which one more time of writing is believed; None without such
    warnings: tuple[str, ...]
    named: Sequence[bool]  # parallel to the paths: its name says when it was recorded, and is believed

    @property
    def recorded_at(self) -> Mapping[str, float]:
        """When each file was recorded, by its path; made anew at each call."""
        return dict(zip(self.paths, self.times, strict=True))


def date_files(
    files: Sequence[FileFact],
    *,
    timezone: str,
    max_clock_skew: float,
    wall: float | None = None,
    also: Sequence[FileFact] = (),
) -> DatedFiles:
    """Say when each file of one camera was recorded.

    Args:
        files: The camera's segments, each path once, in any order.
        timezone: The zone of local times in names, an IANA name; "" is the system's.
        max_clock_skew: By how much a camera's clock may be ahead of what is usual for it, seconds.
        wall: The time now, seconds since the epoch, UTC: a file written later than that (and `max_clock_skew`) was
            written under a wrong clock of this machine. None: all times of writing are believed.
        also: Segments that need not be in the inbox any more (those of cursors), dated by the same rules, so that
            they compare with the files. They count as evidence of how names sit to times of writing, but not of which
            pattern holds for a directory that has files; and what was believed when it was played is still believed
            as long as it is sane, since files must not become early by the late ones that come after them.

    Raises:
        ConfigError: The zone is unknown.
    """
    facts = [*files, *also]
    paths = [fact.path for fact in facts]
    written, believed_at = _believed([fact.id.mtime_ns / 1e9 for fact in facts], wall, max_clock_skew)
    readings, patterns, mixed = _read_all(paths, len(files), timezone)
    usual = learn_offset(_samples(readings, written, timezone), max_clock_skew)
    count = len(files)
    times, disbelieved = _times(readings[:count], written[:count], usual, timezone)
    times += _times(readings[count:], written[count:], usual.at_least(max_clock_skew), timezone)[0]
    _order_chapters(times, readings, written, paths)
    return DatedFiles(
        paths=paths[:count],
        times=times[:count],
        written=written[:count],
        also=tuple(OrderKey(at, natural_key(path)) for at, path in zip(times[count:], paths[count:], strict=True)),
        patterns={directory: pattern.name if pattern else "" for directory, pattern in patterns.items()},
        changes_at=believed_at,
        warnings=(*mixed, *_disbelief([facts[index] for index in disbelieved], timezone)),
        named=_named(readings[:count], disbelieved),
    )


def _believed(written: list[float], wall: float | None, skew: float) -> tuple[list[float], float | None]:
    """Return times of writing; one from the future counts as the latest of the others, unless all are from there.

    Also return the wall time at which the next of them is from the future no more.
    """
    if wall is None or not written or max(written) <= wall + skew:
        return written, None
    changes_at = min(moment for moment in written if moment > wall + skew) - skew
    latest = max((moment for moment in written if moment <= wall + skew), default=None)
    if latest is None:  # then it is this machine's clock that is behind
        return written, changes_at
    return [moment if moment <= wall + skew else latest for moment in written], changes_at


def _read_all(
    paths: Sequence[str], present: int, timezone: str
) -> tuple[list[Reading], dict[str, Pattern | None], list[str]]:
    """Read all paths, by one pattern in each directory; also return these patterns, and where there was none and why.

    Args:
        paths: Those of files that are present, then further ones.
        present: How many are present.
        timezone: The zone of local times.
    """
    readings = readings_in(timezone).all(paths)
    patterns: dict[str, Pattern | None] = {}
    mixed: set[str] = set()
    for directory, pattern in {(reading.directory, reading.pattern) for reading in readings[:present]}:
        if directory in patterns:
            mixed.add(directory)
        patterns[directory] = pattern
    for reading in readings[present:]:
        patterns.setdefault(reading.directory, reading.pattern)
    warnings = []
    for directory in sorted(mixed):
        here = [
            path for path, reading in zip(paths, readings[:present], strict=False) if reading.directory == directory
        ]
        patterns[directory] = _common(here, timezone)
        if patterns[directory] is None:
            warnings.append(_mixture(directory, here, timezone))
    for index, reading in enumerate(readings if mixed or present < len(readings) else ()):
        if reading.pattern is not patterns[reading.directory]:
            readings[index] = _reread(reading, paths[index], patterns[reading.directory], timezone)
    return readings, patterns, warnings


def _common(paths: Sequence[str], timezone: str) -> Pattern | None:
    """Return the first pattern that reads all paths: a camera may write an index behind a name that it gave before."""
    for pattern in PATTERNS:
        if all(readings_in(timezone, pattern)[path].pattern for path in paths):
            return pattern
    return None


def _reread(reading: Reading, path: str, pattern: Pattern | None, timezone: str) -> Reading:
    return readings_in(timezone, pattern)[path] if pattern else Reading(reading.directory, None)


def _samples(readings: Sequence[Reading], written: Sequence[float], timezone: str) -> list[tuple[float, float]]:
    """Return how names sit to times of writing, of files lately written; clock changes' hours tell nothing."""
    since = max(written, default=0.0) - LATELY
    samples = []
    for reading, moment in zip(readings, written, strict=True):
        if moment < since:
            continue
        if reading.at is not None:
            samples.append((reading.at - moment, moment))
        elif reading.time_of_day is not None:
            samples.append((nearest_day(reading.time_of_day, moment, timezone)[0] - moment, moment))
    return samples


def _times(
    readings: Sequence[Reading], written: Sequence[float], usual: UsualOffset, timezone: str
) -> tuple[list[float], list[int]]:
    """Return the time of recording of each, and the indices of those whose names are not believed."""
    said = [reading.at for reading in readings]
    latest = usual.latest
    open_questions = [
        index
        for index, (at, moment) in enumerate(zip(said, written, strict=True))
        if at is None or at - moment > latest
    ]
    times = [at or 0.0 for at in said]
    disbelieved: list[int] = []
    for index in open_questions:
        at = _settle(readings[index], written[index], usual, timezone)
        if at is None:
            disbelieved.append(index)
        times[index] = written[index] + usual.usual if at is None else at
    return times, disbelieved


def _named(readings: Sequence[Reading], disbelieved: Sequence[int]) -> list[bool]:
    named = [reading.pattern is not None and not reading.chapter for reading in readings]
    for index in disbelieved:
        named[index] = False
    return named


def _settle(reading: Reading, written: float, usual: UsualOffset, timezone: str) -> float | None:
    """Return the time of a file whose name leaves a choice, or the time of writing of one without a time.

    ``None`` where all that the name may mean is later than it can be.
    """
    if reading.pattern is None or reading.chapter:
        return written
    if reading.time_of_day is not None:
        choices = nearest_day(reading.time_of_day, written, timezone)
    else:
        choices = reading.choices
    believed = [at for at in choices if at - written <= usual.latest]
    return min(believed, key=lambda at: abs(at - written), default=None)


def _order_chapters(
    times: list[float], readings: Sequence[Reading], written: Sequence[float], paths: Sequence[str]
) -> None:
    """Give chapters of recordings times of writing that rise in the order of their recordings and chapters.

    A recording begins when the first of its chapters was written, whatever its number: numbers begin anew.
    """
    chapters = [index for index, reading in enumerate(readings) if reading.chapter]
    begun: dict[tuple[str, int], float] = {}
    place: dict[int, tuple[float, int, int, str]] = {}
    for index in sorted(chapters, key=written.__getitem__):
        reading = readings[index]
        number, chapter = reading.chapter or (0, 0)
        place[index] = (begun.setdefault((reading.directory, number), written[index]), number, chapter, paths[index])
    following = float("inf")
    for index in sorted(chapters, key=place.__getitem__, reverse=True):
        times[index] = following = min(written[index], following)


# --- words ----------------------------------------------------------------------------------------------------------


def shown(path: str) -> str:
    """Return a path so that it can be printed: bytes that are not UTF-8 and control characters as escapes."""
    text = path.encode("utf-8", "backslashreplace").decode()
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _mixture(directory: str, paths: Sequence[str], timezone: str) -> str:
    known = [path for path in paths if readings_in(timezone)[path].pattern]
    odd = min(set(paths) - set(known), default=min(paths))
    return (
        f"the names in {shown(directory) or 'the inbox'} follow no one pattern"
        f" ({len(known)} of {len(paths)} have a known one, {shown(odd)} another or none):"
        " the files count as recorded when they were written"
    )


def _disbelief(facts: Sequence[FileFact], timezone: str) -> list[str]:
    if not facts:
        return []
    first = min(facts, key=lambda fact: fact.path)
    text = (
        f"{len(facts)} files are named for a time later than they can have been recorded"
        f" (first: {shown(first.path)}, written {clock_text(first.mtime, timezone)}):"
        " their time of writing counts; check the camera's clock and time zone"
    )
    return [text]

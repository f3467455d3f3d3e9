"""What the server saw: when every message came, and what follows from it about seams, delay and lateness."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.sink import IS_VIDEO, KEY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

Starts = Mapping[tuple[int, ...], Sequence[int]]  # sizes of the pictures after a first key frame -> numbers of files
_TAG_HEADER = 5  # bytes before the coded picture in a video message (AVC)
_FEW = 200  # bytes: a smaller video message is the decoder's configuration or an end mark


@dataclass(frozen=True, slots=True)
class Message:
    """One video message that holds a picture."""

    publish: int  # which publish of this key, from 0
    arrived: float  # monotonic seconds
    stamp: float  # its timestamp on the wire, milliseconds
    size: int  # of the coded picture, bytes
    key: bool


@dataclass(frozen=True, slots=True)
class Publish:
    """One publish; the columns are parallel."""

    key: str
    published: float  # monotonic seconds
    ended: float
    arrived: array[float]  # monotonic seconds
    stamps: array[float]  # milliseconds
    codes: array[float]  # size * 4 + flags

    def pictures(self, number: int) -> Iterator[Message]:
        """The video messages that hold pictures, in order."""
        for arrived, stamp, code in zip(self.arrived, self.stamps, self.codes, strict=True):
            size, flags = divmod(int(code), 4)
            if flags & IS_VIDEO and size > _FEW:
                yield Message(number, arrived, stamp, size - _TAG_HEADER, bool(flags & KEY))


@dataclass(frozen=True, slots=True)
class Seam:
    """A place where one file ends and the next begins, as the server saw it."""

    number: int  # of the file that begins
    wall_ms: float  # from the arrival of the last picture before to that of the first after
    wire_ms: float | None  # between their timestamps; None where a new publish begins in between


@dataclass(frozen=True, slots=True)
class Trace:
    """Everything of one run."""

    publishes: tuple[Publish, ...]
    cpu: float  # seconds that the server itself used

    def by_key(self) -> dict[str, list[Publish]]:
        """The publishes of each stream key, in order."""
        found: dict[str, list[Publish]] = {}
        for publish in sorted(self.publishes, key=lambda publish: publish.published):
            found.setdefault(publish.key, []).append(publish)
        return found


def load(directory: Path) -> Trace:
    """Reads what the server wrote."""
    books = json.loads((directory / "publishes.json").read_text())
    publishes = []
    with (directory / "log.bin").open("rb") as file:
        for key, _connected, published, ended, length in books["publishes"]:
            log: array[float] = array("d")
            log.fromfile(file, length)
            publishes.append(Publish(key, published, ended, log[0::3], log[1::3], log[2::3]))
    return Trace(tuple(publishes), books["cpu"])


def pictures(publishes: Sequence[Publish]) -> list[Message]:
    """All pictures of one stream key in the order in which they came."""
    return [message for number, publish in enumerate(publishes) for message in publish.pictures(number)]


def beginnings(messages: Sequence[Message], starts: Starts) -> list[tuple[int, int]]:
    """Where each file of a stream begins: its number, and the position of its first picture.

    Files come in order, and each is known by the sizes of its first pictures.
    """
    found: list[tuple[int, int]] = []
    for position, _ in _key_frames(messages):
        last = found[-1][0] if found else -1
        number = next((number for number in _starting(messages, position, starts) if number > last), None)
        if number is not None:
            found.append((number, position))
    return found


def seams(messages: Sequence[Message], starts: Starts) -> list[Seam]:
    """The seams of one stream."""
    found: list[Seam] = []
    for number, position in beginnings(messages, starts):
        if position:
            before, after = messages[position - 1], messages[position]
            wire = after.stamp - before.stamp if after.publish == before.publish else None
            found.append(Seam(number, (after.arrived - before.arrived) * 1000, wire))
    return found


def key_gaps(messages: Sequence[Message], starts: Starts) -> list[float]:
    """Milliseconds between the arrival of a key frame and of the picture before it, inside files: what is usual."""
    return [
        (message.arrived - messages[position - 1].arrived) * 1000
        for position, message in _key_frames(messages)
        if position and not _starting(messages, position, starts)
    ]


def _key_frames(messages: Sequence[Message]) -> Iterator[tuple[int, Message]]:
    return ((position, message) for position, message in enumerate(messages) if message.key)


def _starting(messages: Sequence[Message], position: int, starts: Starts) -> Sequence[int]:
    """The files that may begin at this key frame."""
    length = len(next(iter(starts)))
    return starts.get(tuple(message.size for message in messages[position + 1 : position + 1 + length]), ())


def in_order(messages: Sequence[Message], frames: Sequence[Sequence[int]], may_grow: int) -> int:
    """How many pictures came before the first that is missing, repeated or out of order; -1: none is.

    Args:
        messages: The pictures of one stream key.
        frames: The sizes of the pictures of each file.
        may_grow: How many bytes a contender may add to a key frame.
    """
    expected = (size for sizes in frames for size in sizes)
    for position, (message, size) in enumerate(zip(messages, expected, strict=False)):
        if not 0 <= message.size - size <= (may_grow if message.key else 0):
            return position
    return -1


def lateness(publish: Publish, warm_up: float) -> Counter[int]:
    """How many messages came how many milliseconds late.

    A message is as late as it lags behind the earliest so far: what a player's buffer must bridge. The start is left
    out, where a burst that fills that buffer would make all that follows look late.

    Args:
        publish: The publish.
        warm_up: Seconds from its first message that are left out.
    """
    found: Counter[int] = Counter()
    if not publish.arrived:
        return found
    begin = publish.arrived[0] + warm_up
    earliest = float("inf")
    for arrived, stamp in zip(publish.arrived, publish.stamps, strict=True):
        if arrived >= begin:
            lag = arrived * 1000 - stamp
            earliest = min(earliest, lag)
            found[int(lag - earliest)] += 1
    return found


def quantile(counts: Counter[int], share: float) -> int:
    """The value that ``share`` of what was counted does not exceed; 0 where nothing was."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return max(counts, default=0)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, 99th percentile, greatest and number of the values."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0}
    last = len(ordered) - 1
    return {
        "median": ordered[last // 2],
        "p99": ordered[round(0.99 * last)],
        "max": ordered[-1],
        "count": len(ordered),
    }

"""Whether every frame came once and in its order, though they are too many to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence


@dataclass(slots=True)
class Counts:
    """What became of frames."""

    frames: int = 0  # that came in their turn
    filled: int = 0  # silence, and pictures held
    missing: int = 0  # passed over
    repeated: int = 0  # had come before
    unknown: int = 0  # no file has them


class Order:
    """Lays the frames of a track against the endless repetition of the same few files."""

    def __init__(self, cycle: Sequence[bytes], fillers: Container[bytes] = frozenset()) -> None:
        """Waits for the first frame of the first file.

        Args:
            cycle: What identifies each frame of the files, in their order.
            fillers: What identifies frames that may stand anywhere: silence.
        """
        self.counts = Counts()
        self._cycle = cycle
        self._places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(cycle):
            self._places.setdefault(digest, []).append(place)
        self._fillers = fillers
        self._next = 0  # place in the cycle
        self._last_key = b""

    def take(self, digests: Sequence[bytes], keys: Iterable[int]) -> None:
        """Takes the frames that came next; beside them stands 1 for each key picture, which alone may be held."""
        for digest, key in zip(digests, keys, strict=True):
            if digest == self._cycle[self._next]:
                self._match(self._next)
            elif digest in self._fillers or (key and digest == self._last_key):
                self.counts.filled += 1
            else:
                self._out_of_turn(digest)
            self._last_key = digest if key else self._last_key

    def _match(self, place: int) -> None:
        self.counts.frames += 1
        self._next = (place + 1) % len(self._cycle)

    def _out_of_turn(self, digest: bytes) -> None:
        """A frame of the half cycle ahead shows that those before it were passed over; others have come before."""
        places = self._places.get(digest)
        if places is None:
            self.counts.unknown += 1
            return
        ahead, place = min(((place - self._next) % len(self._cycle), place) for place in places)
        if ahead < len(self._cycle) // 2:
            self.counts.missing += ahead
            self._match(place)
        else:
            self.counts.repeated += 1

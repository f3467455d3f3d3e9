"""A bounded memory of what pure functions returned: an inbox of 100,000 files is decided about at each turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Remembered"]

V = TypeVar("V")

LIMIT = 1 << 18  # entries: two full inboxes of 100,000 files


class Remembered(dict[str, V]):
    """The results of a pure function of one string: ``remembered[text]``.

    A hit costs a third of one of ``functools.lru_cache``, and an entry half of its memory. When the memory is full it
    is emptied: what is still wanted is made again.
    """

    def __init__(self, make: Callable[[str], V], limit: int = LIMIT) -> None:
        super().__init__()
        self._make = make
        self._limit = limit

    def __missing__(self, key: str) -> V:
        value = self._make(key)
        if len(self) >= self._limit:
            self.clear()
        self[key] = value
        return value

"""A memory of what pure functions returned: an inbox of 100,000 files is decided about at each turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Remembered"]

V = TypeVar("V")

PERIOD = 10_000  # questions at least for which an answer is kept that is not wanted again
ROUNDS = 4  # times that the longest list of questions fits in a period: an answer wanted in each of them stays


class Remembered(Generic[V]):
    """The results of a pure function of one string, which never returns ``None``.

    Names come and go for years, so what was not asked for lately is forgotten: answers of a period that were not
    wanted in the next are dropped at its end. What is kept is thus bounded by what is asked for.
    """

    __slots__ = ("_asked", "_longest", "_make", "_old", "_young")

    def __init__(self, make: Callable[[str], V]) -> None:
        self._make = make
        self._young: dict[str, V] = {}  # wanted in this period
        self._old: dict[str, V] = {}  # wanted in the one before
        self._asked = 0
        self._longest = 0

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def __getitem__(self, key: str) -> V:
        value = self._young.get(key)
        return self.all((key,))[0] if value is None else value

    def all(self, keys: Sequence[str]) -> list[V]:
        """Return the results of many strings, in their order."""
        found = list(map(self._young.get, keys))
        values = [self._fetch(key) if value is None else value for key, value in zip(keys, found, strict=True)]
        self._asked += len(keys)
        self._longest = max(self._longest, len(keys))
        if self._asked >= max(PERIOD, ROUNDS * self._longest):
            self._old, self._young = self._young, {}
            self._asked = self._longest = 0
        return values

    def _fetch(self, key: str) -> V:
        value = self._old.get(key)
        if value is None:
            value = self._make(key)
        self._young[key] = value
        return value

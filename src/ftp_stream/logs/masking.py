"""Keeps secrets out of text.

Every URL is masked where it is made into text; what stands here is the last line of defence, for text that comes from
elsewhere: an exception of a library, a server's own words, a warning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MASK", "Secrets", "hide", "mask_value", "masked"]

MASK = "***"
_SHORTEST = 4  # characters; a shorter "secret" would black out half of every line and protect nothing
_PLAIN = (bool, int, float, type(None))


class Secrets:
    """The strings that must not appear, in every spelling in which text may carry them."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._beginnings: set[str] = set()  # of the spellings: most text holds none, which is told without the pattern
        self._pattern: re.Pattern[str] | None = None  # made when it is needed: a thousand secrets come one by one

    def add(self, *secrets: str) -> None:
        """Mask these from now on; those under four characters are passed over."""
        for secret in secrets:
            for spelling in filter(_is_long, _spellings(secret)):
                self._spellings.add(spelling)
                self._beginnings.add(spelling[:_SHORTEST])
        self._pattern = None

    def mask(self, text: str) -> str:
        """Return the text with every secret in it replaced."""
        pieces = (text[start : start + _SHORTEST] for start in range(len(text) - _SHORTEST + 1))
        if self._beginnings.isdisjoint(pieces):
            return text
        if self._pattern is None:
            longest_first = sorted(self._spellings, key=len, reverse=True)  # a whole URL before the key in it
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(MASK, text)

    def mask_value(self, value: object) -> object:
        """Return a log field's value with every secret in it replaced; what is not plain becomes text first."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            return {self.mask(str(name)): self.mask_value(item) for name, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.mask_value(item) for item in value]
        return self.mask(str(value))


def _is_long(spelling: str) -> bool:
    return len(spelling) >= _SHORTEST


def _spellings(secret: str) -> Iterable[str]:
    yield from (secret, unquote(secret))
    yield from (quote(secret, safe, errors="surrogateescape") for safe in ("/", ""))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1])


_secrets = Secrets()


def hide(*secrets: str) -> None:
    """Keep these strings out of every log line of this process from now on."""
    _secrets.add(*secrets)


def masked(text: str) -> str:
    """Return the text without the secrets that `hide` was told; for words that reach the terminal by another way."""
    return _secrets.mask(text)


def mask_value(value: object) -> object:
    """Return a log field's value without the secrets that `hide` was told; what is not plain becomes text first."""
    return _secrets.mask_value(value)

"""Natural order of paths: as a person would put them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ftp_stream.core.patterns import Stamp, first_match
from ftp_stream.core.remember import Remembered

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Natural", "natural_key", "natural_keys"]

Natural = tuple[tuple[int, int, str], ...]

_NUMBERS = re.compile(r"(\d+)", re.ASCII)
_END, _NUMBER, _TEXT = 0, 1, 2  # in this order, so that a name comes before those it begins


def natural_key(path: str) -> Natural:
    """Return the key of natural order: numbers by value, the name before its suffix, GoPro's chapters in their order.

    No two paths have the same key: its last part is the path itself.
    """
    return _KEYS[path]


def natural_keys(paths: Sequence[str]) -> list[Natural]:
    """Return the keys of many paths."""
    return _KEYS.all(paths)


def _key(path: str) -> Natural:
    folder, _, name = path.rpartition("/")
    chapter = _chapter(name) if name[:1] in {"G", "g"} else None
    stem = name.rpartition(".")[0] or name
    chunks = tuple((_NUMBER, number, "") for number in chapter) if chapter else _chunks(stem)
    return (*_folder_key(folder), *chunks, (_END, 0, path))


def _chapter(name: str) -> tuple[int, int] | None:
    found = first_match(name)
    return found[1].chapter if found and isinstance(found[1], Stamp) else None


@lru_cache(maxsize=4096)
def _folder_key(folder: str) -> Natural:
    return tuple(chunk for part in folder.split("/") for chunk in (*_chunks(part), (_END, 0, ""))) if folder else ()


def _chunks(text: str) -> Natural:
    """Split into the text before the first number, then each number with the text behind it."""
    parts = _NUMBERS.split(text)
    numbers = tuple((_NUMBER, int(number), behind) for number, behind in zip(parts[1::2], parts[2::2], strict=True))
    return ((_TEXT, 0, parts[0]), *numbers) if parts[0] else numbers


_KEYS = Remembered(_key)

"""The settings of a clone become those of the service: they move, so that paths must not depend on where they stand."""

from __future__ import annotations

import io
import tomllib
from typing import TYPE_CHECKING, Any

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from ftp_stream.config.sources import absolute
from ftp_stream.config.variables import PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["moved", "unmovable"]

_NAMES = frozenset(name.upper() for name in PATHS)
_KEYS = PATHS | {"ca_file"}  # as a destination's table spells it


def moved(text: str, directory: Path, home: Path, state_dir: Path) -> str:
    """Return the text of ``.env`` with its paths written in full; all else stays as it is, comments too.

    Args:
        text: The file's.
        directory: Where it stood.
        home: What "~" meant there.
        state_dir: Added where the file does not name one.
    """
    environment = {"HOME": str(home)}
    parts: list[str] = []
    named = False
    for binding in parse_stream(io.StringIO(text)):
        original = binding.original.string
        if binding.key and binding.value:
            value = "".join(atom.resolve(environment) for atom in parse_variables(binding.value))
            environment[binding.key] = value
            named |= binding.key == "STATE_DIR"
            full = absolute(value, directory, str(home))
            if binding.key in _NAMES and full != binding.value:
                original = _line(original, binding.key, full)
        parts.append(original)
    if not named:
        parts += [
            "" if not text or text.endswith("\n") else "\n",
            f"\n# Journal and prepared files\nSTATE_DIR={state_dir}\n",
        ]
    return "".join(parts)


def unmovable(toml: str, *, same_home: bool) -> list[str]:
    """Return the paths of ``ftp-stream.toml`` that would lead elsewhere once it has moved, each as it is written.

    Args:
        toml: The file's text, known to be TOML.
        same_home: The service runs as the user whose "~" is meant.
    """
    found = []
    for key, value in _strings(tomllib.loads(toml)):
        if key in _KEYS and not value.startswith("/") and not (same_home and value.startswith("~/")):
            found.append(f"{key} = {value!r}")
    return found


def _line(original: str, name: str, value: str) -> str:
    """Return the line that sets a variable, with the empty lines before it and the end behind it as they were."""
    before = original[: len(original) - len(original.lstrip())]
    end = "\n" if original.endswith("\n") else ""
    quoted = value if all(char.isalnum() or char in "/._-+,@%" for char in value) else f"'{_escaped(value)}'"
    return f"{before}{name}={quoted}{end}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


def _strings(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every text of a table and of the tables in it, with its key."""
    for key, value in table.items():
        if isinstance(value, str):
            yield key, value
        elif isinstance(value, dict):
            yield from _strings(value)
        elif isinstance(value, list):
            for each in value:
                if isinstance(each, dict):
                    yield from _strings(each)

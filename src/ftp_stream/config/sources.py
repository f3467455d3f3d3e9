"""Where settings come from: each place becomes a layer of raw values that knows where each of them stands."""

from __future__ import annotations

import io
import os
import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from ftp_stream.config.variables import NAMES, PATHS, Language

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "DEFAULTS",
    "DOTENV",
    "ENVIRONMENT",
    "TOML",
    "Layer",
    "absolute",
    "from_environ",
    "from_table",
    "read_dotenv",
    "read_toml",
]

ENVIRONMENT = "environment"
DOTENV = ".env"
TOML = "ftp-stream.toml"
_LOCALE = r"(?:C|POSIX|[A-Za-z]{2,3})(?:[_-][A-Za-z]+)?(?:\.[\w-]+)?(?:@\w+)?"
_LOCALES = re.compile(f"(?:{_LOCALE})?(?::(?:{_LOCALE})?)*")  # as gettext's LANGUAGE has them


@dataclass(frozen=True, slots=True, repr=False)  # it holds keys
class Layer:
    """The raw values that one place gives. An empty text counts as not set."""

    origin: str  # environment, .env or ftp-stream.toml
    section: str = ""  # of ftp-stream.toml, in words; "" for its top
    raw: Mapping[str, object] = field(default_factory=dict)  # setting's name -> value as it stands there
    lines: Mapping[str, int] = field(default_factory=dict)  # setting's name -> line, where known
    spellings: Mapping[str, str] = field(default_factory=dict)  # setting's name -> as it is written there

    def without(self, names: Iterable[str]) -> Layer:
        """Return this layer without some settings."""
        gone = set(names)
        kept = {name: value for name, value in self.raw.items() if name not in gone}
        return Layer(self.origin, self.section, kept, self.lines, self.spellings)

    def written(self, name: str) -> str:
        """Return how a setting is called in this place."""
        return self.spellings.get(name, name if self.origin == TOML else name.upper())

    def place(self, name: str) -> str:
        """Return in words where a setting stands."""
        if name in self.lines:
            return f"{self.origin} line {self.lines[name]}"
        return f"{self.origin}, {self.section}" if self.section else self.origin

    def values(self, directory: Path, home: str) -> dict[str, object]:
        """Return the values with paths made absolute, ``~`` expanded."""
        return {
            name: absolute(value, directory, home) if name in PATHS and isinstance(value, str) else value
            for name, value in self.raw.items()
        }


DEFAULTS = Layer("default", raw={"watch_dir": "~/camera_data"})  # here for its "~"; the others stand in Variables


def from_environ(environ: Mapping[str, str]) -> Layer:
    """Return what the environment sets.

    Many systems have a variable LANGUAGE for GNU gettext, such as ``en_US:en``. It is not meant for us: it must neither
    keep the service from starting nor have precedence over what ``.env`` says.
    """
    raw = _known(environ)
    language = str(raw.get("language", "")).strip()
    if _LOCALES.fullmatch(language) and language.lower() not in set(Language):
        raw.pop("language", None)
    return Layer(ENVIRONMENT, raw=raw)


def from_table(table: Mapping[str, object], names: Mapping[str, str], section: str = "") -> Layer:
    """Return what a table of ``ftp-stream.toml`` sets.

    Args:
        table: Its keys and values; those that are not in ``names`` are left out.
        names: Key -> setting's name.
        section: The table in words.
    """
    raw = {names[key]: value for key, value in table.items() if key in names and value != ""}
    return Layer(TOML, section, raw, spellings={name: key for key, name in names.items()})


def read_dotenv(
    path: Path, name: str, environ: Mapping[str, str], problems: list[str], *, required: bool
) -> tuple[Layer, dict[str, str]]:
    """Return what ``.env`` sets, and all its variables; what cannot be read is added to ``problems``.

    Args:
        path: The file.
        name: What it is called in what is told.
        environ: What its values may refer to, as in ``${HOME}/videos``.
        problems: Grows.
        required: That it does not exist is a problem; else it sets nothing.
    """
    variables: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(_text(path, problems, required=required))):
        text = binding.original.string
        empty_lines = text[: len(text) - len(text.lstrip())].count("\n")  # they belong to what follows them
        line = binding.original.line + empty_lines
        if binding.error:
            problems.append(f"{name} line {line}: write NAME=value, or begin the line with #")
        if binding.key is None or binding.value is None:
            continue
        known = {**environ, **variables}
        variables[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
        lines[binding.key.lower()] = line
    return Layer(name, raw=_known(variables), lines=lines), variables


def read_toml(path: Path, problems: list[str]) -> dict[str, object]:
    """Return what ``ftp-stream.toml`` holds; what cannot be read is added to ``problems``."""
    try:
        return tomllib.loads(_text(path, problems))
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{TOML} is not TOML: {error}")
        return {}


def _text(path: Path, problems: list[str], *, required: bool = False) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        if required:
            problems.append(f"{path}: there is no such file of settings")
    except OSError as error:
        problems.append(f"{path} cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        problems.append(f"{path} is not UTF-8 from byte {error.start} on: save it as UTF-8")
    return ""


def _known(variables: Mapping[str, str]) -> dict[str, object]:
    return {name: variables[name.upper()] for name in NAMES if variables.get(name.upper())}


def absolute(text: str, directory: Path, home: str) -> str:
    """Return a path as it is meant: from ``directory`` on, "~" as ``home``.

    A URL is a mistake, and a user who does not exist another: both stay as they are, to be refused.
    """
    if "://" in text:
        return text
    if home and (text == "~" or text.startswith("~/")):
        text = home + text[1:]
    text = os.path.expanduser(text)  # noqa: PTH111 - Path raises where there is no such user
    return text if text.startswith("~") else os.path.normpath(directory / text)

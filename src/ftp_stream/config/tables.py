"""What ``ftp-stream.toml`` may hold, and where: its tables as values, and every key that is not known as an error."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from ftp_stream.config.sources import TOML, Layer, from_table
from ftp_stream.config.variables import GLOBAL, NAMES, ONE_CAMERA, check_name

__all__ = ["VARIABLE_KEYS", "CameraTable", "DestinationTable", "camera_tables", "shown", "top_layer"]

# key in the file -> setting's name
_TOP = {name: name for name in NAMES}
_CAMERA = {"name": "camera_name"} | {
    name: name for name in NAMES if name not in {*GLOBAL, *ONE_CAMERA} or name == "watch_dir"
}
_DESTINATION = {
    "url": "rtmp_url",
    "backup_url": "rtmp_backup_url",
    "preset": "rtmp_preset",
    "ca_file": "rtmp_ca_file",
    "video": "video",
}
VARIABLE_KEYS = {"url_env": "rtmp_url", "backup_url_env": "rtmp_backup_url"}  # name the variable that holds a setting
_KEYS = {  # where -> its own keys
    "at the top of the file": frozenset({*_TOP, "camera"}),
    "in a [[camera]] table": frozenset({*_CAMERA, "destination"}),
    "in a [[camera.destination]] table": frozenset({*_DESTINATION, *VARIABLE_KEYS, "name"}),
}
_TOP_KEYS, _CAMERA_KEYS, _DESTINATION_KEYS = _KEYS.values()


@dataclass(frozen=True, slots=True, repr=False)  # it holds keys
class DestinationTable:
    """One ``[[camera.destination]]``."""

    name: str  # "": named by its host
    section: str  # in words
    variables: Mapping[str, str]  # key, such as url_env -> the variable of the environment that it names
    layer: Layer


@dataclass(frozen=True, slots=True, repr=False)
class CameraTable:
    """One ``[[camera]]``."""

    section: str  # in words
    layer: Layer
    destinations: tuple[DestinationTable, ...]


def top_layer(toml: Mapping[str, object], problems: list[str]) -> Layer:
    """Return what the top of the file sets."""
    _check_keys(toml, _TOP_KEYS, "", problems)
    return from_table(toml, _TOP)


def camera_tables(toml: Mapping[str, object], problems: list[str]) -> list[CameraTable]:
    """Return the ``[[camera]]`` tables of the file."""
    return [
        _camera(table, f"[[camera]] {number}", problems)
        for number, table in enumerate(_array(toml, "camera", "[[camera]]", "", problems), 1)
    ]


def shown(value: object) -> str:
    """Return a value for an error; what looks like a URL holds a key, wherever it was put by mistake."""
    text = repr(value)
    return "a URL, not shown here," if "://" in text else text[:80]


def _camera(table: Mapping[str, object], section: str, problems: list[str]) -> CameraTable:
    if table.get("name"):
        section = f"{section} ({shown(table['name'])})"
    _check_keys(table, _CAMERA_KEYS, section, problems)
    problems += [f"{TOML}, {section}: {key} is missing" for key in ("name", "watch_dir") if not table.get(key)]
    destinations = _array(table, "destination", "[[camera.destination]]", section, problems)
    if not table.get("destination"):
        problems.append(f"{TOML}, {section}: it has no [[camera.destination]]")
    return CameraTable(
        section,
        from_table(table, _CAMERA, section),
        tuple(
            _destination(each, f"{section}, destination {number}", problems)
            for number, each in enumerate(destinations, 1)
        ),
    )


def _destination(table: Mapping[str, object], section: str, problems: list[str]) -> DestinationTable:
    _check_keys(table, _DESTINATION_KEYS, section, problems)
    if bool(table.get("url")) == bool(table.get("url_env")):
        problems.append(f"{TOML}, {section}: write either url, or url_env with the name of a variable that holds it")
    name = _text(table, "name", section, problems)
    if table.get("backup_url") and table.get("backup_url_env"):
        problems.append(f"{TOML}, {section}: write either backup_url, or backup_url_env, not both")
    named = {
        key: _text(table, key, section, problems) for key in VARIABLE_KEYS if not table.get(key.removesuffix("_env"))
    }
    try:
        if name:
            check_name(name)
    except ValueError as error:
        problems.append(f"name = {shown(name)} ({TOML}, {section}): must be {error}")
    variables = {key: variable for key, variable in named.items() if variable}
    return DestinationTable(name, section, variables, from_table(table, _DESTINATION, section))


def _text(table: Mapping[str, object], key: str, section: str, problems: list[str]) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        problems.append(f"{key} = {shown(value)} ({TOML}, {section}): must be text in quotes")
        return ""
    return value


def _array(
    table: Mapping[str, object], key: str, header: str, section: str, problems: list[str]
) -> list[Mapping[str, object]]:
    value = table.get(key, [])
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        return value
    place = f"{TOML}, {section}" if section else TOML
    problems.append(f"{place}: write each {key} as a table of its own that begins with {header}")
    return []


def _check_keys(table: Mapping[str, object], known: frozenset[str], section: str, problems: list[str]) -> None:
    place = f"{TOML}, {section}" if section else TOML
    problems += [f"{place}: {shown(key)} is not a setting; {_hint(key, known)}" for key in table if key not in known]


def _hint(key: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(key.lower(), known, 1)
    elsewhere = [where for where, keys in _KEYS.items() if key in keys]
    if elsewhere:
        return f"it belongs {elsewhere[0]}"
    return f"did you mean {near[0]}?" if near else f"here may stand: {', '.join(sorted(known))}"

"""`ftp-stream check`: would the service start, and would it reach its destinations?"""

import asyncio
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ftp_stream.cli.common import FAULT, HOW_TO_REACH, OK, load_settings, out, rtmp_url
from ftp_stream.cli.footage import look
from ftp_stream.config import CameraSettings, DestinationSettings, Settings, effective
from ftp_stream.core.slate import PICTURE_FORMATS, is_picture
from ftp_stream.errors import DestinationFault
from ftp_stream.rtmp.url import RtmpUrl
from ftp_stream.shell.publisher import connect
from ftp_stream.view import plain

__all__ = ["check"]

_LOW_SPACE = 1 << 30  # bytes: an hour of 2 Mbit/s
_HEAD = 16  # bytes by which a picture is known
_LAST_STEP = "connect"  # a publish would take the place of the service's own


_STATE = "state"
_GOOD, _DOUBTFUL, _BAD = "good", "doubtful", "bad"
_LOOKS = {_GOOD: ("✔", "green"), _DOUBTFUL: ("!", "yellow"), _BAD: ("✖", "bold red")}


@dataclass(frozen=True, slots=True)
class _Finding:
    grade: str
    what: str
    words: str
    cure: str = ""


def check(
    *,
    offline: Annotated[bool, typer.Option("--offline", help="Do not try to reach the destinations.")] = False,
    create: Annotated[bool, typer.Option("--create", help="Make the directories that are missing.")] = False,
) -> None:
    """Show the settings in force and check all they name. Exits with 1 when something must be mended."""
    settings = load_settings()
    _show_settings(settings)
    findings = [_Finding(_DOUBTFUL, "setting", text) for text in settings.warnings]
    findings += [_directory(what, path, create=create) for what, path in _directories(settings)]
    findings += [_slate_image(each.name, each.slate_image) for each in settings.cameras if each.slate_image]
    findings += asyncio.run(_footage(settings))
    findings += [] if offline else asyncio.run(_destinations(settings))
    _show(findings)
    raise typer.Exit(FAULT if any(finding.grade == _BAD for finding in findings) else OK)


# --- settings -------------------------------------------------------------------------------------------------------


def _show_settings(settings: Settings) -> None:
    table = Table.grid(padding=(0, 2, 0, 0))
    for each in effective(settings):
        told = each.origin != "default"
        table.add_row(Text(each.name, "bold" if told else ""), Text(plain(each.value)), Text(each.origin, "dim"))
    out.print(table)
    out.print()


# --- directories ----------------------------------------------------------------------------------------------------


def _directories(settings: Settings) -> Iterator[tuple[str, Path]]:
    for camera in settings.cameras:
        yield f"{camera.name}: inbox", camera.watch_dir
        if camera.archive_dir:
            yield f"{camera.name}: archive", camera.archive_dir
    yield _STATE, settings.state_dir


def _directory(what: str, path: Path, *, create: bool) -> _Finding:
    try:
        if create:
            path.mkdir(parents=True, exist_ok=True)
        made_later = what == _STATE and not path.exists()  # by the service
        place = next(parent for parent in path.parents if parent.exists()) if made_later else path
        problem = _unusable(place)
        free = shutil.disk_usage(place).free
    except FileNotFoundError:
        return _Finding(_BAD, what, f"{path} does not exist", "make it, or let make create-watch-dir do it")
    except OSError as error:
        return _Finding(_BAD, what, f"{path}: {error.strerror}")
    if problem:
        return _Finding(_BAD, what, f"{place} {problem}", "the user that runs the service must be allowed to")
    words = f"{path}{' (made at the first start)' if made_later else ''}, {free / 1e9:,.1f} GB free"
    return _Finding(_DOUBTFUL if free < _LOW_SPACE else _GOOD, what, words)


def _unusable(path: Path) -> str:
    """Return why the service could not work in a directory, "" where it could."""
    status = path.stat()
    if not stat.S_ISDIR(status.st_mode):
        return "is no directory"
    rights = {"read": os.R_OK, "written": os.W_OK, "searched": os.X_OK}
    missing = [word for word, right in rights.items() if not os.access(path, right)]
    if missing:
        return f"cannot be {' or '.join(missing)} by this user"
    if status.st_mode & stat.S_ISVTX and os.geteuid() not in {0, status.st_uid}:
        return "is sticky: this user cannot delete what others put there"
    return ""


# --- the slate's picture --------------------------------------------------------------------------------------------


def _slate_image(camera: str, path: Path) -> _Finding:
    """Return whether a user's picture can be used; the slate is shown without one that cannot."""
    what, cure = f"{camera}: SLATE_IMAGE", f"name a picture file ({PICTURE_FORMATS}) that this user may read"
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        return _Finding(_DOUBTFUL, what, f"{path}: {error.strerror}", cure)
    if not is_picture(head):
        return _Finding(_DOUBTFUL, what, f"{path} is no picture of a known kind: {PICTURE_FORMATS}", cure)
    return _Finding(_GOOD, what, str(path))


# --- footage --------------------------------------------------------------------------------------------------------


async def _footage(settings: Settings) -> list[_Finding]:
    """Return whether what the cameras upload suits their destinations."""
    seen = await look(settings.cameras)
    return [_Finding(_GOOD if sight.suits else _DOUBTFUL, sight.what, sight.words, sight.cure) for sight in seen]


# --- destinations ---------------------------------------------------------------------------------------------------


async def _destinations(settings: Settings) -> list[_Finding]:
    """Return whether each destination answers, all asked at once."""
    asked = [_destination(camera, each) for camera in settings.cameras for each in camera.destinations]
    return list(await asyncio.gather(*asked))


async def _destination(camera: CameraSettings, destination: DestinationSettings) -> _Finding:
    what, url = f"{camera.name}/{destination.name}", rtmp_url(destination)
    if url is None:
        return _Finding(_DOUBTFUL, what, "no destination: run streams to the built-in receiver", HOW_TO_REACH)
    try:
        spent = await _reach(url, destination.ca_file)
    except DestinationFault as fault:
        said = f": {fault.description}" if fault.description else ""
        return _Finding(_BAD, what, f"{url.masked}: {fault.step}: {fault.reason}{said}", fault.cure)
    steps = ", ".join(f"{step} {seconds * 1000:.0f} ms" for step, seconds in spent.items())
    return _Finding(_GOOD, what, f"{url.masked} answers ({steps}); no publish was tried")


async def _reach(url: RtmpUrl, ca_file: Path | None) -> dict[str, float]:
    """Go as far as the server takes the application's name; return the seconds that each step took.

    Raises:
        DestinationFault: A step failed.
    """
    spent: dict[str, float] = {}

    def note(step: str, seconds: float) -> None:
        spent[step] = seconds
        if step == _LAST_STEP:
            connecting.cancel()  # at once: the connection is gone before the next answer can be read

    connecting = asyncio.ensure_future(connect(url, ca_file=ca_file, on_step=note))
    await asyncio.wait({connecting})
    if not connecting.cancelled():
        await (await connecting).close(clean=False)
    return spent


# --- what is said ---------------------------------------------------------------------------------------------------


def _show(findings: list[_Finding]) -> None:
    grid = Table.grid(padding=(0, 1, 0, 0))
    for finding in findings:
        glyph, look = _LOOKS[finding.grade]
        words = Text(plain(finding.words))
        if finding.cure and finding.grade != _GOOD:
            words.append(f"\n{plain(finding.cure)}", "dim")
        grid.add_row(Text(glyph, look), Text(plain(finding.what), "bold"), words)
    out.print(grid)

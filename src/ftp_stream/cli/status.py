"""`ftp-stream status`: what the running service does."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ftp_stream.cli.common import FAULT, OK, load_settings, out
from ftp_stream.shell import statusfile
from ftp_stream.shell.statusfile import Reading
from ftp_stream.view import Screen, plain

__all__ = ["status"]

_EVERY = 1.0  # seconds between two looks; the service tells as often


def status(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object, or one a second with --watch.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep showing it until Ctrl-C.")] = False,
) -> None:
    """Show what the running service does. Exits with 1 when none runs."""
    state_dir = load_settings().state_dir
    if watch:
        _watch(state_dir, _show_json if as_json else None)
        return
    reading = statusfile.read(state_dir, time.time())
    if as_json:
        _show_json(reading)
    else:
        out.print(picture(reading, Screen()))
    raise typer.Exit(OK if reading.status else FAULT)


def picture(reading: Reading, screen: Screen) -> RenderableType:
    """Return what a terminal shows of a reading."""
    note = [Text(plain(reading.note), "yellow")] if reading.note else []
    return Group(*([screen.draw(reading.status)] if reading.status else []), *note)


def _show_json(reading: Reading) -> None:
    told = asdict(reading.status) if reading.status else {}
    typer.echo(json.dumps({"running": reading.status is not None, "note": reading.note, **told}))


def _watch(state_dir: Path, show: Callable[[Reading], None] | None) -> None:
    """Show it again and again: by ``show``, else in place in the terminal."""
    screen = Screen()
    with Live(console=out, auto_refresh=False, transient=False) as live:
        while True:
            reading = statusfile.read(state_dir, time.time())
            if show:
                show(reading)
            else:
                live.update(picture(reading, screen), refresh=True)
            try:
                time.sleep(_EVERY)
            except KeyboardInterrupt:
                return

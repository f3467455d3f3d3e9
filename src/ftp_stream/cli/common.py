"""What the commands share: settings, words for the terminal, exit statuses."""

import os
import sys
from pathlib import Path

from rich.console import Console, RenderableType
from rich.text import Text

from ftp_stream import logs
from ftp_stream.config import DestinationSettings, Settings, load
from ftp_stream.rtmp.url import RtmpUrl, parse_url
from ftp_stream.view import plain

__all__ = [
    "CANNOT_START",
    "FAULT",
    "HOW_TO_REACH",
    "OK",
    "SETTINGS",
    "complain",
    "load_settings",
    "out",
    "rtmp_url",
    "show",
]

OK = 0
FAULT = 1  # it ran, and the answer is no
CANNOT_START = 2
SETTINGS = "FTP_STREAM_SETTINGS"  # variable of the environment: the file to read in place of .env
HOW_TO_REACH = "set RTMP_URL in .env to where the stream shall go: rtmp://HOST/APP/KEY or rtmps://HOST/APP/KEY"

out = Console(highlight=False, soft_wrap=False)


def show(*parts: RenderableType) -> None:
    """Print on standard output; into a pipe or a file without the spaces that fill up a table's lines."""
    if out.is_terminal:
        out.print(*parts, sep="\n")
        return
    with out.capture() as captured:
        out.print(*parts, sep="\n")
    out.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def complain(words: str) -> None:
    """Say on standard error what is wrong, without any secret or control character."""
    lines = [plain(line) for line in logs.masked(words).splitlines()]
    if logs.goes_to_journal(sys.stderr):
        sys.stderr.writelines(logs.prioritised(lines, "error"))
    else:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text("\n".join(lines), "red"))


def load_settings() -> Settings:
    """Return the settings; from here on no log line shows their secrets.

    They come from the environment and this directory, or the directory of the file that `SETTINGS` names.

    Raises:
        ConfigError: A setting is unusable.
    """
    named = os.environ.get(SETTINGS)
    settings = load(os.environ, Path.cwd(), Path(named) if named else None)
    for camera in settings.cameras:
        for destination in camera.destinations:
            url = rtmp_url(destination)
            if url and destination.url:
                logs.hide(destination.url.get_secret_value(), *url.secrets)
    return settings


def rtmp_url(destination: DestinationSettings) -> RtmpUrl | None:
    """Return where a destination is, ``None`` where none is set."""
    return parse_url(destination.url.get_secret_value()) if destination.url else None

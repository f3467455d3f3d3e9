"""`ftp-stream version`: what runs here."""

import platform
from importlib.metadata import version as installed

import typer

from ftp_stream import __version__

__all__ = ["version"]


def version() -> None:
    """Print the versions of the program, Python and PyAV."""
    typer.echo(f"ftp-stream {__version__} (Python {platform.python_version()}, PyAV {installed('av')})")

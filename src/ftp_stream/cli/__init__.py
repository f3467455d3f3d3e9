"""The command line, one module per command.

Exit statuses: 0 it went well; 1 it ran and the answer is no; 2 it cannot start.
"""

import sys
from collections.abc import Sequence

import typer

from ftp_stream.cli.check import check
from ftp_stream.cli.common import CANNOT_START, FAULT, complain
from ftp_stream.cli.demo import demo
from ftp_stream.cli.destinations import destinations
from ftp_stream.cli.inspection import inspect
from ftp_stream.cli.plan import plan
from ftp_stream.cli.receive import receive
from ftp_stream.cli.run import run
from ftp_stream.cli.status import status
from ftp_stream.cli.trial import trial
from ftp_stream.cli.version import version
from ftp_stream.errors import ConfigError, FtpStreamError, StorageError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Turns the video files a camera uploads by FTP into one unbroken, near-live RTMP(S) publish.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it shows local variables, so keys
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, demo, plan, check, destinations, status, inspect, receive, version):
    app.command()(command)
app.command("test-stream")(trial)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that the arguments name, and exit."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # file names may be no text at all
    try:
        app(arguments, prog_name="ftp-stream")
    except (ConfigError, StorageError) as error:
        complain(str(error))
        sys.exit(CANNOT_START)
    except FtpStreamError as error:
        complain(str(error))
        sys.exit(FAULT)

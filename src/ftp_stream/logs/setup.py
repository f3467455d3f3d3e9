"""Where the log lines of a process go, and in which form."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, TextIO

import structlog

from ftp_stream.logs import journald
from ftp_stream.logs.masking import mask_value

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["configure"]

_FIRST = ("timestamp", "level", "event")  # in a line of JSON


def configure(*, log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all log lines of this process, the standard library's and warnings too, to one place.

    Args:
        log_format: "console", "json", or "auto": console in a terminal, fields of the journal where systemd connected
            the stream to it, and JSON elsewhere.
        level: The name of the lowest level that is written.
        stream: Where to; standard error when not given, so that a command's output stays its own.
    """
    logging.basicConfig(handlers=[_handler(log_format, stream or sys.stderr)], level=level.upper(), force=True)
    logging.raiseExceptions = False  # its own report of a broken stream would print the line unmasked
    logging.captureWarnings(capture=True)
    sys.excepthook = _report_crash
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # module-level loggers exist before the settings are read
    )


def _handler(log_format: str, target: TextIO) -> logging.Handler:
    if log_format == "auto" and journald.goes_to_journal(target):
        journal = journald.JournalHandler(target)
        journal.setFormatter(_formatter(_mask_fields, journal.render))
        return journal
    handler = logging.StreamHandler(target)
    if log_format == "console" or (log_format == "auto" and target.isatty()):
        handler.setFormatter(_formatter(_stamp("%Y-%m-%d %H:%M:%S"), _mask_fields, _console(target)))
    else:
        handler.setFormatter(_formatter(_stamp("iso"), _mask_fields, structlog.processors.JSONRenderer()))
    return handler


def _shared() -> list[Processor]:
    """What is done alike to our own lines and to those of libraries."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]


def _formatter(*processors: Processor) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
    )


def _stamp(form: str) -> Processor:
    return structlog.processors.TimeStamper(fmt=form, utc=form == "iso", key="timestamp")


def _console(target: TextIO) -> Processor:
    colours = target.isatty() and "NO_COLOR" not in os.environ
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=18, exception_formatter=structlog.dev.plain_traceback
    )


def _mask_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # the names of fields are ours: a key that happens to be "stream" must not black them out
    first = {name: event[name] for name in _FIRST if name in event}
    return {name: mask_value(value) for name, value in {**first, **event}.items()}


def _report_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(130)
    structlog.get_logger("ftp_stream").critical("crashed", exc_info=(kind, error, trace))

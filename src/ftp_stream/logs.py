"""Log lines: events with fields, readable in a terminal, JSON elsewhere, and never with a secret in them.

Every URL is masked where it is made into text; what stands here is the last line of defence, for text that comes from
elsewhere: an exception of a library, a server's own words, a warning.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO
from urllib.parse import quote, unquote

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["MASK", "Secrets", "configure", "hide", "masked"]

MASK = "***"
_SHORTEST = 4  # characters; a shorter "secret" would black out half of every line and protect nothing
_FIRST = ("timestamp", "level", "event")  # in a line of JSON
_PLAIN = (bool, int, float, type(None))


class Secrets:
    """The strings that must not appear, in every spelling in which text may carry them."""

    def __init__(self) -> None:
        self._spellings: set[str] = set()
        self._beginnings: set[str] = set()  # of the spellings: most text holds none, which is told without the pattern
        self._pattern: re.Pattern[str] | None = None  # made when it is needed: a thousand secrets come one by one

    def add(self, *secrets: str) -> None:
        """Mask these from now on; those under four characters are passed over."""
        for secret in secrets:
            for spelling in filter(_is_long, _spellings(secret)):
                self._spellings.add(spelling)
                self._beginnings.add(spelling[:_SHORTEST])
        self._pattern = None

    def mask(self, text: str) -> str:
        """Return the text with every secret in it replaced."""
        pieces = (text[start : start + _SHORTEST] for start in range(len(text) - _SHORTEST + 1))
        if self._beginnings.isdisjoint(pieces):
            return text
        if self._pattern is None:
            longest_first = sorted(self._spellings, key=len, reverse=True)  # a whole URL before the key in it
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        return self._pattern.sub(MASK, text)

    def mask_value(self, value: object) -> object:
        """Return a log field's value with every secret in it replaced; what is not plain becomes text first."""
        if isinstance(value, _PLAIN):
            return value
        if isinstance(value, Mapping):
            return {self.mask(str(name)): self.mask_value(item) for name, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [self.mask_value(item) for item in value]
        return self.mask(str(value))


def _is_long(spelling: str) -> bool:
    return len(spelling) >= _SHORTEST


def _spellings(secret: str) -> Iterable[str]:
    yield from (secret, unquote(secret))
    yield from (quote(secret, safe, errors="surrogateescape") for safe in ("/", ""))
    yield from (json.dumps(secret)[1:-1], repr(secret)[1:-1])


_secrets = Secrets()


def hide(*secrets: str) -> None:
    """Keep these strings out of every log line of this process from now on."""
    _secrets.add(*secrets)


def masked(text: str) -> str:
    """Return the text without the secrets that `hide` was told; for words that reach the terminal by another way."""
    return _secrets.mask(text)


def configure(*, log_format: str = "auto", level: str = "info", stream: TextIO | None = None) -> None:
    """Send all log lines of this process, the standard library's and warnings too, to one stream.

    Args:
        log_format: "console", "json", or "auto": console in a terminal and JSON elsewhere.
        level: The name of the lowest level that is written.
        stream: Where to; standard error when not given, so that a command's output stays its own.
    """
    target = stream or sys.stderr
    as_console = log_format == "console" or (log_format == "auto" and target.isatty())
    handler = logging.StreamHandler(target)
    handler.setFormatter(_formatter(_console(target) if as_console else structlog.processors.JSONRenderer()))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
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


def _shared() -> list[Processor]:
    """What is done alike to our own lines and to those of libraries."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]


def _formatter(renderer: Processor) -> logging.Formatter:
    is_json = isinstance(renderer, structlog.processors.JSONRenderer)
    stamp = structlog.processors.TimeStamper(
        fmt="iso" if is_json else "%Y-%m-%d %H:%M:%S", utc=is_json, key="timestamp"
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            stamp,
            _mask_fields,
            renderer,
        ],
    )


def _console(target: TextIO) -> Processor:
    colours = target.isatty() and "NO_COLOR" not in os.environ
    return structlog.dev.ConsoleRenderer(
        colors=colours, pad_event_to=18, exception_formatter=structlog.dev.plain_traceback
    )


def _mask_fields(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    # the names of fields are ours: a key that happens to be "stream" must not black them out
    first = {name: event[name] for name in _FIRST if name in event}
    return {name: _secrets.mask_value(value) for name, value in {**first, **event}.items()}


def _report_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.exit(130)
    structlog.get_logger("ftp_stream").critical("crashed", exc_info=(kind, error, trace))

"""Logging is one for the whole process."""

from __future__ import annotations

import logging
import sys
import warnings
from typing import TYPE_CHECKING

import pytest
import structlog

from ftp_stream import logs
from ftp_stream.logs import masking

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def restore(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging is the process's own: leave it as it was found."""
    monkeypatch.setattr(masking, "_secrets", logs.Secrets())
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook, logging.raiseExceptions
    with warnings.catch_warnings():
        yield
        logging.captureWarnings(capture=False)
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level, sys.excepthook, logging.raiseExceptions = before
    structlog.reset_defaults()

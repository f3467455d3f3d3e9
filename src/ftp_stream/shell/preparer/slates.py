"""The slates that were made: each once, however many streams show it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from ftp_stream.core.slate import decode_slate
from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import FileId
from ftp_stream.shell.preparer.descriptor import check_file
from ftp_stream.shell.preparer.lanes import CLOSED

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from ftp_stream.core.request import SlateRequest
    from ftp_stream.core.slate import Slate
    from ftp_stream.shell.preparer.lanes import Errand, Lane

__all__ = ["Slates", "slate_from"]

KEPT: Final = 32  # slates of the last uses, of some 0.6 MB each at 1080p; others are made again in half a second

_Key = tuple["SlateRequest", "Path | None", "FileId | None"]


class Slates:
    """Makes slates and keeps some."""

    def __init__(self, make: Callable[[SlateRequest, Path | None], Awaitable[Slate]]) -> None:
        self._make = make
        self._made: dict[_Key, asyncio.Future[Slate]] = {}  # used last stands last

    async def get(self, request: SlateRequest, image: Path | None) -> Slate:
        """Return a slate; a user's picture that changed makes another one.

        Raises:
            SegmentRefused: There can be none of this kind.
            StorageError: No child can be started, or all was closed.
        """
        key = (request, image, await asyncio.to_thread(_identity, image) if image else None)
        making = self._made.pop(key, None) or asyncio.ensure_future(self._make(request, image))
        self._made[key] = making
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]
        making.add_done_callback(lambda made: self._forget(key, made))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            if making.cancelled():
                raise StorageError(CLOSED) from None
            raise

    def _forget(self, key: _Key, made: asyncio.Future[Slate]) -> None:
        """Try again next time what failed; whoever waited for it may be gone."""
        if (made.cancelled() or made.exception()) and self._made.get(key) is made:
            del self._made[key]


def slate_from(lane: Lane, errand: Errand, request: SlateRequest, image: Path | None) -> Slate:
    """Let a child make a slate, in a thread.

    Raises:
        SegmentRefused: It cannot.
        StorageError: It is no fault of what was asked.
    """
    with open(os.devnull, "r+b", buffering=0) as nothing:  # noqa: PTH123 - no file like others
        picture = _open(image) if image else os.dup(nothing.fileno())
        try:
            if image:
                check_file(picture)
            return lane.ask(errand, request, (picture, nothing.fileno()), decode_slate)
        except SegmentRefused as refused:
            raise SegmentRefused(f"the slate cannot be made: {refused.reason}") from refused
        finally:
            os.close(picture)


def _open(image: Path) -> int:
    try:
        return os.open(image, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe must not make us wait
    except OSError as error:
        raise SegmentRefused(f"SLATE_IMAGE={image} cannot be opened: {error.strerror}") from error


def _identity(image: Path) -> FileId:
    try:
        now = image.stat()
    except OSError as error:
        raise SegmentRefused(f"SLATE_IMAGE={image} cannot be opened: {error.strerror}") from error
    return FileId(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns)

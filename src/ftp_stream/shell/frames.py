"""The bytes of due frames, read from the files they stand in without ever stalling the event loop."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING

from ftp_stream.core.spans import Span, spans
from ftp_stream.errors import StorageError
from ftp_stream.model import Row, Source

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ftp_stream.model import FrameTable

__all__ = ["FrameReader", "MemoryReader"]

_SOURCE = int(Row.SOURCE_MASK)
_SILENCE = int(Source.SILENCE)
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)  # Linux 4.14: read what is in the page cache, else say so
_WOULD_WAIT = frozenset({errno.EAGAIN, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


class _File:
    """A descriptor that is closed with its last user, so that no thread ever reads from a number used anew."""

    __slots__ = ("fileno",)

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno

    def __del__(self) -> None:
        os.close(self.fileno)


class FrameReader:
    """Reads frames of one prepared segment by reference.

    It owns its file descriptors: the bytes stay readable when the file is renamed or deleted meanwhile.
    """

    def __init__(self, file: int, sidecar: str, pool: Executor, scratch: memoryview | None = None) -> None:
        """Take over ``file``, an open descriptor of the camera's file.

        Args:
            file: Descriptor; closed with the reader.
            sidecar: Path of the sidecar, or "".
            pool: Threads that wait for slow disks; one stream takes at most one at a time.
            scratch: Memory that all readers of one event loop share for what needs no wait. A buffer of its own for
                each read would cost several times the read itself, in page faults.

        Raises:
            StorageError: The sidecar cannot be opened.
        """
        self._pool = pool
        self._scratch = memoryview(b"") if scratch is None else scratch
        self._files = {int(Source.FILE): _File(file)}
        if sidecar:
            try:
                self._files[int(Source.SIDECAR)] = _File(os.open(sidecar, os.O_RDONLY | os.O_CLOEXEC))
            except OSError as error:
                raise StorageError(f"cannot open the prepared frames {sidecar}: {error.strerror}") from error

    async def read(self, table: FrameTable, first: int, last: int, silence: memoryview) -> list[memoryview]:
        """Return the payload of each row from ``first`` up to, not including, ``last``; ``silence`` for silent rows.

        Bytes in the page cache are taken at once; for others a thread waits. The payloads hold until the next read of
        any reader with the same scratch memory: pass them on before anything else is awaited.

        Raises:
            StorageError: The file cannot be read, or is shorter than when it was prepared.
        """
        wanted = spans(table, first, last)
        if len(wanted) == 1:
            [span] = wanted
            view = self._at_once(span) or await self._bytes(span)
            return _cut(table, first, last, view, -span.start, silence)
        chunks = [(span, await self._bytes(span)) for span in wanted]
        return [_find(chunks, table, row, silence) for row in range(first, last)]

    def close(self) -> None:
        """Let go of the files; harmless when done twice."""
        self._files.clear()

    def _at_once(self, span: Span) -> memoryview | None:
        """Return the bytes in the scratch memory, if they fit and all of them are in the page cache."""
        view = self._scratch[: span.length]
        if len(view) < span.length or _cached(self._files[span.source], view, span.start) < span.length:
            return None
        return view

    async def _bytes(self, span: Span) -> memoryview:
        view = memoryview(bytearray(span.length))
        file = self._files[span.source]
        got = _cached(file, view, span.start)
        if got < span.length:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._pool, _read_all, file, view[got:], span.start + got)
        return view


class MemoryReader:
    """Reads frames whose bytes are at hand, as those of a slate, in the way of a `FrameReader`.

    The table names them as those of a sidecar.
    """

    def __init__(self, frames: bytes) -> None:
        self._frames = memoryview(frames)

    async def read(self, table: FrameTable, first: int, last: int, silence: memoryview) -> list[memoryview]:
        """Return the payload of each row from ``first`` up to, not including, ``last``; ``silence`` for silent rows."""
        return _cut(table, first, last, self._frames, 0, silence)

    def close(self) -> None:
        """Let go of the bytes; harmless when done twice."""
        self._frames = memoryview(b"")


def _cached(file: _File, view: memoryview, position: int) -> int:
    """Fill ``view`` from ``position`` as far as the bytes are in the page cache; return how many there were.

    Raises:
        StorageError: The disk failed.
    """
    if not _NOWAIT:
        return 0
    try:
        return os.preadv(file.fileno, [view], position, _NOWAIT)
    except OSError as error:
        if error.errno in _WOULD_WAIT:
            return 0
        raise StorageError(f"cannot read the segment: {error.strerror}") from error


def _cut(  # noqa: PLR0917 - hot: called with positions
    table: FrameTable, first: int, last: int, view: memoryview, shift: int, silence: memoryview
) -> list[memoryview]:
    """Return the payloads where one read brought them all, the usual case."""
    return [
        silence if flag & _SOURCE == _SILENCE else view[position + shift : position + shift + size]
        for flag, position, size in zip(
            table.flags[first:last], table.position[first:last], table.size[first:last], strict=True
        )
    ]


def _find(chunks: list[tuple[Span, memoryview]], table: FrameTable, row: int, silence: memoryview) -> memoryview:
    source, position, size = table.flags[row] & _SOURCE, table.position[row], table.size[row]
    if source == _SILENCE:
        return silence
    for span, view in chunks:
        if span.source == source and span.start <= position < span.start + span.length:
            return view[position - span.start : position - span.start + size]
    raise AssertionError(f"row {row} lies in no span that was read for it")


def _read_all(file: _File, buffer: memoryview, position: int) -> None:
    """Fill ``buffer`` from ``position``, in a thread.

    Raises:
        StorageError: The disk failed or the file ends before.
    """
    done = 0
    while done < len(buffer):
        try:
            got = os.preadv(file.fileno, [buffer[done:]], position + done)
        except OSError as error:
            raise StorageError(f"cannot read the segment: {error.strerror}") from error
        if not got:
            raise StorageError("the segment's file became shorter while it was played")
        done += got

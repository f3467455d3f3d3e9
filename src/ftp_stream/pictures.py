"""Keeps the last picture of each stream over a restart: an empty inbox then holds it at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ftp_stream.core.forms import config_at
from ftp_stream.core.frames import still_table
from ftp_stream.core.timeline import hold_table
from ftp_stream.errors import StorageError
from ftp_stream.model import FileId, OrderKey, PreparedSegment, VideoCodec
from ftp_stream.shell.frames import FrameReader
from ftp_stream.shell.stills import Still, Stills
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor
    from pathlib import Path

    from ftp_stream.supply import Supply

__all__ = ["EVERY", "Pictures"]

P = ParamSpec("P")
T = TypeVar("T")

EVERY = 600.0  # seconds between two tries while footage flows, or while the disk fails: flash memory wears out


@dataclass(slots=True, eq=False)
class _Kept:
    """What was done for one stream."""

    last: Hand | None = None  # what was kept last
    tried_at: float = -inf  # when something was last, or could not be (monotonic)
    failed: bool = False  # it could not be, and that was told
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)  # one writes at a time
    task: asyncio.Task[None] | None = None  # keeps one beside a turn


class Pictures:
    """The last pictures of all streams."""

    def __init__(self, state_dir: Path, pool: Executor, scratch: memoryview) -> None:
        self._stills = Stills(state_dir)
        self._pool = pool
        self._scratch = scratch
        self._kept: defaultdict[str, _Kept] = defaultdict(_Kept)

    async def restore(self, supply: Supply) -> None:
        """Give a stream that is not running yet the last picture of an earlier run."""
        found = await self._in_thread(self._open, supply.stream)
        if found is None:
            return
        codec = found.segment.video.codec
        if codec in supply.form.copied or (codec is VideoCodec.AVC and supply.form.encoded):
            supply.held = found
            self._kept[supply.stream].last = found
        else:  # the destination has got another preset since
            found.reader.close()

    def keep_beside(self, supply: Supply, trouble: Callable[[StorageError], None]) -> None:
        """Keep the last picture of a stream where it is due, and wait for no disk.

        Args:
            supply: Of the stream.
            trouble: Told when the disk is full or failed; once until it takes one again.
        """
        kept = self._kept[supply.stream]
        if kept.task is None and _is_due(kept, supply):
            kept.task = asyncio.create_task(self._keep_beside(kept, supply, trouble))

    async def _keep_beside(self, kept: _Kept, supply: Supply, trouble: Callable[[StorageError], None]) -> None:
        known = kept.failed
        try:
            await self.keep(supply)
        except StorageError as error:
            if not known:
                trouble(error)
        finally:
            kept.task = None

    async def keep(self, supply: Supply, *, at_once: bool = False) -> None:
        """Keep the last picture of a stream where it is another one, and nothing flows or much time has passed.

        Args:
            supply: Of the stream.
            at_once: Do not wait: the stream ends.

        Raises:
            StorageError: The disk is full or failed.
        """
        kept = self._kept[supply.stream]
        async with kept.busy:
            held = supply.held
            if held is None or not _is_due(kept, supply, at_once=at_once):
                return
            kept.tried_at = asyncio.get_running_loop().time()
            try:
                await self._save(supply.stream, held)
            except StorageError:
                kept.failed = True
                raise
            kept.last, kept.failed = held, False

    def forget(self, stream: str) -> None:
        """Know a stream that has ended no more; its picture stays on the disk."""
        kept = self._kept.pop(stream, None)
        if kept and kept.task:
            kept.task.cancel()

    async def remove(self, streams: Iterable[str]) -> None:
        """Remove the pictures of streams that will not come again.

        Raises:
            StorageError: The disk failed.
        """
        for stream in streams:
            await self._in_thread(self._stills.remove, stream)

    async def _save(self, stream: str, held: Hand) -> None:
        segment = held.segment
        table = hold_table(segment.table)
        [picture] = await held.reader.read(table, 0, 1, memoryview(b""))
        video = config_at(segment, len(segment.table.gops) - 1)
        seconds = held.ends_at - held.key.recorded_at if held.ends_at else 0.0
        still = Still(segment.path, held.key.recorded_at, seconds, video, segment.audio)
        await self._in_thread(self._stills.save, stream, still, bytes(picture))

    def _open(self, stream: str) -> Hand | None:
        found = self._stills.open(stream)
        if found is None:
            return None
        still, descriptor = found
        segment = PreparedSegment(
            path=still.path,
            file=FileId(0, 0, still.size, 0),
            container="still",
            video=still.video,
            audio=still.audio,
            table=still_table(still.position, still.size, round(still.seconds * 1e6)),
        )
        reader = FrameReader(descriptor, "", self._pool, self._scratch)
        return Hand(segment, OrderKey(still.taken_at, ()), 0, reader, still.taken_at + still.seconds)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))


def _is_due(kept: _Kept, supply: Supply, *, at_once: bool = False) -> bool:
    """Tell whether there is a picture to keep now: another one, and none was just kept, or failed to be."""
    if supply.held in {None, kept.last}:
        return False
    waits = bool(supply.hands) or kept.failed
    return at_once or not waits or asyncio.get_running_loop().time() - kept.tried_at >= EVERY

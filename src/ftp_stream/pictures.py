"""Keeps the last picture of each stream over a restart: an empty inbox then holds it at once."""

from __future__ import annotations

import asyncio
from math import inf
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ftp_stream.core.forms import config_at
from ftp_stream.core.frames import still_table
from ftp_stream.core.timeline import hold_table
from ftp_stream.model import FileId, OrderKey, PreparedSegment, VideoCodec
from ftp_stream.shell.frames import FrameReader
from ftp_stream.shell.stills import Still, Stills
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from pathlib import Path

    from ftp_stream.supply import Supply

__all__ = ["EVERY", "Pictures"]

P = ParamSpec("P")
T = TypeVar("T")

EVERY = 600.0  # seconds between two pictures that are kept while footage flows: flash memory wears out


class Pictures:
    """The last pictures of all streams."""

    def __init__(self, state_dir: Path, pool: Executor, scratch: memoryview) -> None:
        self._stills = Stills(state_dir)
        self._pool = pool
        self._scratch = scratch
        self._kept: dict[str, tuple[Hand | None, float]] = {}  # stream -> what was kept last, and when (monotonic)

    async def restore(self, supply: Supply) -> None:
        """Give a stream that is not running yet the last picture of an earlier run."""
        found = await self._in_thread(self._open, supply.stream)
        if found is None:
            return
        codec = found.segment.video.codec
        if codec in supply.form.copied or (codec is VideoCodec.AVC and supply.form.encoded):
            supply.held = found
            self._kept[supply.stream] = (found, -inf)
        else:  # the destination has got another preset since
            found.reader.close()

    async def keep(self, supply: Supply, *, at_once: bool = False) -> None:
        """Keep the last picture of a stream where it is another one, and nothing flows or much time has passed.

        Args:
            supply: Of the stream.
            at_once: Do not wait: the stream ends.

        Raises:
            StorageError: The disk is full or failed.
        """
        held, now = supply.held, asyncio.get_running_loop().time()
        last, kept_at = before = self._kept.get(supply.stream, (None, -inf))
        waits = supply.hands and not at_once and now - kept_at < EVERY
        if held is None or held is last or waits:
            return
        self._kept[supply.stream] = (held, now)  # noted before anything is awaited: it is kept once
        try:
            await self._save(supply.stream, held)
        except BaseException:
            self._kept[supply.stream] = before
            raise

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

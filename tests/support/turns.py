"""A camera that takes turns, with streams that nobody plays: a test takes and confirms by itself."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.support.world import eventually

from ftp_stream.camera import Camera
from ftp_stream.core.status import Board
from ftp_stream.ledger import Ledger
from ftp_stream.model import Form
from ftp_stream.pictures import Pictures
from ftp_stream.report import CameraReport
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import Spool
from ftp_stream.shell.watcher import Watcher
from ftp_stream.supply import Supply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.support.world import World

    from ftp_stream.supply import Hand

STREAM = "gate/one"


@asynccontextmanager
async def at_work(
    world: World, kind: type[Camera] = Camera, forms: Mapping[str, Form] | None = None
) -> AsyncIterator[tuple[Camera, Supply]]:
    """Let a camera of a world take turns; ``forms`` are those of its streams, one plain stream unless given."""
    settings = world.settings().cameras[0]
    ledger = Ledger(Journal(world.state / "journal.db"), time.time)
    spool = Spool(world.inbox)
    report = CameraReport("gate", Board("", 0, time.time()), time.time)
    streams = forms or {STREAM: Form()}
    with ThreadPoolExecutor(4) as pool, Watcher(lambda _words: None) as watcher:
        async with Preparer(world.state) as preparer:
            camera = kind(
                settings,
                spool=spool,
                watcher=watcher,
                ledger=ledger,
                preparer=preparer,
                pool=pool,
                scratch=memoryview(bytearray(1 << 16)),
                wall=time.time,
                report=report,
                pictures=Pictures(world.state, pool, memoryview(b"")),
            )
            for name, form in streams.items():
                camera.supplies[name] = Supply(name, ledger.advance, camera.wake, ledger.skip, form=form)
            await ledger.open("gate", streams)
            written = asyncio.create_task(ledger.run(report.trouble))
            task = asyncio.create_task(camera.run())
            try:
                yield camera, next(iter(camera.supplies.values()))
            finally:
                task.cancel()
                written.cancel()
                await asyncio.wait({task, written})
                for supply in camera.supplies.values():
                    supply.let_go()
                    supply.drop_held()
                await ledger.close()
                spool.close()


async def taken(supply: Supply) -> Hand:
    """Ask for the next segment and return what is given."""
    had = len(supply.hands)
    supply.ask()
    await eventually(lambda: len(supply.hands) > had)
    return supply.hands[-1]


def finish(supply: Supply) -> None:
    """Let the destination have all that the stream has in hand, to the end."""
    for hand in list(supply.hands):
        hand.begun = True
        supply.confirmed(hand, len(hand.segment.table.gops) - 1)

"""The far end's process: the built-in receiver, which keeps no frame but looks whether it came in its turn.

``python -m bench.soak.receiver DIRECTORY FILE...`` prints its port, goes by the real clock, tells twice a second what
it has seen, and ends at SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.soak.clock import BEAT, HEART, Heart
from bench.soak.footage import TRACKS, digests
from bench.soak.order import Counts, Order
from ftp_stream.core.aac import SILENT_FRAMES
from ftp_stream.rtmp.audit import StreamAudit, payload_hash
from ftp_stream.shell.receiver import Receiver

REPORT = "seen.json"
_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Seen:
    """What came in all publishes."""

    publishes: int = 0
    steps_back: int = 0  # frames whose time lies before the one before
    configs: int = 0  # sequence headers of both tracks
    last_ms: int = 0  # wire time of the last picture
    video: Counts = field(default_factory=Counts)
    audio: Counts = field(default_factory=Counts)


def read(directory: Path) -> Seen:
    """What was told last."""
    try:
        told = json.loads((directory / REPORT).read_text())
    except FileNotFoundError:
        return Seen()
    return Seen(**told | {kind: Counts(**told[kind]) for kind in TRACKS})


def look(audit: StreamAudit, orders: dict[str, Order]) -> Seen:
    """Lays what came since the last look against the footage, and forgets it."""
    for kind, order in orders.items():
        for track in audit.tracks(kind):
            order.take(track.hashes or [], track.keys)
            track.hashes, track.keys = [], bytearray()
    tracks = [*audit.tracks("video"), *audit.tracks("audio")]
    return Seen(
        publishes=audit.publish_count,
        steps_back=sum(track.steps_back for track in tracks),
        configs=sum(track.configs for track in tracks),
        last_ms=audit.current.video.last_ms,
        video=orders["video"].counts,
        audio=orders["audio"].counts,
    )


async def _beat(heart: Heart) -> None:
    """Gives signs of life by the loop that receives."""
    while True:
        heart.beat()
        await asyncio.sleep(BEAT)


async def _run(directory: Path, orders: dict[str, Order]) -> None:
    ended = asyncio.Event()
    beating = asyncio.create_task(_beat(Heart.in_file(directory / HEART)))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with Receiver(hashes=True) as receiver:
        print(receiver.port, flush=True)
        while not ended.is_set():
            await asyncio.sleep(_EVERY)
            for audit in receiver.audits.values():
                draft = directory / f".{REPORT}"
                draft.write_text(json.dumps(asdict(look(audit, orders))))
                draft.replace(directory / REPORT)
    beating.cancel()


def main() -> None:
    """Runs it until SIGTERM."""
    directory, *files = map(Path, sys.argv[1:])
    fillers = {payload_hash(frame) for frame in SILENT_FRAMES.values()}
    orders = {kind: Order(digests(files, kind), fillers) for kind in TRACKS}
    asyncio.run(_run(directory, orders))


if __name__ == "__main__":
    main()

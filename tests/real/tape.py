"""What arrived, packet by packet, as FFmpeg (through PyAV) reads it: from a recording, or live from a server.

Run as a program (`python tape.py URL OUT`) it is a player: it writes one line of JSON per packet, as they come. The
player is a process of its own because PyAV holds the interpreter's lock while it opens RTMP.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import av

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded frame."""

    track: str  # "video" or "audio"
    dts_ms: float
    pts_ms: float
    key: bool
    size: int  # bytes of payload, without FLV or RTMP headers
    digest: str  # of the payload


def digest(payload: bytes | memoryview) -> str:
    return hashlib.blake2b(payload, digest_size=12).hexdigest()


def read(container: InputContainer) -> Iterator[Packet]:
    """The packets of an open container in the order they stand there; metadata are none."""
    for packet in container.demux():
        if packet.stream.type in {"video", "audio"} and packet.dts is not None and packet.size:
            tick = packet.time_base * 1000
            dts, pts = float(packet.dts * tick), float((packet.dts if packet.pts is None else packet.pts) * tick)
            yield Packet(packet.stream.type, dts, pts, packet.is_keyframe, packet.size, digest(bytes(packet)))


def packets(path: Path, track: str | None = None) -> list[Packet]:
    """The packets of a file (of one track, or of all)."""
    with av.open(str(path)) as container:
        return [packet for packet in read(container) if track in {None, packet.track}]


def digests(tape: list[Packet], track: str) -> list[str]:
    return [packet.digest for packet in tape if packet.track == track]


class Player:
    """A child process that plays an RTMP address; `packets` is what it has received so far."""

    def __init__(self, url: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"player-{id(self):x}.jsonl"
        self.path.touch()
        with self.path.with_suffix(".log").open("wb") as log:
            argv = [sys.executable, __file__, url, str(self.path)]
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def packets(self) -> list[Packet]:
        lines = self.path.read_text(encoding="utf-8").split("\n")[:-1]  # the last one may be half written
        return [Packet(**json.loads(line)) for line in lines]

    def count(self, track: str) -> int:
        return sum(packet.track == track for packet in self.packets)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def play(url: str, out: Path) -> None:
    """Write every packet that a server sends as a line of JSON, until it ends the stream."""
    with (
        av.open(url, options={"rw_timeout": "60000000"}) as container,
        out.open("a", encoding="utf-8", buffering=1) as lines,
    ):
        for packet in read(container):
            lines.write(json.dumps(asdict(packet)) + "\n")


if __name__ == "__main__":
    play(sys.argv[1], Path(sys.argv[2]))

"""A whole service at work on real parts: a made camera's files, an inbox, a journal, an RTMP server.

A reel is what a camera would have recorded: files whose frames go on from one to the next, so that each frame is one
of a kind and what arrives can be laid against what was recorded.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av
from pydantic import SecretStr

from ftp_stream.config import CameraSettings, DestinationSettings, Idle, Language, Settings, VideoMode
from ftp_stream.core.aac import SILENT_FRAMES
from ftp_stream.core.destinations import GENERIC
from ftp_stream.model import Encoder, PlanSettings
from ftp_stream.rtmp.audit import Comparison, StreamAudit, compare, payload_hash
from ftp_stream.service import Service
from ftp_stream.shell.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Iterator, Mapping
    from pathlib import Path

    from ftp_stream.core.destinations import Preset
    from ftp_stream.core.status import Fault, Status, StreamStatus
    from ftp_stream.model import CameraState, Cursor

START = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC: when the reel's first picture was taken
FILLERS = frozenset(payload_hash(frame) for frame in SILENT_FRAMES.values())


@dataclass(frozen=True, slots=True)
class Reel:
    """Recorded files in their order."""

    files: tuple[Path, ...]

    def hashes(self, kind: str, files: Iterable[Path] | None = None) -> list[bytes]:
        """Return the payload hash of every frame of a track, as FFmpeg demuxes it."""
        return [digest for path in (self.files if files is None else files) for digest in _hashes(path, kind)]


def make_reel(directory: Path, count: int, *, seconds: float = 2.0, options: Iterable[str] = ()) -> Reel:
    """Record files with the made camera, as fast as it goes."""
    directory.mkdir(parents=True)
    argv = [sys.executable, "-m", "ftp_stream.media.camera", str(directory), "--fast", "--size", "160x120"]
    argv += ["--seconds", str(seconds), "--count", str(count), "--start", str(START), *options]
    subprocess.run(argv, check=True, env={**os.environ, "TZ": "UTC"})
    files = tuple(sorted(directory.iterdir()))
    assert len(files) == count
    return Reel(files)


@dataclass(frozen=True, slots=True)
class Footage:
    """The frames of some files as FFmpeg demuxes them, and where each of their GOPs begins among them."""

    frames: Mapping[str, tuple[Hashable, ...]]  # "video", "audio" -> what identifies each frame
    gops: Mapping[str, tuple[tuple[int, int], ...]]  # file -> places of its GOPs' first picture and sound, then its end

    @classmethod
    def of(cls, files: Iterable[Path], identify: Callable[[bytes], Hashable] = payload_hash) -> Footage:
        """Demux files, in their order."""
        frames: dict[str, list[Hashable]] = {"video": [], "audio": []}
        gops = {path.name: tuple(_walk(path, frames, identify)) for path in files}
        return cls({kind: tuple(each) for kind, each in frames.items()}, gops)

    def place(self, cursor: Cursor | None) -> tuple[int, int]:
        """Return the places of the first picture and the first sound that are not confirmed."""
        return (0, 0) if cursor is None else self.gops[cursor.path][cursor.gop]


def _walk(
    path: Path, frames: dict[str, list[Hashable]], identify: Callable[[bytes], Hashable]
) -> Iterator[tuple[int, int]]:
    """Add the frames of a file in the order in which they are sent; yield where its GOPs begin and where it ends."""
    start: tuple[int, int] | None = _ends(frames)  # the first GOP has also the sounds before its picture
    for kind, key, payload in _sent(path):
        if key:
            yield start or _ends(frames)
            start = None
        frames[kind].append(identify(payload))
    yield _ends(frames)


def _sent(path: Path) -> list[tuple[str, bool, bytes]]:
    """Return kind, whether it is a key picture, and payload of a file's frames, in the order in which they are sent."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0, audio=0) if packet.size]
        packets.sort(key=lambda packet: (packet.dts * packet.time_base, packet.stream.type == "audio"))
        keys = [packet.stream.type == "video" and packet.is_keyframe for packet in packets]
        return [(packet.stream.type, key, bytes(packet)) for packet, key in zip(packets, keys, strict=True)]


def _ends(frames: Mapping[str, list[Hashable]]) -> tuple[int, int]:
    return len(frames["video"]), len(frames["audio"])


def _hashes(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        return [payload_hash(bytes(packet)) for packet in container.demux(streams) if packet.size]


@dataclass(slots=True)
class World:
    """An inbox with a service that can be started, stopped and started again."""

    root: Path
    urls: dict[str, str]  # destination -> URL
    plan: PlanSettings = field(default_factory=lambda: PlanSettings(min_file_age=0.0, max_lag=None, timezone="UTC"))
    idle: Idle = Idle.HOLD
    catchup_rate: float = 1.03
    scan_interval: float = 0.5
    archive: Path | None = None
    preset: Preset = GENERIC
    video: VideoMode = VideoMode.AUTO
    encoder: Encoder = Encoder.AUTO
    hold_seconds: float = 20.0
    slate_image: Path | None = None
    language: Language = Language.EN
    ca_file: Path | None = None  # of the authority that rtmps destinations are believed by
    state_name: str = "state"
    statuses: list[Status] = field(default_factory=list)

    @property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @property
    def state(self) -> Path:
        return self.root / self.state_name

    def settings(self) -> Settings:
        """Return the settings of the one camera ``gate``."""
        destinations = tuple(
            DestinationSettings(name, SecretStr(url), self.ca_file, preset=self.preset, video=self.video)
            for name, url in self.urls.items()
        )
        camera = CameraSettings(
            name="gate",
            watch_dir=self.inbox,
            destinations=destinations,
            scan_interval=self.scan_interval,
            idle=self.idle,
            catchup_rate=self.catchup_rate,
            archive_dir=self.archive,
            plan=self.plan,
            encoder=self.encoder,
            hold_seconds=self.hold_seconds,
            slate_image=self.slate_image,
            language=self.language,
        )
        return Settings(cameras=(camera,), state_dir=self.state, log_format="console", log_level="info")

    def upload(self, *files: Path) -> None:
        """Bring files into the inbox as an upload does: they grow under their final name."""
        self.inbox.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copy2(path, self.inbox / path.name)

    def upload_end(self, reel: Reel) -> None:
        """Bring a last, empty-handed file, so that the one before it is no longer the newest."""
        last = reel.files[-1]
        (self.inbox / f"{last.stem[:-6]}235959{last.suffix}").write_bytes(b"being written")

    @property
    def stream(self) -> StreamStatus:
        """The first stream, as the last status showed it."""
        return self.statuses[-1].cameras[0].streams[0]

    @property
    def faults(self) -> list[Fault]:
        """The faults of the first stream, each once, as far as the statuses of every second show them."""
        found = [status.cameras[0].streams[0].fault for status in self.statuses if status.cameras]
        return list({fault.at: fault for fault in found if fault}.values())

    def remembered(self) -> CameraState:
        """Return what the journal has on the disk now."""
        with Journal(self.state / "journal.db", read_only=True) as journal:
            return journal.state("gate", [f"gate/{name}" for name in self.urls])

    def cursor(self) -> Cursor | None:
        """Return how far the first stream is confirmed, by the journal."""
        return self.remembered().streams[f"gate/{next(iter(self.urls))}"].cursor

    def files(self) -> list[str]:
        """Return what lies in the inbox."""
        return sorted(str(path.relative_to(self.inbox)) for path in self.inbox.rglob("*") if path.is_file())

    @asynccontextmanager
    async def running(self, settings: Settings | None = None) -> AsyncIterator[Service]:
        """Run the service while entered, by other settings than its own where given; it is stopped in order."""
        service = Service(settings or self.settings(), on_status=self.statuses.append)
        ready = asyncio.Event()
        life = asyncio.create_task(service.run(ready.set))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait({life, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        try:
            if life.done():
                life.result()
            yield service
        finally:
            service.stop()
            await life


def compared(reel: Reel, audit: StreamAudit, kind: str, files: Iterable[Path] | None = None) -> Comparison:
    """Lay what arrived of a track against what was recorded; silence and held pictures are fillers."""
    keys = audit.keys(kind) if kind == "video" else b""
    return compare(reel.hashes(kind, files), audit.hashes(kind), fillers=FILLERS, keys=keys)


async def eventually(condition: Callable[[], object], deadline: float = 20.0) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: It does not within ``deadline`` seconds.
    """
    async with asyncio.timeout(deadline):
        while not condition():  # noqa: ASYNC110 - of another process or of the disk, which set no event
            await asyncio.sleep(0.05)

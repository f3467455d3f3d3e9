"""Segments in hand whose frames are random bytes: what plays and is confirmed need be no video."""

from __future__ import annotations

import os
import secrets
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftp_stream.core.status import Board
from ftp_stream.model import FileId, FrameTable, OrderKey, PreparedSegment, Row, VideoCodec, VideoConfig
from ftp_stream.report import StreamReport
from ftp_stream.rtmp.audit import payload_hash
from ftp_stream.shell.frames import FrameReader
from ftp_stream.supply import Hand, Supply

if TYPE_CHECKING:
    from concurrent.futures import Executor
    from pathlib import Path

    from ftp_stream.core.status import StreamStatus
    from ftp_stream.model import AudioConfig, Cursor, Skip

START = 1_767_225_607.0  # 2026-01-01 00:00:07 UTC
AVC = VideoConfig(VideoCodec.AVC, b"\1" + secrets.token_bytes(8), 640, 480, 10.0)
SIZE = 50  # bytes of a frame


@dataclass(slots=True)
class Clips:
    """A directory of them."""

    directory: Path
    pool: Executor

    def hand(
        self,
        *,
        gops: int = 3,
        step: float = 0.2,
        recorded_at: float = START,
        video: VideoConfig = AVC,
        changes: tuple[tuple[int, VideoConfig], ...] = (),
        audio: AudioConfig | None = None,
        passed: Skip | None = None,
    ) -> Hand:
        """Make a segment of ``gops`` groups of two pictures, ``step`` seconds each."""
        path = self.directory / f"{secrets.token_hex(6)}.mp4"
        path.write_bytes(secrets.token_bytes(2 * gops * SIZE))
        status = path.stat()
        file = FileId(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        table = FrameTable(
            flags=bytes([int(Row.KEY), 0]) * gops,
            dts_us=array("q", [round(row * step / 2 * 1e6) for row in range(2 * gops)]),
            cts_us=array("i", [0] * 2 * gops),
            position=array("q", range(0, 2 * gops * SIZE, SIZE)),
            size=array("i", [SIZE] * 2 * gops),
            gops=tuple(range(0, 2 * gops, 2)),
            duration_us=round(gops * step * 1e6),
            audio_end_us=0,
        )
        segment = PreparedSegment(path.name, file, "mov", video, audio, table, changes=changes)
        reader = FrameReader(os.open(path, os.O_RDONLY), "", self.pool)
        return Hand(segment, OrderKey(recorded_at, ()), 0, reader, passed=passed)

    def hashes(self, hand: Hand, first: int = 0, last: int | None = None) -> list[bytes]:
        """Return what a receiver sees of its groups from ``first`` up to, not including, ``last``."""
        content = (self.directory / hand.segment.path).read_bytes()
        frames = [payload_hash(content[at : at + SIZE]) for at in range(0, len(content), SIZE)]
        return frames[2 * first : None if last is None else 2 * last]


@dataclass(slots=True)
class Noted:
    """A supply, and what is told of its stream."""

    cursors: list[Cursor] = field(default_factory=list)
    skips: list[Skip] = field(default_factory=list)
    order: list[str] = field(default_factory=list)  # "skip" and "cursor", as they were told
    supply: Supply = field(init=False)
    report: StreamReport = field(init=False)
    board: Board = field(init=False)

    def __post_init__(self) -> None:
        self.supply = Supply("gate/one", self._advance, lambda: None, self._skip)
        self.board = Board("", 0, START)
        self.board.add_camera("gate", "inbox")
        self.board.add_stream("gate", "gate/one", "rtmp://host/app/...")
        self.report = StreamReport("gate/one", self.supply, self.board, lambda: START)

    def _advance(self, stream: str, cursor: Cursor) -> None:
        assert stream == "gate/one"
        self.cursors.append(cursor)
        self.order.append("cursor")

    def _skip(self, stream: str, skip: Skip) -> None:
        assert stream == "gate/one"
        self.skips.append(skip)
        self.order.append("skip")

    def offer(self, *hands: Hand) -> None:
        for hand in hands:
            self.supply.offer(hand)

    @property
    def places(self) -> list[tuple[str, int]]:
        """Return how far the stream was confirmed each time: a file, and the first of its groups that is not."""
        return [(cursor.path, cursor.gop) for cursor in self.cursors]

    @property
    def status(self) -> StreamStatus:
        return self.board.status(START).cameras[0].streams[0]

    def close(self) -> None:
        self.supply.let_go()
        self.supply.drop_held()

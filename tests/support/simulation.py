"""A camera, its inbox and its streams without any I/O: what becomes of files when decisions are carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from ftp_stream.core.plan import decide
from ftp_stream.model import (
    Action,
    CameraState,
    Cursor,
    FileFact,
    FileId,
    OrderKey,
    Plan,
    PlanSettings,
    StreamState,
    Verdict,
    VerdictKind,
)

GOPS = 3  # of each segment
HANDS = 2  # segments that a stream has in hand: what it sends, and the one behind
BEGIN = datetime(2026, 2, 5, 10, 0, tzinfo=UTC).timestamp()


@dataclass
class Hand:
    """A segment that a stream has in hand."""

    file: FileFact
    key: OrderKey
    gop: int


@dataclass
class Stream:
    """One stream: it takes, confirms, drops."""

    cursor: Cursor | None = None
    hands: list[Hand] = field(default_factory=list)
    delivered: set[FileId] = field(default_factory=set)
    done: list[str] = field(default_factory=list)  # paths confirmed to their ends

    def confirm(self) -> None:
        """The server has one more GOP."""
        if not self.hands:
            return
        hand = self.hands[0]
        hand.gop += 1
        complete = hand.gop == GOPS
        self.cursor = Cursor(hand.key, hand.file.path, hand.file.id, hand.gop, complete)
        if complete:
            self.hands.pop(0)
            self.delivered.add(hand.file.id)
            self.done.append(hand.file.path)

    def drop(self) -> None:
        """The connection is lost: everything in hand is let go."""
        self.hands.clear()


@dataclass
class World:
    """A camera that writes one file a minute, and the service's side of it."""

    settings: PlanSettings
    streams: dict[str, Stream]
    wall: float = BEGIN
    camera_ahead: float = 0.0  # of the camera's clock, seconds
    zone: str = "UTC"  # of the camera's names
    files: dict[str, FileFact] = field(default_factory=dict)
    gone: list[Verdict] = field(default_factory=list)  # what was deleted or moved, with why
    late_since: float | None = None
    writing: str | None = None
    _inode: int = 0

    # --- the camera

    def begin_file(self) -> str:
        """The camera begins its next file, named by its own clock."""
        moment = datetime.fromtimestamp(self.wall + self.camera_ahead, ZoneInfo(self.zone))
        self.writing = f"{moment:%Y%m%d_%H%M%S}.mp4"
        self._put(self.writing, size=1)
        return self.writing

    def grow(self) -> None:
        """What the camera is writing gets longer."""
        if self.writing in self.files:
            self._put(self.writing, size=self.files[self.writing].id.size + 1)

    def upload_late(self, age: float) -> None:
        """A clip of some time ago arrives whole."""
        moment = datetime.fromtimestamp(self.wall + self.camera_ahead - age, ZoneInfo(self.zone))
        path = f"{moment:%Y%m%d_%H%M%S}.mp4"
        if path not in self.files:
            self._put(path, size=60)

    def put(self, path: str) -> str:
        """Somebody puts a whole clip there, written now."""
        self._put(path, size=60)
        return path

    def _put(self, path: str, size: int) -> None:
        old = self.files.get(path)
        if old is None:
            self._inode += 1
        inode = old.id.inode if old else self._inode
        self.files[path] = FileFact(path, FileId(1, inode, size, int(self.wall * 1e9)))

    # --- the service

    def state(self) -> CameraState:
        """What a turn is given."""
        streams = {
            name: StreamState(
                stream.cursor,
                stream.hands[-1].key if stream.hands else None,
                frozenset(hand.file.id for hand in stream.hands),
            )
            for name, stream in self.streams.items()
        }
        delivered = {name: frozenset(stream.delivered) for name, stream in self.streams.items()}
        return CameraState(streams, delivered=delivered, late_since=self.late_since)

    def turn(self) -> Plan:
        """Decide, and carry it out."""
        plan = decide(list(self.files.values()), self.state(), self.wall, self.settings)
        self.late_since = plan.late_since
        for name in plan.step_back:
            self.streams[name].cursor = None
        for verdict in plan.verdicts:
            if verdict.action is not Action.NONE:
                del self.files[verdict.file.path]
                self.gone.append(verdict)
        for name, file in plan.play.items():
            stream = self.streams[name]
            if len(stream.hands) < HANDS:
                cursor = stream.cursor
                resumes = cursor is not None and cursor.file == file.id
                stream.hands.append(Hand(file, plan.keys[file.id], cursor.gop if cursor and resumes else 0))
        return plan

    def restart(self) -> None:
        """The service is killed and started again."""
        for stream in self.streams.values():
            stream.drop()
        self.late_since = None

    def run(self, minutes: int, *, playing: bool = True) -> None:
        """Let the camera write one file a minute and the streams play them at that pace."""
        for _ in range(minutes):
            self.begin_file()
            for _ in range(6):
                self.turn()
                self.wall += 10
                self.grow()
                if playing and round(self.wall) % 20 == 0:
                    for stream in self.streams.values():
                        stream.confirm()
        self.turn()

    def lost(self) -> list[Verdict]:
        """What was deleted or moved though no stream has it."""
        return [
            verdict
            for verdict in self.gone
            if not any(verdict.file.id in stream.delivered for stream in self.streams.values())
        ]

    def left(self) -> dict[str, VerdictKind]:
        """What is decided about the files that are still there."""
        plan = decide(list(self.files.values()), self.state(), self.wall, self.settings)
        return {verdict.file.path: verdict.kind for verdict in plan.verdicts}

"""What happened, as events, and what holds, as the `Status` that every face shows.

The service posts an event when something happens that an operator may want to know, never for a packet: counters come
gathered, about once a second. The faces (terminal, JSON, later a web page) read nothing but `Status`. All times are
wall times, seconds since the epoch, UTC.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ftp_stream.core.uplink import SlowUplink
from ftp_stream.errors import FaultKind
from ftp_stream.model import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ftp_stream.model import OrderKey, Plan

__all__ = [
    "Board",
    "CameraStatus",
    "Confirmed",
    "Connected",
    "Connecting",
    "Disposed",
    "Fault",
    "Faulted",
    "Holding",
    "Idled",
    "Phase",
    "ReceiverStatus",
    "Renewed",
    "Scanned",
    "SegmentBegun",
    "SegmentDone",
    "Sent",
    "Skipped",
    "SlateShown",
    "Status",
    "Stopped",
    "StreamEvent",
    "StreamStatus",
    "UplinkJudged",
    "apply",
    "from_json",
    "scanned",
    "to_json",
]

_MOST_PROBLEMS = 5  # told of one camera at a time; the log has all of them
_AHEAD = frozenset(
    {
        VerdictKind.PLAY,
        VerdictKind.SENDING,
        VerdictKind.WAIT,
        VerdictKind.NEWEST,
        VerdictKind.YOUNG,
        VerdictKind.RETRY,
    }
)


# --- what holds -----------------------------------------------------------------------------------------------------


class Phase(StrEnum):
    """What a stream does now."""

    IDLE = "idle"  # nothing to send and not connected
    CONNECTING = "connecting"
    PLAYING = "playing"
    HOLDING = "holding"  # connected, out of files: the last picture is held
    SLATE = "slate"  # the same for longer: a picture says since when
    BACKOFF = "backoff"  # the destination failed; waiting to try again
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Fault:
    """The last failure of a stream."""

    at: float
    step: str  # resolve, tcp, tls, handshake, connect, publish, media, confirm; read for a disk of this machine
    words: str  # ours and the server's
    code: str = ""  # the server's own code, where it gave one
    cure: str = ""
    kind: FaultKind = FaultKind.LOST


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One camera to one destination."""

    name: str
    destination: str  # masked URL
    phase: Phase = Phase.IDLE
    since: float = 0.0  # when the phase began; 0 before the first event
    file: str = ""  # being sent, or sent last
    recorded_at: float | None = None  # when what is being sent was recorded
    lag: float | None = None  # seconds behind the newest file
    waiting: int = 0  # files that this stream has still to begin
    segments: int = 0  # confirmed to their end
    frames_sent: int = 0  # also those that were sent again after a lost connection
    frames_confirmed: int = 0  # the destination has them, by the best evidence that it gives
    bytes_sent: int = 0  # of frames
    skipped_seconds: float = 0.0  # of footage left out within segments, so as not to fall further behind
    seams: int = 0  # segments that followed another in the same publish
    reconnects: int = 0  # after a fault
    renewals: int = 0  # sessions that ended by plan
    rung: str = ""  # what confirmation rests on: pong, ack, tcp, unknown; "" before a connection
    connected_at: float | None = None  # when the last publish was accepted
    fault: Fault | None = None
    retry_at: float | None = None  # when a failed destination is tried again
    uplink: SlowUplink | None = None  # where the path takes less than the footage needs: how much


@dataclass(frozen=True, slots=True)
class CameraStatus:
    """One camera: its inbox and its streams."""

    name: str
    watch_dir: str
    streams: tuple[StreamStatus, ...] = ()
    newest: str = ""  # the newest file
    newest_at: float | None = None  # when it was recorded
    files_waiting: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)  # what the last scan decided, by kind
    disposed: Mapping[str, int] = field(default_factory=dict)  # files deleted or moved since the start, by kind
    problems: tuple[str, ...] = ()  # the first few
    scanned_at: float | None = None


@dataclass(frozen=True, slots=True)
class ReceiverStatus:
    """What the built-in receiver sees, where it runs in this process."""

    address: str
    publishes: int = 0  # begun in all
    publishing: int = 0  # open now
    frames: int = 0
    bytes: int = 0
    problems: tuple[str, ...] = ()  # frames missing, repeated, out of order


@dataclass(frozen=True, slots=True)
class Status:
    """All that a face shows."""

    version: str
    pid: int
    started: float
    at: float  # when this was true
    cameras: tuple[CameraStatus, ...] = ()
    receiver: ReceiverStatus | None = None


def to_json(status: Status) -> str:
    """Return the status as one line of JSON."""
    return json.dumps(status, default=_fields, separators=(",", ":"))


def _fields(value: Any) -> dict[str, Any]:  # noqa: ANN401 - as the encoder's hook
    """Return a frozen value as JSON shows it; `dataclasses.asdict` copies all in it first, at ten times the cost."""
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def from_json(text: str | bytes) -> Status:
    """Return the status that `to_json` wrote.

    Raises:
        ValueError: It is not one, or another version wrote it.
    """
    try:
        data = json.loads(text)
        cameras = tuple(_camera(each) for each in data.pop("cameras"))
        receiver = data.pop("receiver")
        return Status(**data, cameras=cameras, receiver=_receiver(receiver) if receiver else None)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"not a status of this version: {error}") from error


def _camera(data: dict[str, Any]) -> CameraStatus:
    streams = tuple(_stream(each) for each in data.pop("streams"))
    return CameraStatus(**{**data, "problems": tuple(data["problems"])}, streams=streams)


def _stream(data: dict[str, Any]) -> StreamStatus:
    fault, uplink = data.pop("fault"), data.pop("uplink")
    return StreamStatus(
        **{**data, "phase": Phase(data["phase"])},
        fault=Fault(**{**fault, "kind": FaultKind(fault["kind"])}) if fault else None,
        uplink=SlowUplink(**uplink) if uplink else None,
    )


def _receiver(data: dict[str, Any]) -> ReceiverStatus:
    return ReceiverStatus(**{**data, "problems": tuple(data["problems"])})


# --- what happened --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """Something happened to a stream."""

    stream: str
    wall: float


@dataclass(frozen=True, slots=True)
class Idled(StreamEvent):
    """Nothing to send, and not connected."""


@dataclass(frozen=True, slots=True)
class Connecting(StreamEvent):
    """A try to reach the destination begins."""


@dataclass(frozen=True, slots=True)
class Connected(StreamEvent):
    """The server said that the publish may begin."""


@dataclass(frozen=True, slots=True)
class SegmentBegun(StreamEvent):
    """The first frame of a segment goes out, or the first after a reconnect."""

    file: str
    recorded_at: float  # of what is sent first: later than the file's own where it is resumed in its middle
    seam: bool  # it follows another in the same publish


@dataclass(frozen=True, slots=True)
class Sent(StreamEvent):
    """Frames went out, gathered since the last such event (about a second)."""

    frames: int
    bytes: int
    recorded_at: float  # of the last one


@dataclass(frozen=True, slots=True)
class Confirmed(StreamEvent):
    """The destination has further frames, by the best evidence it gives."""

    frames: int
    rung: str  # "" where there is nothing new to say of it


@dataclass(frozen=True, slots=True)
class SegmentDone(StreamEvent):
    """Every frame of a segment is confirmed."""

    file: str


@dataclass(frozen=True, slots=True)
class Holding(StreamEvent):
    """Out of files: the last picture is held."""


@dataclass(frozen=True, slots=True)
class SlateShown(StreamEvent):
    """Out of files for longer: the slate is shown."""


@dataclass(frozen=True, slots=True)
class Renewed(StreamEvent):
    """A session ended by plan; the next begins at once."""


@dataclass(frozen=True, slots=True)
class Skipped(StreamEvent):
    """Footage was left out within a segment."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Faulted(StreamEvent):
    """The destination failed; what is unconfirmed will be sent again."""

    step: str
    words: str
    code: str = ""
    cure: str = ""
    retry_at: float | None = None
    kind: FaultKind = FaultKind.LOST


@dataclass(frozen=True, slots=True)
class UplinkJudged(StreamEvent):
    """The path to the destination was found too slow, or measured anew, or bears the footage again (``None``)."""

    slow: SlowUplink | None


@dataclass(frozen=True, slots=True)
class Stopped(StreamEvent):
    """The stream ended on purpose."""


@dataclass(frozen=True, slots=True)
class Scanned:
    """A camera's inbox was read and decided upon."""

    camera: str
    wall: float
    newest: str
    newest_at: float | None
    files_waiting: int
    waiting: Mapping[str, int]  # stream -> files that it has still to begin
    verdicts: Mapping[str, int]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disposed:
    """Files were deleted, archived or moved under a verdict."""

    camera: str
    kind: str  # of the verdict
    files: int = 1


def scanned(
    camera: str, wall: float, plan: Plan, heads: Mapping[str, OrderKey | None], problems: Iterable[str] = ()
) -> Scanned:
    """Return the event that a decision makes.

    Args:
        camera: Its name.
        wall: When the decision was made.
        plan: The decision; its verdicts in play order.
        heads: Per stream the last segment it has taken, None before its first.
        problems: What else an operator should know, in words.
    """
    ahead = [verdict for verdict in plan.verdicts if verdict.kind in _AHEAD]
    keys = [plan.keys[verdict.file.id] for verdict in ahead]
    waiting = {stream: len(keys) - (bisect_right(keys, head) if head else 0) for stream, head in heads.items()}
    return Scanned(
        camera=camera,
        wall=wall,
        newest=ahead[-1].file.path if ahead else "",
        newest_at=plan.newest,
        files_waiting=sum(verdict.kind is not VerdictKind.SENDING for verdict in ahead),
        waiting=waiting,
        verdicts=dict(Counter(verdict.kind.value for verdict in plan.verdicts)),  # asdict breaks a Counter
        problems=(*problems, *_problems(plan))[:_MOST_PROBLEMS],
    )


def _problems(plan: Plan) -> tuple[str, ...]:
    bad = (VerdictKind.FAILED, VerdictKind.RETRY)
    of_files = (f"{verdict.file.path}: {verdict.reason}" for verdict in plan.verdicts if verdict.kind in bad)
    return (*plan.warnings, *of_files)


# --- from one to the other ------------------------------------------------------------------------------------------

_PHASES = {
    Idled: Phase.IDLE,
    Connecting: Phase.CONNECTING,
    SegmentBegun: Phase.PLAYING,
    Holding: Phase.HOLDING,
    SlateShown: Phase.SLATE,
    Faulted: Phase.BACKOFF,
    Stopped: Phase.STOPPED,
}


def apply(status: StreamStatus, event: StreamEvent) -> StreamStatus:
    """Return what holds of a stream after the event."""
    phase = _PHASES.get(type(event), status.phase)
    if phase is not status.phase or not status.since:
        status = replace(status, phase=phase, since=event.wall, retry_at=None)
    return replace(status, **_changes(status, event))


def _changes(status: StreamStatus, event: StreamEvent) -> dict[str, Any]:  # noqa: PLR0911 - one for each kind
    match event:
        case Sent():
            return {
                "frames_sent": status.frames_sent + event.frames,
                "bytes_sent": status.bytes_sent + event.bytes,
                "recorded_at": event.recorded_at,
            }
        case Confirmed():
            return {"frames_confirmed": status.frames_confirmed + event.frames, "rung": event.rung or status.rung}
        case SegmentBegun():
            return {"file": event.file, "recorded_at": event.recorded_at, "seams": status.seams + event.seam}
        case Renewed():
            return {"renewals": status.renewals + 1, "connected_at": None}  # the next connection is no reconnect
        case Skipped():
            return {"skipped_seconds": status.skipped_seconds + event.seconds}
        case SegmentDone():
            return {"segments": status.segments + 1}
        case Connected():
            again = status.connected_at is not None
            return {"connected_at": event.wall, "reconnects": status.reconnects + again, "rung": ""}
        case Faulted():
            fault = Fault(event.wall, event.step, event.words, event.code, event.cure, event.kind)
            return {"fault": fault, "retry_at": event.retry_at}
        case UplinkJudged():
            return {"uplink": event.slow}
    return {}


class Board:
    """The status in the making; sans-IO: events go in, a `Status` comes out."""

    def __init__(self, version: str, pid: int, started: float) -> None:
        self._made = (version, pid, started)
        self._cameras: dict[str, CameraStatus] = {}
        self._streams: dict[str, dict[str, StreamStatus]] = {}  # camera -> stream -> status
        self._homes: dict[str, str] = {}  # stream -> camera

    def add_camera(self, name: str, watch_dir: str) -> None:
        """Show a camera; what is known of one with that name is kept."""
        self._cameras[name] = replace(self._cameras.get(name, CameraStatus(name, watch_dir)), watch_dir=watch_dir)
        self._streams.setdefault(name, {})

    def add_stream(self, camera: str, name: str, destination: str) -> None:
        """Show a stream of a camera anew; ``destination`` must be masked."""
        self._homes[name] = camera
        self._streams[camera][name] = StreamStatus(name, destination)

    def remove_stream(self, name: str) -> None:
        """Show it no more, and its camera neither when this was its last stream."""
        camera = self._homes.pop(name)
        del self._streams[camera][name]
        if not self._streams[camera]:
            del self._streams[camera], self._cameras[camera]

    def post(self, event: StreamEvent | Scanned | Disposed) -> None:
        """Take note of what happened; of streams and cameras that are not shown nothing is noted."""
        if isinstance(event, StreamEvent):
            streams = self._streams.get(self._homes.get(event.stream, ""), {})
            if event.stream in streams:
                streams[event.stream] = apply(streams[event.stream], event)
        elif event.camera in self._cameras and isinstance(event, Scanned):
            self._scanned(event)
        elif event.camera in self._cameras and isinstance(event, Disposed):
            self._disposed(event)

    def status(self, wall: float, receiver: ReceiverStatus | None = None) -> Status:
        """Return all that holds now."""
        version, pid, started = self._made
        cameras = tuple(self._whole(camera) for camera in self._cameras.values())
        return Status(version, pid, started, wall, cameras, receiver)

    def _whole(self, camera: CameraStatus) -> CameraStatus:
        streams = self._streams[camera.name].values()
        return replace(camera, streams=tuple(_with_lag(stream, camera.newest_at) for stream in streams))

    def _scanned(self, event: Scanned) -> None:
        self._cameras[event.camera] = replace(
            self._cameras[event.camera],
            newest=event.newest,
            newest_at=event.newest_at,
            files_waiting=event.files_waiting,
            verdicts=event.verdicts,
            problems=event.problems,
            scanned_at=event.wall,
        )
        streams = self._streams[event.camera]
        for name in streams.keys() & event.waiting.keys():
            streams[name] = replace(streams[name], waiting=event.waiting[name])

    def _disposed(self, event: Disposed) -> None:
        camera = self._cameras[event.camera]
        counts = {**camera.disposed, event.kind: camera.disposed.get(event.kind, 0) + event.files}
        self._cameras[event.camera] = replace(camera, disposed=counts)


def _with_lag(stream: StreamStatus, newest_at: float | None) -> StreamStatus:
    if newest_at is None or stream.recorded_at is None:
        return stream
    return replace(stream, lag=max(0.0, newest_at - stream.recorded_at))

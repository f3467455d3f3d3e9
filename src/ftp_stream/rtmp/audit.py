"""What a publisher really sent: counts, times and, where asked for, the hash of every coded frame in order.

The built-in receiver feeds a ``StreamAudit`` per stream name; the demo's verdict, the benchmark and the tests read it.
It judges by what it sees on the wire alone: a frame of silence and a held picture are frames like any other, and only
``compare`` with what should have come tells them apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import pairwise
from typing import TYPE_CHECKING

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.flv import Buffer, Kind, parse_audio, parse_video
from ftp_stream.rtmp.timestamp import HALF, MODULUS

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

__all__ = ["Comparison", "PublishAudit", "StreamAudit", "TrackAudit", "compare", "payload_hash"]

_MASK = MODULUS - 1
_PUBLISHES_KEPT = 1000  # a publisher that reconnects every second for days must not fill the memory


def payload_hash(payload: Buffer) -> bytes:
    """Eight bytes that identify a coded frame: its payload without FLV's header, so without its times."""
    return blake2b(payload, digest_size=8).digest()


@dataclass(slots=True)
class TrackAudit:
    """The frames of one track in one publish; sequence headers are no frames."""

    codec: str = ""  # of the last message
    codec_changes: int = 0
    configs: int = 0  # sequence headers
    config_changes: int = 0  # those that differ from the one before; a repeat of it is none
    config: bytes = b""  # the last record
    frames: int = 0
    key_frames: int = 0  # video only
    payload_bytes: int = 0  # of frames, without FLV's headers
    first_ms: int = 0  # wire time of the first frame, milliseconds of 32 bits
    last_ms: int = 0
    steps_back: int = 0  # frames whose time lies before the one before
    equal_times: int = 0  # frames with the time of the one before
    largest_gap_ms: int = 0  # in wire time, between neighbours
    largest_gap_at_ms: int = 0  # wire time of the frame after it
    first_at: float = 0.0  # monotonic time of arrival, seconds
    last_at: float = 0.0
    largest_wait: float = 0.0  # between the arrivals of neighbours, seconds
    earliest: float = 0.0  # furthest ahead of the pace that the first frame set, seconds, at most 0
    latest: float = 0.0  # furthest behind that pace, seconds, at least 0
    elapsed_ms: int = 0  # media time since the first frame, wraps undone
    hashes: list[bytes] | None = None  # payload_hash of every frame in order; None where not asked for
    keys: bytearray = field(default_factory=bytearray)  # beside hashes: 1 for a key frame

    def add_config(self, codec: str, record: bytes) -> None:
        """Count a sequence header."""
        self._note_codec(codec)
        self.configs += 1
        if self.configs > 1 and record != self.config:
            self.config_changes += 1
        self.config = record

    def add_frame(self, codec: str, time_ms: int, size: int, now: float, *, key: bool) -> None:
        """Count a frame of ``size`` payload bytes."""
        if codec != self.codec:
            self._note_codec(codec)
        if self.frames:
            self._note_step(time_ms, now)
        else:
            self.first_ms, self.first_at = time_ms, now
        self.frames += 1
        self.key_frames += key
        self.payload_bytes += size
        self.last_ms, self.last_at = time_ms, now

    def add_hash(self, payload: Buffer, *, key: bool) -> None:
        """Keep the hash of the frame just counted, where hashes were asked for."""
        if self.hashes is not None:
            self.hashes.append(payload_hash(payload))
            self.keys.append(key)

    def _note_codec(self, codec: str) -> None:
        if self.codec and codec != self.codec:
            self.codec_changes += 1
        self.codec = codec

    def _note_step(self, time_ms: int, now: float) -> None:
        step = (time_ms - self.last_ms) & _MASK
        if step >= HALF:
            step -= MODULUS
            self.steps_back += 1
        elif not step:
            self.equal_times += 1
        elif step > self.largest_gap_ms:
            self.largest_gap_ms, self.largest_gap_at_ms = step, time_ms
        self.elapsed_ms += step
        if now - self.last_at > self.largest_wait:  # noqa: PLR1730 - per frame: max() costs three times as much
            self.largest_wait = now - self.last_at
        behind = now - self.first_at - self.elapsed_ms / 1000
        if behind > self.latest:
            self.latest = behind
        elif behind < self.earliest:
            self.earliest = behind


@dataclass(slots=True)
class PublishAudit:
    """One publish from its start to its end."""

    started_at: float  # monotonic, seconds
    video: TrackAudit
    audio: TrackAudit
    ended_at: float | None = None  # None while it lasts
    data_messages: int = 0
    metadata: bytes = b""  # the last data message, AMF0
    other: int = 0  # media messages that are neither frame nor sequence header: ends of sequence, colour information
    malformed: int = 0  # media messages shorter than their own header
    harms: Counter[str] = field(default_factory=Counter)  # by kind, where a server is played that does harm


class StreamAudit:
    """Everything that came under one stream name, publish by publish.

    Feed it in order: ``started``, then ``video``, ``audio`` and ``data``, then ``ended``; again at the next publish.
    It raises nothing, whatever the messages hold.

    Args:
        hashes: Keep the hash of every frame: for demonstrations and tests, since it costs time and grows for ever.
    """

    def __init__(self, *, hashes: bool = False) -> None:
        self._hashes = hashes
        self.publishes: deque[PublishAudit] = deque(maxlen=_PUBLISHES_KEPT)  # the last ones
        self.publish_count = 0  # all of them
        self._current = self._new_publish(0.0)

    def _new_publish(self, now: float) -> PublishAudit:
        video, audio = (TrackAudit(hashes=[] if self._hashes else None) for _ in range(2))
        return PublishAudit(now, video, audio)

    @property
    def current(self) -> PublishAudit:
        """The publish that lasts, else the last one; an empty one before the first."""
        return self._current

    @property
    def live(self) -> bool:
        """Whether a publish lasts."""
        return bool(self.publishes) and self._current.ended_at is None

    def started(self, now: float) -> None:
        """A publish begins."""
        self._current = self._new_publish(now)
        self.publishes.append(self._current)
        self.publish_count += 1

    def ended(self, now: float) -> None:
        """The publish is over, by the publisher's word or by the loss of its connection."""
        if self._current.ended_at is None:
            self._current.ended_at = now

    def video(self, time_ms: int, body: Buffer, now: float) -> None:
        """A video message came."""
        try:
            tag = parse_video(body)
        except RemoteProtocolError:
            self._current.malformed += 1
            return
        kind, codec, key, _, payload_at = tag
        track = self._current.video
        if kind is Kind.FRAME:
            track.add_frame(codec, time_ms, len(body) - payload_at, now, key=key)
            if self._hashes:
                track.add_hash(memoryview(body)[payload_at:], key=key)
        elif kind is Kind.CONFIG:
            track.add_config(codec, bytes(body[payload_at:]))
        else:
            self._current.other += 1

    def audio(self, time_ms: int, body: Buffer, now: float) -> None:
        """An audio message came."""
        try:
            kind, codec, payload_at = parse_audio(body)
        except RemoteProtocolError:
            self._current.malformed += 1
            return
        track = self._current.audio
        if kind is Kind.FRAME:
            track.add_frame(codec, time_ms, len(body) - payload_at, now, key=False)
            if self._hashes:
                track.add_hash(memoryview(body)[payload_at:], key=False)
        elif kind is Kind.CONFIG:
            track.add_config(codec, bytes(body[payload_at:]))
        else:
            self._current.other += 1

    def data(self, body: Buffer) -> None:
        """A data message (``onMetaData``) came."""
        self._current.data_messages += 1
        self._current.metadata = bytes(body)

    def harmed(self, harm: str) -> None:
        """The server that is played did harm to what it took."""
        self._current.harms[harm] += 1

    @property
    def harms(self) -> Counter[str]:
        """What harm was done in the publishes kept, by kind."""
        return sum((publish.harms for publish in self.publishes), Counter[str]())

    def tracks(self, kind: str) -> list[TrackAudit]:
        """The tracks called "video" or "audio" of the publishes kept, oldest first."""
        return [publish.video if kind == "video" else publish.audio for publish in self.publishes]

    def hashes(self, kind: str) -> list[bytes]:
        """The frames of all publishes kept in the order in which they came; empty unless asked for."""
        return [digest for track in self.tracks(kind) for digest in track.hashes or ()]

    def keys(self, kind: str) -> bytes:
        """Beside ``hashes``: 1 for each key frame, else 0."""
        return b"".join(track.keys for track in self.tracks(kind))

    def largest_wait(self, kind: str) -> float:
        """The longest time in which no frame came, seconds, from first to last frame and over publishes too."""
        tracks = [track for track in self.tracks(kind) if track.frames]
        between = [later.first_at - earlier.last_at for earlier, later in pairwise(tracks)]
        return max([track.largest_wait for track in tracks] + between, default=0.0)


# --- against what should have come ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """What became of the frames that should have come; positions count from 0."""

    matched: int  # expected frames that came, each once, in their order
    fillers: int  # frames that fill time: silence, a held picture
    missing: tuple[int, ...]  # positions in what was expected: passed over and not seen later either
    pending: int  # expected frames behind the last that matched: not sent, or not yet
    repeated: tuple[int, ...]  # positions in what was seen: frames that had come before
    misplaced: tuple[int, ...]  # positions in what was seen: frames that came after one that follows them
    unknown: tuple[int, ...]  # positions in what was seen: frames that were not expected at all

    @property
    def in_order(self) -> bool:
        """No frame missing before the last one seen, none repeated, none out of order, none that is not known."""
        return not (self.missing or self.repeated or self.misplaced or self.unknown)

    @property
    def perfect(self) -> bool:
        """In order, and all of it came."""
        return self.in_order and not self.pending


def compare(
    expected: Sequence[bytes],
    seen: Iterable[bytes],
    *,
    fillers: Container[bytes] = frozenset(),
    keys: Sequence[int] = b"",
) -> Comparison:
    """Lay the frames seen against those expected, all as ``payload_hash``.

    A frame that is the next expected one is that one, whatever else it may be; so equal frames (true silence in a
    recording, a still picture) are counted right as long as nothing is wrong.

    Args:
        expected: The frames that should have come, in order.
        seen: The frames that came, in order (``StreamAudit.hashes``).
        fillers: Frames that may stand anywhere: the frame of silence.
        keys: Beside seen (``StreamAudit.keys``): with it, the last key frame again counts as a held picture.
    """
    walk = _Walk(expected)
    last_key: bytes | None = None
    for position, digest in enumerate(seen):
        key = position < len(keys) and bool(keys[position])
        walk.step(position, digest, filler=digest in fillers or (key and digest == last_key))
        last_key = digest if key else last_key
    return walk.result()


class _Walk:
    """The state of ``compare``: how far in what is expected, and what went wrong until there."""

    def __init__(self, expected: Sequence[bytes]) -> None:
        self._expected = expected
        self._places: dict[bytes, list[int]] = {}
        for place, digest in enumerate(expected):
            self._places.setdefault(digest, []).append(place)
        self._next = 0
        self._matched = self._fillers = 0
        self._missing: set[int] = set()
        self._repeated: list[int] = []
        self._misplaced: list[int] = []
        self._unknown: list[int] = []

    def step(self, position: int, digest: bytes, *, filler: bool) -> None:
        if self._next < len(self._expected) and self._expected[self._next] == digest:
            self._match(self._next)
        elif filler:
            self._fillers += 1
        elif digest not in self._places:
            self._unknown.append(position)
        else:
            self._out_of_turn(position, self._places[digest])

    def _match(self, place: int) -> None:
        self._matched += 1
        self._missing.update(range(self._next, place))
        self._next = place + 1

    def _out_of_turn(self, position: int, places: list[int]) -> None:
        ahead = bisect_left(places, self._next)
        passed_over = self._missing.intersection(places[:ahead])
        if passed_over:
            self._missing.remove(min(passed_over))
            self._misplaced.append(position)
        elif ahead:
            self._repeated.append(position)
        else:
            self._match(places[0])

    def result(self) -> Comparison:
        return Comparison(
            matched=self._matched,
            fillers=self._fillers,
            missing=tuple(sorted(self._missing)),
            pending=len(self._expected) - self._next,
            repeated=tuple(self._repeated),
            misplaced=tuple(self._misplaced),
            unknown=tuple(self._unknown),
        )

"""What a stream has in hand: the one place where a camera gives, a session takes, and confirmation lets go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.core.destinations import GENERIC
from ftp_stream.core.resume import begins_at
from ftp_stream.model import Cursor, Form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ftp_stream.config import Idle
    from ftp_stream.core.destinations import Preset
    from ftp_stream.model import FileId, Footage, OrderKey, PreparedSegment, Skip
    from ftp_stream.rtmp.url import RtmpUrl
    from ftp_stream.shell.frames import FrameReader, MemoryReader

__all__ = ["Counters", "Hand", "StreamSettings", "Supply"]

_AS_IT_IS = Form()


class StreamSettings(NamedTuple):
    """What makes a stream another stream when it changes."""

    name: str  # camera/destination
    url: RtmpUrl
    ca_file: Path | None  # a private authority for rtmps; None for the system's
    idle: Idle
    catchup_rate: float  # the fastest pace, media seconds per second
    preset: Preset = GENERIC  # what the destination takes and asks for
    form: Form = _AS_IT_IS  # what segments must be like before a session has fixed anything
    hold_seconds: float = 20.0  # that the last picture is held before the slate appears


@dataclass(slots=True, eq=False)
class Hand:
    """A segment that a stream has in hand."""

    segment: PreparedSegment
    key: OrderKey
    gop: int  # the first GOP to send
    reader: FrameReader | MemoryReader
    ends_at: float | None = None  # wall time at which its recording ended, where its name says when it began
    lasted: float = 0.0  # seconds that its recording took, where that is more than its pictures show
    footage: Footage | None = None  # what is to be remembered of it once some of it was played
    passed: Skip | None = None  # nothing of it is sent: all that it shows was played from other files, or it cannot be
    begun: bool = False  # some of it was sent in this session


@dataclass(slots=True)
class Counters:
    """What a stream has done since the service started; polled, so that nothing is told per packet."""

    frames_sent: int = 0  # frames of the camera; held pictures and filled silence do not count
    frames_confirmed: int = 0
    bytes_sent: int = 0
    position: float | None = None  # recorded time of what is being sent, seconds since the epoch


@dataclass(slots=True, eq=False)
class Supply:
    """The segments of one stream between its camera and its session."""

    stream: str
    advance: Callable[[str, Cursor], None]  # takes how far the stream is confirmed
    wake_camera: Callable[[], None]  # asks the camera to decide again
    skip: Callable[[str, Skip], None] = lambda _stream, _skip: None  # takes what the stream leaves out
    play: Callable[[str, Footage], None] = lambda _stream, _footage: None  # takes what the stream has begun to play
    slate: Callable[[Hand], Hand | None] = lambda _last: None  # gives a second of the slate behind a picture, if ready
    form: Form = _AS_IT_IS  # what segments must be like now
    max_lag: float | None = None  # seconds that it may lie behind the newest file; set by the camera
    waiting: int = 0  # settled files behind those in hand; set by the camera
    newest: float | None = None  # recorded time of the newest file that it has not delivered; set by the camera
    hands: list[Hand] = field(default_factory=list)  # oldest first
    held: Hand | None = None  # the last segment that was confirmed: its last key frame can be held
    counters: Counters = field(default_factory=Counters)
    wants: bool = False  # it takes a segment now
    releases: int = 0  # how often everything in hand was let go: what was decided before then is void
    wake_taker: Callable[[], None] = lambda: None  # called when a segment was offered

    @property
    def head(self) -> OrderKey | None:
        """The order key of the last segment in hand."""
        return self.hands[-1].key if self.hands else None

    @property
    def in_hand(self) -> frozenset[FileId]:
        """The files of all segments in hand."""
        return frozenset(hand.segment.file for hand in self.hands)

    def date(self, keys: Mapping[FileId, OrderKey]) -> None:
        """Date what is in hand as the files are dated today: what a name is worth may change with its company."""
        for hand in self.hands:
            key = keys.get(hand.segment.file, hand.key)
            if hand.ends_at is not None:
                hand.ends_at += key.recorded_at - hand.key.recorded_at
            hand.key = key

    def need(self, form: Form) -> None:
        """Take segments of another form from now on; those in hand stay."""
        if form != self.form:
            self.form = form
            self.wake_camera()

    def ask(self) -> None:
        """Ask the camera for the next segment; asking again before it comes changes nothing."""
        if not self.wants:
            self.wants = True
            self.wake_camera()

    def offer(self, hand: Hand) -> None:
        """Give the segment that was asked for."""
        self.wants = False
        self.hands.append(hand)
        self.wake_taker()

    def first(self) -> Hand | None:
        """Return what is to be sent first, between sessions; what comes before it and is to be passed is passed."""
        while self.hands and (left_out := self.hands[0].passed):
            self.skip(self.stream, left_out)
            self.confirmed(self.hands[0], len(self.hands[0].segment.table.gops) - 1)
        return self.hands[0] if self.hands else None

    def next_hand(self) -> Hand | None:
        """Return the first segment that was not begun in this session."""
        return next((hand for hand in self.hands if not hand.begun), None)

    def last_begun(self) -> Hand | None:
        """Return the segment whose picture stands on the screens, from this session or an earlier one."""
        return next((hand for hand in reversed(self.hands) if hand.begun and not hand.passed), self.held)

    def confirmed(self, hand: Hand, gop: int) -> bool:
        """Take note that the destination has ``hand`` up to the end of ``gop``; say whether that is all of it.

        What is passed counts as had, once all before it is.
        """
        complete = gop + 1 == len(hand.segment.table.gops)
        segment = hand.segment
        if hand.footage:
            self.play(self.stream, hand.footage)
            hand.footage = None
        time_us = None if complete else begins_at(segment.table, gop + 1)
        cursor = Cursor(hand.key, segment.path, segment.file, gop + 1, complete, hand.ends_at, time_us)
        self.advance(self.stream, cursor)
        if complete:
            self.hands.remove(hand)
            if hand.passed:
                hand.reader.close()
            else:
                self.drop_held()
                self.held = hand
        return complete and not hand.passed

    def let_go(self) -> None:
        """Let go of everything in hand: the next decision offers it again from the first unconfirmed GOP."""
        self.wants = False
        self.releases += 1
        hands, self.hands = self.hands, []
        for hand in hands:
            hand.reader.close()
        if hands:
            self.wake_camera()

    def drop_held(self) -> None:
        """Close the segment that was kept for holding."""
        if self.held:
            self.held.reader.close()
            self.held = None

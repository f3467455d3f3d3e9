"""Tells what happened: to the status that every face shows, and to the log where it matters to an operator."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog

from ftp_stream.core.destinations import GENERIC
from ftp_stream.core.encoding import slowness, speed
from ftp_stream.core.shortcomings import encoding_cost, figures, shortcomings
from ftp_stream.core.status import (
    Confirmed,
    Connected,
    Connecting,
    Disposed,
    Faulted,
    Holding,
    Idled,
    Renewed,
    SegmentBegun,
    SegmentDone,
    Sent,
    Skipped,
    SlateShown,
    Stopped,
    UplinkJudged,
    scanned,
)
from ftp_stream.errors import DestinationFault, FaultKind
from ftp_stream.model import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ftp_stream.core.destinations import Preset
    from ftp_stream.core.shortcomings import Shortcoming
    from ftp_stream.core.status import Board
    from ftp_stream.core.uplink import SlowUplink
    from ftp_stream.errors import StorageError
    from ftp_stream.model import Form, OrderKey, Plan, PreparedSegment, Skip, Verdict
    from ftp_stream.supply import Hand, Supply

__all__ = ["LARGE", "CameraReport", "StreamReport"]

LARGE = (1 << 20) - 16  # bytes of a frame, above which its message may pass 1 MiB: nginx-rtmp's max_message
_NUMBER: Final = re.compile(r"\b\d+(?:[.x]\d+)*")  # 12, 1.5, 640x480; not what ends a name, as in mp3
_KINDS: Final = 100  # of notes that are remembered as told


class StreamReport:
    """What one stream has to tell."""

    def __init__(
        self, stream: str, supply: Supply, board: Board, wall: Callable[[], float], preset: Preset = GENERIC
    ) -> None:
        self._name = stream
        self._supply = supply
        self._board = board
        self._wall = wall
        self._log = structlog.get_logger().bind(camera=stream.partition("/")[0], stream=stream)
        self._told = (0, 0, 0)  # frames sent, bytes sent, frames confirmed
        self._preset = preset
        self._wanted: set[str] = set()  # cures that were told
        self._slow: SlowUplink | None = None  # as it was told last

    def idle(self) -> None:
        """Nothing to send, and not connected."""
        self._board.post(Idled(self._name, self._wall()))

    def connecting(self) -> None:
        """A try to reach the destination begins."""
        self._board.post(Connecting(self._name, self._wall()))

    def connected(self) -> None:
        """The server said that the publish may begin."""
        self._board.post(Connected(self._name, self._wall()))
        self._log.info("connected")

    def begun(self, hand: Hand, *, seam: bool) -> None:
        """The first frame of a segment goes out."""
        segment = hand.segment
        recorded_at = hand.key.recorded_at + segment.table.dts_us[segment.table.gops[hand.gop]] / 1e6
        self._board.post(SegmentBegun(self._name, self._wall(), segment.path, recorded_at, seam))
        duration = round(segment.table.duration_us / 1e6, 3)
        times = round(speed(segment.table.duration_us, segment.encoding_seconds), 2)  # real time
        given = {"encoding_speed": times, "encoded_from": segment.video_from} if segment.encoded_video else {}
        self._log.info("segment_begun", file=segment.path, lag=self._lag(hand), seconds=duration, gop=hand.gop, **given)
        if (largest := max(segment.table.size)) > LARGE:
            self._log.warning(
                "large_frame", file=segment.path, bytes=largest, risk="nginx-rtmp takes no more than 1 MiB"
            )
        self._tell_wants(segment)

    def done(self, hand: Hand) -> None:
        """Every frame of a segment is confirmed."""
        segment = hand.segment
        self._board.post(SegmentDone(self._name, self._wall(), segment.path))
        duration = round(segment.table.duration_us / 1e6, 3)
        self._log.info("segment_done", file=segment.path, lag=self._lag(hand), seconds=duration)

    def holding(self, hand: Hand) -> None:
        """Out of files: the last picture is held."""
        self._board.post(Holding(self._name, self._wall()))
        self._log.info("holding", file=hand.segment.path)

    def slate_shown(self, hand: Hand) -> None:
        """Out of files for longer: the slate is shown."""
        self._board.post(SlateShown(self._name, self._wall()))
        self._log.info("slate_shown", file=hand.segment.path)

    def skipped(self, skip: Skip) -> None:
        """Footage is left out, so that the stream does not fall further behind."""
        self._board.post(Skipped(self._name, self._wall(), skip.seconds))
        self._log.warning("skipped", file=skip.path, gop=skip.from_gop, seconds=round(skip.seconds, 3), why=skip.reason)

    def renewed(self, because: str) -> None:
        """A session ended by plan: what comes next needs a new one."""
        self._board.post(Renewed(self._name, self._wall()))
        self._log.info("session_renewed", reason=because)

    def faulted(self, fault: DestinationFault | StorageError, delay: float) -> None:
        """The destination, or this machine's disk, failed; it is tried again after ``delay`` seconds."""
        if not isinstance(fault, DestinationFault):
            fault = DestinationFault("read", str(fault), cure="look at the disk of this machine", kind=FaultKind.READ)
        wall, words = self._wall(), _words(fault)
        self._board.post(Faulted(self._name, wall, fault.step, words, fault.code, fault.cure, wall + delay, fault.kind))
        fields = {"code": fault.code, "description": fault.description, "cure": fault.cure}
        given = {name: text for name, text in fields.items() if text}
        said = {"kind": fault.kind.value, "step": fault.step, "reason": fault.reason}
        self._log.warning("destination_fault", **said, retry_in=round(delay, 1), **given)

    def uplink(self, slow: SlowUplink | None) -> None:
        """Tell what holds of the path; the log hears of it when it becomes too slow and when it has recovered."""
        if slow != self._slow:
            self._board.post(UplinkJudged(self._name, self._wall(), slow))
        if slow and self._slow is None:
            rates = {"uplink_kbps": round(slow.uplink_bps / 1e3), "footage_kbps": round(slow.footage_bps / 1e3)}
            self._log.warning("uplink_slow", **rates, cure=slow.cure)
        elif self._slow and slow is None:
            self._log.info("uplink_recovered")
        self._slow = slow

    def stopped(self) -> None:
        """The stream ended on purpose."""
        self.progress("")
        self._board.post(Stopped(self._name, self._wall()))

    def progress(self, rung: str) -> None:
        """Tell the counters' progress since the last time; called about once a second."""
        counters = self._supply.counters
        sent, size, confirmed = self._told
        self._told = (counters.frames_sent, counters.bytes_sent, counters.frames_confirmed)
        wall = self._wall()
        if counters.frames_sent > sent:
            position = counters.position or 0.0
            frames, size = counters.frames_sent - sent, counters.bytes_sent - size
            self._board.post(Sent(self._name, wall, frames, size, position))
        if counters.frames_confirmed > confirmed or rung:
            self._board.post(Confirmed(self._name, wall, counters.frames_confirmed - confirmed, rung))

    def _tell_wants(self, segment: PreparedSegment) -> None:
        """Warn of what of the camera's pictures does not suit the destination, or of encoding: of each thing once."""
        amiss: tuple[Shortcoming, ...]
        if segment.encoded_video:
            amiss = (encoding_cost(self._preset, segment.video_from, always=not segment.form.copied),)
        else:
            amiss = shortcomings(self._preset, segment.video, figures(segment.table))
        for each in amiss:
            if each.cure not in self._wanted:
                self._wanted.add(each.cure)
                self._log.warning("destination_wants", file=segment.path, problem=each.words, cure=each.cure)

    def _lag(self, hand: Hand) -> float:
        newest = self._supply.newest
        return 0.0 if newest is None else round(newest - hand.key.recorded_at, 1)


def _words(fault: DestinationFault) -> str:
    return f"{fault.reason}: {fault.description}" if fault.description else fault.reason


def _way(form: Form) -> Form:
    """Return what decides how pictures are encoded, without what a session has fixed."""
    return replace(form, audio=None, other_audio=None, shape=None)


class CameraReport:
    """What one camera has to tell."""

    def __init__(self, camera: str, board: Board, wall: Callable[[], float]) -> None:
        self._name = camera
        self._board = board
        self._wall = wall
        self._log = structlog.get_logger().bind(camera=camera)
        self._standing: frozenset[str] = frozenset()
        self._slow: dict[Form, str] = {}  # way of encoding that is slower than real time -> what is said of it
        self._noted: dict[str, None] = {}  # kinds of notes that were told, the oldest first

    def turned(
        self,
        plan: Plan,
        heads: Mapping[str, OrderKey | None],
        problems: Iterable[str],
        forms: Iterable[Form],
    ) -> None:
        """A decision was made; a problem that stands is logged once.

        Args:
            plan: The decision.
            heads: The last segment that each stream has in hand.
            problems: What the scan of the inbox found wrong.
            forms: What the streams need now: of another way of encoding nothing holds any more.
        """
        standing = frozenset((*plan.warnings, *problems))
        for text in sorted(standing - self._standing):
            self._log.warning("inbox_problem", problem=text)
        self._standing = standing
        for gone in self._slow.keys() - set(map(_way, forms)):
            del self._slow[gone]
        slow = tuple(dict.fromkeys(self._slow.values()))
        self._board.post(scanned(self._name, self._wall(), plan, heads, slow))

    def carried_out(self, verdict: Verdict) -> None:
        """A file was deleted, archived or moved."""
        self._board.post(Disposed(self._name, verdict.kind.value))
        expected = verdict.kind in {VerdictKind.DELIVERED, VerdictKind.REPEATED}
        level = self._log.info if expected else self._log.warning
        level(f"file_{verdict.action.value}", file=verdict.file.path, verdict=verdict.kind.value, reason=verdict.reason)

    def prepared(self, segment: PreparedSegment) -> None:
        """A file is ready to play.

        Each kind of note about a file is told once, and so is whether its pictures could be encoded as fast as they
        were recorded.
        """
        for note in segment.notes:
            self._note(segment.path, note)
        if not segment.encoded_video:
            codecs = {segment.video.codec, *(video.codec for _, video in segment.changes)}
            for way in [way for way in self._slow if way.copied >= codecs]:  # which encodes no more
                del self._slow[way]
            return
        way, words = _way(segment.form), slowness(segment.table.duration_us, segment.encoding_seconds)
        known = self._slow.pop(way, "")
        if words:
            self._slow[way] = words
        if words and not known:
            self._log.warning("encoding_slow", file=segment.path, problem=words)
        elif known and not words:
            self._log.info("encoding_keeps_up", file=segment.path)

    def _note(self, file: str, note: str) -> None:
        kind = _NUMBER.sub("#", note)
        if kind in self._noted:
            return
        if len(self._noted) >= _KINDS:
            del self._noted[next(iter(self._noted))]
        self._noted[kind] = None
        level = self._log.warning if note.startswith("ENCODER=") else self._log.info  # another than was asked for
        level("segment_note", file=file, note=note)

    def passed_over(self, stream: str, skip: Skip, *, loses: bool) -> None:
        """A stream does not play a file: all that it shows was played, or (``loses``) it cannot have it."""
        level = self._log.warning if loses else self._log.info
        level("segment_passed_over", stream=stream, file=skip.path, reason=skip.reason)

    def refused(self, file: str, reason: str, attempt: int) -> None:
        """A file's inspection failed."""
        self._log.warning("segment_refused", file=file, reason=reason, attempt=attempt)

    def no_slate(self, reason: str) -> None:
        """A slate cannot be made: the last picture is held in its place."""
        self._log.warning("no_slate", reason=reason)

    def slate_image_problem(self, error: Exception) -> None:
        """The user's picture cannot be used: the slate is made without it."""
        self._log.warning("slate_image_problem", reason=str(error), effect="the slate is shown without the picture")

    def trouble(self, error: Exception) -> None:
        """This machine's disk or rights failed."""
        self._log.error("storage_problem", problem=str(error))

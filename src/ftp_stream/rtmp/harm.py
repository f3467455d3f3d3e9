"""What servers take without a word and spoil all the same: nothing is closed, and only their viewers notice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.chunks import MessageType
from ftp_stream.rtmp.flv import Kind, parse_audio, parse_video
from ftp_stream.rtmp.timestamp import HALF, MODULUS

if TYPE_CHECKING:
    from ftp_stream.rtmp.chunks import Message
    from ftp_stream.rtmp.habits import Habits

__all__ = ["Harm", "HarmWatch", "Harmed"]

_ENHANCED = 0x80  # in the first byte of a video message: Enhanced RTMP


class Harm(StrEnum):
    """What a server makes of media that it takes."""

    STEP = "step"  # a step in time that it does not believe: 10 ms pass instead
    CUT = "cut"  # a header that says nothing new, and cuts what is made of the stream (an HLS segment) all the same
    AUDIO_HEADER = "audio header"  # another audio configuration, ignored: what follows is decoded by the first
    VIDEO_HEADER = "video header"  # another configuration by Enhanced RTMP, dropped: the same for pictures
    CODEC = "codec"  # a picture of a codec that it passes on to nobody
    TRACK = "track"  # a message of a track that came too late, left out


@dataclass(frozen=True, slots=True)
class Harmed:
    """A message was taken, and harm was done."""

    harm: Harm
    time_ms: int  # of the message, on the wire's clock


class HarmWatch:
    """Looks at the audio and video messages of one publish, in their order, as a server of these habits does."""

    __slots__ = ("_habits", "_last_ms", "_records")

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._last_ms: int | None = None  # of the last message of either track
        self._records: dict[int, bytes] = {}  # message type -> the header that holds

    @classmethod
    def of(cls, habits: Habits) -> HarmWatch | None:
        """Return the watch that a publish needs; None where this server does no harm."""
        harmful = (
            habits.longest_step_ms is not None
            or habits.header_cuts
            or habits.first_audio_header_holds
            or habits.first_enhanced_header_holds
            or habits.video_codecs is not None
        )
        return cls(habits) if harmful else None

    def look(self, message: Message) -> tuple[bool, list[Harm]]:
        """Return whether the server passes a message on, and what harm it does."""
        if message.type_id not in {MessageType.AUDIO, MessageType.VIDEO}:
            return True, []
        harms = [Harm.STEP] if self._steps_far(message.timestamp) else []
        video = message.type_id == MessageType.VIDEO
        try:
            kind, codec, payload_at = self._parse_video(message) if video else parse_audio(message.body)
        except RemoteProtocolError:  # shorter than its header: whoever counts messages counts it
            return True, harms
        if video and self._habits.video_codecs is not None and codec not in self._habits.video_codecs:
            return False, [*harms, Harm.CODEC]
        if kind is not Kind.CONFIG:
            return True, harms
        harm = self._header(message, message.body[payload_at:])
        return harm not in {Harm.AUDIO_HEADER, Harm.VIDEO_HEADER}, [*harms, harm] if harm else harms

    @staticmethod
    def _parse_video(message: Message) -> tuple[Kind, str, int]:
        tag = parse_video(message.body)
        return tag.kind, tag.codec, tag.payload_at

    def _steps_far(self, time_ms: int) -> bool:
        """Tell whether time goes further at once than the server believes, forward or back."""
        last, self._last_ms = self._last_ms, time_ms
        limit = self._habits.longest_step_ms
        if limit is None or last is None:
            return False
        step = (time_ms - last + HALF) % MODULUS - HALF
        return abs(step) > limit

    def _header(self, message: Message, record: bytes) -> Harm | None:
        """Take note of a sequence header; return what harm it does."""
        before = self._records.get(message.type_id)
        if before is None:
            self._records[message.type_id] = record
            return None
        if record == before:
            return Harm.CUT if self._habits.header_cuts else None
        if message.type_id == MessageType.AUDIO and self._habits.first_audio_header_holds:
            return Harm.AUDIO_HEADER
        enhanced = message.type_id == MessageType.VIDEO and message.body[0] & _ENHANCED
        if enhanced and self._habits.first_enhanced_header_holds:
            return Harm.VIDEO_HEADER
        self._records[message.type_id] = record
        return None

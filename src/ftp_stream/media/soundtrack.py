"""What is kept of the packets of the sound while a file is walked. Hot: every packet passes here."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import av
import av.error
from av.bitstream import BitStreamFilterContext

from ftp_stream.core.aac import parse_config, same_frames
from ftp_stream.errors import SegmentRefused
from ftp_stream.media.times import PLAIN_BASE
from ftp_stream.media.tracks import Frames, codec_name
from ftp_stream.model import Form, Row, Source

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet

    from ftp_stream.media.places import Places
    from ftp_stream.model import AudioConfig

__all__ = ["HIDDEN", "AudioTrack"]

_SOURCE: Final = int(Row.SOURCE_MASK)
HIDDEN: Final = int(Row.KEY)  # of sound that is to be decoded: nobody is to hear it
_MAX_HELD: Final = 256 * 1024**2  # bytes; what transport streams carry as audio takes 3 MB a minute at most
_AS_IT_IS: Final = Form()


class AudioTrack:
    """The sound: AAC frames that go as they are, or packets of any codec that are to be decoded."""

    def __init__(self, stream: AudioStream, places: Places, form: Form = _AS_IT_IS) -> None:
        """Take the packets of ``stream``, which are to become what the form says."""
        self.stream = stream
        self.base = stream.time_base or PLAIN_BASE
        self.frames = Frames()
        self.config: AudioConfig | None = None  # of the AAC that goes as it is
        self.decoded = False  # its packets are to be decoded; their frames' positions are for `payload` alone
        self.problem = ""  # why it cannot be sent
        self._form = form
        self._places = places
        self._begun = False
        self._skip = 0  # frames at the start that are only there to fill the decoder
        self._adts: BitStreamFilterContext | None = None
        self._held: list[bytes] = []  # packets that stand nowhere in one piece, to be decoded
        self._held_size = 0

    def take(self, packet: Packet[AudioStream]) -> None:
        """Keep a packet, unless nobody is to hear it or its track cannot be sent.

        Raises:
            SegmentRefused: There are too many.
        """
        if not self._begun:
            self.begin(packet)
        if self.problem:
            return
        if packet.is_corrupt and not self._adts:
            return  # a hole in the sound harms nobody, and its noise would
        if self.decoded:
            self._hold(packet)
        elif packet.is_discard:
            return
        elif self._skip:
            self._skip -= 1
        elif self._adts:
            self._take_stripped(self._adts, packet)
        else:
            self.frames.add(packet, self._places.keep(packet))

    @property
    def by_reference(self) -> bool:
        """Whether all frames may stand in the file as they are needed; known once it has begun."""
        return self.decoded or (self.config is not None and self._adts is None and not self._skip)

    def begin(self, packet: Packet[AudioStream]) -> None:
        """Look at the first packet for what holds for all."""
        self._begun = True
        if packet.has_sidedata("encryption_info"):
            self.problem = "its audio is encrypted"
            return
        if codec_name(self.stream) != "aac":
            self.decoded = True
            return
        if bytes(packet)[:1] == b"\xff":  # no raw_data_block begins with ID_END: this is the syncword of ADTS
            self._adts = BitStreamFilterContext("aac_adtstoasc", self.stream)
            return
        self._configure(self.stream.codec_context.extradata or b"")
        if self.config and packet.has_sidedata("skip_samples") and not packet.is_discard:
            samples = int.from_bytes(bytes(packet.get_sidedata("skip_samples"))[:4], "little")
            self._skip = samples // self.config.frame_samples

    def payload(self, number: int) -> bytes:
        """Return a packet that is to be decoded."""
        position = self.frames.position[number]
        if self.frames.flags[number] & _SOURCE == Source.FILE:
            return self._places.read(position, self.frames.size[number])
        return self._held[position]

    def is_hidden(self, number: int) -> bool:
        """Whether nobody is to hear a packet, which is decoded for the sake of those behind it."""
        return self.frames.flags[number] & HIDDEN != 0

    def _configure(self, record: bytes) -> None:
        """Take AAC of this configuration as it is if that may be, else let it be decoded if that helps."""
        fixed, problem = self._form.audio, ""
        try:
            config = parse_config(record)
            if not fixed or same_frames(config.record, fixed.record):
                self.config = fixed or config
                return
        except SegmentRefused as refused:
            problem = refused.reason
        self.decoded = fixed is not None or self._form.other_audio is not None
        self.problem = "" if self.decoded else problem

    def _take_stripped(self, adts: BitStreamFilterContext, packet: Packet[AudioStream]) -> None:
        """Keep a frame without its ADTS header, or with it for the decoder."""
        if not self.config:
            self._learn(adts, bytes(packet))
        if self.decoded:
            self._hold(packet)
        if not self.config:
            return
        with contextlib.suppress(av.error.FFmpegError):  # not a frame: FFmpeg's parser hands on what stands between two
            for frame in adts.filter(packet):  # which takes the packet's content
                self.frames.add(frame, self._places.store(bytes(frame)))

    def _learn(self, adts: BitStreamFilterContext, payload: bytes) -> None:
        """Look into an ADTS header, which tells the configuration (ISO/IEC 13818-7, 6.2)."""
        with contextlib.suppress(av.error.FFmpegError):
            for frame in adts.filter(av.Packet(payload)):
                self._configure(bytes(frame.get_sidedata("new_extradata")))

    def _hold(self, packet: Packet[AudioStream]) -> None:
        """Keep a packet for the decoder: its place in the file, or itself."""
        size = packet.size
        place = self._places.find(packet)
        if place is None:
            self._held_size += size
            if self._held_size > _MAX_HELD:
                self.problem = f"its audio has more than {_MAX_HELD // 1024**2} MiB that stand in pieces"
                return
            self._held.append(bytes(packet))
            place = Source.SIDECAR, len(self._held) - 1, size
        self.frames.add(packet, place, HIDDEN if packet.is_discard else 0)

"""What is kept of the packets of the pictures while a file is walked. Hot: every packet passes here."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from ftp_stream.core.frames import MAX_ROWS
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import nal
from ftp_stream.model import Row, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet
    from av.video.stream import VideoStream

    from ftp_stream.media.places import Place, Places

__all__ = ["CODECS", "Frames", "VideoTrack"]

CODECS: Final = {"h264": VideoCodec.AVC, "hevc": VideoCodec.HEVC}  # by FFmpeg's names
_KEY: Final = int(Row.KEY)
_PLAIN_BASE: Final = Fraction(1, 1_000_000)


class Frames:
    """Parallel columns of the frames of a track, in file order; times in ticks of its stream."""

    __slots__ = ("dts", "duration", "flags", "position", "pts", "size")

    def __init__(self) -> None:
        self.flags = bytearray()  # Row.KEY and the Source
        self.pts: list[int | None] = []
        self.dts: list[int | None] = []
        self.duration: list[int | None] = []
        self.position: list[int] = []
        self.size: list[int] = []

    def add(self, packet: Packet[Any], place: Place, flag: int = 0) -> None:
        """Add a frame.

        Raises:
            SegmentRefused: There are too many.
        """
        source, position, size = place
        self.flags.append(source | flag)
        self.pts.append(packet.pts)
        self.dts.append(packet.dts)
        self.duration.append(packet.duration)
        self.position.append(position)
        self.size.append(size)
        if len(self.flags) > MAX_ROWS:
            raise SegmentRefused(f"it has more than {MAX_ROWS} frames")


class VideoTrack:
    """The pictures."""

    def __init__(self, stream: VideoStream, places: Places) -> None:
        """Take the frames of ``stream``, which is H.264 or H.265."""
        self.stream = stream
        self.base = stream.time_base or _PLAIN_BASE
        self.codec = CODECS[stream.codec_context.name]
        self.frames = Frames()
        self.hidden = 0  # pictures that an edit list hides
        self.repeated = 0  # pictures of fragments that overlap what came before, left out
        self.damaged = 0  # pictures that lost bytes on their way
        self.cut = 0  # pictures of which the file holds only a part, left out
        self._places = places
        self._extradata = stream.codec_context.extradata or b""
        # The configuration record that came with the container, b"" where none did
        self.container_record = self._extradata if nal.record_sets(self._extradata, self.codec) else b""
        self._sets: list[bytes] = []  # in-band, of the first key frame
        self._inserted = b""  # parameter sets that a decoder needs before each key frame from here on
        self._annexb = False
        self._place: Callable[[Packet[VideoStream]], Place] = places.keep

    def take(self, packet: Packet[VideoStream]) -> None:
        """Keep a packet.

        Raises:
            SegmentRefused: There are too many.
        """
        if not self.frames.flags:
            self.begin(packet)
        if (packet.is_corrupt and self._is_cut()) or (packet.is_discard and self._is_repeated(packet)):
            return
        place = self._place
        key = packet.is_keyframe
        if key:
            place = self._place_key(packet)
        self.frames.add(packet, place(packet), _KEY if key else 0)

    def record(self) -> bytes:
        """Return the configuration record: the container's, or one made of the parameter sets in the stream.

        Raises:
            SegmentRefused: There are none.
        """
        if self.container_record:
            return self.container_record
        outside = nal.parameter_sets(nal.split_annexb(self._extradata), self.codec)
        return nal.make_record(outside or self._sets, self.codec, self.stream)

    @property
    def by_reference(self) -> bool:
        """Whether frames may stand in the file as they go on the wire; known once it has begun."""
        return self.container_record != b"" and not self._annexb

    def begin(self, packet: Packet[VideoStream]) -> None:
        """Look at the first packet for what holds for all.

        Raises:
            SegmentRefused: It is encrypted.
        """
        if packet.has_sidedata("encryption_info"):
            raise SegmentRefused("its video is encrypted")
        if nal.is_annexb(bytes(packet), self._extradata):
            self._annexb = True
            self._place = self._place_converted

    def _is_cut(self) -> bool:
        """Count a damaged picture; say whether it is only a part, whose lengths would lead a server astray."""
        self.damaged += self._annexb
        self.cut += not self._annexb
        return not self._annexb

    def _is_repeated(self, packet: Packet[VideoStream]) -> bool:
        """Count a picture that FFmpeg would not show; say whether its time has come before."""
        last = self.frames.dts[-1] if self.frames.dts else None
        repeated = last is not None and packet.dts is not None and packet.dts <= last
        self.repeated += repeated
        self.hidden += not repeated
        return repeated

    def _place_converted(self, packet: Packet[VideoStream]) -> Place:
        return self._places.store(nal.length_prefixed(bytes(packet)))

    def _place_key(self, packet: Packet[VideoStream]) -> Callable[[Packet[VideoStream]], Place]:
        """Look at what changes at key frames only; return how this one is placed."""
        if packet.has_sidedata("new_extradata"):
            self._switch(bytes(packet.get_sidedata("new_extradata")))
        if not self.container_record and not self._sets:
            payload = bytes(packet)
            units = nal.split_annexb(payload) if self._annexb else nal.split_prefixed(payload)
            self._sets = nal.parameter_sets(units, self.codec)
        return self._place_with_sets if self._inserted else self._place

    def _switch(self, record: bytes) -> None:
        """Another sample entry or sequence header begins: from now on its parameter sets travel in the frames."""
        sets = nal.record_sets(record, self.codec)
        if sets and not self._annexb and (self._inserted or record != self.container_record):
            size = nal.length_size(self.container_record, self.codec)
            self._inserted = b"".join(nal.prefixed(unit, size) for unit in sets)

    def _place_with_sets(self, packet: Packet[VideoStream]) -> Place:
        return self._places.store(self._inserted + bytes(packet))

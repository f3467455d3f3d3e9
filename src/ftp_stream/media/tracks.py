"""What is kept of the packets of the pictures while a file is walked. Hot: every packet passes here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ftp_stream.core.codecs import CODECS
from ftp_stream.core.frames import MAX_ROWS
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import nal
from ftp_stream.media.configuration import Configuration
from ftp_stream.media.times import PLAIN_BASE
from ftp_stream.model import Row, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

    from ftp_stream.media.places import Place, Places

__all__ = ["Frames", "VideoTrack", "codec_name", "is_copyable"]

_KEY: Final = int(Row.KEY)


def codec_name(stream: Stream) -> str:
    """Return FFmpeg's name of a codec, whichever decoder it chose."""
    return stream.codec_context.codec.canonical_name if stream.codec_context else "of an unknown kind"


def is_copyable(stream: VideoStream) -> bool:
    """Whether pictures can be sent as they are: AV1 only with the configuration record that RTMP wants."""
    name = codec_name(stream)
    return name in CODECS and (name != "av1" or nal.is_record(stream.codec_context.extradata or b"", VideoCodec.AV1))


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
        """Take the frames of ``stream``, which `is_copyable`."""
        self.stream = stream
        self.base = stream.time_base or PLAIN_BASE
        self.codec = CODECS[stream.codec_context.codec.canonical_name]
        self.frames = Frames()
        self.hidden = 0  # pictures that an edit list hides
        self.repeated = 0  # pictures of fragments that overlap what came before, left out
        self.damaged = 0  # pictures that lost bytes on their way
        self.cut = 0  # pictures of which the file holds only a part, left out
        self.configuration = Configuration(stream, self.codec)
        self._places = places
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
        key = packet.is_keyframe
        if key:
            self.configuration.look(packet, len(self.frames.flags), annexb=self._annexb)
        self.frames.add(packet, self._place(packet), _KEY if key else 0)

    @property
    def by_reference(self) -> bool:
        """Whether frames may stand in the file as they go on the wire; known once it has begun."""
        return self.configuration.by_container and not self._annexb

    def begin(self, packet: Packet[VideoStream]) -> None:
        """Look at the first packet for what holds for all.

        Raises:
            SegmentRefused: It is encrypted.
        """
        if packet.has_sidedata("encryption_info"):
            raise SegmentRefused("its video is encrypted")
        extradata = self.stream.codec_context.extradata or b""
        if self.codec is not VideoCodec.AV1 and nal.is_annexb(bytes(packet), extradata):
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

"""Pictures that are not sent as they are: their times, found by the same walk as any, and the pictures themselves.

A decoder is told only the number of each packet; whichever pictures it gives then have the times that the walk found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import av
import av.error

from ftp_stream.errors import SegmentRefused
from ftp_stream.media.times import PLAIN_BASE
from ftp_stream.media.tracks import Frames
from ftp_stream.model import Row, Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from fractions import Fraction

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from ftp_stream.media.places import Place

__all__ = ["TimedVideo", "VideoDecoder"]

_KEY: Final = int(Row.KEY)
_NOWHERE: Final[Place] = (int(Source.SIDECAR), 0, 0)
_MAX_PIXELS: Final = 8192 * 8192  # of a picture: a few of them fit into the memory that is allowed


class TimedVideo:
    """The pictures of a track of which only the times are noted; otherwise as `VideoTrack`."""

    hidden = cut = 0

    def __init__(self, stream: VideoStream) -> None:
        """Take the pictures of ``stream``, of any codec."""
        self.stream = stream
        self.base = stream.time_base or PLAIN_BASE
        self.frames = Frames()
        self.numbers: list[int] = []  # of the packets that were taken, among all of the track
        self.repeated = 0  # pictures of fragments that overlap what came before, left out
        self.damaged = 0
        self._count = 0

    def take(self, packet: Packet[VideoStream]) -> None:
        """Note a packet.

        Raises:
            SegmentRefused: There are too many, or they are encrypted.
        """
        if not self._count and packet.has_sidedata("encryption_info"):
            raise SegmentRefused("its video is encrypted")
        number = self._count
        self._count += 1
        if packet.is_discard and self._comes_again(packet):
            self.repeated += 1
            return
        self.damaged += packet.is_corrupt
        self.numbers.append(number)
        self.frames.add(packet, _NOWHERE, _KEY if packet.is_keyframe else 0)

    def _comes_again(self, packet: Packet[VideoStream]) -> bool:
        last = self.frames.dts[-1] if self.frames.dts else None
        return last is not None and packet.dts is not None and packet.dts <= last


class VideoDecoder:
    """Decodes a track anew, from its first key frame on."""

    def __init__(self, container: InputContainer, video: TimedVideo) -> None:
        """Take the container, opened again, and what the walk over it found."""
        self._container = container
        self._stream = next(each for each in container.streams.video if each.index == video.stream.index)
        self._context = self._stream.codec_context
        # One thread: with several, a picture that cannot be decoded takes others with it. The encoder has its own.
        self._context.thread_count = 1
        self._context.skip_frame = "DEFAULT"
        self._context.options = {**self._context.options, "max_pixels": str(_MAX_PIXELS)}
        flags = video.frames.flags
        first = next((place for place, flag in enumerate(flags) if flag & _KEY), 0)
        self._places = {number: place for place, number in enumerate(video.numbers) if place >= first}
        self.failed = 0  # packets that cannot be decoded

    @property
    def aspect(self) -> Fraction | None:
        """Of one pixel, by the container's word or the stream's; ``None`` where neither tells."""
        return self._stream.sample_aspect_ratio or self._context.sample_aspect_ratio

    def frames(self) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the pictures in the order in which they are shown, each with its place among those of the walk."""
        last = -1
        for packet in self._packets():
            for frame in self._decoded(packet):
                last = last + 1 if frame.pts is None else frame.pts
                yield last, frame

    def _packets(self) -> Iterator[Packet[Any] | None]:
        """Yield the packets that the walk took, with their place for a time, then none to let the decoder end."""
        number = -1
        try:
            for packet in self._container.demux(self._stream):
                number += packet.size > 0
                place = self._places.get(number) if packet.size else None
                if place is not None:
                    packet.pts = packet.dts = place
                    yield packet
        except (IndexError, av.error.FFmpegError):
            pass  # the walk has told what there is to tell
        yield None

    def _decoded(self, packet: Packet[Any] | None) -> list[VideoFrame]:
        try:
            return self._context.decode(packet)
        except av.error.EOFError:
            return []
        except av.error.FFmpegError:
            self.failed += 1
            return []

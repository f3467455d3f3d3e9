"""What a decoder must be told of a track before its first frame, and where that changes within the file.

It comes with the container (a configuration record), in the frames (parameter sets before a key frame's slices), or
both; what stands in a frame holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error

from ftp_stream.media import nal
from ftp_stream.model import VideoCodec

if TYPE_CHECKING:
    from fractions import Fraction

    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

__all__ = ["Change", "Configuration", "Look"]

_MOST: Final = 200  # changes that are told; a file with more has a fault, and its frames still have their sets in them


@dataclass(frozen=True, slots=True)
class Look:
    """What a decoder sees; 0 where it sees nothing."""

    width: int  # pixels
    height: int
    aspect: Fraction | None = None  # of one pixel, width to height


@dataclass(frozen=True, slots=True)
class Change:
    """A key frame from which another configuration holds."""

    picture: int  # its place among the track's frames
    record: bytes
    seen: Look


class Configuration:
    """The configuration of one track, frame by frame."""

    def __init__(self, stream: VideoStream, codec: VideoCodec) -> None:
        """Take the container's word."""
        self.changes: list[Change] = []
        self.untold = 0  # changes beyond those that are told
        self._stream = stream
        self._codec = codec
        extradata = stream.codec_context.extradata or b""
        self.by_container = nal.is_record(extradata, codec)  # a record came with it
        self._length_size = 4
        self._now = extradata if self.by_container else b""  # the record that holds
        self._sets: list[bytes] = []  # those in it
        self._first: bytes | None = None  # the first key frame, with its sets
        self._first_record = self._now
        self._outside: list[bytes] = []  # beside the frames of a byte stream, as FFmpeg found them
        if self.by_container and codec is not VideoCodec.AV1:
            self._take_over(extradata)
        elif codec is not VideoCodec.AV1:
            self._outside = nal.parameter_sets(nal.split_annexb(extradata), codec)

    def record(self) -> bytes:
        """Return what holds from the first key frame on.

        Raises:
            SegmentRefused: There is none.
        """
        return self._first_record or nal.make_record(self._sets, self._codec, self._stream)

    def first_look(self) -> Look:
        """Return what a decoder sees in the first key frame."""
        return self._seen(self._first or b"")

    def look(self, packet: Packet[VideoStream], picture: int, *, annexb: bool) -> None:
        """Look at a key frame, the ``picture``-th frame of the track.

        Raises:
            SegmentRefused: There are parameter sets, but FFmpeg cannot make sense of them.
        """
        payload = bytes(packet)
        changed = self._switched(packet)
        if self._codec is not VideoCodec.AV1:
            units = list(nal.split_annexb(payload) if annexb else nal.split_prefixed(payload, self._length_size))
            told = nal.leading_sets(units, self._codec) or ([] if self._sets else self._outside)
            payload = nal.annexb(units)
            if not set(told) <= set(self._sets):
                changed = self._renewed(told, payload) or changed
        if self._first is None and (self._sets or self._now):
            self._first_record = self._now or nal.make_record(self._sets, self._codec, self._stream)
            self._first = nal.annexb(self._sets) + payload
        elif self._first is not None and changed:
            self._note(picture, nal.annexb(self._sets) + payload)

    def _switched(self, packet: Packet[Any]) -> bool:
        """Take over another sample entry or sequence header; say whether there is one."""
        if not self.by_container or not packet.has_sidedata("new_extradata"):
            return False
        record = bytes(packet.get_sidedata("new_extradata"))
        if record == self._now or not nal.is_record(record, self._codec):
            return False
        self._now = record
        if self._codec is not VideoCodec.AV1:
            self._take_over(record)
        return True

    def _renewed(self, told: list[bytes], payload: bytes) -> bool:
        """Take over parameter sets of a key frame; damaged ones, with which it cannot be decoded, replace no others.

        A decoder has the first word: FFmpeg's muxers, which make the record, hang over damaged ones of H.265. Only of
        H.264 a first key frame may be one that no decoder shows (intra refresh).
        """
        sets = list(dict.fromkeys(nal.renewed(self._sets, told, self._codec)))
        if (self._sets or self._codec is VideoCodec.HEVC) and not self._seen(nal.annexb(sets) + payload).width:
            return False
        record = nal.make_record(sets, self._codec, self._stream)
        self._sets, self._now = sets, nal.with_length_size(record, self._codec, self._length_size)
        return True

    def _take_over(self, record: bytes) -> None:
        """Take the parameter sets of a record."""
        self._sets = nal.record_sets(record, self._codec)
        self._length_size = nal.length_size(record, self._codec)

    def _note(self, picture: int, payload: bytes) -> None:
        if len(self.changes) >= _MOST:
            self.untold += 1
            return
        self.changes.append(Change(picture, self._now, self._seen(payload)))

    def _seen(self, frame: bytes) -> Look:
        """Return what a decoder sees in a key frame that has its parameter sets before it."""
        decoder = cast("VideoCodecContext", av.CodecContext.create(self._stream.codec_context.codec.name, "r"))
        decoder.thread_count = 1
        try:
            frames = [*decoder.decode(av.Packet(frame)), *decoder.decode(None)]
        except av.error.FFmpegError:
            return Look(0, 0)
        return Look(frames[0].width, frames[0].height, decoder.sample_aspect_ratio) if frames else Look(0, 0)

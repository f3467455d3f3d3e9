"""Pictures that a destination does not take are decoded and encoded to H.264, into the sidecar, at their own times."""

from __future__ import annotations

import os
import time
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ftp_stream.core.encoding import GOP_US, own_shape
from ftp_stream.core.frames import Columns
from ftp_stream.errors import SegmentRefused
from ftp_stream.media.decoding import VideoDecoder
from ftp_stream.media.encoder import H264Encoder, Target, choose
from ftp_stream.media.scaling import BASE, Scaler
from ftp_stream.model import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from av.container import InputContainer
    from av.video.frame import VideoFrame

    from ftp_stream.media.decoding import TimedVideo
    from ftp_stream.media.places import Places
    from ftp_stream.model import Form, Shape

__all__ = ["Encoded", "encode_video"]

_THREADS: Final = 4  # more make little difference, and other cameras want some
_STEP_US: Final = 1_000  # by which a picture follows the one before it where their times do not rise
_SLACK_US: Final = 5_000  # by which a picture may come early and begin a group: containers count in milliseconds
_KEY: Final = int(Row.KEY)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What came out."""

    columns: Columns
    record: bytes  # AVCDecoderConfigurationRecord
    shape: Shape
    seconds: float  # that it took, by the clock on the wall
    notes: tuple[str, ...]


def encode_video(
    container: InputContainer, video: TimedVideo, shown_us: Sequence[int], rate: float, *, form: Form, places: Places
) -> Encoded:
    """Decode a track and encode it.

    Args:
        container: The file, opened again.
        video: What the walk over it found.
        shown_us: When each of its pictures is shown, microseconds.
        rate: Pictures a second, 0 where unknown.
        form: What is to come out.
        places: Takes the frames.

    Raises:
        av.error.FFmpegError: The encoder fails.
        SegmentRefused: None of its pictures can be decoded.
        OSError: The sidecar cannot be written.
    """
    started = time.monotonic()
    decoder = VideoDecoder(container, video)
    encoding = _Encoding(form, rate, places)
    for place, frame in decoder.frames():
        encoding.take(frame, shown_us[place], decoder.aspect)
    encoding.finish()
    if not encoding.encoder or not encoding.sizes:
        raise SegmentRefused("none of its pictures can be decoded: it is damaged")
    notes = (
        f"{decoder.failed} pictures cannot be decoded and are left out" if decoder.failed else "",
        *encoding.notes(),
    )
    return Encoded(
        columns=encoding.columns(),
        record=encoding.encoder.record,
        shape=encoding.shape,
        seconds=time.monotonic() - started,
        notes=tuple(filter(None, notes)),
    )


class _Encoding:
    """One file on its way through scaler and encoder, which its first picture decides on."""

    shape: Shape

    def __init__(self, form: Form, rate: float, places: Places) -> None:
        self.encoder: H264Encoder | None = None
        self.sizes: list[int] = []
        self._form = form
        self._rate = rate
        self._places = places
        self._scaler: Scaler | None = None
        self._times: list[int] = []  # of the pictures given to the encoder
        self._flags = bytearray()
        self._positions: list[int] = []
        self._group = -1  # that the last picture belongs to
        self._notes: list[str] = []

    def take(self, frame: VideoFrame, time_us: int, aspect: Fraction | None) -> None:
        """Take a decoded picture that is shown at a time."""
        scaler = self._scaler or self._begin(frame, aspect)
        frame.pts, frame.time_base = time_us, BASE
        self._encode(scaler.scale(frame, aspect))

    def finish(self) -> None:
        """Get what scaler and encoder hold back."""
        if self._scaler and self.encoder:
            self._encode(self._scaler.finish())
            self._keep(self.encoder.finish())

    def columns(self) -> Columns:
        """Return the frames."""
        count = len(self.sizes)
        return Columns(
            flags=bytes(self._flags),
            dts_us=array("q", self._times[:count]),
            cts_us=array("q", bytes(8 * count)),
            position=array("q", self._positions),
            size=array("q", self.sizes),
        )

    def notes(self) -> Iterator[str]:
        """Yield what a technician may want to know."""
        yield from self._notes
        if self._scaler and self._scaler.interlaced:
            yield "its pictures are interlaced: they are deinterlaced"

    def _begin(self, frame: VideoFrame, aspect: Fraction | None) -> Scaler:
        own = own_shape(frame.width, frame.height, self._rate, aspect)
        self.shape = self._form.shape or own
        if own.width < frame.width - 1 and not self._form.shape:
            self._notes.append(
                f"its pictures of {frame.width}x{frame.height} are made smaller, {own.width}x{own.height}:"
                " decoders of H.264 bear no more"
            )
        threads = min(_THREADS, len(os.sched_getaffinity(0)))
        target = Target(self.shape, self._form.bitrate)
        kind, why = choose(self._form.encoder, target)
        self._notes.append(why)
        self.encoder = H264Encoder(kind, target, threads, self._rate)
        self._scaler = Scaler(self.shape, threads)
        return self._scaler

    def _encode(self, frames: Iterator[VideoFrame]) -> None:
        for frame in frames:
            now = frame.pts or 0
            if self._times:
                now = max(now, self._times[-1] + _STEP_US)
            self._times.append(now)
            group = (now - self._times[0] + _SLACK_US) // GOP_US
            key, self._group = group > self._group, max(group, self._group)
            if self.encoder:
                self._keep(self.encoder.encode(frame, key=key))

    def _keep(self, made: Iterator[tuple[bytes, bool]]) -> None:
        for payload, key in made:
            source, position, size = self._places.store(payload)
            self._flags.append(source | (_KEY if key else 0))
            self._positions.append(position)
            self.sizes.append(size)

"""Encoders that make H.264 of pictures: x264, or a hardware one where it is asked for and works.

Parameter sets follow from the target alone, never from the pictures or their number, so that the segments of one
target go under one sequence header.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error
import av.logging
from av.codec.hwaccel import HWAccel
from av.video.frame import PictureType, VideoFrame

from ftp_stream.core.encoding import bitrate, is_high_definition, level
from ftp_stream.media import nal
from ftp_stream.media.faults import fault_words
from ftp_stream.media.scaling import MATRICES, PIXELS
from ftp_stream.model import Encoder, Shape, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext

__all__ = ["EncoderKind", "H264Encoder", "Target", "choose"]

_LIMITED: Final = 1  # AVCOL_RANGE_MPEG
_PRIMARIES: Final = {True: 1, False: 6}  # AVColorPrimaries and AVColorTransferCharacteristic, as MATRICES
_QUALITY: Final = "23"  # x264's own: pictures that need less than the bitrate take less
_NO_LIMIT: Final = 1 << 30  # pictures between key frames: we say ourselves where they stand
_GLOBAL_HEADER: Final = 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER
_UNWANTED: Final = frozenset({7, 8, 9, 13})  # parameter sets, which the record has, and access unit delimiters
_RATES: Final = 0.25, 4.0  # how much more and less often than it says a camera may take pictures


@dataclass(frozen=True, slots=True)
class Target:
    """What shall come out."""

    shape: Shape
    bitrate: int = 0  # bits per second that a destination takes at most; 0: nobody says

    @property
    def bits(self) -> int:
        """Bits per second at most: by the shape, and within what a destination takes."""
        by_shape = bitrate(self.shape)
        return min(by_shape, self.bitrate) if self.bitrate else by_shape


@dataclass(frozen=True, slots=True)
class EncoderKind:
    """One of FFmpeg's encoders."""

    codec: str  # FFmpeg's name
    options: Mapping[str, str]
    pixels: str = PIXELS
    device: str = ""  # FFmpeg's name of what pictures must be uploaded to


_X264: Final = EncoderKind(
    "libx264",
    {
        "preset": "veryfast",
        "profile": "high",
        "crf": _QUALITY,
        "forced-idr": "1",
        "x264-params": "scenecut=0:open-gop=0:stitchable=1",  # stitchable: headers do not follow the pictures
    },
)
_HARDWARE: Final = {
    Encoder.NVENC: EncoderKind(
        "h264_nvenc",
        {"preset": "p4", "profile": "high", "rc": "vbr", "cq": _QUALITY, "forced-idr": "1", "no-scenecut": "1"},
    ),
    Encoder.QSV: EncoderKind("h264_qsv", {"preset": "veryfast", "profile": "high", "forced_idr": "1"}, pixels="nv12"),
    Encoder.V4L2M2M: EncoderKind("h264_v4l2m2m", {}),
    Encoder.VAAPI: EncoderKind("h264_vaapi", {"profile": "high", "rc_mode": "VBR"}, pixels="nv12", device="vaapi"),
}


def choose(encoder: Encoder, target: Target) -> tuple[EncoderKind, str]:
    """Return the encoder to use, and why it is not the one that was asked for ("" where it is).

    A hardware encoder is tried with one picture of the wanted size, once per process.
    """
    kind = _HARDWARE.get(encoder)
    if kind is None:
        return _X264, ""
    problem = _problem(encoder, target)
    return (_X264, f"ENCODER={encoder.value}: {problem}; x264 is used") if problem else (kind, "")


@lru_cache(maxsize=64)
def _problem(encoder: Encoder, target: Target) -> str:
    """Return why a hardware encoder does not work here, "" where it does."""
    kind = _HARDWARE[encoder]
    av.logging.set_level(av.logging.ERROR)  # what FFmpeg says of a failure stands in its log alone
    try:
        with av.logging.Capture(local=True) as said:
            tried = H264Encoder(kind, target, 1)
            frame = VideoFrame(target.shape.width, target.shape.height, kind.pixels)
            made = [*tried.encode(frame, key=True), *tried.finish()]
            if [key for _, key in made] == [True] and tried.record:
                return ""
            return f"{kind.codec} gives no key frame for a first picture"
    except (av.error.FFmpegError, ValueError, RuntimeError, NotImplementedError) as error:
        return _reason(kind, error, [message.strip() for *_, message in said])
    finally:
        av.logging.set_level(None)


def _reason(kind: EncoderKind, error: Exception, said: list[str]) -> str:
    if isinstance(error, av.codec.codec.UnknownCodecError):
        return f"this build of FFmpeg has no {kind.codec}"
    return f"{kind.codec} does not work here ({said[0] if said else fault_words(error)})"


class H264Encoder:
    """Encodes the pictures of one segment, each into one frame, in their order."""

    def __init__(self, kind: EncoderKind, target: Target, threads: int, rate: float = 0.0) -> None:
        """Open an encoder.

        Args:
            kind: Which one.
            target: What shall come out.
            threads: That it may start.
            rate: How many pictures a second really come, where it is known: the bitrate counts on it.

        Raises:
            av.error.FFmpegError: It does not work.
            ValueError: There is none of that name.
        """
        self._pixels = kind.pixels
        device = HWAccel(kind.device, allow_software_fallback=False) if kind.device else None
        self._context = context = cast("VideoCodecContext", av.CodecContext.create(kind.codec, "w", device))
        _shape(context, target, kind.pixels)
        context.thread_count = threads
        nominal = target.shape.frame_rate
        least, most = _RATES
        bits = round(target.bits * min(max(nominal / rate, least), most)) if rate else target.bits
        context.options = {
            **kind.options,
            "level": str(level(target.shape, target.bits)),
            "maxrate": str(bits),
            "bufsize": str(bits),  # a second's worth
        }
        if kind is not _X264:
            context.bit_rate = bits
        context.open()
        self._count = 0
        self.record = _record(context.extradata or b"")  # AVCDecoderConfigurationRecord, b"" until it is known

    def encode(self, frame: VideoFrame, *, key: bool) -> Iterator[tuple[bytes, bool]]:
        """Take a picture; yield frames that are ready, length-prefixed, with whether a decoder can begin there.

        Raises:
            av.error.FFmpegError: It cannot be encoded.
        """
        frame.pts, frame.time_base = self._count, self._context.time_base
        frame.pict_type = PictureType.I if key else PictureType.NONE
        self._count += 1
        for packet in self._context.encode(frame if frame.format.name == self._pixels else self._converted(frame)):
            yield self._taken(packet)

    def finish(self) -> Iterator[tuple[bytes, bool]]:
        """Yield the frames that are still held back."""
        for packet in self._context.encode(None):
            yield self._taken(packet)

    def _converted(self, frame: VideoFrame) -> VideoFrame:
        other = frame.reformat(format=self._pixels)
        other.pts, other.time_base, other.pict_type = frame.pts, frame.time_base, frame.pict_type
        return other

    def _taken(self, packet: Packet[Any]) -> tuple[bytes, bool]:
        payload = bytes(packet)
        if not self.record:  # some drivers tell the parameter sets in the stream only
            self.record = _record(payload)
        units = (unit for unit in nal.split_annexb(payload) if nal.unit_type(unit, VideoCodec.AVC) not in _UNWANTED)
        return b"".join(map(nal.prefixed, units)), packet.is_keyframe


def _shape(context: VideoCodecContext, target: Target, pixels: str) -> None:
    """Say all that stands in the parameter sets."""
    shape = target.shape
    context.width, context.height, context.pix_fmt = shape.width, shape.height, pixels
    context.framerate = Fraction(shape.frame_rate).limit_denominator(1001)
    context.time_base = 1 / context.framerate  # pictures are counted: their times are not the encoder's affair
    context.sample_aspect_ratio = Fraction(*shape.aspect)
    wide = is_high_definition(shape)
    context.color_range, context.colorspace = _LIMITED, MATRICES[wide]
    context.color_primaries = context.color_trc = _PRIMARIES[wide]
    context.max_b_frames = 0  # WebRTC, so OvenMediaEngine, cannot have them
    context.gop_size = _NO_LIMIT
    context.flags |= _GLOBAL_HEADER


def _record(annexb: bytes) -> bytes:
    sets = nal.parameter_sets(nal.split_annexb(annexb), VideoCodec.AVC)
    return nal.avc_record(sets) if sets else b""

"""Real input files, made with FFmpeg's encoders and muxers (through PyAV): small, so that tests stay fast."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.container import OutputContainer

FRAGMENTED = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
INDEX_FIRST = {"movflags": "faststart"}


@dataclass(frozen=True, slots=True)
class Clip:
    """What is recorded: a moving pattern and a tone."""

    video: str = "libx264"  # FFmpeg's name of the encoder; "" for none
    seconds: float = 1.0
    rate: int = 25  # pictures a second
    gop: int = 10  # pictures from key frame to key frame
    b_frames: int = 0
    width: int = 64  # pixels
    height: int = 48
    pixels: str = "yuv420p"
    audio: str = "aac"  # FFmpeg's name of the encoder; "" for none
    sample_rate: int = 48_000
    layout: str = "mono"
    audio_seconds: float | None = None  # where it differs from the video's
    video_options: tuple[tuple[str, str], ...] = ()


def make(path: Path, clip: Clip = Clip(), *, format: str | None = None, **options: str) -> Path:  # noqa: A002 - FFmpeg's word; frozen
    """Write a file in the container that its suffix (or ``format``) names, with the muxer's ``options``."""
    with av.open(str(path), "w", format=format, options=options) as container:
        record(container, clip)
    return path


def record(container: OutputContainer, clip: Clip) -> None:
    """Encode the clip into an open container, its tracks interleaved by time."""
    packets: list[av.Packet] = []
    if clip.video:
        packets += _video(container, clip)
    if clip.audio:
        packets += _audio(container, clip)
    for packet in sorted(packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
        container.mux(packet)


def _video(container: OutputContainer, clip: Clip) -> Iterator[av.Packet]:
    stream = container.add_stream(clip.video, rate=clip.rate, options=_video_options(clip))
    stream.width, stream.height, stream.pix_fmt = clip.width, clip.height, clip.pixels
    stream.gop_size = clip.gop
    stream.codec_context.max_b_frames = clip.b_frames
    stream.codec_context.thread_count = 1
    for number in range(round(clip.seconds * clip.rate)):
        frame = VideoFrame(clip.width, clip.height, clip.pixels)
        for plane, pattern in zip(frame.planes, _pattern(number, clip.width, clip.height), strict=True):
            plane.update(_rows(pattern, plane.line_size, plane.height))
        frame.pts, frame.time_base = number, Fraction(1, clip.rate)
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _video_options(clip: Clip) -> dict[str, str]:
    plain = {
        "libx264": {"preset": "ultrafast", "sc_threshold": "0", "b_strategy": "0", "x264-params": "scenecut=0"},
        "libx265": {"preset": "ultrafast", "x265-params": f"log-level=none:bframes={clip.b_frames}:keyint={clip.gop}"},
    }
    return plain.get(clip.video, {}) | dict(clip.video_options)


@cache
def _pattern(number: int, width: int, height: int) -> tuple[bytes, bytes, bytes]:
    """The rows of three planes, one byte to the pixel, different in every picture."""
    luma = bytes((x * 3 + y * 5 + number * 11) & 0xFF for y in range(height) for x in range(width))
    chroma = [bytes([(number * step) & 0xFF]) * (width // 2 * (height // 2)) for step in (3, 7)]
    return luma, chroma[0], chroma[1]


def _rows(pattern: bytes, stride: int, height: int) -> bytes:
    width = len(pattern) // height
    return b"".join(pattern[at : at + width].ljust(stride, b"\0") for at in range(0, len(pattern), width))


def _audio(container: OutputContainer, clip: Clip) -> Iterator[av.Packet]:
    stream = container.add_stream(clip.audio, rate=clip.sample_rate)
    context = stream.codec_context
    context.layout = clip.layout
    seconds = clip.seconds if clip.audio_seconds is None else clip.audio_seconds
    left, number = round(seconds * clip.sample_rate), 0
    context.open()
    step = context.frame_size or 1024
    sample = context.format.name
    while left > 0:
        frame = AudioFrame(sample, clip.layout, min(step, left))
        frame.sample_rate, frame.pts, frame.time_base = clip.sample_rate, number, Fraction(1, clip.sample_rate)
        wave = _tone(sample, number, frame.samples, 1 if len(frame.planes) > 1 else frame.layout.nb_channels)
        for plane in frame.planes:
            plane.update(wave.ljust(plane.buffer_size, b"\0"))
        left -= frame.samples
        number += frame.samples
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _tone(sample: str, start: int, count: int, channels: int) -> bytes:
    values = [math.sin(at * 0.05) * 0.3 for at in range(start, start + count) for _ in range(channels)]
    if sample.startswith("flt"):
        return array("f", values).tobytes()
    if sample.startswith("s16"):
        return array("h", (round(value * 32767) for value in values)).tobytes()
    if sample.startswith("s32"):
        return array("i", (round(value * 2147483647) for value in values)).tobytes()
    raise AssertionError(f"no tone for sample format {sample}")


# --- what is in a file, as FFmpeg reads it ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet as FFmpeg reads it; times in its own ticks."""

    pts: int | None
    dts: int | None
    position: int | None
    payload: bytes
    key: bool
    discard: bool
    time_base: Fraction


def demux(path: Path, kind: str = "video") -> list[Packet]:
    """The packets of the best track of a kind, in file order."""
    with av.open(str(path)) as container:
        stream = container.streams.best(kind)
        return [
            Packet(each.pts, each.dts, each.pos, bytes(each), each.is_keyframe, each.is_discard, each.time_base)
            for each in container.demux(stream)
            if each.size
        ]

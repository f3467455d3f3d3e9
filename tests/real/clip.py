"""Coded frames to publish: AVC with reordered frames, and AAC, made by FFmpeg through PyAV."""

from __future__ import annotations

import io
import random
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.frame import VideoFrame
from tests.real.tape import digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer, OutputContainer

RATE = 25  # pictures per second
GOP = 25  # pictures
WIDTH, HEIGHT = 320, 240


@dataclass(frozen=True, slots=True)
class Frame:
    track: str  # "video" or "audio"
    dts_ms: int  # from 0
    cts_ms: int
    key: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Clip:
    codec: str
    video_record: bytes
    audio_record: bytes
    frames: tuple[Frame, ...]  # in the order in which they go out

    def digests(self, track: str) -> list[str]:
        return [digest(frame.payload) for frame in self.frames if frame.track == track]

    def gops(self) -> Iterator[list[Frame]]:
        """The frames from one key frame up to the next."""
        gop: list[Frame] = []
        for frame in self.frames:
            if frame.key and gop:
                yield gop
                gop = []
            gop.append(frame)
        yield gop


def make_clip(seconds: int, encoder: str = "libx264") -> Clip:
    """A clip of noise, so that its key frames are larger than one chunk of 64 KiB."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        _encode(container, seconds, encoder)
    buffer.seek(0)
    with av.open(buffer, format="mp4") as container:
        return _read(container, "avc" if encoder == "libx264" else "hevc")


def _encode(container: OutputContainer, seconds: int, encoder: str) -> None:
    video = container.add_stream(encoder, rate=RATE)
    video.width, video.height, video.pix_fmt, video.gop_size, video.max_b_frames = WIDTH, HEIGHT, "yuv420p", GOP, 2
    quiet = {"x265-params": "log-level=none"} if encoder == "libx265" else {}
    video.options = {"preset": "ultrafast", "crf": "8", "bf": "2", "sc_threshold": "0"} | quiet
    audio = container.add_stream("aac", rate=44100, layout="stereo")
    for number in range(seconds * RATE):
        container.mux(video.encode(_picture(number)))
    container.mux(video.encode())
    samples = seconds * 44100 // 1024
    for number in range(samples):
        container.mux(audio.encode(_sound(number)))
    container.mux(audio.encode())


def _picture(number: int) -> VideoFrame:
    frame = VideoFrame(WIDTH, HEIGHT, "yuv420p")
    source = random.Random(number // GOP)  # noqa: S311 - noise
    for plane in frame.planes:
        noise = bytearray(source.randbytes(plane.buffer_size))
        noise[: number % GOP + 1] = bytes(number % GOP + 1)  # each picture differs a little
        plane.update(noise)
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def _sound(number: int) -> av.AudioFrame:
    source = random.Random(number)  # noqa: S311 - noise
    frame = av.AudioFrame("fltp", "stereo", 1024)
    for plane in frame.planes:
        plane.update(array("f", (source.uniform(-0.5, 0.5) for _ in range(1024))).tobytes())
    frame.sample_rate, frame.pts, frame.time_base = 44100, number * 1024, Fraction(1, 44100)
    return frame


def _read(container: InputContainer, codec: str) -> Clip:
    video, audio = container.streams.video[0], container.streams.audio[0]
    packets = [packet for packet in container.demux(video, audio) if packet.size]
    first = min(round(packet.dts * packet.time_base * 1000) for packet in packets)
    frames = sorted(
        (_frame(packet, first) for packet in packets), key=lambda frame: (frame.dts_ms, frame.track == "audio")
    )
    return Clip(codec, video.codec_context.extradata, audio.codec_context.extradata, tuple(frames))


def _frame(packet: av.Packet, first_ms: int) -> Frame:
    dts, pts = (round(ticks * packet.time_base * 1000) for ticks in (packet.dts, packet.pts))
    key = packet.stream.type == "video" and packet.is_keyframe
    return Frame(packet.stream.type, dts - first_ms, pts - dts, key, bytes(packet))

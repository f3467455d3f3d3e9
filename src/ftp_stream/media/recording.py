"""One run of H.264 and AAC encoders with a test picture and a soft tone, cut into files as cameras do it.

Every frame and every sample is in exactly one file, an audio frame in the one in which it begins: whoever joins the
files again can prove that nothing is missing.
"""

from __future__ import annotations

import math
import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.video.frame import PictureType, VideoFrame

from ftp_stream.media.picture import Caption, Picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    from ftp_stream.media.canvas import Canvas

__all__ = ["AAC_SAMPLES", "SAMPLE_RATE", "Recording", "Shot", "samples_before"]

SAMPLE_RATE = 48_000  # Hz: a whole number of samples per frame at 24, 25, 30, 50 and 60 pictures a second
AAC_SAMPLES = 1024  # per AAC frame
_AUDIO_BITRATE = 64_000
_LEAD = 4  # AAC frames encoded before the first one kept, so that no encoder start is heard where files are joined
_HUM_HZ, _BEEP_HZ, _BEEP_SECONDS = 220, 880, 0.12
_HUM_LEVEL, _BEEP_LEVEL = 0.02, 0.25  # of full scale: the hum makes the smallest hole audible


@dataclass(frozen=True, slots=True)
class Shot:
    """What a camera is set to."""

    width: int = 640  # pixels, even
    height: int = 360
    rate: int = 25  # pictures a second
    bitrate: int = 600_000  # of the video, bits a second, at most; a still picture needs less
    gop: float = 1.0  # seconds from key frame to key frame
    grain: int = 0  # strength of added noise, 0..100: makes the picture as costly as a real one
    title: str = "MADE CAMERA"
    lap: float = 8.0  # seconds in which the train passes

    @property
    def gop_frames(self) -> int:
        """Pictures from key frame to key frame."""
        return max(1, round(self.gop * self.rate))


def samples_before(picture: int, rate: int) -> int:
    """How many audio samples lie before the beginning of a picture."""
    return picture * SAMPLE_RATE // rate


# --- sound ------------------------------------------------------------------------------------------------------------


def _tone(sample: int) -> float:
    now = sample / SAMPLE_RATE
    level = _HUM_LEVEL * math.sin(math.tau * _HUM_HZ * now)
    if now < _BEEP_SECONDS:
        swell = math.sin(math.pi * now / _BEEP_SECONDS) ** 2
        level += _BEEP_LEVEL * swell * math.sin(math.tau * _BEEP_HZ * now)
    return level


class _Sound:
    """One second of sound as 32-bit floats, repeated for ever."""

    def __init__(self) -> None:
        second = array("f", (_tone(sample) for sample in range(SAMPLE_RATE)))
        self._bytes = (second + second[:AAC_SAMPLES]).tobytes()

    def frame(self, index: int) -> AudioFrame:
        """The samples of AAC frame ``index``, which may be negative."""
        frame = AudioFrame("fltp", "mono", AAC_SAMPLES)
        frame.sample_rate = SAMPLE_RATE
        start = index * AAC_SAMPLES % SAMPLE_RATE * 4
        frame.planes[0].update(self._bytes[start : start + AAC_SAMPLES * 4])
        return frame


# --- encoding ---------------------------------------------------------------------------------------------------------


class _Encoders:
    """One run of both encoders; the container they belong to writes nowhere, files copy its streams."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        self._container = av.open(os.devnull, "w", format="null")
        self.video = self._add_video()
        self.audio = self._add_audio()
        self._container.start_encoding()
        self._sound = _Sound()
        self._fed = -_LEAD
        self.next_sample = 0  # where the next AAC frame begins, counted from the start of the recording
        self._grain = _Grain(shot.grain, self.video) if shot.grain else None

    def _add_video(self) -> VideoStream:
        shot = self._shot
        options = {
            "preset": "ultrafast",
            "tune": "zerolatency",  # each picture comes out at once: a file grows as time goes by
            "forced-idr": "1",
            "sc_threshold": "0",
            "maxrate": str(shot.bitrate),
            "bufsize": str(shot.bitrate),
        }
        stream = self._container.add_stream("libx264", rate=shot.rate, options=options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = shot.width, shot.height, "yuv420p"
        context.bit_rate = shot.bitrate
        context.gop_size = 1_000_000  # key frames come only where they are asked for
        context.thread_count = 1
        context.flags |= Flags.global_header
        return stream

    def _add_audio(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE)
        context = stream.codec_context
        context.layout = "mono"
        context.bit_rate = _AUDIO_BITRATE
        context.flags |= Flags.global_header
        return stream

    def strides(self) -> tuple[int, int, int]:
        """Bytes from row to row in each plane of the encoder's frames."""
        luma, cb, cr = self._blank().planes
        return luma.line_size, cb.line_size, cr.line_size

    def picture(self, number: int, canvas: Canvas, *, key: bool) -> list[Packet[VideoStream]]:
        """Encode picture ``number``."""
        frame = self._blank()
        for plane, drawn in zip(frame.planes, canvas.planes, strict=True):
            plane.update(bytes(drawn))
        frame.pts = number
        frame.time_base = 1 / self.video.codec_context.framerate
        if self._grain:
            frame = self._grain(frame)
        frame.pict_type = PictureType.I if key else PictureType.NONE
        return self.video.encode(frame)

    def sound(self) -> Packet[AudioStream]:
        """Encode until the next AAC frame comes out."""
        while True:
            frame = self._sound.frame(self._fed)
            frame.pts = (self._fed + _LEAD) * AAC_SAMPLES
            self._fed += 1
            for packet in self.audio.encode(frame):
                if packet.pts is not None and packet.pts >= _LEAD * AAC_SAMPLES:
                    packet.pts = packet.dts = self.next_sample
                    self.next_sample += AAC_SAMPLES
                    return packet

    def _blank(self) -> VideoFrame:
        return VideoFrame(self._shot.width, self._shot.height, "yuv420p")


class _Grain:
    """Noise that is new in every picture, added by FFmpeg's filter."""

    def __init__(self, strength: int, template: VideoStream) -> None:
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(template=template)
        noise = self._graph.add("noise", f"alls={strength}:allf=t")
        sink = self._graph.add("buffersink")
        source.link_to(noise)
        noise.link_to(sink)
        self._graph.configure()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        self._graph.vpush(frame)
        return self._graph.vpull()


# --- files ------------------------------------------------------------------------------------------------------------


class _SegmentFile:
    """One file, from its first picture to its index; the suffix of its name decides the container."""

    def __init__(self, path: Path, encoders: _Encoders, first: int, rate: int) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=False)
        self._first_picture = first
        self._first_sample = samples_before(first, rate)
        self._container: OutputContainer = av.open(str(path), "w", options=_mux_options(path))
        self._video = self._container.add_stream_from_template(encoders.video, opaque=True)
        self._audio = self._container.add_stream_from_template(encoders.audio, opaque=True)

    def write_video(self, packet: Packet[VideoStream]) -> None:
        """Add a picture; its time counts from the start of the recording."""
        packet.stream = self._video
        _put_back(packet, self._first_picture)
        self._container.mux(packet)

    def write_audio(self, packet: Packet[AudioStream]) -> None:
        """Add an AAC frame; its time counts from the start of the recording."""
        packet.stream = self._audio
        _put_back(packet, self._first_sample)
        self._container.mux(packet)

    def close(self) -> None:
        """Write the index and close the file."""
        self._container.close()


def _mux_options(path: Path) -> dict[str, str]:
    options = {"flush_packets": "1"}  # each packet goes to the disk at once: the file grows as a camera's does
    if path.suffix in {".mp4", ".mov"}:
        options["movie_timescale"] = str(SAMPLE_RATE)  # else the edit list rounds the audio's beginning to 1 ms
    return options


def _put_back(packet: Packet[VideoStream] | Packet[AudioStream], ticks: int) -> None:
    packet.pts = (packet.pts or 0) - ticks
    packet.dts = (packet.dts or 0) - ticks


class Recording:
    """A camera's footage from its first picture on, cut into files."""

    def __init__(self, shot: Shot) -> None:
        self._shot = shot
        self._encoders = _Encoders(shot)
        self._picture = Picture(shot.width, shot.height, self._encoders.strides(), shot.rate, shot.lap)
        self.pictures = 0  # written so far

    def write(self, path: Path, count: int, caption: Callable[[int], Caption], ready: Callable[[int], bool]) -> bool:
        """Write one whole file.

        Args:
            path: The file, which must not exist; its folder is made.
            count: How many pictures it gets.
            caption: The text on a picture, by the picture's number.
            ready: Asked before each picture, by its number: may wait; False ends the file before it.

        Returns:
            Whether it has all its pictures. A file that would have none is not left behind.

        Raises:
            FileExistsError: There is such a file.
        """
        first = self.pictures
        file = _SegmentFile(path, self._encoders, first, self._shot.rate)
        try:
            while self.pictures < first + count and ready(self.pictures):
                self._write_picture(file, self.pictures - first, caption(self.pictures))
        finally:
            file.close()
            if self.pictures == first:
                path.unlink()
        return self.pictures == first + count

    def _write_picture(self, file: _SegmentFile, position: int, caption: Caption) -> None:
        canvas = self._picture.draw(self.pictures, caption)
        key = position % self._shot.gop_frames == 0
        for packet in self._encoders.picture(self.pictures, canvas, key=key):
            file.write_video(packet)
        self.pictures += 1
        while self._encoders.next_sample < samples_before(self.pictures, self._shot.rate):
            file.write_audio(self._encoders.sound())

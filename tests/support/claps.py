"""Films of a clapper: white pictures, at the time of each a short burst of sound; and how both are found again."""

from __future__ import annotations

import io
import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.video.frame import VideoFrame

from ftp_stream.core.aac import silent_frame
from ftp_stream.core.timeline import Timeline, milliseconds
from ftp_stream.model import Row, Source
from ftp_stream.rtmp.flv import (
    AUDIO,
    VIDEO,
    aac_sequence_header,
    audio_header,
    avc_sequence_header,
    file_header,
    tag,
    video_header,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.prepared import Prepared

    from ftp_stream.core.timeline import Placed
    from ftp_stream.model import AudioConfig, FrameTable

RATE = 25  # pictures a second
BURST = 0.006  # seconds
_TICKS = 90_000  # a second, in which packets are stamped
_SIZE = 32, 32


@dataclass(frozen=True, slots=True)
class Film:
    """What is filmed; times in seconds on the film's clock, which begins with the pictures."""

    audio: str = "pcm_mulaw"  # FFmpeg's name of the encoder
    rate: int = 8000  # Hz, as the file tells it
    layout: str = "mono"
    claps: tuple[float, ...] = (0.4, 1.2, 1.8)  # each at a picture
    seconds: float = 2.4  # of pictures
    begins: float = 0.0  # the sound
    ends: float | None = None  # None: with the pictures
    pace: float = 1.0  # samples that the camera's clock counts in the time of one
    holes: tuple[tuple[float, float], ...] = ()  # of which no packet is kept
    jitter: tuple[float, ...] = (0.0,)  # seconds by which packets are stamped late, in turn
    damaged: tuple[int, ...] = ()  # packets that are filled with nonsense
    key_after: int = 0  # pictures before the first key frame that are left
    audio_options: dict[str, str] = field(default_factory=dict, hash=False)


def shoot(path: Path, film: Film = Film(), *, format: str | None = None, **options: str) -> Path:  # noqa: A002 - FFmpeg's word; frozen
    """Write a film in the container that its suffix tells."""
    with av.open(str(path), "w", format=format, options=options) as container:
        packets = [*_pictures(container, film), *_sounds(container, film)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    return path


def _pictures(container: av.container.OutputContainer, film: Film) -> Iterator[av.Packet]:
    options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "scenecut=0"}
    stream = container.add_stream("libx264", rate=RATE, options=options)
    (stream.width, stream.height), stream.pix_fmt, stream.gop_size = _SIZE, "yuv420p", 10
    stream.codec_context.thread_count = 1
    white = {round(clap * RATE) for clap in film.claps}
    for number in range(round(film.seconds * RATE)):
        frame = VideoFrame(*_SIZE, "yuv420p")
        for plane, level in zip(frame.planes, (235 if number in white else 16, 128, 128), strict=True):
            plane.update(bytes([level]) * plane.buffer_size)
        frame.pts, frame.time_base = number, Fraction(1, RATE)
        for packet in stream.encode(frame):
            if number >= film.key_after:
                yield packet
    yield from stream.encode(None)


def _sounds(container: av.container.OutputContainer, film: Film) -> Iterator[av.Packet]:
    if not film.audio:
        return
    stream = container.add_stream(film.audio, rate=film.rate, options=film.audio_options)
    stream.codec_context.layout = film.layout
    stream.codec_context.open()
    for number, packet in enumerate(_encoded(stream, film)):
        time = film.begins + float(packet.pts * packet.time_base) / film.pace
        if any(first <= time < last for first, last in film.holes):
            continue
        late = film.jitter[number % len(film.jitter)]
        if number in film.damaged:
            content = bytes(byte ^ 0x5A for byte in bytes(packet))
            packet = _like(packet, content)  # noqa: PLW2901 - the same one, spoilt
        packet.pts = packet.dts = round((time + late) * _TICKS)
        packet.duration = round(packet.duration * packet.time_base * _TICKS)
        packet.time_base = Fraction(1, _TICKS)
        packet.stream = stream
        yield packet


def _like(packet: av.Packet, content: bytes) -> av.Packet:
    other = av.Packet(content)
    other.pts, other.dts, other.duration, other.time_base = packet.pts, packet.dts, packet.duration, packet.time_base
    return other


def _encoded(stream: av.AudioStream, film: Film) -> Iterator[av.Packet]:
    context = stream.codec_context
    shaper = AudioResampler(context.format, film.layout, film.rate, frame_size=context.frame_size or film.rate // 20)
    wave = _wave(film)
    frame = AudioFrame("flt", "mono", len(wave))
    frame.sample_rate, frame.pts, frame.time_base = film.rate, 0, Fraction(1, film.rate)
    frame.planes[0].update(wave.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
    count = 0
    for source in (frame, None):
        for shaped in shaper.resample(source):
            shaped.pts, shaped.time_base = count, Fraction(1, film.rate)
            count += shaped.samples
            yield from stream.encode(shaped)
    yield from stream.encode(None)


def _wave(film: Film) -> array[float]:
    """The samples that the camera's own clock takes of the bursts."""
    true = film.rate * film.pace
    ends = film.seconds if film.ends is None else film.ends
    wave = array("f", bytes(4 * round((ends - film.begins) * true)))
    for clap in film.claps:
        first = math.ceil((clap - film.begins) * true)
        for at in range(max(0, first), min(len(wave), first + round(BURST * true))):
            wave[at] = 0.8 * math.cos((at / true - clap + film.begins) * math.tau * 1000)
    return wave


# --- how it is found again --------------------------------------------------------------------------------------------


class Far:
    """The far end: an FLV, as a server would record it, decoded by FFmpeg."""

    def __init__(self, config: AudioConfig) -> None:
        self.config = config
        self.whites: list[float] = []  # when white pictures are shown, seconds
        self._times: list[float] = []  # when each frame of sound is heard, seconds
        self._sounds: list[tuple[int, array[float]]] = []  # its rate, and the samples of its loudest channel
        self._flv = [file_header(), tag(AUDIO, 0, aac_sequence_header(config.record))]
        self._record = b""

    def take(self, prepared: Prepared, placed: Placed) -> None:
        """Write down what is sent of a segment in its place, silence and all."""
        table, offset = placed.table, placed.offset_us
        payloads = _payloads(prepared)
        if prepared.found.record != self._record:
            self._record = prepared.found.record
            self._flv.append(tag(VIDEO, milliseconds(table.dts_us[0] + offset), avc_sequence_header(self._record)))
        for row in range(placed.first_row, len(table)):
            flag = table.flags[row]
            time = milliseconds(table.dts_us[row] + offset)
            source = flag & Row.SOURCE_MASK
            silent = source == Source.SILENCE
            payload = silent_frame(self.config.channels) if silent else payloads[source, table.position[row]]
            if flag & Row.AUDIO:
                self._flv.append(tag(AUDIO, time, audio_header() + payload))
            else:
                shown = milliseconds(table.dts_us[row] + table.cts_us[row] + offset)
                header = video_header("avc", bool(flag & Row.KEY), shown - time)
                self._flv.append(tag(VIDEO, time, header + payload))

    def decode(self) -> Far:
        """Decode all of it; whatever FFmpeg minds is raised."""
        with av.open(io.BytesIO(b"".join(self._flv)), format="flv") as container:
            for stream in container.streams:
                stream.codec_context.options = {"err_detect": "explode"}
                stream.codec_context.thread_count = 1
            for packet in container.demux():
                for frame in packet.decode():
                    if isinstance(frame, VideoFrame):
                        self._see(frame)
                    else:
                        self._hear(frame)
        return self

    def _see(self, frame: VideoFrame) -> None:
        if bytes(frame.planes[0])[0] > 128:
            self.whites.append(frame.time or 0.0)

    def _hear(self, frame: AudioFrame) -> None:
        channels = [array("f", bytes(plane)[: 4 * frame.samples]) for plane in frame.planes[: frame.layout.nb_channels]]
        loudest = max(channels, key=max) if len(channels) > 2 else channels[0]
        self._times.append(frame.time or 0.0)
        self._sounds.append((frame.sample_rate, loudest))

    def offsets(self, reach: float = 0.06) -> list[float]:
        """By how many seconds each white picture's burst is late; ``inf`` where there is none."""
        return [self._offset(white, reach) for white in self.whites]

    def _offset(self, white: float, reach: float) -> float:
        near = list(self._between(white - reach, white + reach))
        loudest = max((level for _, level in near), default=0.0)
        if loudest < 0.05:
            return math.inf
        return next(time for time, level in near if level > loudest / 2) - white

    def _between(self, first: float, last: float) -> Iterator[tuple[float, float]]:
        """When each sample is heard, and how loud it is."""
        begin = max(0, bisect_left(self._times, first) - 1)
        for number in range(begin, bisect_left(self._times, last)):
            rate, samples = self._sounds[number]
            start = self._times[number]
            for at in range(max(0, math.ceil((first - start) * rate)), min(len(samples), int((last - start) * rate))):
                yield start + at / rate, abs(samples[at])

    def loudest(self, first: float, last: float) -> float:
        """The loudest sample between two times."""
        return max((level for _, level in self._between(first, last)), default=0.0)


def play(prepared: Prepared, config: AudioConfig) -> Far:
    """What a receiver makes of one segment."""
    _, placed = Timeline(config).lay(prepared.table)
    far = Far(config)
    far.take(prepared, placed)
    return far.decode()


def _payloads(prepared: Prepared) -> dict[tuple[int, int], bytes]:
    table: FrameTable = prepared.table
    places = zip(table.flags, table.position, prepared.payloads, strict=True)
    return {(flag & Row.SOURCE_MASK, position): payload for flag, position, payload in places}

"""Packets of any codec become samples of the rate and the channels that are wanted, each at its place in time."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final, cast

import av
import av.error
from av.filter import Graph

from ftp_stream.core.aac import decoder_delay
from ftp_stream.media.aacwriter import FORMAT, LAYOUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame

    from ftp_stream.media.runs import Run
    from ftp_stream.media.soundtrack import AudioTrack
    from ftp_stream.model import AudioConfig

__all__ = ["AudioDecoder", "Survey", "survey", "take_samples"]

_MAX_PACKET: Final = 1024 * 1024  # bytes; two seconds of the dearest PCM
_MAX_FRAME: Final = 1024 * 1024  # samples that one packet may give
_RATES: Final = range(4000, 192_001)  # Hz
_MAX_CHANNELS: Final = 8
_FINE: Final = 16  # parts of a hertz in which a clock's true rate is counted: 4 in a million of 8 kHz


class AudioDecoder:
    """Decodes the packets of a track one after the other; what is damaged gives nothing."""

    def __init__(self, track: AudioTrack, context: AudioCodecContext) -> None:
        """Take the packets, and a decoder that has seen none of them."""
        self._track = track
        self._context = context
        context.thread_count = 1
        self.damaged = 0  # packets

    def decode(self, number: int) -> list[AudioFrame]:
        """Return what a packet gives, all of one kind."""
        payload = self._track.payload(number)
        if len(payload) > _MAX_PACKET:
            self.damaged += 1
            return []
        try:
            frames = self._context.decode(av.Packet(payload))
        except av.error.FFmpegError:
            self.damaged += 1
            return []
        sane = [frame for frame in frames if _is_sane(frame) and kind(frame) == kind(frames[0])]
        self.damaged += len(sane) < len(frames)  # none at all is no damage: some codecs' first packet gives none
        return sane


def _is_sane(frame: AudioFrame) -> bool:
    return (
        0 < frame.samples <= _MAX_FRAME
        and frame.sample_rate in _RATES
        and 1 <= frame.layout.nb_channels <= _MAX_CHANNELS
        and not frame.is_corrupt
    )


def kind(frame: AudioFrame) -> tuple[int, str, str]:
    """Return what a resampler must know of a frame."""
    return frame.sample_rate, frame.layout.name, frame.format.name


@dataclass(slots=True)
class Survey:
    """What the packets of a track decode to."""

    lengths: list[float] = field(default_factory=list)  # of the sound of each packet, microseconds; 0: none to be heard
    changes: set[int] = field(default_factory=set)  # packets from which on it is of another kind
    damaged: int = 0  # packets


def survey(track: AudioTrack, decoder: AudioDecoder, check: Callable[[int], None]) -> Survey:
    """Decode a track to see how much sound its packets give.

    Args:
        track: The packets.
        decoder: Theirs.
        check: Called with the number of each packet; what it raises ends the work.
    """
    found = Survey()
    last: tuple[int, str, str] | None = None
    for number in range(len(track.frames.flags)):
        check(number)
        frames = decoder.decode(number)
        heard = frames and not track.is_hidden(number)
        found.lengths.append(sum(frame.samples for frame in frames) * 1e6 / frames[0].sample_rate if heard else 0.0)
        if frames:
            now = kind(frames[0])
            if last not in {None, now}:
                found.changes.add(number)
            last = now
    found.damaged = decoder.damaged
    return found


def take_samples(
    decoder: AudioDecoder,
    runs: Sequence[Run],
    config: AudioConfig,
    span: tuple[float, float],
    check: Callable[[int], None],
) -> Iterator[tuple[int, list[memoryview]]]:
    """Decode a track once more and bring it to the rate and the channels of a configuration.

    Args:
        decoder: Of the packets, at their first one.
        runs: Where they belong.
        config: What is wanted. Where its decoders are late, samples come that much earlier.
        span: The time that is needed, microseconds: from where positions count, to where nothing is needed any more.
        check: As for `survey`.

    Yields:
        The position of the first sample, and the floats of each channel.
    """
    start_us, end_us = span
    done = 0
    for run in runs:
        for number in range(done, run.first):  # nobody hears them, but the decoder needs them
            check(number)
            decoder.decode(number)
        done = run.end
        resampler: _Resampler | None = None
        heard_us = run.start_us
        for number in range(run.first, run.end):
            check(number)
            for frame in decoder.decode(number):
                begin_us, heard_us = heard_us, heard_us + frame.samples * 1e6 / frame.sample_rate * run.pace
                if begin_us >= end_us:
                    break
                if not resampler and heard_us > start_us:
                    resampler = _Resampler(config, run.pace, begin_us - start_us)
                if resampler:
                    yield from resampler.take(frame)
        if resampler:
            yield from resampler.take(None)


class _Resampler:
    """Brings the frames of one run to the rate and channels of a configuration."""

    def __init__(self, config: AudioConfig, pace: float, at_us: float) -> None:
        self._config = config
        self._pace = pace
        self._position = round(at_us * config.sample_rate / 1e6) - decoder_delay(config.record)
        # Only the quotient of the rates counts. A clock that runs wrong has a rate that whole hertz do not tell
        self._fine = 1 if pace == 1 else _FINE
        self._graph: Graph | None = None

    def take(self, frame: AudioFrame | None) -> Iterator[tuple[int, list[memoryview]]]:
        """Yield what a frame gives, or at the end what is left."""
        if frame:
            frame.sample_rate = round(frame.sample_rate * self._fine / self._pace)
            frame.pts, frame.time_base = None, Fraction(1, frame.sample_rate)
            self._graph = self._graph or self._built(frame)
        if self._graph:
            self._graph.push(frame)
            yield from self._pull(self._graph)

    def _built(self, frame: AudioFrame) -> Graph:
        """Return FFmpeg's resampler for frames like this one. PyAV's own starts threads, in vain in a child."""
        rate, layout, samples = kind(frame)
        graph = Graph()
        graph.threads = 1
        source = graph.add_abuffer(sample_rate=rate, format=samples, layout=layout, time_base=frame.time_base)
        wanted = graph.add(
            "aformat",
            sample_rates=str(self._config.sample_rate * self._fine),
            sample_fmts=FORMAT,
            channel_layouts=LAYOUTS[self._config.channels],
        )
        graph.link_nodes(source, wanted, graph.add("abuffersink")).configure()
        return graph

    def _pull(self, graph: Graph) -> Iterator[tuple[int, list[memoryview]]]:
        with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):  # it wants more, or it has ended
            while True:
                out = cast("AudioFrame", graph.pull())
                size = out.samples * 4
                yield self._position, [memoryview(plane)[:size] for plane in out.planes[: self._config.channels]]
                self._position += out.samples

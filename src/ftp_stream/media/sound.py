"""What becomes of a file's sound: AAC as it is where that fits, else AAC made of it, else silence.

Nothing about the sound costs the file: where it cannot be decoded or encoded, the timeline sends silence, and a note
says why.
"""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av.error

from ftp_stream.core.aac import takes_plain_frames
from ftp_stream.core.frames import Columns, shown_span
from ftp_stream.errors import EncodingNeeded, SegmentRefused
from ftp_stream.media import times
from ftp_stream.media.aacwriter import AacWriter
from ftp_stream.media.resampling import AudioDecoder, survey, take_samples
from ftp_stream.media.runs import lay_runs
from ftp_stream.media.soundtrack import AudioTrack
from ftp_stream.media.tracks import codec_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from ftp_stream.core.request import PrepareRequest
    from ftp_stream.media.places import Places
    from ftp_stream.model import AudioConfig

__all__ = ["Sound", "Work", "described", "lay", "pick"]

_INSTEAD: Final = ": silence is sent instead"
_PLAIN_US: Final = 20_000  # a packet without a length of its own lasts as long as one of most telephones
_QUICK: Final = 20.0  # seconds that the sound may take where other files wait: a third of what a file may take in all
_PATIENT: Final = 1200.0  # the same where encoding may take its time: two thirds of that
_GLIMPSE: Final = 1.0  # seconds after which the rest can be foretold
_DEARER: Final = 5  # times what it takes to count a packet's samples, it takes to decode it again and encode it


@dataclass(frozen=True, slots=True)
class Work:
    """What the work on one file's sound needs."""

    request: PrepareRequest  # what the sound is to be like
    places: Places  # take what is encoded
    reopen: Callable[[], InputContainer]  # opens the file afresh
    notes: list[str]  # take what a technician may want to know


@dataclass(frozen=True, slots=True)
class Sound:
    """The frames of a file's sound."""

    record: bytes  # AudioSpecificConfig
    columns: Columns
    encoded: bool  # they are not the camera's own


def pick(container: InputContainer, work: Work) -> AudioTrack | None:
    """Return the track that is heard: the first in AAC, else the first that can be made AAC."""
    streams, form = container.streams.audio, work.request.form
    known = [stream for stream in streams if stream.codec_context]
    for stream in known:
        if codec_name(stream) == "aac":
            return AudioTrack(stream, work.places, form)
    if known and (form.audio or form.other_audio):
        return AudioTrack(known[0], work.places, form)
    if streams:
        work.notes.append(f"its audio is {codec_name(streams[0])}, not AAC{_INSTEAD}")
    return None


def described(stream: AudioStream) -> str:
    """Say what a track is, as FFmpeg names it."""
    return f"{codec_name(stream)} {stream.codec_context.sample_rate} Hz"


def lay(track: AudioTrack, pictures: Columns, work: Work) -> Sound | None:
    """Lay a filled track beside its pictures, of which there is at least one; ``None`` for silence.

    Raises:
        EncodingNeeded: It takes longer than the request allows.
        OSError: The sidecar cannot be written.
    """
    if track.problem:
        work.notes.append(f"{track.problem}{_INSTEAD}")
        return None
    if not track.frames.flags:
        return None
    return _encoded(track, pictures, work) if track.decoded else _copied(track, pictures, work.notes)


# --- as it is ---------------------------------------------------------------------------------------------------------


def _copied(track: AudioTrack, pictures: Columns, notes: list[str]) -> Sound | None:
    if not track.config:
        return None
    heard = _times(track, round(track.config.frame_us))
    heard, _, words = times.steady(heard, heard)
    notes += [f"audio: {each}" for each in words]
    shift = _shift(heard[0], heard[-1], pictures, notes)
    columns = Columns(
        flags=bytes(track.frames.flags),
        dts_us=array("q", (each + shift for each in heard) if shift else heard),
        cts_us=array("q"),
        position=array("q", track.frames.position),
        size=array("q", track.frames.size),
    )
    return Sound(track.config.record, columns, encoded=False)


def _times(track: AudioTrack, plain_us: int) -> list[int]:
    """Return when each packet begins by its timestamps, microseconds."""
    plain = max(1, round(Fraction(plain_us, 1_000_000) / track.base))
    return times.micro(times.fill(track.frames.pts, track.frames.duration, plain), track.base)


def _shift(first_us: int, last_us: int, pictures: Columns, notes: list[str]) -> int:
    """Return what brings the sound to its pictures where other clocks stamped it."""
    shift = times.apart([first_us, last_us], pictures.dts_us[0], pictures.dts_us[-1])
    if shift:
        notes.append(f"its audio lies {-shift / 1e6:.1f} s from its video: both begin together")
    return shift


# --- encoded ----------------------------------------------------------------------------------------------------------


class _TooSlow(Exception):  # noqa: N818 - what it says, and no error of the file
    """It would take longer than it may."""


class _Patience:
    """Ends work that takes too long, once that can be foretold."""

    def __init__(self, seconds: float, packets: int) -> None:
        self._seconds = seconds
        self._packets = packets
        self._seen = 0
        self._begun = time.monotonic()

    def __call__(self, _number: int) -> None:
        self._seen += 1
        if self._seen % 16:
            return
        spent = time.monotonic() - self._begun
        done = min(self._seen, self._packets) + _DEARER * max(0, self._seen - self._packets)
        if spent > _GLIMPSE and spent * self._packets * (1 + _DEARER) > self._seconds * done:
            raise _TooSlow


def _encoded(track: AudioTrack, pictures: Columns, work: Work) -> Sound | None:
    """Return the track as AAC of the wanted configuration."""
    form, patient = work.request.form, work.request.may_encode
    config = form.audio or form.other_audio
    name = codec_name(track.stream)
    if not config or not takes_plain_frames(config.record):
        work.notes.append(f"its audio ({name}) cannot be made what this stream began with{_INSTEAD}")
        return None
    patience = _Patience(_PATIENT if patient else _QUICK, len(track.frames.flags))
    try:
        columns = _encode(track, pictures, config, work, patience)
    except _TooSlow:
        if not patient:
            raise EncodingNeeded("its audio takes long to encode") from None
        work.notes.append(f"its audio ({name}) takes too long to encode{_INSTEAD}")
        return None
    except (av.error.FFmpegError, SegmentRefused, ValueError, MemoryError) as error:
        work.notes.append(f"its audio ({name}) cannot be made AAC, {error}{_INSTEAD}")
        return None
    if not columns:
        work.notes.append(f"none of its audio ({name}) can be heard beside its pictures{_INSTEAD}")
        return None
    return Sound(config.record, columns, encoded=True)


def _encode(
    track: AudioTrack, pictures: Columns, config: AudioConfig, work: Work, patience: _Patience
) -> Columns | None:
    found = survey(track, AudioDecoder(track, track.stream.codec_context), patience)
    if found.damaged:
        count = len(found.lengths)
        work.notes.append(f"{found.damaged} of {count} packets of its audio are damaged: silence in their place")
    runs = lay_runs(_times(track, _PLAIN_US), found.lengths, found.changes)
    if not runs:
        return None
    last = runs[-1]
    last_us = last.start_us + sum(found.lengths[last.first : last.end]) * last.pace
    shift = _shift(round(runs[0].start_us), round(last_us), pictures, work.notes)
    start_us, end_us = shown_span(pictures)
    writer = AacWriter(config, work.places, start_us, end_us)
    span = start_us - shift, start_us - shift + writer.end * 1e6 / config.sample_rate
    with work.reopen() as container:
        stream = next((each for each in container.streams.audio if each.index == track.stream.index), None)
        if stream is None:
            raise ValueError("it is another one at the second look")
        for position, planes in take_samples(AudioDecoder(track, stream.codec_context), runs, config, span, patience):
            writer.write(position, planes)
    return writer.finish()

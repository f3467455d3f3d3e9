"""A file is walked once, every packet of it, and becomes columns of frames by reference.

Nothing is changed: a frame's bytes are named where they stand in the camera's file, and only those that do not stand
there as they go on the wire (Annex B, ADTS, split over transport packets) are written to the sidecar.

Of frames that an edit list hides, audio is left out and pictures stay: RTMP cannot say "decode but do not show", the
pictures that are shown need them, and they are real footage.
"""

from __future__ import annotations

import os
from array import array
from fractions import Fraction
from itertools import chain, islice
from operator import sub
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error

from ftp_stream.core.frames import Columns
from ftp_stream.core.inspection import MAX_SIDE, Inspection
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import index, sound, times
from ftp_stream.media.places import Places
from ftp_stream.media.structure import Kind, check
from ftp_stream.media.tracks import CODECS, VideoTrack
from ftp_stream.model import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from ftp_stream.core.request import PrepareRequest
    from ftp_stream.media.soundtrack import AudioTrack

__all__ = ["prepare"]

_KEY: Final = int(Row.KEY)
_DEMUXERS: Final = {Kind.MP4: "mov", Kind.AVI: "avi", Kind.MATROSKA: "matroska", Kind.FLV: "flv", Kind.TS: "mpegts"}
# Read by their content where the structure says nothing; never playlists and the like, which lead to other files
_ALLOWED: Final = "mov,avi,matroska,flv,mpegts,mpeg,h264,hevc,dhav,asf,mjpeg,m4v,ogg,rm,wav,aac,mp3"
_UNTIMED: Final = frozenset({"avi", "h264", "hevc"})  # these tell when a frame is decoded, at best
_MAX_REORDERED: Final = 16  # pictures, by both standards
_SAME_RATE: Final = 0.02  # part by which a declared frame rate may differ from the measured one and be believed
_ABSURD_LENGTH: Final = 2.0, 10.0  # a header that tells more than twice the true length and 10 s is worth a word


def prepare(fileno: int, sidecar: BinaryIO, request: PrepareRequest) -> Inspection:
    """Walk an open file.

    Args:
        fileno: The camera's file; its offset is moved.
        sidecar: An empty file that takes the frames which do not stand in the camera's file.
        request: What is to be made of it.

    Raises:
        EncodingNeeded: Its pictures must be encoded, or much sound, and the request does not allow that.
        SegmentRefused: It cannot be played, with the reason in words.
        OSError: The sidecar cannot be written, or the file not read.
    """
    structure = check(fileno)
    if structure.whole is False:
        raise SegmentRefused(structure.problem, truncated=True)
    notes = [structure.problem] if structure.problem else []
    places = Places(fileno, sidecar)
    with _open(fileno, structure.kind) as container:
        video = VideoTrack(_pick_video(container), places)
        work = sound.Work(request, places, lambda: _open(fileno, structure.kind), notes)
        audio = sound.pick(container, work)
        proof = index.PROOF if index.tells_all(fileno, structure.index) else 0
        notes.append(_walk(container, fileno, proof, video, audio))
        if not video.frames.flags:
            raise SegmentRefused("its video has no frames")
        dts, shown = _video_times(fileno, structure.kind, container.format.name, video, notes)
        pictures = _video_columns(video, dts, shown)
        heard = sound.lay(audio, pictures, work) if audio else None
        _note_oddities(container, video, dts, notes)
        context = video.stream.codec_context
        return Inspection(
            container=container.format.name,
            whole=structure.whole is True,
            codec=video.codec,
            record=video.record(),
            width=_side(context.width),
            height=_side(context.height),
            frame_rate=_frame_rate(video.stream.average_rate, dts),
            audio_record=heard.record if heard else b"",
            video=pictures,
            audio=heard.columns if heard else None,
            sidecar_size=places.sidecar_size,
            notes=tuple(filter(None, notes)),
            encoded_audio=heard is not None and heard.encoded,
            aspect=_aspect(context.sample_aspect_ratio),
        )


# --- opening ----------------------------------------------------------------------------------------------------------


def _open(fileno: int, kind: Kind) -> InputContainer:
    demuxer = _DEMUXERS.get(kind)
    if kind is Kind.MP4:  # its index says all that is needed: to look into frames would take twenty times as long
        container = _open_with(fileno, demuxer, {"probesize": "32", "skip_frame": "all"})
        if all(stream.codec_context and stream.codec_context.extradata for stream in container.streams.video):
            return container
        container.close()
    return _open_with(fileno, demuxer, {})


def _open_with(fileno: int, demuxer: str | None, options: dict[str, str]) -> InputContainer:
    """Open by descriptor, so that neither a file's name nor its content can lead FFmpeg to anything else."""
    os.lseek(fileno, 0, os.SEEK_SET)
    own = {"fd": str(fileno), "protocol_whitelist": "fd", "format_whitelist": _ALLOWED}
    try:
        return av.open("fd:", format=demuxer, options=own | options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise SegmentRefused(f"FFmpeg cannot read it: {_words(error)}") from error


def _words(error: Exception) -> str:
    return (isinstance(error, av.error.FFmpegError) and error.strerror) or str(error)


def _codec(stream: Stream) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "of an unknown kind"


def _pick_video(container: InputContainer) -> av.VideoStream:
    best = container.streams.best("video")
    if not best:
        raise SegmentRefused("it has no video")
    for stream in (best, *container.streams.video):
        if isinstance(stream, av.VideoStream) and _codec(stream) in CODECS:
            return stream
    raise SegmentRefused(f"its video is {_codec(best)}; only H.264 (AVC) and H.265 (HEVC) can be sent")


# --- the walk ---------------------------------------------------------------------------------------------------------


def _walk(container: InputContainer, fileno: int, proof: int, video: VideoTrack, audio: AudioTrack | None) -> str:
    """Fill the tracks: from the index where the first ``proof`` packets prove it; say what went wrong."""
    take: dict[int, Callable[[Packet[Any]], None]] = {video.stream.index: video.take}
    streams: list[Stream] = [video.stream]
    if audio:
        take[audio.stream.index] = audio.take
        streams.append(audio.stream)
    packets = container.demux(streams)
    try:
        first = list(islice(packets, proof))
        if first and index.take_all(fileno, video, audio, first):
            return ""
        for packet in chain(first, packets):
            if packet.size:  # the last packet of each track is empty
                take[packet.stream_index](packet)
    except IndexError:
        return ""  # all was read: PyAV 18 stumbles at the end over a stream that appeared on the way (MPEG-TS)
    except av.error.FFmpegError as error:
        return f"reading stopped before its end: {_words(error)}"
    return ""


def _ranks(fileno: int, kind: Kind, video: VideoTrack) -> list[int] | None:
    """Return per picture how many are shown before it, which only a decoder knows; ``None`` where it cannot tell."""
    order: list[int | None] = []
    with _open_with(fileno, _DEMUXERS.get(kind), {}) as container:
        stream = next(each for each in container.streams.video if each.index == video.stream.index)
        stream.codec_context.thread_count = 1
        number = 0
        try:
            for packet in container.demux(stream):
                if packet.size:
                    packet.pts = packet.dts = number
                    number += 1
                order.extend(frame.pts for frame in packet.decode())
        except av.error.FFmpegError:
            return None
    ranks = {frame: rank for rank, frame in enumerate(order)}
    return [ranks[frame] for frame in range(number)] if len(ranks) == number == len(video.frames.flags) else None


# --- times ------------------------------------------------------------------------------------------------------------


def _video_times(
    fileno: int, kind: Kind, container: str, video: VideoTrack, notes: list[str]
) -> tuple[list[int], list[int]]:
    """Return decoding and presentation times in microseconds."""
    pts, dts = video.frames.pts, video.frames.dts
    plain = max(1, round(Fraction(times.PLAIN_STEP_US, 1_000_000) / video.base))
    if container in _UNTIMED or None in pts:
        decoded = times.fill(dts, video.frames.duration, plain)
        ranks = _ranks(fileno, kind, video) if video.stream.codec_context.has_b_frames else None
        shown = times.presentation_times(decoded, ranks) if ranks else decoded
    else:
        shown = cast("list[int]", pts)
        if None in dts:  # Matroska has none: FFmpeg leaves out as many as the stream says that it reorders
            delay = next((number for number, tick in enumerate(dts) if tick is not None), 0)
            decoded = times.decoding_times(shown, min(delay, _MAX_REORDERED))
        else:
            decoded = cast("list[int]", dts)
    dts_us = times.micro(decoded, video.base)
    shown_us = dts_us if shown is decoded else times.micro(shown, video.base)
    dts_us, shown_us, words = times.steady(dts_us, shown_us)
    notes += [f"video: {each}" for each in words]
    return dts_us, shown_us


def _video_columns(video: VideoTrack, dts: list[int], shown: list[int]) -> Columns:
    last = video.frames.duration[shown.index(max(shown))]
    return Columns(
        flags=bytes(video.frames.flags),
        dts_us=array("q", dts),
        cts_us=array("q", map(sub, shown, dts)),
        position=array("q", video.frames.position),
        size=array("q", video.frames.size),
        last_us=times.micro([last or 0], video.base)[0],
    )


# --- what a technician may want to know -------------------------------------------------------------------------------


def _side(pixels: int) -> int:
    """Return the side of a picture, 0 where the container tells nonsense: what decoders see stands in the record."""
    return pixels if 0 < pixels <= MAX_SIDE else 0


def _aspect(told: Fraction | None) -> tuple[int, int]:
    """Return the aspect of a pixel, square where nothing or nonsense is told."""
    if told and 0 < told.numerator <= MAX_SIDE and told.denominator <= MAX_SIDE:
        return told.numerator, told.denominator
    return 1, 1


def _frame_rate(declared: Fraction | None, dts: list[int]) -> float:
    """Return pictures per second: as declared where it is near the truth, else as measured."""
    if len(dts) < 2 or dts[-1] <= dts[0]:  # noqa: PLR2004 - one picture has no rate
        return 0.0
    measured = (len(dts) - 1) * 1e6 / (dts[-1] - dts[0])
    if declared and abs(float(declared) - measured) <= _SAME_RATE * measured:
        return float(declared)
    return round(measured, 3)


def _note_oddities(container: InputContainer, video: VideoTrack, dts: list[int], notes: list[str]) -> None:
    first = next((index for index, flag in enumerate(video.frames.flags) if flag & _KEY), 0)
    if first:
        notes.append(
            f"it does not begin with a key frame: its first {first} pictures"
            f" ({(dts[first] - dts[0]) / 1e6:.1f} s) are left out"
        )
    if video.hidden:
        notes.append(f"its edit list hides {video.hidden} pictures: RTMP cannot, they are shown")
    if video.repeated:
        notes.append(f"{video.repeated} pictures of overlapping fragments are left out")
    if video.cut:
        notes.append(f"{video.cut} pictures are cut off and left out")
    if video.damaged:
        notes.append(f"{video.damaged} pictures are damaged")
    factor, slack = _ABSURD_LENGTH
    seconds = (dts[-1] - dts[0]) / 1e6
    declared = (container.duration or 0) / av.time_base
    if declared > factor * seconds + slack:
        notes.append(f"its header tells {declared:.0f} s, there are {seconds:.1f} s")

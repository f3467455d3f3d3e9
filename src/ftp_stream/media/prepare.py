"""A file is walked once, every packet of it, and becomes columns of frames by reference.

Nothing that can be sent is changed: a frame's bytes are named where they stand in the camera's file, and only those
that do not stand there as they go on the wire (Annex B, ADTS, split over transport packets) are written to the sidecar,
as is what `video` and `sound` encode.

Of frames that an edit list hides, audio is left out and pictures stay: RTMP cannot say "decode but do not show", the
pictures that are shown need them, and they are real footage.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Final, cast

import av
import av.error

from ftp_stream.core.inspection import Inspection
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import index, sound, times
from ftp_stream.media.decoding import TimedVideo
from ftp_stream.media.faults import fault_words
from ftp_stream.media.opening import open_file, open_looking
from ftp_stream.media.places import Places
from ftp_stream.media.structure import check
from ftp_stream.media.tracks import VideoTrack, codec_name
from ftp_stream.media.video import begin, copied, encoded
from ftp_stream.model import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream

    from ftp_stream.core.request import PrepareRequest
    from ftp_stream.media.soundtrack import AudioTrack
    from ftp_stream.media.structure import Kind

__all__ = ["prepare"]

_KEY: Final = int(Row.KEY)
_UNTIMED: Final = frozenset({"avi", "h264", "hevc"})  # these tell when a frame is decoded, at best
_MAX_REORDERED: Final = 16  # pictures, by both standards
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
    with open_file(fileno, structure.kind) as container:
        video = begin(container, places, request, notes)
        work = sound.Work(request, places, lambda: open_file(fileno, structure.kind), notes)
        audio = sound.pick(container, work)
        proof = index.PROOF if index.tells_all(fileno, structure.index) else 0
        notes.append(_walk(container, fileno, proof, video, audio))
        if not video.frames.flags:
            raise SegmentRefused("its video has no frames")
        dts, shown = _video_times(fileno, structure.kind, container.format.name, video, notes)
        _note_oddities(container, video, dts, notes)
        rate = times.rate(video.stream.average_rate, dts)
        if isinstance(video, TimedVideo):
            pictures = encoded(video, work.reopen, shown, rate, notes, form=request.form, places=places)
        else:
            pictures = copied(video, dts, shown, rate, notes)
        heard = sound.lay(audio, pictures.columns, work) if audio else None
        return Inspection(
            container=container.format.name,
            whole=structure.whole is True,
            codec=pictures.config.codec,
            record=pictures.config.record,
            width=pictures.config.width,
            height=pictures.config.height,
            frame_rate=pictures.config.frame_rate,
            audio_record=heard.record if heard else b"",
            video=pictures.columns,
            audio=heard.columns if heard else None,
            sidecar_size=places.sidecar_size,
            notes=tuple(filter(None, notes)),
            changes=pictures.changes,
            encoded_video=pictures.is_encoded,
            encoded_audio=heard is not None and heard.encoded,
            encoding_seconds=pictures.encoding_seconds,
            video_from=codec_name(video.stream) if pictures.is_encoded else "",
            audio_from=sound.described(audio.stream) if audio and heard and heard.encoded else "",
            aspect=pictures.config.aspect,
        )


# --- the walk ---------------------------------------------------------------------------------------------------------


def _walk(
    container: InputContainer, fileno: int, proof: int, video: VideoTrack | TimedVideo, audio: AudioTrack | None
) -> str:
    """Fill the tracks: from the index where the first ``proof`` packets prove it; say what went wrong."""
    take: dict[int, Callable[[Packet[Any]], None]] = {video.stream.index: video.take}
    streams: list[Stream] = [video.stream]
    if audio:
        take[audio.stream.index] = audio.take
        streams.append(audio.stream)
    packets = container.demux(streams)
    try:
        first = list(islice(packets, proof))
        if first and isinstance(video, VideoTrack) and index.take_all(fileno, video, audio, first):
            return ""
        for packet in chain(first, packets):
            if packet.size:  # the last packet of each track is empty
                take[packet.stream_index](packet)
    except IndexError:
        return ""  # all was read: PyAV 18 stumbles at the end over a stream that appeared on the way (MPEG-TS)
    except av.error.FFmpegError as error:
        return f"reading stopped before its end: {fault_words(error)}"
    return ""


def _ranks(fileno: int, kind: Kind, video: VideoTrack | TimedVideo) -> list[int] | None:
    """Return per picture how many are shown before it, which only a decoder knows; ``None`` where it cannot tell."""
    order: list[int | None] = []
    with open_looking(fileno, kind) as container:
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
    fileno: int, kind: Kind, container: str, video: VideoTrack | TimedVideo, notes: list[str]
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


# --- what a technician may want to know -------------------------------------------------------------------------------


def _note_oddities(container: InputContainer, video: VideoTrack | TimedVideo, dts: list[int], notes: list[str]) -> None:
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

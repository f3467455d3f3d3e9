"""What becomes of a file's pictures: they are copied where they can be sent as they are, else encoded."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from operator import sub
from typing import TYPE_CHECKING

import av
from av.stream import Disposition

from ftp_stream.core.codecs import CODECS
from ftp_stream.core.encoding import sane_aspect
from ftp_stream.core.frames import Columns
from ftp_stream.core.inspection import MAX_SIDE
from ftp_stream.errors import EncodingNeeded, SegmentRefused
from ftp_stream.media import times
from ftp_stream.media.configuration import Look
from ftp_stream.media.decoding import TimedVideo
from ftp_stream.media.encode import encode_video
from ftp_stream.media.faults import fault_words
from ftp_stream.media.tracks import VideoTrack, codec_name, is_copyable
from ftp_stream.model import Encoder, VideoCodec, VideoConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from av.container import InputContainer

    from ftp_stream.core.request import PrepareRequest
    from ftp_stream.media.places import Places
    from ftp_stream.model import Form

__all__ = ["Pictures", "begin", "copied", "encoded"]


@dataclass(frozen=True, slots=True)
class Pictures:
    """A file's pictures, ready to be sent."""

    config: VideoConfig
    columns: Columns
    changes: tuple[tuple[int, VideoConfig], ...] = ()  # (picture, what holds from it on)
    encoding_seconds: float = 0.0
    is_encoded: bool = False


def begin(
    container: InputContainer, places: Places, request: PrepareRequest, notes: list[str]
) -> VideoTrack | TimedVideo:
    """Choose the track whose pictures are taken, and how.

    Raises:
        EncodingNeeded: They must be encoded, and the request does not allow that.
        SegmentRefused: There are none that can be sent.
    """
    form = request.form
    streams = list(_candidates(container))
    if not streams:
        raise SegmentRefused("it has no video")
    for stream in streams:
        if is_copyable(stream) and CODECS[codec_name(stream)] in form.copied:
            return VideoTrack(stream, places)
    name = codec_name(streams[0])
    decodable = next((stream for stream in streams if stream.codec_context), None)
    if not form.encoded:
        cure = ": VIDEO=auto encodes it to H.264" if decodable else ""
        raise SegmentRefused(f"its video is {name}, which is not sent as it is{cure}", unfit=True)
    if not decodable:
        raise SegmentRefused(f"its video is {name}: FFmpeg cannot decode it")
    words = f"its video is {codec_name(decodable)}"
    if not request.may_encode:
        context = decodable.codec_context
        size = {"width": _side(context.width), "height": _side(context.height)}
        raise EncodingNeeded(f"{words}: it must be encoded to H.264", codec=codec_name(decodable), **size)
    notes.append(f"{words}: encoded to H.264")
    return TimedVideo(decodable)


def _candidates(container: InputContainer) -> Iterator[av.VideoStream]:
    """Yield the tracks of moving pictures, FFmpeg's choice first; a cover is none."""
    best = container.streams.best("video")
    for stream in sorted(container.streams.video, key=lambda stream: stream is not best):
        if not stream.disposition & Disposition.attached_pic:
            yield stream


# --- copied -----------------------------------------------------------------------------------------------------------


def copied(video: VideoTrack, dts: Sequence[int], shown: Sequence[int], rate: float, notes: list[str]) -> Pictures:
    """Return pictures as they are.

    Args:
        video: The track, walked.
        dts: Decoding times, microseconds.
        shown: Presentation times.
        rate: Pictures a second.
        notes: Takes what a technician may want to know.

    Raises:
        SegmentRefused: There is no decoder configuration.
    """
    told = video.configuration
    record = told.record()
    context = video.stream.codec_context
    seen = told.first_look() if told.changes else Look(context.width, context.height, video.stream.sample_aspect_ratio)
    config = _config(video.codec, record, seen, rate)
    if told.untold:
        notes.append(f"its configuration changes {told.untold} times more: these stand in its frames alone")
    shown = dts if video.codec is VideoCodec.AV1 else shown  # its frames come in the order in which they are shown
    columns = Columns(
        flags=bytes(video.frames.flags),
        dts_us=array("q", dts),
        cts_us=array("q", map(sub, shown, dts)),
        position=array("q", video.frames.position),
        size=array("q", video.frames.size),
        last_us=_last_us(video, shown),
    )
    return Pictures(config, columns, tuple(_changes(video, dts)))


def _changes(video: VideoTrack, dts: Sequence[int]) -> Iterator[tuple[int, VideoConfig]]:
    """Yield what holds from which picture on, with the rate of the pictures up to the next change."""
    changes = video.configuration.changes
    ends = (*(change.picture for change in changes), len(dts))[1:]
    for change, end in zip(changes, ends, strict=True):
        rate = times.rate(None, dts[change.picture : end])
        yield change.picture, _config(video.codec, change.record, change.seen, rate)


def _config(codec: VideoCodec, record: bytes, seen: Look, rate: float) -> VideoConfig:
    pixel = sane_aspect(seen.aspect)
    return VideoConfig(codec, record, _side(seen.width), _side(seen.height), rate, (pixel.numerator, pixel.denominator))


def _last_us(video: VideoTrack | TimedVideo, shown: Sequence[int]) -> int:
    """Return how long the picture shown last stays, by its own word."""
    last = video.frames.duration[shown.index(max(shown))]
    return times.micro([last or 0], video.base)[0]


def _side(pixels: int) -> int:
    """Return the side of a picture, 0 where the container tells nonsense: what decoders see stands in the record."""
    return pixels if 0 < pixels <= MAX_SIDE else 0


# --- encoded ----------------------------------------------------------------------------------------------------------


def encoded(
    video: TimedVideo,
    reopen: Callable[[], InputContainer],
    shown: Sequence[int],
    rate: float,
    notes: list[str],
    *,
    form: Form,
    places: Places,
) -> Pictures:
    """Return pictures encoded to H.264; if a hardware encoder fails on the way, x264 begins anew.

    Args:
        video: The track, walked.
        reopen: Opens the file once more.
        shown: Presentation times, microseconds.
        rate: Pictures a second.
        notes: Takes what a technician may want to know.
        form: What is to come out.
        places: Takes the frames.

    Raises:
        SegmentRefused: They can be neither decoded nor encoded.
        OSError: The sidecar cannot be written.
    """
    try:
        with reopen() as container:
            found = encode_video(container, video, shown, rate, form=form, places=places)
    except av.error.FFmpegError as error:
        if form.encoder in {Encoder.AUTO, Encoder.X264}:
            raise SegmentRefused(f"its video cannot be encoded: {fault_words(error)}") from error
        notes.append(f"ENCODER={form.encoder.value} failed: {fault_words(error)}; x264 is used")
        software = replace(form, encoder=Encoder.X264)
        return encoded(video, reopen, shown, rate, notes, form=software, places=places)
    notes += found.notes
    shape = found.shape
    config = VideoConfig(VideoCodec.AVC, found.record, shape.width, shape.height, shape.frame_rate, shape.aspect)
    columns = replace(found.columns, last_us=_last_us(video, shown))
    return Pictures(config, columns, encoding_seconds=found.seconds, is_encoded=True)

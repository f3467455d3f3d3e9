"""What an inspection finds in a file, and how a child process tells it to the service.

Told is a JSON header and the columns behind it as they lie in memory; `core.wire` has how little of it is believed.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ftp_stream.core.aac import parse_config
from ftp_stream.core.frames import MAX_ROWS, Columns, build
from ftp_stream.core.wire import DAMAGED, PREFIX_BYTES, bounded, framed, hex_bytes, number, parsed, words
from ftp_stream.errors import EncodingNeeded, SegmentRefused, StorageError
from ftp_stream.model import Row, VideoCodec, VideoConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ftp_stream.model import AudioConfig, FrameTable

__all__ = [
    "MAX_SIDE",
    "PREFIX_BYTES",
    "Inspection",
    "Prepared",
    "decode",
    "decode_encoding_needed",
    "decode_failure",
    "decode_ready",
    "encode",
    "encode_encoding_needed",
    "encode_failure",
    "encode_ready",
    "lengths",
    "video_config",
    "video_header",
]

_VIDEO_ROW, _AUDIO_ROW = 33, 25  # bytes of a row: flags and four, or three, columns of 64 bits
_MAX_NOTES: Final = 32
_MAX_CHANGES: Final = 1000
_MAX_NAME: Final = 64  # characters of a codec's name
_KEY: Final = int(Row.KEY)
MAX_SIDE: Final = 16_384  # pixels
_MAX_RATE: Final = 1000.0  # pictures a second


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the walk of a file found."""

    container: str  # FFmpeg's name of the demuxer
    whole: bool  # the container proves that the file is complete
    codec: VideoCodec
    record: bytes  # the video's configuration record
    width: int  # pixels
    height: int
    frame_rate: float  # per second; 0 where unknown
    audio_record: bytes  # AudioSpecificConfig; b"" where the file has no AAC audio
    video: Columns
    audio: Columns | None
    sidecar_size: int  # bytes
    notes: tuple[str, ...]
    changes: tuple[tuple[int, VideoConfig], ...] = ()  # (picture, what holds from it on); it is a key frame
    encoded_video: bool = False
    encoded_audio: bool = False
    encoding_seconds: float = 0.0  # that the encoding of its pictures took
    video_from: str = ""  # codec that the pictures had before they were encoded, by FFmpeg's name
    audio_from: str = ""  # the same of the audio, with its rate
    aspect: tuple[int, int] = (1, 1)  # of one pixel, width to height


@dataclass(frozen=True, slots=True)
class Prepared:
    """A report that was checked: all of a prepared segment that does not depend on where the file lies."""

    container: str
    whole: bool
    video: VideoConfig
    audio: AudioConfig | None
    table: FrameTable
    sidecar_size: int  # bytes
    notes: tuple[str, ...]
    changes: tuple[tuple[int, VideoConfig], ...] = ()  # (GOP, what holds from it on)
    encoded_video: bool = False
    encoded_audio: bool = False
    encoding_seconds: float = 0.0
    video_from: str = ""
    audio_from: str = ""


# --- the child's side -------------------------------------------------------------------------------------------------


def encode(found: Inspection) -> list[bytes | memoryview]:
    """Return a report as buffers to be written one behind the other."""
    video, audio = found.video, found.audio
    columns: list[bytes | array[int]] = [video.flags, video.dts_us, video.cts_us, video.position, video.size]
    if audio:
        columns += [audio.flags, audio.dts_us, audio.position, audio.size]
    header = {
        "container": found.container,
        "whole": found.whole,
        **video_header(
            VideoConfig(found.codec, found.record, found.width, found.height, found.frame_rate, found.aspect)
        ),
        "changes": [{"picture": picture, **video_header(video)} for picture, video in found.changes],
        "audio_record": found.audio_record.hex(),
        "video_rows": len(video),
        "audio_rows": len(audio) if audio else 0,
        "last_us": video.last_us,
        "sidecar_size": found.sidecar_size,
        "notes": found.notes,
        "encoded_video": found.encoded_video,
        "encoded_audio": found.encoded_audio,
        "encoding_seconds": found.encoding_seconds,
        "video_from": found.video_from,
        "audio_from": found.audio_from,
    }
    return framed(header, [memoryview(column).cast("B") for column in columns])


def video_header(config: VideoConfig) -> dict[str, object]:
    """Return a video configuration as it stands in a header."""
    return {
        "codec": config.codec,
        "record": config.record.hex(),
        "width": config.width,
        "height": config.height,
        "frame_rate": config.frame_rate,
        "aspect": config.aspect,
    }


def encode_encoding_needed(needed: EncodingNeeded) -> list[bytes | memoryview]:
    """Return the report that a file must be encoded, which was not asked for."""
    told = {"codec": needed.codec, "width": needed.width, "height": needed.height}
    return framed({"needs_encoding": str(needed), **told}, [])


def encode_failure(
    reason: str, *, truncated: bool = False, unfit: bool = False, storage: bool = False
) -> list[bytes | memoryview]:
    """Return the report of a file that cannot be played, or (``storage``) of a disk that failed."""
    return framed({"refused": reason, "truncated": truncated, "unfit": unfit, "storage": storage}, [])


def encode_ready(kept: Sequence[str]) -> list[bytes | memoryview]:
    """Return the first report of a child: it is ready, but could not give up some rights, told in words."""
    return framed({"ready": list(kept)}, [])


# --- the service's side -----------------------------------------------------------------------------------------------


def lengths(prefix: bytes) -> tuple[int, int]:
    """Return how many bytes of header and of columns follow the first `PREFIX_BYTES` of a report.

    Raises:
        SegmentRefused: It claims more than any file can give.
    """
    return bounded(prefix, MAX_ROWS * (_VIDEO_ROW + _AUDIO_ROW))


def decode_ready(header: bytes) -> tuple[str, ...]:
    """Return which rights a child could not give up, in words.

    Raises:
        SegmentRefused: It is no such report.
    """
    kept = parsed(header).get("ready")
    if not isinstance(kept, list):
        raise SegmentRefused(DAMAGED)
    return tuple(words(each) for each in kept[:_MAX_NOTES])


def decode_failure(header: bytes) -> SegmentRefused | StorageError | None:
    """Return what a child says went wrong (a file that cannot be played, a disk that failed), ``None`` for nothing.

    Raises:
        SegmentRefused: The report is damaged.
    """
    told = parsed(header)
    if "refused" not in told:
        return None
    reason = words(told["refused"])
    if told.get("storage") is True:
        return StorageError(reason)
    return SegmentRefused(reason, truncated=told.get("truncated") is True, unfit=told.get("unfit") is True)


def decode_encoding_needed(header: bytes) -> EncodingNeeded | None:
    """Return that a file must be encoded, and why; ``None`` where the report says another thing.

    Raises:
        SegmentRefused: The report is damaged.
    """
    told = parsed(header)
    if "needs_encoding" not in told:
        return None
    return EncodingNeeded(
        words(told["needs_encoding"]),
        codec=_name(told.get("codec")),
        width=number(told.get("width"), MAX_SIDE),
        height=number(told.get("height"), MAX_SIDE),
    )


def decode(header: bytes, columns: bytes | bytearray, *, file_size: int, sidecar_limit: int) -> Prepared:
    """Check a report and lay out its frames.

    Args:
        header: The JSON.
        columns: What follows it.
        file_size: Bytes of the camera's file.
        sidecar_limit: Bytes that really stand in the sidecar.

    Raises:
        SegmentRefused: The file cannot be played as reported, or the report is damaged.
    """
    told = parsed(header)
    video, audio = _columns(told, memoryview(columns))
    config = parse_config(hex_bytes(told.get("audio_record"))) if audio else None
    sidecar_size = number(told.get("sidecar_size"), sidecar_limit)
    notes = told.get("notes")
    if not isinstance(notes, list):
        raise SegmentRefused(DAMAGED)
    return Prepared(
        container=words(told.get("container")),
        whole=told.get("whole") is True,
        video=video_config(told),
        audio=config,
        table=build(video, audio, config=config, file_size=file_size, sidecar_size=sidecar_size),
        sidecar_size=sidecar_size,
        notes=tuple(words(note) for note in notes[:_MAX_NOTES]),
        changes=_changes(told, video),
        encoded_video=told.get("encoded_video") is True,
        encoded_audio=told.get("encoded_audio") is True,
        encoding_seconds=_seconds(told.get("encoding_seconds", 0.0)),
        video_from=_name(told.get("video_from", "")),
        audio_from=_name(told.get("audio_from", "")),
    )


def video_config(told: Mapping[str, Any]) -> VideoConfig:
    """Return the video configuration that stands in a header.

    Raises:
        SegmentRefused: It is damaged.
    """
    codec, record, rate = told.get("codec"), hex_bytes(told.get("record")), told.get("frame_rate")
    version = b"\x81" if codec == VideoCodec.AV1 else b"\1"  # marker and version; configurationVersion
    if codec not in tuple(VideoCodec) or record[:1] != version:
        raise SegmentRefused(DAMAGED)
    if not isinstance(rate, int | float) or not 0 <= rate < float("inf"):
        raise SegmentRefused(DAMAGED)
    return VideoConfig(
        codec=VideoCodec(codec),
        record=record,
        width=number(told.get("width"), MAX_SIDE),
        height=number(told.get("height"), MAX_SIDE),
        frame_rate=min(float(rate), _MAX_RATE),
        aspect=_aspect(told.get("aspect")),
    )


def _aspect(told: object) -> tuple[int, int]:
    match told:
        case [int(width), int(height)] if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE:
            return width, height
    raise SegmentRefused(DAMAGED)


def _seconds(told: object) -> float:
    if not isinstance(told, int | float) or not 0 <= told < float("inf"):
        raise SegmentRefused(DAMAGED)
    return float(told)


def _name(told: object) -> str:
    if not isinstance(told, str) or len(told) > _MAX_NAME:
        raise SegmentRefused(DAMAGED)
    return words(told)


def _changes(told: Mapping[str, Any], video: Columns) -> tuple[tuple[int, VideoConfig], ...]:
    """Return which GOPs begin with another configuration; each stands at a key frame behind the first one."""
    changes = told.get("changes")
    if not isinstance(changes, list) or len(changes) > _MAX_CHANGES:
        raise SegmentRefused(DAMAGED)
    found: list[tuple[int, VideoConfig]] = []
    for change in changes:
        if not isinstance(change, dict):
            raise SegmentRefused(DAMAGED)
        picture = number(change.get("picture"), len(video) - 1)
        gop = sum(flag & _KEY != 0 for flag in video.flags[:picture])
        if not video.flags[picture] & _KEY or gop <= (found[-1][0] if found else 0):
            raise SegmentRefused(DAMAGED)
        found.append((gop, video_config(change)))
    return tuple(found)


def _columns(told: Mapping[str, Any], body: memoryview) -> tuple[Columns, Columns | None]:
    """Cut the columns out of what follows the header."""
    pictures, sounds = number(told.get("video_rows"), MAX_ROWS), number(told.get("audio_rows"), MAX_ROWS)
    if len(body) != pictures * _VIDEO_ROW + sounds * _AUDIO_ROW:
        raise SegmentRefused(DAMAGED)
    cut = _Cutter(body)
    video = Columns(
        flags=cut.flags(pictures),
        dts_us=cut.column(pictures),
        cts_us=cut.column(pictures),
        position=cut.column(pictures),
        size=cut.column(pictures),
        last_us=number(told.get("last_us"), 2**63, -(2**63)),
    )
    if not sounds:
        return video, None
    flags, dts_us = cut.flags(sounds), cut.column(sounds)
    return video, Columns(flags, dts_us, array("q"), position=cut.column(sounds), size=cut.column(sounds))


class _Cutter:
    """Takes columns one behind the other."""

    __slots__ = ("_left",)

    def __init__(self, body: memoryview) -> None:
        self._left = body

    def flags(self, rows: int) -> bytes:
        taken, self._left = self._left[:rows], self._left[rows:]
        return bytes(taken)

    def column(self, rows: int) -> array[int]:
        values = array("q")
        values.frombytes(self._left[: 8 * rows])
        self._left = self._left[8 * rows :]
        return values

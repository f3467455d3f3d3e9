"""The frozen vocabulary that all parts share; it imports nothing of the package.

Three kinds of time, three names, never mixed: ``now`` is the monotonic clock and ``wall`` (also ``recorded_at``,
``mtime``) the UTC clock, both in seconds as float; ``*_us`` is media time in integer microseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

__all__ = [
    "Action",
    "Attempts",
    "AudioConfig",
    "CameraState",
    "Cursor",
    "Encoder",
    "FileFact",
    "FileId",
    "Footage",
    "Form",
    "FrameTable",
    "NewestPolicy",
    "OrderKey",
    "Plan",
    "PlanSettings",
    "PreparedSegment",
    "Row",
    "Shape",
    "Skip",
    "Source",
    "StreamState",
    "Verdict",
    "VerdictKind",
    "VideoCodec",
    "VideoConfig",
]


# --- files ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FileId:
    """What identifies one version of a file: any change of it makes another file of it."""

    device: int
    inode: int
    size: int  # bytes
    mtime_ns: int  # nanoseconds since the epoch


@dataclass(frozen=True, slots=True)
class FileFact:
    """One file as a scan of the inbox saw it."""

    path: str  # relative to the inbox, "/" between parts; bytes that are not UTF-8 as surrogate escapes
    id: FileId

    @property
    def mtime(self) -> float:
        """Last change, seconds since the epoch, UTC."""
        return self.id.mtime_ns / 1e9


@dataclass(frozen=True, slots=True, order=True)
class OrderKey:
    """The order in which a camera's segments play."""

    recorded_at: float  # seconds since the epoch, UTC
    natural: tuple[tuple[int, int, str], ...]  # the path in natural order, as core.naming.natural_key makes it


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a stream has got: its first group of pictures that is not yet confirmed."""

    key: OrderKey
    path: str
    file: FileId
    gop: int  # index of the first unconfirmed GOP of this segment
    complete: bool  # every GOP of this segment is confirmed
    ends_at: float | None = None  # wall time at which its recording ended, where its name says when it began
    time_us: int | None = None  # when that GOP begins, by core.resume.begins_at; None: complete, or not known


@dataclass(frozen=True, slots=True)
class Footage:
    """What is remembered of a file that was played, so that it is known again under another name."""

    digest: bytes  # of the file's content
    path: str
    file: FileId
    starts_at: float  # wall times between which it was recorded, seconds since the epoch
    ends_at: float
    named: bool  # its name says when it began; else it is known from when it was written


@dataclass(frozen=True, slots=True)
class Skip:
    """Footage that a stream left out."""

    path: str
    from_gop: int  # the first that is left out
    to_gop: int  # the first that is not
    seconds: float  # of footage
    reason: str  # in words


# --- decisions ------------------------------------------------------------------------------------------------------


class NewestPolicy(StrEnum):
    """When the newest file may be taken."""

    NEVER = "never"  # not while it is the newest
    PROVEN = "proven"  # once the structure check proves it whole


class VerdictKind(StrEnum):
    """What is decided about one file now."""

    IGNORE = "ignore"  # not a segment: never touched
    LATE = "late"  # at or before every stream's cursor and never played
    NEWEST = "newest"  # may still be written
    YOUNG = "young"  # changed a moment ago
    EXPIRED = "expired"  # further behind the newest than MAX_LAG
    FAILED = "failed"  # its inspection failed for good
    RETRY = "retry"  # its inspection failed; it is tried again later
    PLAY = "play"  # some stream takes it now
    SENDING = "sending"  # some stream has it in hand
    WAIT = "wait"  # its turn comes
    REPEATED = "repeated"  # all that it shows was played from other files
    DELIVERED = "delivered"  # every stream confirmed its last GOP


class Action(StrEnum):
    """What the shell does with the file under a verdict."""

    NONE = "none"
    DELETE = "delete"  # or archive, where an archive directory is set
    QUARANTINE = "quarantine"  # to _failed/, with the reason beside it
    SET_ASIDE = "set_aside"  # to _before/: it lay here before the service first met this inbox


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision about one file, with its reason in words."""

    file: FileFact
    kind: VerdictKind
    action: Action
    reason: str
    recorded_at: float | None = None  # seconds since the epoch, UTC; None where the file is ignored
    streams: tuple[str, ...] = ()  # PLAY, SENDING: the streams concerned


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failed inspections of one file version."""

    count: int
    last: float  # wall time of the last one, seconds since the epoch
    reason: str


@dataclass(frozen=True, slots=True)
class StreamState:
    """One stream as a decision sees it."""

    cursor: Cursor | None  # None before its first segment
    head: OrderKey | None = None  # the last segment this stream has in hand (taken, perhaps not confirmed yet)
    in_hand: frozenset[FileId] = frozenset()  # every segment it has in hand
    closing: frozenset[FileId] = frozenset()  # confirmed wholly, and that is not on disk yet


@dataclass(frozen=True, slots=True)
class CameraState:
    """What the journal and the running service know of one camera, as a decision sees it."""

    streams: Mapping[str, StreamState]
    delivered: Mapping[str, frozenset[FileId]] = field(default_factory=dict)  # stream -> files it confirmed wholly
    attempts: Mapping[FileId, Attempts] = field(default_factory=dict)
    proven: frozenset[FileId] = frozenset()  # prepared, and known to be whole
    before: frozenset[FileId] = frozenset()  # lay in the inbox when the service first met it
    repeated: Mapping[FileId, str] = field(default_factory=dict)  # file that plays nowhere -> why, in words
    late_since: float | None = None  # wall time since when only late files have come (Plan.late_since of last turn)


@dataclass(frozen=True, slots=True)
class PlanSettings:
    """The settings that a decision needs; times in seconds."""

    min_file_age: float = 30.0
    max_retries: int = 3
    retry_delay: float = 300.0
    max_lag: float | None = 300.0  # None: never skip
    max_clock_skew: float = 600.0
    newest: NewestPolicy = NewestPolicy.NEVER
    timezone: str = ""  # IANA name; "" is the system's zone
    archive: str = ""  # the archive directory relative to the inbox, where it lies inside it


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision of one turn about one camera."""

    verdicts: tuple[Verdict, ...]  # one per file, in play order; ignored files last
    play: Mapping[str, FileFact]  # stream -> the file it takes next; at most one each
    keys: Mapping[FileId, OrderKey]  # the order key of every file that is not ignored
    prepare: tuple[FileFact, ...]  # settled files to prepare ahead of need, soonest first
    newest: float | None  # recorded_at of the newest file
    wake_at: float | None  # wall time at which this decision may change by time alone
    step_back: frozenset[str] = frozenset()  # streams whose cursor must be forgotten: the camera's clock stepped back
    late_since: float | None = None  # to be handed back in CameraState at the next turn
    warnings: tuple[str, ...] = ()
    named: frozenset[FileId] = frozenset()  # files whose names say when they were recorded, and are believed
    fronts: Mapping[str, float] = field(default_factory=dict)  # stream -> recorded_at of the last it has to deliver
    cursors: Mapping[str, OrderKey] = field(default_factory=dict)  # stream -> its cursor's key, as it is dated today


# --- media ----------------------------------------------------------------------------------------------------------


class VideoCodec(StrEnum):
    """The video codecs that are published."""

    AVC = "avc"
    HEVC = "hevc"
    AV1 = "av1"


@dataclass(frozen=True, slots=True)
class VideoConfig:
    """What a decoder needs before the first frame."""

    codec: VideoCodec
    record: bytes  # AVC- or HEVCDecoderConfigurationRecord (ISO/IEC 14496-15), or AV1CodecConfigurationRecord
    width: int = 0  # pixels
    height: int = 0
    frame_rate: float = 0.0  # per second; 0 where unknown
    aspect: tuple[int, int] = (1, 1)  # of one pixel, width to height


@dataclass(frozen=True, slots=True)
class AudioConfig:
    """AAC: the AudioSpecificConfig of ISO/IEC 14496-3 1.6.2.1 and what pacing needs of it."""

    record: bytes
    sample_rate: int  # of the core coder, Hz
    channels: int
    frame_samples: int = 1024  # samples of the core rate in one frame

    @property
    def frame_us(self) -> float:
        """Length of one frame in microseconds; not an integer, so multiply before rounding."""
        return self.frame_samples * 1_000_000 / self.sample_rate


class Source(IntEnum):
    """Where the bytes of a frame stand."""

    FILE = 0  # the camera's own file
    SIDECAR = 1  # the file its preparation wrote
    SILENCE = 2  # the constant silent frame of the audio configuration; position is meaningless


class Row(IntFlag):
    """The flags of one row of a frame table: two bits of Source, then these."""

    SOURCE_MASK = 0b0011
    AUDIO = 0b0100  # else video
    KEY = 0b1000  # video only: a decoder can begin here


@dataclass(frozen=True, slots=True)
class FrameTable:
    """All frames of one segment in the order in which they are sent: by decoding time, video first where equal.

    Time 0 is the earliest presentation of the segment, so the first decoding times are negative where frames are
    reordered (B-frames). Columns are parallel arrays: a row is an index. Made and checked by core.frames only.
    """

    flags: bytes  # per row: Row | Source
    dts_us: array[int]  # 'q', decoding time, microseconds, never falling
    cts_us: array[int]  # 'i', composition offset: presentation minus decoding time, microseconds; 0 for audio
    position: array[int]  # 'q', first byte in its source
    size: array[int]  # 'i', bytes
    gops: tuple[int, ...]  # the row each GOP starts with; gops[0] == 0; its rows run to the next start
    duration_us: int  # to where the longest track's last frame ends in presentation
    audio_end_us: int  # where the last audio frame ends; 0 without audio

    def __len__(self) -> int:
        return len(self.flags)


class Encoder(StrEnum):
    """What makes H.264 of other video."""

    AUTO = "auto"  # x264
    X264 = "x264"
    VAAPI = "vaapi"
    NVENC = "nvenc"
    QSV = "qsv"
    V4L2M2M = "v4l2m2m"


@dataclass(frozen=True, slots=True)
class Shape:
    """What encoded pictures look like, so that those of all segments go under one sequence header."""

    width: int  # pixels, even
    height: int
    frame_rate: float  # nominal, per second; the pictures keep their own times
    aspect: tuple[int, int] = (1, 1)  # of one pixel, width to height


@dataclass(frozen=True, slots=True)
class Form:
    """What a segment must be like for a destination; those that need the same share one preparation."""

    copied: frozenset[VideoCodec] = frozenset({VideoCodec.AVC, VideoCodec.HEVC, VideoCodec.AV1})  # as they are
    encoded: bool = False  # other video is made into H.264; else its file is refused
    shape: Shape | None = None  # of encoded pictures; None: as the segment has it
    bitrate: int = 0  # bits per second that a destination takes of encoded video at most; 0: nobody says
    encoder: Encoder = Encoder.AUTO
    audio: AudioConfig | None = None  # fixed: all audio becomes this; None: AAC as the camera sends it
    other_audio: AudioConfig | None = None  # what other audio than AAC becomes while none is fixed; None: silence


@dataclass(frozen=True, slots=True)
class PreparedSegment:
    """A file made ready to play: nothing of it is parsed again."""

    path: str  # relative to the inbox
    file: FileId
    container: str  # FFmpeg's name of the demuxer
    video: VideoConfig
    audio: AudioConfig | None  # None: there is none, or none that can be used: silence is sent
    table: FrameTable
    changes: tuple[tuple[int, VideoConfig], ...] = ()  # (GOP, what holds from it on), where it changes within the file
    form: Form = Form()  # what it was prepared for
    encoded_video: bool = False  # its pictures are not the camera's own
    encoded_audio: bool = False
    encoding_seconds: float = 0.0  # that the encoding of its pictures took
    video_from: str = ""  # codec of the camera's own pictures where they were encoded, by FFmpeg's name
    audio_from: str = ""  # the same of its audio, with its rate
    digest: bytes = b""  # of the file's content
    sidecar: str = ""  # absolute path, "" where every frame stands in the camera's file
    whole: bool = False  # the container proves that the file is complete
    notes: tuple[str, ...] = ()  # what a technician may want to know: odd audio, trimmed start, ...

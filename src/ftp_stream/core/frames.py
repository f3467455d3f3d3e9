"""What an inspection reports about a file, checked and laid out as a frame table.

The report comes from a child process that parsed a stranger's file, so nothing in it is believed: what a table leads
the service to read, to allocate and to wait for is bounded here. This runs in the service, once per file, over every
frame: hence columns and the interpreter's own loops in place of a loop over rows.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from itertools import compress, islice, repeat
from operator import add, itemgetter, lt, sub
from typing import TYPE_CHECKING, Final

from ftp_stream.errors import SegmentRefused
from ftp_stream.model import FrameTable, Row, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ftp_stream.model import AudioConfig

__all__ = ["MAX_FRAME_BYTES", "MAX_ROWS", "MAX_SPAN_US", "Columns", "build", "shown_span", "still_table"]

MAX_ROWS = 2_000_000  # 25 bytes each; seven hours of 30 pictures and 47 audio frames a second
MAX_FRAME_BYTES = 16 * 1024 * 1024 - 1  # what the 24-bit length of an RTMP message or FLV tag can say
MAX_SPAN_US = 24 * 3600 * 1_000_000
MAX_CTS_US = 600 * 1_000_000  # 16 reordered frames at the slowest; fits 32 bits here and 24 bits of ms on the wire
_MAX_LAST_US = 10_000_000  # how long the last picture of a file may stand by its own word
_PLAIN_LAST_US = 1_000_000  # so long always, though every other picture was shorter
_LONE_FRAME_US = 40_000  # a picture without a neighbour and without a word of its own

_KEY: Final = int(Row.KEY)
_FILE: Final = int(Source.FILE)
_SIDECAR: Final = int(Source.SIDECAR)
_VIDEO_FLAGS: Final = bytes({_FILE, _SIDECAR, _KEY | _FILE, _KEY | _SIDECAR})
_AUDIO_FLAGS: Final = bytes({_FILE, _SIDECAR})
_IS_KEY: Final = bytes(int(flag & _KEY != 0) for flag in range(256))
_IS_FILE: Final = bytes(int(flag & int(Row.SOURCE_MASK) == _FILE) for flag in range(256))
_IS_SIDECAR: Final = bytes(int(flag & int(Row.SOURCE_MASK) == _SIDECAR) for flag in range(256))
_AS_AUDIO: Final = bytes(flag | int(Row.AUDIO) for flag in range(256))


@dataclass(frozen=True, slots=True)
class Columns:
    """The frames of one track in decoding order, as parallel columns."""

    flags: bytes  # per frame: its Source, and Row.KEY where a decoder can begin
    dts_us: array[int]  # 'q', decoding time, microseconds on any clock that all tracks share
    cts_us: array[int]  # 'q', presentation minus decoding time, microseconds; empty for audio
    position: array[int]  # 'q', first byte in its source
    size: array[int]  # 'q', bytes
    last_us: int = 0  # how long the picture shown last stays, by its own word, microseconds; 0: not told

    def __len__(self) -> int:
        return len(self.flags)

    def since(self, first: int) -> Columns:
        """Return the frames from ``first`` on."""
        if first == 0:
            return self
        return Columns(
            flags=self.flags[first:],
            dts_us=self.dts_us[first:],
            cts_us=self.cts_us[first:],
            position=self.position[first:],
            size=self.size[first:],
            last_us=self.last_us,
        )


def build(
    video: Columns,
    audio: Columns | None = None,
    *,
    config: AudioConfig | None = None,
    file_size: int,
    sidecar_size: int = 0,
) -> FrameTable:
    """Check what was reported of a file and lay it out in sending order.

    The table begins with the first key frame. Pictures before it, which no decoder can show, are left out, and with
    them the audio that ends before it is decoded; a file that begins with its key frame keeps all its audio.

    Args:
        video: The pictures.
        audio: The AAC frames, or ``None``.
        config: Of that audio.
        file_size: Bytes of the camera's file.
        sidecar_size: Bytes of the sidecar.

    Raises:
        SegmentRefused: It cannot be played as reported: frames outside their file, decoding times that do not rise,
            no key frame, or a limit is passed.
    """
    _check(video, "video", _VIDEO_FLAGS, file_size, sidecar_size)
    _check_offsets(video)
    first = video.flags.translate(_IS_KEY).find(1)
    if first < 0:
        raise SegmentRefused("it has no key frame: no decoder can begin with any of its pictures")
    video = video.since(first)
    if audio is None or config is None or not len(audio):
        return _lay_out(video, None, 0)
    _check(audio, "audio", _AUDIO_FLAGS, file_size, sidecar_size)
    if first:
        audio = audio.since(bisect_right(audio.dts_us, video.dts_us[0] - round(config.frame_us)))
    return _lay_out(video, audio if len(audio) else None, round(config.frame_us))


def shown_span(video: Columns) -> tuple[int, int]:
    """Return when the pictures that a decoder can show begin and end, in microseconds on their own clock.

    Args:
        video: At least one picture.
    """
    first = max(0, video.flags.translate(_IS_KEY).find(1))
    shown = list(map(add, islice(video.dts_us, first, None), islice(video.cts_us, first, None)))
    return min(shown), max(shown) + _last_duration(video.since(first))


def still_table(position: int, size: int, duration_us: int) -> FrameTable:
    """Return the table of a key frame by itself.

    Args:
        position: Where it begins in its file.
        size: Bytes.
        duration_us: Of the recording that it stands for.
    """
    return FrameTable(
        flags=bytes([_KEY | _FILE]),
        dts_us=array("q", [0]),
        cts_us=array("i", [0]),
        position=array("q", [position]),
        size=array("i", [size]),
        gops=(0,),
        duration_us=duration_us,
        audio_end_us=0,
    )


# --- checks -----------------------------------------------------------------------------------------------------------


def _check(track: Columns, name: str, allowed_flags: bytes, file_size: int, sidecar_size: int) -> None:
    """Refuse a track that leads outside its files or whose time does not rise."""
    count = len(track)
    if not count:
        raise SegmentRefused(f"it has no {name} frame")
    if count > MAX_ROWS:
        raise SegmentRefused(f"it has {count} {name} frames, more than {MAX_ROWS}")
    if not count == len(track.dts_us) == len(track.position) == len(track.size):
        raise SegmentRefused(f"the inspection reported {name} columns of different lengths")
    if track.flags.translate(None, allowed_flags):
        raise SegmentRefused(f"the inspection reported {name} frames of an unknown kind")
    _check_places(track, name, file_size, sidecar_size)
    _check_times(track.dts_us, name)


def _check_places(track: Columns, name: str, file_size: int, sidecar_size: int) -> None:
    smallest, largest = min(track.size), max(track.size)
    if smallest < 1 or largest > MAX_FRAME_BYTES:
        size = smallest if smallest < 1 else largest
        raise SegmentRefused(f"one of its {name} frames has {size} bytes, only 1 to {MAX_FRAME_BYTES} can be sent")
    if min(track.position) < 0:
        raise SegmentRefused(f"one of its {name} frames lies before the beginning of the file")
    ends = list(map(add, track.position, track.size))
    for chosen, limit, where in (
        (track.flags.translate(_IS_FILE), file_size, "the file"),
        (track.flags.translate(_IS_SIDECAR), sidecar_size, "the prepared frames"),
    ):
        if 1 in chosen and max(compress(ends, chosen)) > limit:
            raise SegmentRefused(f"one of its {name} frames lies outside {where}")
        if sum(compress(track.size, chosen)) > limit:
            raise SegmentRefused(f"its {name} frames together are larger than {where}: some bytes are named many times")


def _check_times(dts_us: array[int], name: str) -> None:
    if not all(map(lt, dts_us, islice(dts_us, 1, None))):
        raise SegmentRefused(f"decoding times of the {name} do not rise")
    if dts_us[-1] - dts_us[0] > MAX_SPAN_US:
        raise SegmentRefused(f"its {name} spans more than {MAX_SPAN_US // 3_600_000_000} hours by its own timestamps")


def _check_offsets(video: Columns) -> None:
    if len(video.cts_us) != len(video):
        raise SegmentRefused("the inspection reported video columns of different lengths")
    if min(video.cts_us) < -MAX_CTS_US or max(video.cts_us) > MAX_CTS_US:
        raise SegmentRefused(f"a picture is shown more than {MAX_CTS_US // 1_000_000} s away from where it is decoded")


# --- layout -----------------------------------------------------------------------------------------------------------


def _lay_out(video: Columns, audio: Columns | None, audio_frame_us: int) -> FrameTable:
    """Return the table of checked tracks, of which the video begins with a key frame."""
    zero, end = shown_span(video)
    audio_end = 0
    if audio is not None:
        zero = min(zero, audio.dts_us[0])
        audio_end = audio.dts_us[-1] + audio_frame_us - zero
    duration = max(end - zero, audio_end)
    if duration > MAX_SPAN_US:
        raise SegmentRefused(f"video and audio lie more than {MAX_SPAN_US // 3_600_000_000} hours apart")
    flags, dts, cts, position, size = _in_order(video, audio)
    return FrameTable(
        flags=flags,
        dts_us=array("q", map(sub, dts, repeat(zero))),
        cts_us=array("i", cts),  # 32 bits hold MAX_CTS_US, and MAX_FRAME_BYTES
        position=array("q", position),
        size=array("i", size),
        gops=(0, *islice(compress(range(len(flags)), flags.translate(_IS_KEY)), 1, None)),
        duration_us=duration,
        audio_end_us=audio_end,
    )


def _in_order(
    video: Columns, audio: Columns | None
) -> tuple[bytes, Iterable[int], Iterable[int], Iterable[int], Iterable[int]]:
    """Return flags, decoding times, offsets, positions and sizes by decoding time, video first where equal."""
    if audio is None:
        return video.flags, video.dts_us, video.cts_us, video.position, video.size
    dts = video.dts_us + audio.dts_us
    pick = itemgetter(*sorted(range(len(dts)), key=dts.__getitem__))  # stable, so equal times keep video first
    return (
        bytes(pick(video.flags + audio.flags.translate(_AS_AUDIO))),
        pick(dts),
        pick(video.cts_us + array("q", bytes(8 * len(audio)))),
        pick(video.position + audio.position),
        pick(video.size + audio.size),
    )


def _last_duration(video: Columns) -> int:
    """Return how long the last picture stays: by its own word where that is sane, else as long as most others."""
    if len(video) == 1:
        return video.last_us if 0 < video.last_us <= _PLAIN_LAST_US else _LONE_FRAME_US
    steps = sorted(map(sub, islice(video.dts_us, 1, None), video.dts_us))
    limit = min(max(_PLAIN_LAST_US, steps[-1]), _MAX_LAST_US)
    return video.last_us if 0 < video.last_us <= limit else steps[len(steps) // 2]

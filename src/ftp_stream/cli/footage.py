"""What a camera has uploaded lately, held against what its destinations ask for."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ftp_stream.config import CameraSettings, DestinationSettings, VideoMode
from ftp_stream.core.codecs import CODEC_NAMES, CODECS, codec_words
from ftp_stream.core.plan import decide
from ftp_stream.core.shortcomings import Figures, encoding_cost, figures, shortcomings
from ftp_stream.errors import EncodingNeeded, SegmentRefused, StorageError
from ftp_stream.model import CameraState, FileFact, Form, PreparedSegment, VerdictKind
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import Spool

__all__ = ["Sight", "look"]

_LOOKS = 3  # files that are looked at, until one can be read
_PICTURES = Form(encoded=True)  # all that can be sent is copied, of other video it is said that it must be encoded


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that was seen."""

    what: str  # the camera, or its stream
    suits: bool
    words: str
    cure: str = ""  # "" where nothing is to be done


async def look(cameras: Sequence[CameraSettings]) -> list[Sight]:
    """Return what the newest file of each camera that can be read says, for each of its destinations.

    Pictures are looked at as the camera made them: nothing is encoded.
    """
    with tempfile.TemporaryDirectory(prefix="ftp-stream-check-") as directory:
        async with Preparer(Path(directory), encodes=False) as preparer:
            seen = await asyncio.gather(*(_look(camera, preparer) for camera in cameras))
    return [sight for each in seen for sight in each]


async def _look(camera: CameraSettings, preparer: Preparer) -> list[Sight]:
    what = f"{camera.name}: footage"
    asked = [each for each in camera.destinations if each.url and not each.backup_of]  # a backup is as its first
    if not asked:  # our own receiver takes everything
        return [Sight(what, suits=False, words="not looked at: without RTMP_URL nothing says what it must be like")]
    files = await asyncio.to_thread(_newest, camera)
    if files is None:
        return []
    refusals: list[Sight] = []
    for file in files:
        try:
            segment = await preparer.prepare(camera.watch_dir, file, _PICTURES)
        except EncodingNeeded as needed:
            return [_encoded(each, needed.codec, file, camera.name) for each in asked]
        except SegmentRefused as refused:
            refusals.append(_refusal(camera, file, refused))
        except StorageError as error:
            return [Sight(what, suits=False, words=str(error))]
        else:
            preparer.discard(segment)
            return [sight for each in asked for sight in _held(each, segment, camera.name)]
    return refusals[:1] or [_none(camera, what)]


def _none(camera: CameraSettings, what: str) -> Sight:
    age = f"MIN_FILE_AGE={camera.plan.min_file_age:g} s"
    words = f"no video file in {camera.watch_dir} that is no longer written ({age}): nothing to look at"
    return Sight(what, suits=False, words=words, cure="check again once the camera has uploaded one")


def _newest(camera: CameraSettings) -> list[FileFact] | None:
    """Return the last files that are no longer written, the newest first; ``None``: no telling; blocks."""
    try:
        with Spool(camera.watch_dir, camera.archive_dir) as spool:
            files = spool.scan().files
    except StorageError:  # what is wrong with the inbox is told as such
        return None
    wall = time.time()
    settled = [
        verdict
        for verdict in decide(files, CameraState(streams={}), wall, camera.plan).verdicts
        if verdict.kind is not VerdictKind.IGNORE and wall - verdict.file.mtime >= camera.plan.min_file_age
    ]  # the newest may still be written: it is the last to be looked at
    settled.sort(key=lambda verdict: (verdict.kind is not VerdictKind.NEWEST, verdict.recorded_at), reverse=True)
    return [verdict.file for verdict in islice(settled, _LOOKS)]


def _refusal(camera: CameraSettings, file: FileFact, refused: SegmentRefused) -> Sight:
    return Sight(
        f"{camera.name}: footage",
        suits=False,
        words=f"{file.path} cannot be sent: {refused.reason}",
        cure="such a file goes to _failed/: set the camera to record video, and see that its uploads come to their end",
    )


def _held(destination: DestinationSettings, segment: PreparedSegment, camera: str) -> Iterator[Sight]:
    """Yield what falls short for one destination, or that nothing does."""
    preset, video, found = destination.preset, segment.video, figures(segment.table)
    what = f"{camera}/{destination.name}"
    copied = video.codec in destination.video.copied(preset.codecs)
    if copied:
        amiss = shortcomings(preset, video, found)
    else:
        name = next(name for name, codec in CODECS.items() if codec is video.codec)
        amiss = (encoding_cost(preset, name, always=destination.video is VideoMode.H264),)
    for each in amiss:
        yield Sight(what, suits=False, words=f"{segment.path}: {each.words}", cure=each.cure)
    if not amiss:
        yield Sight(what, suits=True, words=f"{segment.path} suits {preset.title}: {_told(segment, found)}")


def _encoded(destination: DestinationSettings, codec: str, file: FileFact, camera: str) -> Sight:
    """Return what becomes for one destination of pictures that none takes as they are."""
    what = f"{camera}/{destination.name}"
    if destination.video is VideoMode.COPY:
        words = f"{file.path}: {codec_words(codec)} is refused: VIDEO=copy"
        return Sight(what, suits=False, words=words, cure="set the camera's video codec to H.264, or set VIDEO=auto")
    cost = encoding_cost(destination.preset, codec, always=destination.video is VideoMode.H264)
    return Sight(what, suits=False, words=f"{file.path}: {cost.words}", cure=cost.cure)


def _told(segment: PreparedSegment, found: Figures) -> str:
    video = segment.video
    return (
        f"{CODEC_NAMES[video.codec]} {video.width}x{video.height}, {video.frame_rate:g} pictures a second, "
        f"key frames every {found.gop_seconds:.1f} s, {found.bitrate / 1e6:.1f} Mbit/s"
    )

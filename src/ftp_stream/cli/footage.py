"""What a camera has uploaded lately, held against what its destinations ask for."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ftp_stream.config import CameraSettings, DestinationSettings, VideoMode
from ftp_stream.core.codecs import CODEC_NAMES, CODECS
from ftp_stream.core.plan import decide
from ftp_stream.core.shortcomings import Figures, encoding_cost, figures, shortcomings
from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import CameraState, FileFact, PreparedSegment, VerdictKind
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import Spool

__all__ = ["Sight", "look"]

_LOOKS = 3  # files that are looked at, until one can be read


@dataclass(frozen=True, slots=True)
class Sight:
    """One thing that was seen."""

    what: str  # the camera, or its stream
    suits: bool
    words: str
    cure: str = ""  # "" where nothing is to be done


async def look(cameras: Sequence[CameraSettings]) -> list[Sight]:
    """Return what the newest file of each camera that can be read says, for each of its destinations.

    Pictures are looked at as the camera made them: nothing is encoded. Of a camera without files it says nothing.
    """
    with tempfile.TemporaryDirectory(prefix="ftp-stream-check-") as directory:
        async with Preparer(Path(directory)) as preparer:
            published = [camera for camera in cameras if any(each.url for each in camera.destinations)]
            seen = await asyncio.gather(*(_look(camera, preparer) for camera in published))
    return [sight for each in seen for sight in each]


async def _look(camera: CameraSettings, preparer: Preparer) -> list[Sight]:
    refusals: list[Sight] = []
    for file in await asyncio.to_thread(_newest, camera):
        try:
            segment = await preparer.prepare(camera.watch_dir, file)
        except SegmentRefused as refused:
            refusals.append(_refusal(camera, file, refused))
        except StorageError as error:
            return [Sight(f"{camera.name}: footage", suits=False, words=str(error))]
        else:
            preparer.discard(segment)
            return [sight for each in camera.destinations for sight in _held(each, segment, camera.name)]
    return refusals[:1]


def _newest(camera: CameraSettings) -> list[FileFact]:
    """Return the last files that are no longer written, the newest first; blocks."""
    try:
        with Spool(camera.watch_dir, camera.archive_dir) as spool:
            files = spool.scan().files
    except StorageError:  # what is wrong with the inbox is told as such
        return []
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
        words=f"{file.path} cannot go as it is: {refused.reason}",
        cure="video of another kind than H.264, H.265 and AV1 is made into H.264, but for VIDEO=copy; all else fails",
    )


def _held(destination: DestinationSettings, segment: PreparedSegment, camera: str) -> Iterator[Sight]:
    """Yield what falls short for one destination, or that nothing does."""
    if destination.url is None or destination.backup_of:  # our own receiver takes everything; a backup is as its first
        return
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


def _told(segment: PreparedSegment, found: Figures) -> str:
    video = segment.video
    return (
        f"{CODEC_NAMES[video.codec]} {video.width}x{video.height}, {video.frame_rate:g} pictures a second, "
        f"key frames every {found.gop_seconds:.1f} s, {found.bitrate / 1e6:.1f} Mbit/s"
    )

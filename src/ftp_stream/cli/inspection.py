"""`ftp-stream inspect`: what preparing makes of files."""

import asyncio
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from ftp_stream.cli.common import FAULT, OK, load_settings, out
from ftp_stream.config import VideoMode
from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.codecs import codec_words
from ftp_stream.errors import ConfigError, EncodingNeeded, SegmentRefused, StorageError
from ftp_stream.model import FileFact, FileId, Form, FrameTable, PreparedSegment, Row, Source
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import file_id
from ftp_stream.view import plain

__all__ = ["inspect"]


_CHANNELS = {1: "mono", 2: "stereo"}
_AUTO = Form(encoded=True, other_audio=DEFAULT_AUDIO)  # to a destination that takes all that can be sent


def inspect(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Video files.")],
) -> None:
    """Say what the inspection thinks of files. Exits with 1 when one would be refused."""
    form = replace(_AUTO, encoded=not _is_only_copied())
    raise typer.Exit(asyncio.run(_inspect(files, form)))


def _is_only_copied() -> bool:
    """Return whether by the settings here, if there are any, no destination gets encoded pictures."""
    try:
        cameras = load_settings().cameras
    except ConfigError:  # files are looked at wherever they lie
        return False
    return all(each.video is VideoMode.COPY for camera in cameras for each in camera.destinations)


async def _inspect(files: list[Path], form: Form) -> int:
    status = OK
    with tempfile.TemporaryDirectory(prefix="ftp-stream-inspect-") as directory:
        async with Preparer(Path(directory), encodes=False) as preparer:
            for path in files:
                out.print(Text(plain(str(path)), "bold"))
                try:
                    out.print(_told(await _prepare(preparer, path, form), path.stat().st_size))
                except EncodingNeeded as needed:
                    out.print(_grid(_needed(needed)))
                except SegmentRefused as refused:
                    status = FAULT
                    out.print(Text(f"  ✖ refused: {plain(refused.reason)}", "red"))
                except (OSError, StorageError) as error:
                    status = FAULT
                    out.print(Text(f"  ✖ {plain(str(error))}", "red"))
    return status


async def _prepare(preparer: Preparer, path: Path, form: Form) -> PreparedSegment:
    real, identity = await asyncio.to_thread(_identify, path)
    segment = await preparer.prepare(real.parent, FileFact(real.name, identity), form)
    preparer.discard(segment)
    return segment


def _identify(path: Path) -> tuple[Path, FileId]:
    """Return where a path leads, and what is there.

    Raises:
        OSError: Nothing, or nothing that can be read.
    """
    real = path.resolve(strict=True)
    return real, file_id(real.stat())


def _told(segment: PreparedSegment, size: int) -> Table:
    """Return what a technician wants to know of a file."""
    table, video = segment.table, segment.video
    seconds = table.duration_us / 1e6
    rows = {
        "container": segment.container + ("" if segment.whole else "; cannot be proven whole"),
        "video": f"{video.codec.value.upper()} {video.width}x{video.height}, {video.frame_rate:.2f} pictures a second",
        "audio": _audio(segment),
        "duration": f"{seconds:.3f} s",
        "bitrate": f"{size * 8 / 1e6 / seconds:.2f} Mbit/s" if seconds else "-",
        "GOPs": _gops(table),
        "bytes": _sources(table),
    }
    grid = _grid(rows)
    for note in segment.notes:
        grid.add_row(Text("  note", "yellow"), Text(plain(note)))
    return grid


def _needed(needed: EncodingNeeded) -> dict[str, str]:
    """Return what is known of a file that must be encoded, which takes too long to be done for a look."""
    if not needed.codec:
        return {"audio": f"{needed}: made into AAC"}
    return {"video": f"{codec_words(needed.codec)} {needed.width}x{needed.height}: made into H.264 (VIDEO=auto)"}


def _grid(rows: dict[str, str]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, words in rows.items():
        grid.add_row(Text(f"  {name}", "dim"), Text(plain(words)))
    return grid


def _audio(segment: PreparedSegment) -> str:
    audio = segment.audio
    if audio is None:
        return "none that can be sent: silence in its place"
    frames = sum(1 for flag in segment.table.flags if flag & Row.AUDIO)
    channels = _CHANNELS.get(audio.channels, f"{audio.channels} channels")
    made = f"{segment.audio_from}: made into " if segment.encoded_audio else ""
    return f"{made}AAC {audio.sample_rate / 1000:g} kHz, {channels}, {frames} frames"


def _gops(table: FrameTable) -> str:
    """Return how many there are and how long, in seconds."""
    starts = [table.dts_us[row] for row in table.gops] + [table.duration_us]
    lengths = [(after - before) / 1e6 for before, after in pairwise(starts)]
    spread = f"{min(lengths):.2f} / {median(lengths):.2f} / {max(lengths):.2f} s"
    return f"{len(lengths)}, of {spread} (shortest / median / longest)"


def _sources(table: FrameTable) -> str:
    beside = sum(1 for flag in table.flags if flag & int(Row.SOURCE_MASK) == int(Source.SIDECAR))
    return f"{len(table)} frames, " + (
        "read from the file itself" if not beside else f"{beside} of them made into what RTMP carries"
    )

"""What the demo proves: that each frame the camera recorded arrived once, in order, in one publish."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from ftp_stream.core.aac import SILENT_FRAMES
from ftp_stream.core.status import StreamStatus
from ftp_stream.rtmp.audit import Comparison, StreamAudit, compare, payload_hash
from ftp_stream.view import duration

__all__ = ["SEAMS_WANTED", "Point", "Verdict", "frames_of", "judge"]

SEAMS_WANTED = 5
_SEAMS = "seams"
_SILENCE = frozenset(map(payload_hash, SILENT_FRAMES.values()))
_FRAMES_DEADLINE = 60.0  # seconds to read all that was recorded


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that must hold."""

    good: bool
    name: str
    words: str


class Verdict:
    """All that must hold, and a picture of it."""

    def __init__(self, points: Sequence[Point], notes: Sequence[str] = ()) -> None:
        self.points = points
        self.notes = notes

    @property
    def good(self) -> bool:
        """Whether all of it holds."""
        return all(point.good for point in self.points)

    @property
    def short(self) -> bool:
        """Whether nothing is wrong but that the run was too short to prove much."""
        return [point.name for point in self.points if not point.good] == [_SEAMS]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield a line for each point."""
        table = Table.grid(padding=(0, 2, 0, 0))
        for point in self.points:
            glyph = Text("✔", "bold green") if point.good else Text("✖", "bold red")
            table.add_row(glyph, Text(point.name, "bold"), Text(point.words))
        yield ""
        yield table
        yield from (Text(note, "dim") for note in self.notes)
        if self.short:
            yield Text("Too short to prove it: let it run for 40 s.", "bold yellow")
        else:
            words = "All of it holds." if self.good else "Not all of it holds."
            yield Text(words, "bold green" if self.good else "bold red")


async def frames_of(files: Sequence[Path]) -> dict[str, list[bytes]]:
    """Return the hashes of all frames of these files, in order, as FFmpeg reads them; read in a child process."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ftp_stream.media.hashes", *map(str, files), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_FRAMES_DEADLINE):
            said, _ = await child.communicate()
    except TimeoutError:
        child.kill()
        await child.wait()
        said = b""
    found = json.loads(said or b"{}")
    return {track: [bytes.fromhex(digest) for digest in found.get(track, ())] for track in ("video", "audio")}


def judge(recorded: Mapping[str, Sequence[bytes]], audit: StreamAudit | None, stream: StreamStatus | None) -> Verdict:
    """Return what holds of a run.

    Args:
        recorded: The hashes of what the camera wrote, by track.
        audit: What the receiver saw, with hashes; None when nobody came.
        stream: What the service said of the stream last; None when it said nothing.
    """
    if audit is None or stream is None:
        return Verdict([Point(good=False, name="publish", words="nothing arrived at the receiver")])
    publishes, seams = audit.publish_count, stream.seams
    points = [
        Point(publishes == 1, "publish", "one, from the first frame to the last" if publishes == 1 else f"{publishes}"),
        Point(
            seams >= SEAMS_WANTED, _SEAMS, f"{seams} files joined to the one before, at least {SEAMS_WANTED} asked for"
        ),
        *(_frames(track, recorded[track], audit) for track in ("video", "audio")),
        _times(audit),
    ]
    notes = [f"{stream.segments} files delivered and confirmed ({stream.rung}), {duration(stream.lag or 0)} behind"]
    return Verdict(points, notes)


def _frames(track: str, recorded: Sequence[bytes], audit: StreamAudit) -> Point:
    fillers = _SILENCE if track == "audio" else frozenset()
    found = compare(recorded, audit.hashes(track), fillers=fillers, keys=audit.keys(track))
    wrong = [f"{count} {words}" for words, count in _wrong(found).items() if count]
    told = f"{found.matched:,} as recorded, "
    told += ", ".join(wrong) if wrong else "none missing, none repeated, none out of order"
    told += f"; {found.pending:,} not sent yet" if found.pending else ""
    return Point(found.in_order and found.matched > 0, f"{track} frames", told)


def _wrong(found: Comparison) -> dict[str, int]:
    return {
        "missing": len(found.missing),
        "repeated": len(found.repeated),
        "out of order": len(found.misplaced),
        "unknown": len(found.unknown),
    }


def _times(audit: StreamAudit) -> Point:
    tracks = audit.tracks("video") + audit.tracks("audio")
    bad = sum(track.steps_back + track.equal_times for track in tracks)
    gap = max((track.largest_gap_ms for track in tracks), default=0)
    words = f"{bad} do not rise" if bad else "always rising"
    return Point(bad == 0, "times", f"{words}; largest step {gap} ms")

"""`ftp-stream plan`: what would be decided about every file now; does nothing."""

import time
from collections import Counter
from dataclasses import replace

from rich import box
from rich.table import Table
from rich.text import Text

from ftp_stream.cli.common import load_settings, out
from ftp_stream.config import CameraSettings
from ftp_stream.core.plan import decide
from ftp_stream.model import Action, Plan, Verdict, VerdictKind
from ftp_stream.shell import statusfile
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.spool import Spool
from ftp_stream.view import plain

__all__ = ["plan"]

_LOOKS = {
    VerdictKind.PLAY: "bold green",
    VerdictKind.SENDING: "bold green",
    VerdictKind.FAILED: "red",
    VerdictKind.RETRY: "yellow",
    VerdictKind.EXPIRED: "yellow",
    VerdictKind.LATE: "yellow",
    VerdictKind.IGNORE: "dim",
}
_FILE_WIDTH = 28  # characters; longer names are folded in a narrow terminal


def plan() -> None:
    """Print every file with its verdict and the reason. Nothing is changed."""
    settings = load_settings()
    running = statusfile.read(settings.state_dir, time.time()).status
    with Journal(settings.state_dir / "journal.db", read_only=True) as journal:
        for camera in settings.cameras:
            _show(camera, *_decide(camera, journal))
    if running:
        out.print(Text("A service runs; what it has in hand stands here as if it had not begun it.", "dim"))


def _decide(camera: CameraSettings, journal: Journal) -> tuple[Plan, tuple[str, ...]]:
    """Return the decision and what is wrong with the inbox."""
    with Spool(camera.watch_dir, camera.archive_dir) as spool:
        scan = spool.scan()
    state = journal.state(camera.name, [f"{camera.name}/{each.name}" for each in camera.destinations])
    if not journal.has_met(camera.name, inbox=str(camera.watch_dir)):  # what lies there now lay there first
        state = replace(state, before=frozenset(file.id for file in scan.files))
    return decide(scan.files, state, time.time(), camera.plan), scan.problems


def _show(camera: CameraSettings, decision: Plan, problems: tuple[str, ...]) -> None:
    counts = Counter(verdict.kind for verdict in decision.verdicts)
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "no files"
    out.print(Text.assemble((f"Camera {camera.name}", "bold"), f"  {plain(str(camera.watch_dir))}  ", (told, "dim")))
    for problem in (*decision.warnings, *problems):
        out.print(Text(f"! {plain(problem)}", "yellow"))
    if not decision.verdicts:
        return
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    longest = max(len(verdict.file.path) for verdict in decision.verdicts)
    table.add_column("File", overflow="fold", min_width=min(longest, _FILE_WIDTH))
    table.add_column("Recorded", no_wrap=True)
    table.add_column("Verdict", no_wrap=True)
    table.add_column("Action", no_wrap=True)
    table.add_column("Reason")
    for verdict in decision.verdicts:
        table.add_row(*_row(verdict))
    out.print(table)
    out.print()


def _row(verdict: Verdict) -> list[Text]:
    recorded = "-" if verdict.recorded_at is None else _local(verdict.recorded_at)
    streams = f" ({', '.join(verdict.streams)})" if verdict.streams else ""
    return [
        Text(plain(verdict.file.path)),
        Text(recorded, "dim"),
        Text(verdict.kind, _LOOKS.get(verdict.kind, "")),
        Text("" if verdict.action is Action.NONE else verdict.action.replace("_", " ")),
        Text(plain(verdict.reason) + streams),
    ]


def _local(wall: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(wall))

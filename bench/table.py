"""The table of figures and ratios, with the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

Results = dict[str, Any]
_ONE_FRAME_MS = 1000 / 30


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    per_file: str = ""
    concat: str = ""
    ours: str = ""
    ratio: str = ""
    target: str = ""
    met: bool | None = None


def rows(results: Results) -> list[Row]:
    """The lines, as far as there are figures for them."""
    makers: tuple[Callable[[Results], list[Row]], ...] = (_cpu, _encoding, _idle, _memory, _seams, _delays, _lateness)
    return [row for maker in makers for row in maker(results)]


def show(results: Results, console: Console) -> None:
    """Prints the table."""
    machine = results["machine"]
    box = f"{machine['cores']} x {machine['cpu']}, ffmpeg {machine['ffmpeg']}"
    table = Table(title=f"1080p30 at 4 Mbit/s with AAC, files of 10 s; {box}")
    for heading in ("", "ffmpeg per file", "ffmpeg concat", "ftp-stream", "ratio", "target", "met"):
        table.add_column(heading, justify="left" if not heading else "right")
    for row in rows(results):
        met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[row.met]
        table.add_row(row.name, row.per_file, row.concat, row.ours, row.ratio, row.target, met)
    console.print(table)
    for name, run in results["runs"].items():
        others = run["others"]
        console.print(
            f"[dim]{name}: other programs had {others['programs']:.2f} cores, {others['stolen']:.2f} were stolen[/]"
        )
        for problem in run.get("problems", ()):
            console.print(f"[yellow]  {escape(problem)}[/]")


def _get(results: Results, run: str, *path: str) -> Any:  # noqa: ANN401 - a value out of JSON
    value = results["runs"].get(run)
    for name in path:
        value = value.get(name) if value else None
    return value


def _number(value: float | None, form: str = ".2f") -> str:
    return "" if value is None else f"{value:{form}}"


def _range(results: Results, run: str, name: str) -> str:
    middle = _get(results, run, name)
    if middle is None:
        return ""
    low, high = _get(results, run, f"{name}_low"), _get(results, run, f"{name}_high")
    return f"{middle:.3f} ({low:.3f}..{high:.3f})"


def _times(name: str, results: Results, field: str, least: float) -> Row:
    theirs, ours = _get(results, "per_file", "cpu_per_minute"), _get(results, "service", field)
    ratio = ours / theirs if theirs and ours is not None else None
    return Row(
        name,
        _range(results, "per_file", "cpu_per_minute"),
        _range(results, "concat", "cpu_per_minute"),
        _range(results, "service", field),
        _number(ratio, ".3f"),
        f"<= 1/{least:g} of per file",
        None if ratio is None else ratio <= 1 / least,
    )


def _cpu(results: Results) -> list[Row]:
    return [
        _times("CPU s / stream-minute, with preparing", results, "cpu_per_minute", 8),
        _times("CPU s / stream-minute, playing alone", results, "playing_per_minute", 15),
    ]


def _against(results: Results, run: str, name: str) -> Row:
    """A row of a run that brings its own rival."""
    theirs, ours = _get(results, run, "rival_per_minute"), _get(results, run, "cpu_per_minute")
    ratio = ours / theirs if theirs and ours is not None else None
    return Row(name, _number(theirs, ".3f"), "", _number(ours, ".3f"), _number(ratio, ".3f"))


def _encoding(results: Results) -> list[Row]:
    rows = []
    if "audio" in results["runs"]:
        rows.append(_against(results, "audio", "  with preparing, A-law becomes AAC"))
    if "video" in results["runs"]:
        theirs, ours = (_get(results, "video", name) for name in ("rival_speed", "speed"))
        rows += [
            _against(results, "video", "  with preparing, HEVC becomes H.264"),
            Row("  encoding, times real time", f"{theirs:.2f}", "", f"{ours:.2f}"),
        ]
    return rows


def _idle(results: Results) -> list[Row]:
    rows = []
    if "hold" in results["runs"]:
        rows.append(_against(results, "hold", "  hold (ffmpeg: a still at 1 picture/s)"))
    if "slate" in results["runs"]:
        made = _get(results, "slate", "made_cpu_s")
        rows += [
            _against(results, "slate", "  slate (ffmpeg: a still at 30, no clock)"),
            Row("  making a slate once, CPU s", ours=f"{made:.2f}"),
        ]
    return rows


def _memory(results: Results) -> list[Row]:
    slope = results.get("memory_slope") or {}
    return [
        _per_stream(results, "resident MB per further stream", "rss_mb", slope, 0.5),
        _per_stream(results, "  the same, shared pages divided", "pss_mb", slope, None),
        Row("  whole service, MB (main + children)", ours=_whole(results)),
    ]


def _per_stream(results: Results, name: str, field: str, slope: Results, most: float | None) -> Row:
    theirs, ours = _get(results, "per_file", field), slope.get(field)
    return Row(
        name,
        _number(theirs, ".1f"),
        _number(_get(results, "concat", field), ".1f"),
        _number(ours),
        _number(ours / theirs if ours is not None and theirs else None, ".4f"),
        f"<= {most:g}" if most else "",
        None if ours is None or most is None else ours <= most,
    )


def _whole(results: Results) -> str:
    runs = [run for run in results["runs"].values() if "main_mb" in run]
    return "\n".join(
        f"{run['streams']}: {run['main_mb']['rss']:.0f} + {run['children_mb']['rss']:.0f}"
        for run in sorted(runs, key=lambda run: run["streams"])
    )


def _gap(results: Results, run: str, name: str) -> str:
    values = _get(results, run, name)
    return f"{values['median']:.0f} / {values['p99']:.0f} / {values['max']:.0f}" if values and values["count"] else ""


def _at_most_a_frame(results: Results, name: str, which: str) -> bool | None:
    values = _get(results, "service", name)
    return values[which] <= _ONE_FRAME_MS if values and values["count"] else None


def _publishes(results: Results, run: str) -> str:
    streams = _get(results, run, "streams")
    return f"{_get(results, run, 'publishes')} / {streams}" if streams else ""


def _across(name: str, cell: Callable[[str], str], target: str = "", *, met: bool | None = None) -> Row:
    """A row with the same figure of each contender."""
    theirs, listed, ours = map(cell, ("per_file", "concat", "service"))
    return Row(name, theirs, listed, ours, target=target, met=met)


def _seams(results: Results) -> list[Row]:
    def on_the_wire(run: str) -> str:
        return _gap(results, run, "seam_wire_hole_ms") or ("new publish" if run == "per_file" else "")

    return [
        _across(
            "hole at seams, wire, ms (p50 / p99 / max)",
            on_the_wire,
            "max <= one frame",
            met=_at_most_a_frame(results, "seam_wire_hole_ms", "max"),
        ),
        _across(
            "hole at seams, wall clock, ms",
            lambda run: _gap(results, run, "seam_wall_hole_ms"),
            "p99 <= one frame",
            met=_at_most_a_frame(results, "seam_wall_hole_ms", "p99"),
        ),
        _across("  picture to key frame elsewhere", lambda run: _gap(results, run, "usual_wall_ms")),
        _across("publishes / streams", lambda run: _publishes(results, run)),
        _across(
            "streams with pictures missing or twice",
            lambda run: _number(_get(results, run, "streams_with_a_picture_missing"), "d"),
        ),
    ]


def _seconds(results: Results, run: str, name: str) -> str:
    values = _get(results, run, name)
    return f"{values['median']:.2f} / {values['max']:.2f}" if values and values["count"] else ""


def _delays(results: Results) -> list[Row]:
    return [
        Row(
            "release to first byte, s: publish begins",
            _seconds(results, "per_file", "first_byte_s"),
            "",
            _seconds(results, "service", "first_byte_s"),
        ),
        Row("  a publish that waits for files", "as above", "", _seconds(results, "waiting", "next_byte_s")),
    ]


def _lateness(results: Results) -> list[Row]:
    crowd = results["runs"].get("crowd")
    if not crowd:
        return []
    late = crowd["late_ms"]
    return [
        Row(
            f"{crowd['streams']} streams on one core: late, ms (p99 / max)",
            ours=f"{late['p99']} / {late['max']}",
            target="<= 300",
            met=late["max"] <= 300,
        ),
        Row(
            "  core used, playing / preparing",
            ours=f"{crowd['own_cores']:.0%} / {crowd['children_cores']:.0%}",
        ),
        Row("  streams with pictures missing or twice", ours=str(crowd["streams_with_a_picture_missing"])),
    ]

"""``python -m bench``: all runs, a table, and the figures as JSON in ``bench/results``."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import encoding, fillers, kinds, machine, runs, table
from bench.ground import Scale

_RESULTS = Path(__file__).parent / "results"
_RUNS = runs.RUNS | fillers.RUNS | encoding.RUNS
_FULL = Scale(streams=50, few=5, crowd=400, rival_files=3, seconds=45, idle=20, audio=10, idle_seconds=20)
_QUICK = Scale(streams=10, few=2, crowd=100, rival_files=2, seconds=15, idle=10, audio=3, idle_seconds=10)


def main() -> int:
    """Runs it; returns the exit status (1: a target is missed, 2: it cannot run here)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer streams and shorter runs: about 5 minutes, not 10")
    parser.add_argument("--only", action="append", choices=sorted(_RUNS), help="only this run; may be repeated")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    if not machine.ffmpeg_version():
        console.print("the system's ffmpeg is needed to compare with: apt-get install ffmpeg")
        return 2
    results = measure(_QUICK if options.quick else _FULL, options.only or list(_RUNS), console)
    _save(results)
    table.show(results, console)
    return int(any(row.met is False for row in table.rows(results)))


def measure(scale: Scale, names: list[str], console: Console) -> table.Results:
    """All runs that are wanted, one after the other."""
    results: table.Results = {"machine": machine.describe(), "scale": scale.as_dict(), "runs": {}}
    console.print("[dim]footage ...[/]")
    kinds.masters(kinds.PLAIN)
    for name in names:
        console.print(f"[dim]{name} ...[/]")
        results["runs"][name] = _RUNS[name](scale)
    slope = runs.memory_slope(results["runs"], scale)
    if slope:
        results["memory_slope"] = slope
    return results


def _save(results: table.Results) -> None:
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())

"""``python -m bench.soak``: thousands of seams through one stream, by a clock that runs faster; is memory flat?"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from bench.soak import verdict
from bench.soak.world import World

SEAMS = 20_000
SPEED = 50.0
_POLL = 0.01  # seconds; at that speed a file is played in twice that
_LOOK = 1.0  # seconds between two samples
_TELL = 5.0  # seconds between two rows
_STUCK = 60.0  # seconds without a seam
_COLUMNS = ("time s", "seams", "a second", "service MB", "children MB", "descriptors", "journal MB", "children")


class Run:
    """Feeds and looks, until the last seam or until nothing goes on."""

    def __init__(self, world: World, seams: int) -> None:
        self.samples: list[verdict.Sample] = []
        self._world = world
        self._wanted = seams
        self._moved = time.monotonic()  # when there was a seam last

    def run(self) -> None:
        """Prints a row now and then."""
        print(_row(_COLUMNS))
        told: verdict.Sample | None = None
        while self._goes_on():
            end = time.monotonic() + _LOOK
            while time.monotonic() < end:
                self._world.feed()
                time.sleep(_POLL)
            if not self._world.alive:
                return
            self._look()
            if told is None or self.samples[-1].at >= told.at + _TELL:
                _tell(self.samples[-1], told)
                told = self.samples[-1]
        _tell(self.samples[-1], told)

    def _goes_on(self) -> bool:
        if not self._world.alive or time.monotonic() > self._moved + _STUCK:
            return False
        return not self.samples or self.samples[-1].seams < self._wanted

    def _look(self) -> None:
        stream = self._world.stream
        sample = self._world.sample(stream.seams if stream else 0)
        if not self.samples or sample.seams > self.samples[-1].seams:
            self._moved = time.monotonic()
        self.samples.append(sample)

    def verdict(self) -> list[verdict.Check]:
        """What holds."""
        stream = self._world.stream
        reconnects = stream.reconnects if stream else 0
        return verdict.checks(self.samples, self._world.seen(), wanted=self._wanted, reconnects=reconnects)

    def costs(self) -> list[str]:
        """What it took, in words; of CPU nothing where the service has ended."""
        seen = self._world.seen()
        words = [
            f"the wire's clock came to {seen.last_ms / 1000:,.0f} s",
            f"held or silent: {seen.video.filled:,} pictures, {seen.audio.filled:,} sounds",
        ]
        if self._world.alive and self.samples:
            cpu, seams = self._world.cpu(), max(1, self.samples[-1].seams)
            own, children = cpu.own / seams * 1000, cpu.children / seams * 1000
            words.append(f"CPU a seam: {own:.1f} ms in the service, {children:.1f} ms in its children")
        return words


def _tell(sample: verdict.Sample, before: verdict.Sample | None) -> None:
    seams, seconds = (
        (sample.seams, sample.at) if before is None else (sample.seams - before.seams, sample.at - before.at)
    )
    rate = seams / seconds if seconds else 0.0
    figures = (
        f"{sample.at:.0f}",
        f"{sample.seams:,}",
        f"{rate:.1f}",
        f"{sample.rss:.1f}",
        f"{sample.children_rss:.1f}",
    )
    print(_row((*figures, str(sample.descriptors), f"{sample.journal:.2f}", str(sample.children))), flush=True)


def _row(cells: tuple[str, ...]) -> str:
    return " ".join(f"{cell:>11}" for cell in cells)


def main() -> int:
    """Runs it; returns the exit status (1: something does not hold)."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seams", type=int, default=SEAMS, help=f"how many ({SEAMS})")
    parser.add_argument(
        "--speed",
        type=float,
        default=SPEED,
        help=f"how much faster its clock runs ({SPEED:g}); the processor sets a limit",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ftp-stream-soak-") as directory:
        world = World(Path(directory))
        with world.running(options.speed):
            run = Run(world, options.seams)
            run.run()
            met = _conclude(run.verdict(), run.costs())
        print(world.log(), end="")
    return int(not met)


def _conclude(checks: list[verdict.Check], costs: list[str]) -> bool:
    """Prints what holds; returns whether all does."""
    for check in checks:
        print(f"{'ok  ' if check.met else 'FAIL'} {check.words}: {check.figure}")
    for line in costs:
        print(f"     {line}")
    return all(check.met for check in checks)


if __name__ == "__main__":
    sys.exit(main())

"""What the run shows: samples of the service's process, and what must hold of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.soak.receiver import Seen

WARM = 2000  # seams after which a service has seen all that it will see again; half of a shorter run
_PART = 10  # a tenth of what lies behind that is compared with the last tenth
MAY_GROW = 5.0  # MB
MAY_OPEN = 8  # descriptors: of files in hand and of children being replaced


@dataclass(frozen=True, slots=True)
class Sample:
    """The service at one moment; memory and sizes in MB."""

    at: float  # seconds since the beginning
    seams: int
    rss: float  # of the service itself
    children_rss: float
    descriptors: int  # open ones, of the service itself
    journal: float  # with its log
    children: int  # that have been started so far


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold."""

    words: str
    figure: str
    met: bool


def settled(samples: Sequence[Sample]) -> list[Sample]:
    """The samples that count: those after the warming up."""
    if not samples:
        return []
    warm = min(WARM, samples[-1].seams // 2)
    return [sample for sample in samples if sample.seams >= warm]


def growth(samples: Sequence[Sample], value: Callable[[Sample], float]) -> tuple[float, float]:
    """The typical figure at the beginning and at the end of what counts."""
    counted = settled(samples)
    part = max(1, len(counted) // _PART)
    return median(map(value, counted[:part])), median(map(value, counted[-part:]))


def checks(samples: Sequence[Sample], seen: Seen, *, wanted: int, reconnects: int) -> list[Check]:
    """All that must hold of a run that ended."""
    seams = samples[-1].seams if samples else 0
    found = [Check("seams", f"{seams:,} of {wanted:,}", seams >= wanted)]
    if samples:
        found += _steady(samples)
    tracks = (("pictures", seen.video), ("sounds", seen.audio))
    return [
        *found,
        Check("one publish, no reconnect", f"{seen.publishes}, {reconnects}", (seen.publishes, reconnects) == (1, 0)),
        Check("headers", f"{seen.configs}, one for each track", seen.configs == len(tracks)),
        Check("times that step back", f"{seen.steps_back}", not seen.steps_back),
        *(
            Check(
                f"{name} missing, repeated, unknown",
                f"{counts.missing}, {counts.repeated}, {counts.unknown} of {counts.frames:,}",
                counts.frames > 0 and not (counts.missing or counts.repeated or counts.unknown),
            )
            for name, counts in tracks
        ),
    ]


def _steady(samples: Sequence[Sample]) -> list[Check]:
    begin = settled(samples)[0].seams
    rss, last_rss = growth(samples, lambda sample: sample.rss)
    opened, last_opened = growth(samples, lambda sample: sample.descriptors)
    journal, last_journal = growth(samples, lambda sample: sample.journal)
    return [
        Check(
            f"memory of the service since seam {begin:,}",
            f"{rss:.1f} to {last_rss:.1f} MB",
            last_rss - rss < MAY_GROW,
        ),
        Check("open descriptors", f"{opened:.0f} to {last_opened:.0f}", last_opened - opened <= MAY_OPEN),
        Check("journal", f"{journal:.1f} to {last_journal:.1f} MB", last_journal - journal < MAY_GROW),
    ]

"""What the run shows: samples of the service's process, and what must hold of them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.soak.receiver import Seen

WARM = 2000  # seams after which a service has seen all that it will see again; half of a shorter run
_PART = 10  # a tenth of the samples is compared with the last tenth
MAY_GROW = 5.0  # MB: bounded memories fill, such as the journal's 10,000 verdicts
MAY_LEAK = 2.0  # MB in the second half, where all of them are full: of 20,000 one-minute files that is a week
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


def since(samples: Sequence[Sample], seams: int) -> list[Sample]:
    """The samples from this seam on, or from the middle on where that comes first."""
    return [sample for sample in samples if sample.seams >= min(seams, samples[-1].seams // 2)]


def growth(samples: Sequence[Sample], value: Callable[[Sample], float]) -> tuple[float, float]:
    """The typical figure in the first and in the last tenth of some samples."""
    part = max(1, len(samples) // _PART)
    return median(map(value, samples[:part])), median(map(value, samples[-part:]))


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
    warm, second_half = since(samples, WARM), since(samples, samples[-1].seams)
    opened, last_opened = growth(warm, lambda sample: sample.descriptors)
    journal, last_journal = growth(warm, lambda sample: sample.journal)
    shorter = len(second_half) < len(warm)
    return [
        *([_memory(warm, MAY_GROW)] if shorter else []),
        _memory(second_half, MAY_LEAK),
        Check("open descriptors", f"{opened:.0f} to {last_opened:.0f}", last_opened - opened <= MAY_OPEN),
        Check("journal", f"{journal:.1f} to {last_journal:.1f} MB", last_journal - journal < MAY_GROW),
    ]


def _memory(samples: Sequence[Sample], limit: float) -> Check:
    first, last = growth(samples, lambda sample: sample.rss)
    words = f"memory of the service since seam {samples[0].seams:,}"
    return Check(words, f"{first:.1f} to {last:.1f} MB (less than {limit:g} more)", last - first < limit)

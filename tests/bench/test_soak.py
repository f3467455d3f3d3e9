"""The endurance run judges right, and its fast clock is a clock."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from bench.soak import __main__ as soak
from bench.soak.clock import LEAP, MISSED, Clock, Heart, Loop
from bench.soak.order import Counts, Order
from bench.soak.receiver import Seen
from bench.soak.verdict import MAY_GROW, MAY_LEAK, WARM, Sample, checks, growth

if TYPE_CHECKING:
    from pathlib import Path

CYCLE = [bytes([number]) for number in range(20)]
SILENCE = b"silence"


# --- the clock


def test_the_clock_runs_so_many_times_faster() -> None:
    real = [100.0]
    clock = Clock(50.0, real=lambda: real[0])
    for _ in range(200):
        real[0] += 0.01
        clock.time()
    assert clock.time() == pytest.approx(100.0)


def test_a_process_that_was_not_looked_after_finds_no_deadline_passed() -> None:
    real = [0.0]
    clock = Clock(50.0, real=lambda: real[0])
    real[0] = 3.0
    assert clock.time() == LEAP


def test_while_the_far_end_gives_no_sign_of_life_time_stands_still(tmp_path: Path) -> None:
    heart = Heart.in_file(tmp_path / "heart")
    clock = Clock(50.0, Heart.in_file(tmp_path / "heart").last)
    assert clock.time() == 0.0
    time.sleep(0.01)
    assert clock.time() == 0.0
    heart.beat()
    time.sleep(0.01)
    assert 0.5 <= clock.time() <= LEAP
    time.sleep(MISSED)
    before = clock.time()
    time.sleep(0.01)
    assert clock.time() == before


async def _waits() -> tuple[float, bool]:
    loop = asyncio.get_running_loop()
    before = loop.time()
    for _ in range(20):
        await asyncio.sleep(0.5)
    cut = False
    try:
        async with asyncio.timeout(0.5):
            await loop.create_future()
    except TimeoutError:
        cut = True
    return loop.time() - before, cut


def test_what_waits_in_the_loop_waits_for_less_long() -> None:
    before = time.monotonic()
    with asyncio.Runner(loop_factory=lambda: Loop(Clock(100.0))) as runner:
        passed, cut = runner.run(_waits())
    assert passed >= 10.5
    assert cut
    assert time.monotonic() - before < 5.0, "of seconds that would be ten and a half"


# --- the order of frames


def taken(digests: list[bytes], *, keys: list[int] | None = None) -> Counts:
    order = Order(CYCLE, {SILENCE})
    for digest, key in zip(digests, keys or [0] * len(digests), strict=True):
        order.take([digest], [key])
    return order.counts


def test_the_cycle_again_and_again_is_in_order() -> None:
    assert taken(CYCLE * 3 + CYCLE[:5]) == Counts(frames=65)


@pytest.mark.parametrize(
    ("digests", "expected"),
    [
        (CYCLE[:5] + [SILENCE] * 3 + CYCLE[5:], Counts(frames=20, filled=3)),
        (CYCLE[:5] + CYCLE[7:], Counts(frames=18, missing=2)),
        (CYCLE[:18] + CYCLE[1:], Counts(frames=37, missing=3)),
        (CYCLE[:5] + CYCLE[2:], Counts(frames=20, repeated=3)),
        ([*CYCLE[:5], b"other", *CYCLE[5:]], Counts(frames=20, unknown=1)),
    ],
    ids=["silence", "passed over", "passed over at the turn", "sent again", "of no file"],
)
def test_what_is_wrong_is_counted(digests: list[bytes], expected: Counts) -> None:
    assert taken(digests) == expected


def test_a_held_picture_is_no_repetition_and_one_that_is_no_key_is() -> None:
    assert taken([*CYCLE[:3], CYCLE[0], CYCLE[0], *CYCLE[3:]], keys=[1, 0, 0, 1, 1, *[0] * 17]).filled == 2
    assert taken([*CYCLE[:3], CYCLE[0], *CYCLE[3:]]).repeated == 1


def test_equal_frames_are_no_trouble() -> None:
    order = Order([b"a", b"b", b"a", b"c"])
    order.take([b"a", b"b", b"a", b"c"] * 5, [0] * 20)
    assert order.counts == Counts(frames=20)


# --- the verdict

SEEN = Seen(publishes=1, configs=2, video=Counts(frames=500_000), audio=Counts(frames=860_000, filled=7))
STEADY = [Sample(seams / 50, seams, 70.0, 80.0, 21, 4.0, 2) for seams in range(0, 20_001, 50)]


def unmet(samples: list[Sample] = STEADY, seen: Seen = SEEN, reconnects: int = 0) -> list[str]:
    return [check.words for check in checks(samples, seen, wanted=20_000, reconnects=reconnects) if not check.met]


def test_a_run_in_which_nothing_grows_is_good() -> None:
    assert unmet() == []


def test_what_grows_before_it_is_warm_does_not_count_and_what_grows_after_does() -> None:
    early = [replace(sample, rss=70.0 + min(sample.seams, WARM) / 100) for sample in STEADY]
    assert unmet(early) == []
    late = [replace(sample, rss=70.0 + min(sample.seams, 9000) * 1.5 * MAY_GROW / 9000) for sample in STEADY]
    assert unmet(late) == [f"memory of the service since seam {WARM:,}"]


def test_a_small_leak_shows_in_the_second_half() -> None:
    leak = [replace(sample, rss=70.0 + 3 * MAY_LEAK * max(0, sample.seams - 10_000) / 20_000) for sample in STEADY]
    assert unmet(leak) == ["memory of the service since seam 10,000"]


def test_one_sample_that_stands_out_is_no_growth() -> None:
    assert growth([*STEADY[:-1], replace(STEADY[-1], rss=170.0)], lambda sample: sample.rss) == (70.0, 70.0)


@pytest.mark.parametrize(
    ("samples", "words"),
    [
        ([replace(sample, descriptors=20 + sample.seams // 1000) for sample in STEADY], "open descriptors"),
        ([replace(sample, journal=sample.seams / 1000) for sample in STEADY], "journal"),
        (STEADY[:-1], "seams"),
    ],
)
def test_each_thing_that_must_hold_can_fail(samples: list[Sample], words: str) -> None:
    assert unmet(samples) == [words]


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEEN, publishes=2),
        replace(SEEN, steps_back=1),
        replace(SEEN, configs=3),
        replace(SEEN, video=Counts(frames=9, missing=1)),
        replace(SEEN, audio=Counts(frames=9, repeated=1)),
        replace(SEEN, video=Counts(frames=9, unknown=1)),
        replace(SEEN, audio=Counts()),
    ],
)
def test_each_thing_that_the_far_end_saw_can_fail(changed: Seen) -> None:
    assert len(unmet(seen=changed)) == 1


def test_a_reconnect_and_a_service_that_never_began_fail() -> None:
    assert unmet(reconnects=1) == ["one publish, no reconnect"]
    assert "seams" in unmet([], Seen())


# --- all of it


def test_a_short_run_of_the_real_service_holds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr("sys.argv", ["soak", "--seams", "40", "--speed", "20"])
    assert soak.main() == 0, capsys.readouterr().out
    assert "FAIL" not in capsys.readouterr().out

"""What stands in while nothing comes: the last picture, then the slate."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.clips import AVC

from ftp_stream.config import Idle
from ftp_stream.core.destinations import GENERIC
from ftp_stream.core.status import Phase
from ftp_stream.core.timeline import HOLD_US
from ftp_stream.model import Row, Skip, VideoCodec
from ftp_stream.rtmp.url import parse_url
from ftp_stream.session.filler import PATIENCE_US, Filler
from ftp_stream.supply import StreamSettings

if TYPE_CHECKING:
    from tests.support.clips import Clips, Noted

    from ftp_stream.supply import Hand

URL = parse_url("rtmp://host/app/key")
HOLD = 20.0


def filler(noted: Noted, idle: Idle = Idle.HOLD, **rest: object) -> Filler:
    settings = StreamSettings("gate/one", URL, None, idle, 1.03, **({"hold_seconds": HOLD} | rest))  # type: ignore[arg-type]
    return Filler(settings, noted.supply, noted.report)


@pytest.fixture
def last(clips: Clips, noted: Noted) -> Hand:
    """The segment whose picture stands on the screens."""
    hand = clips.hand()
    noted.offer(hand)
    hand.begun = True
    return hand


class Slates:
    """Slates as they get ready."""

    def __init__(self, noted: Noted) -> None:
        self.asked: list[Hand] = []
        self.ready: Hand | None = None
        noted.supply.slate = self

    def __call__(self, last: Hand) -> Hand | None:
        self.asked.append(last)
        return self.ready


@pytest.fixture
def slates(clips: Clips, noted: Noted) -> Slates:
    made = Slates(noted)
    made.ready = clips.hand(gops=1, step=1.0)
    return made


# --- the hold ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("idle", [Idle.HOLD, Idle.SLATE])
def test_the_last_picture_is_held_a_second_at_a_time(noted: Noted, last: Hand, idle: Idle) -> None:
    stands_in = filler(noted, idle)
    filling = stands_in.next(100.0)
    assert filling
    table = last.segment.table
    key = table.gops[-1]
    assert filling.hand is last
    assert (filling.table.flags[0], filling.table.position[0]) == (int(Row.KEY), table.position[key])
    assert filling.table.duration_us == HOLD_US
    assert stands_in.next(101.0) == filling
    assert noted.status.phase is Phase.HOLDING


@pytest.mark.parametrize("idle", [Idle.HOLD, Idle.SLATE])
def test_without_a_picture_nothing_stands_in(noted: Noted, idle: Idle) -> None:
    stands_in = filler(noted, idle)
    assert stands_in.next(100.0) is None
    assert not stands_in.active


@pytest.mark.usefixtures("last")
def test_where_nothing_is_to_stand_in_nothing_does(noted: Noted, slates: Slates) -> None:
    stands_in = filler(noted, Idle.OFF)
    assert stands_in.next(100.0) is None
    assert (stands_in.active, slates.asked) == (False, [])


def test_the_picture_of_an_earlier_session_is_held_too(clips: Clips, noted: Noted) -> None:
    noted.supply.held = clips.hand()
    filling = filler(noted).next(100.0)
    assert filling
    assert filling.hand is noted.supply.held


def test_what_was_passed_over_is_never_held(clips: Clips, noted: Noted, last: Hand) -> None:
    passed = clips.hand(passed=Skip("again.mp4", 0, 3, 0.6, "its content was played"))
    passed.begun = True
    noted.offer(passed)
    filling = filler(noted).next(100.0)
    assert filling
    assert filling.hand is last


@pytest.mark.usefixtures("last")
def test_a_seam_may_be_late_before_anything_stands_in_but_what_stands_in_goes_on_at_once(noted: Noted) -> None:
    stands_in = filler(noted)
    assert (stands_in.active, stands_in.patience_us) == (False, PATIENCE_US)
    stands_in.next(100.0)
    assert (stands_in.active, stands_in.patience_us) == (True, 0)
    stands_in.end()
    assert (stands_in.active, stands_in.patience_us) == (False, PATIENCE_US)


# --- the slate --------------------------------------------------------------------------------------------------------


def test_the_slate_appears_after_the_hold_and_stays(noted: Noted, last: Hand, slates: Slates) -> None:
    stands_in = filler(noted, Idle.SLATE)
    shown = [stands_in.next(now) for now in (100.0, 119.9, 120.0, 121.0)]
    assert [filling.hand if filling else None for filling in shown] == [last, last, slates.ready, slates.ready]
    assert shown[2]
    assert slates.ready
    assert shown[2].table is slates.ready.segment.table
    assert noted.status.phase is Phase.SLATE


def test_it_is_asked_for_as_soon_as_the_hold_begins(noted: Noted, last: Hand, slates: Slates) -> None:
    filler(noted, Idle.SLATE).next(100.0)
    assert slates.asked == [last]


def test_the_hold_lasts_until_it_is_ready(noted: Noted, last: Hand, slates: Slates) -> None:
    ready, slates.ready = slates.ready, None
    stands_in = filler(noted, Idle.SLATE)
    late = [stands_in.next(now) for now in (100.0, 130.0)]
    slates.ready = ready
    late.append(stands_in.next(131.0))
    assert [filling.hand if filling else None for filling in late] == [last, last, ready]


@pytest.mark.usefixtures("last")
def test_without_a_hold_it_appears_at_once(noted: Noted, slates: Slates) -> None:
    filling = filler(noted, Idle.SLATE, hold_seconds=0.0).next(100.0)
    assert filling
    assert filling.hand is slates.ready


def test_a_segment_between_begins_the_hold_anew(noted: Noted, last: Hand, slates: Slates) -> None:
    stands_in = filler(noted, Idle.SLATE)
    for now in (100.0, 125.0):
        stands_in.next(now)
    stands_in.end()
    again = [stands_in.next(now) for now in (200.0, 219.0, 220.0)]
    assert [filling.hand if filling else None for filling in again] == [last, last, slates.ready]


def test_only_the_last_picture_is_held_where_none_is_wanted(noted: Noted, last: Hand, slates: Slates) -> None:
    stands_in = filler(noted, Idle.HOLD)
    stands_in.next(100.0)
    filling = stands_in.next(500.0)
    assert filling
    assert (filling.hand, slates.asked) == (last, [])


@pytest.mark.parametrize("headers", [frozenset(), frozenset({VideoCodec.AVC})])
def test_it_is_shown_whatever_headers_a_destination_bears(
    noted: Noted, last: Hand, slates: Slates, headers: frozenset[VideoCodec]
) -> None:
    """It brings all that a decoder must know within itself; a session can begin with the camera's header."""
    stands_in = filler(noted, Idle.SLATE, preset=replace(GENERIC, new_headers=headers), hold_seconds=0.0)
    filling = stands_in.next(100.0)
    assert filling
    assert (filling.hand, filling.camera) == (slates.ready, last.segment.video)


@pytest.mark.parametrize(("begins", "ends"), [("avc", "hevc"), ("hevc", "avc"), ("hevc", "hevc")])
def test_a_slate_of_another_codec_than_the_last_picture_is_not_shown(
    clips: Clips, noted: Noted, slates: Slates, begins: str, ends: str
) -> None:
    """The codec of a session is the one thing that no destination lets change."""
    change = replace(AVC, codec=VideoCodec(ends))
    noted.supply.held = clips.hand(video=replace(AVC, codec=VideoCodec(begins)), changes=((1, change),))
    stands_in = filler(noted, Idle.SLATE, preset=replace(GENERIC, new_headers=frozenset(VideoCodec)))
    stands_in.next(100.0)
    filling = stands_in.next(200.0)
    assert filling
    assert (filling.hand is slates.ready) is (ends == "avc")

"""What a stream has in hand, between camera and session."""

import os
from array import array
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.descriptors import open_files

from ftp_stream.model import (
    Cursor,
    FileId,
    Form,
    FrameTable,
    OrderKey,
    PreparedSegment,
    Row,
    Skip,
    VideoCodec,
    VideoConfig,
)
from ftp_stream.shell.frames import FrameReader
from ftp_stream.supply import Hand, Supply


class Given:
    """A supply whose callbacks are noted."""

    def __init__(self) -> None:
        self.cursors: list[tuple[str, Cursor]] = []
        self.woken = 0
        self.taken = 0
        self.supply = Supply("gate/one", lambda stream, cursor: self.cursors.append((stream, cursor)), self.wake)
        self.supply.wake_taker = self.take

    def wake(self) -> None:
        self.woken += 1

    def take(self) -> None:
        self.taken += 1


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def hands(tmp_path: Path) -> Iterator[list[Hand]]:
    """Three segments of three GOPs each."""
    (tmp_path / "file").write_bytes(b"frames")
    with ThreadPoolExecutor(1) as pool:
        yield [hand(tmp_path, pool, number) for number in range(3)]


def hand(tmp_path: Path, pool: ThreadPoolExecutor, number: int) -> Hand:
    rows = range(3)
    table = FrameTable(
        flags=bytes([int(Row.KEY)] * 3),
        dts_us=array("q", rows),
        cts_us=array("q", [0] * 3),
        position=array("q", rows),
        size=array("q", [1] * 3),
        gops=(0, 1, 2),
        duration_us=3,
        audio_end_us=0,
    )
    file = FileId(1, number, 6, 0)
    segment = PreparedSegment(f"{number}.mp4", file, "mp4", VideoConfig(VideoCodec.AVC, b""), None, table)
    reader = FrameReader(os.open(tmp_path / "file", os.O_RDONLY), "", pool)
    return Hand(segment, OrderKey(float(number), ()), 0, reader)


def test_asking_twice_wakes_the_camera_once(given: Given) -> None:
    given.supply.ask()
    given.supply.ask()
    assert (given.supply.wants, given.woken) == (True, 1)


def test_an_offer_answers_the_question_and_wakes_the_taker(given: Given, hands: list[Hand]) -> None:
    given.supply.ask()
    given.supply.offer(hands[0])
    assert (given.supply.wants, given.taken) == (False, 1)
    assert given.supply.head == hands[0].key
    assert given.supply.in_hand == {hands[0].segment.file}


def test_the_next_hand_is_the_oldest_that_was_not_begun(given: Given, hands: list[Hand]) -> None:
    assert given.supply.next_hand() is None
    for each in hands[:2]:
        given.supply.offer(each)
    hands[0].begun = True
    assert given.supply.next_hand() is hands[1]
    assert given.supply.last_begun() is hands[0]


@pytest.mark.parametrize(("gop", "complete"), [(0, False), (1, False), (2, True)])
def test_the_cursor_points_behind_what_is_confirmed(
    given: Given, hands: list[Hand], gop: int, *, complete: bool
) -> None:
    given.supply.offer(hands[0])
    assert given.supply.confirmed(hands[0], gop) is complete
    segment = hands[0].segment
    expected = Cursor(
        hands[0].key, segment.path, segment.file, gop + 1, complete, time_us=None if complete else gop + 1
    )
    assert given.cursors == [("gate/one", expected)]
    assert (hands[0] in given.supply.hands) is not complete


def test_the_last_confirmed_segment_is_kept_for_holding_and_the_one_before_is_closed(
    given: Given, hands: list[Hand]
) -> None:
    before = open_files()
    for each in hands[:2]:
        given.supply.offer(each)
        given.supply.confirmed(each, 2)
    assert given.supply.held is hands[1]
    assert given.supply.last_begun() is hands[1]
    assert open_files() == before - 1
    given.supply.drop_held()
    assert (given.supply.held, open_files()) == (None, before - 2)


def test_letting_go_closes_everything_and_asks_for_a_decision(given: Given, hands: list[Hand]) -> None:
    before = open_files()
    for each in hands:
        given.supply.offer(each)
    woken = given.woken
    given.supply.let_go()
    assert (given.supply.hands, given.supply.head, given.woken) == ([], None, woken + 1)
    assert open_files() == before - 3


def passed(hand: Hand) -> Hand:
    hand.passed = Skip(hand.segment.path, 0, 3, 3e-6, "its content was played")
    return hand


def test_a_segment_that_is_passed_completes_and_is_closed_and_neither_held_nor_delivered(
    given: Given, hands: list[Hand]
) -> None:
    before = open_files()
    given.supply.offer(hands[0])
    given.supply.offer(passed(hands[1]))
    assert given.supply.confirmed(hands[0], 2)
    assert not given.supply.confirmed(hands[1], 2)
    assert [(cursor.path, cursor.complete) for _, cursor in given.cursors] == [("0.mp4", True), ("1.mp4", True)]
    assert (given.supply.held, given.supply.hands, open_files()) == (hands[0], [], before - 1)


def test_what_stands_on_the_screens_is_never_what_was_passed(given: Given, hands: list[Hand]) -> None:
    for each in (hands[0], passed(hands[1])):
        given.supply.offer(each)
        each.begun = True
    assert given.supply.last_begun() is hands[0]
    given.supply.confirmed(hands[0], 2)
    assert given.supply.last_begun() is hands[0]


def test_letting_go_lets_go_of_what_was_to_be_passed_too_and_moves_no_cursor(given: Given, hands: list[Hand]) -> None:
    """It is offered again in its turn: a segment before it may not be confirmed."""
    before = open_files()
    for each in (hands[0], passed(hands[1]), hands[2]):
        given.supply.offer(each)
    hands[0].begun = hands[1].begun = True
    given.supply.let_go()
    assert (given.supply.hands, given.cursors, given.supply.releases) == ([], [], 1)
    assert open_files() == before - 3


def test_between_sessions_what_comes_first_is_passed_without_a_destination(given: Given, hands: list[Hand]) -> None:
    """Nothing before it is unconfirmed, and nothing of it is sent."""
    skips: list[Skip] = []
    given.supply.skip = lambda _stream, skip: skips.append(skip)
    assert given.supply.first() is None
    before = open_files()
    for each in (passed(hands[0]), passed(hands[1])):
        given.supply.offer(each)
    assert given.supply.first() is None
    assert [(cursor.path, cursor.complete) for _, cursor in given.cursors] == [("0.mp4", True), ("1.mp4", True)]
    assert (skips, open_files()) == ([hands[0].passed, hands[1].passed], before - 2)


def test_between_sessions_nothing_is_passed_that_comes_behind_what_is_to_be_sent(
    given: Given, hands: list[Hand]
) -> None:
    for each in (hands[0], passed(hands[1])):
        given.supply.offer(each)
    assert given.supply.first() is hands[0]
    assert (len(given.supply.hands), given.cursors) == (2, [])


def test_another_form_is_told_to_the_camera_once(given: Given) -> None:
    given.supply.need(Form())
    assert given.woken == 0
    given.supply.need(Form(encoded=True))
    given.supply.need(Form(encoded=True))
    assert (given.supply.form, given.woken) == (Form(encoded=True), 1)


def test_letting_go_of_nothing_wakes_nobody(given: Given) -> None:
    given.supply.let_go()
    assert given.woken == 0

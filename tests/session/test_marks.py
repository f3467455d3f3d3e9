"""What was sent and is not confirmed yet: nothing moves a cursor past something unconfirmed."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.clips import Clips, Noted

from ftp_stream.model import Skip
from ftp_stream.rtmp.chunks import ChunkWriter
from ftp_stream.rtmp.handshake import PACKET, RANDOM
from ftp_stream.rtmp.messages import Command, Parsed, UserControl, UserEvent, serialise
from ftp_stream.rtmp.publish import PublishProtocol, PublishState
from ftp_stream.rtmp.url import parse_url
from ftp_stream.session.marks import Marks

if TYPE_CHECKING:
    from ftp_stream.supply import Hand

NOW = 1000.0


class Publish:
    """A publish that has begun, and a server that answers pings when it is told to."""

    def __init__(self) -> None:
        url = parse_url(f"rtmp://host/app/{secrets.token_hex(8)}")
        self.protocol = PublishProtocol(url, random=secrets.token_bytes(RANDOM), now=NOW)
        self._writer = ChunkWriter()
        hello = b"".join(self.protocol.data_to_send())
        self.protocol.receive(b"\3" + bytes(PACKET) + hello[1 : 1 + PACKET], NOW)
        start = {"level": "status", "code": "NetStream.Publish.Start", "description": "go"}
        self._say(Command("_result", 1.0, ({"fmsVer": "x"}, {"level": "status"})))
        self._say(Command("_result", 4.0, (None, 7.0)))
        self._say(Command("onStatus", 0.0, (None, start), stream_id=7))
        assert self.protocol.state is PublishState.PUBLISHING

    def _say(self, value: Parsed) -> None:
        self._writer.message(serialise(value))
        self.protocol.receive(b"".join(self._writer.take()), NOW)

    def confirm(self, number: int) -> None:
        """The server has parsed all up to a mark."""
        self._say(UserControl(UserEvent.PING_RESPONSE, number.to_bytes(4, "big")))
        assert self.protocol.confirmed == number


@pytest.fixture
def publish() -> Publish:
    return Publish()


@pytest.fixture
def marks(publish: Publish, noted: Noted) -> Marks:
    return Marks(noted.supply, publish.protocol, noted.report)


def skip(hand: Hand, first: int, last: int) -> Skip:
    return Skip(hand.segment.path, first, last, 0.2 * (last - first), "it lay too far behind")


def send(marks: Marks, hand: Hand, *gops: int, frames: int = 2) -> None:
    for gop in gops:
        marks.add(hand, gop, frames, NOW)


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_what_is_confirmed_is_taken_note_of_group_by_group(
    clips: Clips, noted: Noted, publish: Publish, marks: Marks
) -> None:
    hand = clips.hand()
    noted.offer(hand)
    send(marks, hand, 0, 1, 2)
    marks.take()
    assert (noted.cursors, marks.waiting) == ([], True)
    publish.confirm(2)
    marks.take()
    marks.take()
    path = hand.segment.path
    assert noted.places == [(path, 1), (path, 2)]
    assert (noted.supply.counters.frames_confirmed, noted.status.segments, marks.waiting) == (4, 0, True)
    publish.confirm(3)
    marks.take()
    assert noted.places[2:] == [(path, 3)]
    assert (noted.supply.counters.frames_confirmed, noted.status.segments, marks.waiting) == (6, 1, False)


def test_what_stood_in_for_a_segment_moves_no_cursor(noted: Noted, publish: Publish, marks: Marks) -> None:
    marks.add(None, 0, 0, NOW)
    assert marks.waiting
    publish.confirm(1)
    marks.take()
    assert (noted.cursors, marks.waiting) == ([], False)


# --- what is left out -------------------------------------------------------------------------------------------------


def test_what_is_left_out_waits_for_what_was_sent_before_it(
    clips: Clips, noted: Noted, publish: Publish, marks: Marks
) -> None:
    hand = clips.hand(gops=5)
    noted.offer(hand)
    send(marks, hand, 0, 1)
    marks.leave_out(hand, 2, skip(hand, 2, 3))
    publish.confirm(1)
    marks.take()
    assert (noted.places, noted.skips) == ([(hand.segment.path, 1)], [])
    publish.confirm(2)
    marks.take()
    assert noted.places[1:] == [(hand.segment.path, 2), (hand.segment.path, 3)]
    assert noted.skips == [skip(hand, 2, 3)]


def test_where_all_is_confirmed_it_counts_at_once_and_is_told_before_the_cursor_passes_it(
    clips: Clips, noted: Noted, publish: Publish, marks: Marks
) -> None:
    hand = clips.hand(gops=5)
    noted.offer(hand)
    marks.leave_out(hand, 3, skip(hand, 0, 4))
    assert noted.places == [(hand.segment.path, 4)]
    assert noted.order == ["skip", "cursor"]
    assert noted.status.skipped_seconds == pytest.approx(0.8)
    send(marks, hand, 4)
    publish.confirm(1)
    marks.take()
    assert noted.places[1:] == [(hand.segment.path, 5)]


def test_a_skip_that_a_fault_overtook_was_none(clips: Clips, noted: Noted, marks: Marks) -> None:
    """The next session decides anew, from the first group that is not confirmed: the same is not told twice."""
    hand = clips.hand(gops=5)
    noted.offer(hand)
    send(marks, hand, 0)
    marks.leave_out(hand, 2, skip(hand, 1, 3))
    marks.take()
    noted.supply.let_go()
    assert (noted.cursors, noted.skips, noted.status.skipped_seconds) == ([], [], 0.0)


def test_the_rest_of_a_segment_left_out_completes_it(
    clips: Clips, noted: Noted, publish: Publish, marks: Marks
) -> None:
    hand = clips.hand()
    noted.offer(hand)
    send(marks, hand, 0)
    marks.leave_out(hand, 2, skip(hand, 1, 3))
    publish.confirm(1)
    marks.take()
    assert noted.cursors[-1].complete
    assert (noted.supply.hands, noted.supply.held) == ([], hand)
    assert (noted.status.segments, noted.status.skipped_seconds) == (0, pytest.approx(0.4)), "not all is confirmed"


def test_a_segment_that_is_passed_waits_for_the_one_before_and_is_never_held(
    clips: Clips, noted: Noted, publish: Publish, marks: Marks
) -> None:
    first = clips.hand(gops=1)
    again = clips.hand()
    again.passed = skip(again, 0, 3)
    noted.offer(first, again)
    send(marks, first, 0)
    first.begun = again.begun = True
    marks.leave_out(again, 2, again.passed)
    assert (noted.cursors, noted.supply.last_begun()) == ([], first)
    publish.confirm(1)
    marks.take()
    assert noted.places == [(first.segment.path, 1), (again.segment.path, 3)]
    assert noted.cursors[-1].complete
    assert (noted.supply.hands, noted.supply.held) == ([], first)
    assert noted.skips == [again.passed]
    assert (noted.status.segments, noted.status.skipped_seconds) == (1, 0.0), "it was neither delivered nor begun"


# --- properties -------------------------------------------------------------------------------------------------------

STEPS = st.lists(st.sampled_from(["send", "send", "leave", "pass_over", "fill", "confirm", "take"]), max_size=40)


@settings(deadline=None, max_examples=60)
@given(STEPS, st.data())
def test_a_cursor_never_passes_what_is_not_confirmed(steps: list[str], data: st.DataObject) -> None:
    with TemporaryDirectory() as name, ThreadPoolExecutor(1) as pool:
        play = _Play(Clips(Path(name), pool), data)
        for step in steps:
            getattr(play, step)()
            play.check()
        play.finish()


class _Play:
    """A session that sends, leaves out and passes as it likes; it keeps its own account."""

    def __init__(self, clips: Clips, data: st.DataObject) -> None:
        self.noted = Noted()
        self.publish = Publish()
        self.marks = Marks(self.noted.supply, self.publish.protocol, self.noted.report)
        self._clips = clips
        self._draw = data.draw
        self._sent = 0
        self._hand: Hand | None = None
        self._gop = 0
        self._done: list[tuple[str, int, int]] = []  # file, its GOP, the last mark that must be confirmed

    def _playing(self) -> Hand:
        if self._hand is None or self._gop == len(self._hand.segment.table.gops):
            self._hand, self._gop = self._clips.hand(gops=self._draw(st.integers(1, 4))), 0
            self.noted.offer(self._hand)
        return self._hand

    def send(self) -> None:
        hand = self._playing()
        send(self.marks, hand, self._gop)
        self._sent += 1
        self._note(hand, self._gop + 1)

    def leave(self) -> None:
        hand = self._playing()
        last = self._draw(st.integers(self._gop + 1, len(hand.segment.table.gops)))
        self.marks.leave_out(hand, last - 1, skip(hand, self._gop, last))
        self._note(hand, last)

    def _note(self, hand: Hand, until: int) -> None:
        self._done += [(hand.segment.path, gop, self._sent) for gop in range(self._gop, until)]
        self._gop = until

    def pass_over(self) -> None:
        if self._hand and self._gop < len(self._hand.segment.table.gops):
            return  # a session passes between segments
        hand = self._clips.hand()
        hand.passed = skip(hand, 0, 3)
        self.noted.offer(hand)
        self.marks.leave_out(hand, 2, hand.passed)
        self._done += [(hand.segment.path, gop, self._sent) for gop in range(3)]

    def fill(self) -> None:
        self.marks.add(None, 0, 0, NOW)
        self._sent += 1

    def confirm(self) -> None:
        low = self.publish.protocol.confirmed
        if low < self._sent:
            self.publish.confirm(self._draw(st.integers(low + 1, self._sent)))

    def take(self) -> None:
        self.marks.take()

    def check(self) -> None:
        places = self.noted.places
        if not places:
            return
        path, gop = places[-1]
        passed = self._done[: self._done.index((path, gop - 1, self._needs(path, gop - 1))) + 1]
        assert all(needs <= self.publish.protocol.confirmed for _, _, needs in passed)

    def _needs(self, path: str, gop: int) -> int:
        return next(needs for at, group, needs in self._done if (at, group) == (path, gop))

    def finish(self) -> None:
        """Confirm all: then all is done that was begun, each in its turn."""
        if self.publish.protocol.confirmed < self._sent:
            self.publish.confirm(self._sent)
        self.take()
        self.check()
        order = [(path, gop) for path, gop, _ in self._done]
        found = [order.index((path, gop - 1)) for path, gop in self.noted.places]
        assert found == sorted(found)
        assert not order or found[-1] == len(order) - 1
        assert not self.marks.waiting
        self.noted.close()

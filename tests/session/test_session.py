"""A session into a real receiver: what it leaves out, and where it ends because the destination bears no more."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.clips import AVC, START, Clips, Noted
from tests.support.world import eventually

from ftp_stream.config import Idle
from ftp_stream.core.destinations import GENERIC
from ftp_stream.core.status import Phase
from ftp_stream.model import Skip, VideoCodec
from ftp_stream.rtmp.url import parse_url
from ftp_stream.session import Session
from ftp_stream.shell.publisher import connect
from ftp_stream.shell.receiver import Receiver
from ftp_stream.supply import StreamSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ftp_stream.rtmp.audit import TrackAudit

MAX_LAG = 5.0
OTHER = replace(AVC, record=b"\1" + secrets.token_bytes(8))
STRICT = replace(GENERIC, new_headers=frozenset())


class Playing:
    """A session at work."""

    def __init__(self, session: Session, task: asyncio.Task[None], receiver: Receiver, key: str) -> None:
        self.session = session
        self.task = task
        self._receiver = receiver
        self._key = key

    @property
    def video(self) -> TrackAudit:
        return self._receiver.audits[f"live/{self._key}"].current.video

    async def stop(self) -> None:
        self.session.stop()
        await self.task


@asynccontextmanager
async def playing(
    noted: Noted, preset: object = GENERIC, idle: Idle = Idle.OFF, **rest: float
) -> AsyncIterator[Playing]:
    key = secrets.token_hex(8)
    async with Receiver(hashes=True) as receiver:
        url = parse_url(receiver.url(key=key))
        settings = StreamSettings("gate/one", url, None, idle, 1.03, preset, **rest)  # type: ignore[arg-type]
        connection = await connect(url)
        session = Session(settings, noted.supply, connection, None, noted.report)
        noted.supply.wake_taker = session.wake
        task = asyncio.create_task(session.run())
        try:
            yield Playing(session, task, receiver, key)
        finally:
            task.cancel()
            await asyncio.wait({task})
            await connection.close(clean=False)


def behind(noted: Noted, seconds: float) -> None:
    """Let the newest file be so much later than the start of the first clip."""
    noted.supply.max_lag = MAX_LAG
    noted.supply.newest = START + seconds


# --- what lies too far behind -----------------------------------------------------------------------------------------


async def test_what_is_near_enough_is_sent_whole(clips: Clips, noted: Noted) -> None:
    hand = clips.hand()
    behind(noted, MAX_LAG - 0.001)
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand)
    assert noted.skips == []


async def test_it_goes_on_within_the_segment_at_the_first_group_that_is_near_enough(clips: Clips, noted: Noted) -> None:
    hand = clips.hand(gops=5)
    behind(noted, MAX_LAG + 0.5)
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand, 3)
        assert (play.video.configs, play.video.first_ms) == (1, 0)
    [skip] = noted.skips
    assert (skip.path, skip.from_gop, skip.to_gop) == (hand.segment.path, 0, 3)
    assert skip.seconds == pytest.approx(0.6)
    assert noted.places == [(hand.segment.path, gop) for gop in (3, 4, 5)]
    assert noted.status.skipped_seconds == pytest.approx(0.6)


async def test_it_is_seen_while_a_segment_plays_and_no_picture_is_sent_in_part_of_its_group(
    clips: Clips, noted: Noted
) -> None:
    hand = clips.hand(gops=9, step=0.5)
    noted.offer(hand)
    behind(noted, 0.0)
    async with playing(noted) as play:
        await eventually(lambda: play.video.frames >= 3)
        behind(noted, 9.0 + 3.6)  # twice its length, and what is to be left out
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        [skip] = noted.skips
        expected = clips.hashes(hand, 0, skip.from_gop) + clips.hashes(hand, 8)
        assert play.video.hashes == expected
        assert (play.video.steps_back, play.video.equal_times, play.video.largest_gap_ms) == (0, 0, 250)
    assert 2 <= skip.from_gop < skip.to_gop == 8
    assert [gop for _, gop in noted.places] == [*range(1, skip.from_gop + 1), 8, 9]


@pytest.mark.parametrize("target", [2, 3])
async def test_the_last_group_may_be_the_one_that_is_near_enough_or_not(
    clips: Clips, noted: Noted, target: int
) -> None:
    hand, following = clips.hand(), clips.hand(recorded_at=START + MAX_LAG)
    behind(noted, MAX_LAG + 0.2 * target - 0.1)
    noted.offer(hand, following)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].path == following.segment.path)
        await eventually(lambda: noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand, target) + clips.hashes(following)
    assert [(skip.from_gop, skip.to_gop) for skip in noted.skips] == [(0, target)]
    assert next(cursor for cursor in noted.cursors if cursor.path == hand.segment.path and cursor.complete)


async def test_of_segments_that_lie_too_far_behind_as_a_whole_nothing_is_sent(clips: Clips, noted: Noted) -> None:
    """Not even their first groups."""
    old = [clips.hand(recorded_at=START + at) for at in (0, 1, 2)]
    near = clips.hand(recorded_at=START + 60)
    behind(noted, 60.0)
    noted.offer(*old, near)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].path == near.segment.path)
        await eventually(lambda: noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(near)
    assert [skip.path for skip in noted.skips] == [hand.segment.path for hand in old]
    assert noted.places[:3] == [(hand.segment.path, 3) for hand in old]


@pytest.mark.parametrize("newest", [None, START + 1e6])
async def test_without_a_limit_nothing_is_left_out(clips: Clips, noted: Noted, newest: float | None) -> None:
    hand = clips.hand()
    noted.supply.newest = newest
    noted.supply.max_lag = None if newest else MAX_LAG
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand)
    assert noted.skips == []


async def test_a_file_longer_than_the_limit_is_seen_whole(clips: Clips, noted: Noted) -> None:
    """It can be taken when the next one begins, which is so much later already."""
    hand = clips.hand(gops=5)
    noted.supply.max_lag, noted.supply.newest = 0.1, START + 1.0
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand)


async def test_pictures_taken_now_and_then_are_seen_whole(clips: Clips, noted: Noted) -> None:
    """An hour in half a second: it may be taken when the next hour begins."""
    hand = clips.hand()
    hand.lasted = 3600.0
    behind(noted, 3600.0)
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand)
    assert noted.skips == []


# --- what is passed ---------------------------------------------------------------------------------------------------


async def test_a_segment_that_is_passed_leaves_the_publish_as_it_is(clips: Clips, noted: Noted) -> None:
    first, following = clips.hand(), clips.hand(recorded_at=START + 2)
    again = clips.hand(recorded_at=START + 1)
    again.passed = Skip(again.segment.path, 0, 3, 0.6, "its content was played")
    noted.offer(first, again, following)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].path == following.segment.path)
        await eventually(lambda: noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(first) + clips.hashes(following)
        assert play.video.largest_gap_ms == 100
    assert noted.skips == [again.passed]
    complete = [cursor.path for cursor in noted.cursors if cursor.complete]
    assert complete == [hand.segment.path for hand in (first, again, following)]


# --- what a destination bears -----------------------------------------------------------------------------------------


async def test_a_change_within_a_file_brings_its_header_where_that_is_borne(clips: Clips, noted: Noted) -> None:
    hand = clips.hand(changes=((1, OTHER),))
    noted.offer(hand)
    async with playing(noted) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        assert play.video.hashes == clips.hashes(hand)
        assert (play.video.configs, play.video.config) == (2, OTHER.record)


async def test_a_change_that_is_not_borne_ends_the_session_before_it(clips: Clips, noted: Noted) -> None:
    hand = clips.hand(changes=((2, OTHER),))
    noted.offer(hand)
    async with playing(noted, STRICT) as play:
        async with asyncio.timeout(10):
            await play.task
        assert (play.video.hashes, play.video.configs) == (clips.hashes(hand, 0, 2), 1)
    assert noted.places[-1] == (hand.segment.path, 2)


async def test_a_skip_over_a_change_that_is_not_borne_ends_the_session_too(clips: Clips, noted: Noted) -> None:
    """The header of what comes behind it must not be sent either; the next session begins with it."""
    hand = clips.hand(gops=9, step=0.5, changes=((6, replace(OTHER, codec=VideoCodec.HEVC)),))
    noted.offer(hand)
    behind(noted, 0.0)
    async with playing(noted) as play:
        await eventually(lambda: play.video.frames >= 3)
        behind(noted, 9.0 + 3.6)
        async with asyncio.timeout(10):
            await play.task
        assert (play.video.configs, play.video.codec_changes) == (1, 0)
    assert noted.places[-1] == (hand.segment.path, 8)


@pytest.mark.parametrize("idle", [Idle.OFF, Idle.HOLD])
async def test_a_session_that_begins_behind_a_change_of_codec_sends_the_new_one(
    clips: Clips, noted: Noted, idle: Idle
) -> None:
    """Also when it holds the last picture of such a file."""
    hand = clips.hand(gops=4, changes=((1, replace(OTHER, codec=VideoCodec.HEVC)),))
    hand.gop = 2
    noted.offer(hand)
    async with playing(noted, idle=idle) as play:
        await eventually(lambda: noted.cursors and noted.cursors[-1].complete)
        if idle is Idle.HOLD:
            await eventually(lambda: play.video.frames >= 5)
        assert (play.video.codec, play.video.codec_changes, play.video.configs) == ("hevc", 0, 1)


async def test_a_session_ends_at_its_limit_between_two_groups(clips: Clips, noted: Noted) -> None:
    hand = clips.hand(gops=9)
    noted.offer(hand)
    async with playing(noted, replace(GENERIC, session_limit=0.7)) as play:
        async with asyncio.timeout(10):
            await play.task
        sent = len(play.video.hashes or ())
        assert play.video.hashes == clips.hashes(hand)[:sent]
    assert (sent % 2, noted.places[-1]) == (0, (hand.segment.path, sent // 2))
    assert 4 <= sent // 2 < 9


# --- the slate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "configs"), [(STRICT, 1), (GENERIC, 3)])
async def test_a_session_that_begins_with_the_slate_begins_with_the_camera_s_header(
    clips: Clips, noted: Noted, preset: object, configs: int
) -> None:
    """What knows no later header then decodes the camera's pictures too, and these end no session."""
    noted.supply.held = clips.hand()
    slate, following = clips.hand(gops=1, step=1.0, video=OTHER), clips.hand()
    noted.supply.slate = lambda _last: slate
    async with playing(noted, preset, Idle.SLATE, hold_seconds=0.0) as played:
        await eventually(lambda: noted.status.phase is Phase.SLATE and played.video.frames >= 4)
        noted.offer(following)
        await eventually(lambda: played.video.hashes[-6:] == clips.hashes(following))
        assert not played.task.done()
        await played.stop()
        assert (played.video.configs, played.video.config) == (configs, AVC.record), "camera, (slate, camera)"
    slate.reader.close()

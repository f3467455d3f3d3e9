"""Within a segment: a stream that lies too far behind skips, a session that lasted long enough is renewed."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.world import World, compared, eventually, make_reel

from ftp_stream.core.destinations import GENERIC
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import Reel

SECONDS = 10.0
RATE = 25  # pictures a second, and a key frame each second


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Four files of ten seconds."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 4, seconds=SECONDS)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {}, catchup_rate=1.0, scan_interval=0.2)
    made.inbox.mkdir()
    return made


def seen(receiver: Receiver, key: str) -> StreamAudit:
    return receiver.audits.get(f"live/{key}", StreamAudit(hashes=True))


def newest(world: World, name: str) -> None:
    """The camera begins a file, which tells how far behind all others are."""
    (world.inbox / name).write_bytes(b"being written")


async def test_what_lies_too_far_behind_is_left_out_up_to_a_key_frame_of_the_same_segment(
    world: World, reel: Reel, key: str
) -> None:
    """Twenty seconds are allowed; the newest file jumps to 25 s while the first seconds of a file are sent."""
    world.plan = replace(world.plan, max_lag=20.0)
    pictures = reel.hashes("video", reel.files[:1])
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        newest(world, "20260101_000019.mp4")
        async with world.running():
            await eventually(lambda: len(seen(receiver, key).hashes("video")) > RATE)
            newest(world, "20260101_000025.mp4")
            await eventually(lambda: pictures[-1] in seen(receiver, key).hashes("video"))
            await eventually(lambda: reel.files[0].name not in world.files())
        audit = seen(receiver, key)
        arrived = [digest for digest in audit.hashes("video") if digest in set(pictures)]
        gone = [number for number, digest in enumerate(pictures) if digest not in set(arrived)]
        assert audit.publish_count == 1
        assert gone == list(range(gone[0], gone[-1] + 1)), "one passage is left out"
        assert gone[0] % RATE == 0, "before a key frame"
        assert gone[-1] == 5 * RATE - 1, "the key frame at 5.005 s lies less than 20 s behind, the one before does not"
        assert audit.current.video.largest_gap_ms <= 1000 / RATE + 1, "on the wire there is no hole"
        assert audit.current.audio.largest_gap_ms < 50
    [skip] = skips(world)
    assert (skip.path, skip.from_gop, skip.to_gop) == (reel.files[0].name, gone[0] // RATE, 5)
    assert skip.seconds == pytest.approx(len(gone) / RATE, abs=0.05)
    assert world.stream.skipped_seconds == pytest.approx(skip.seconds)
    assert world.faults == []


async def test_never_before_the_limit_is_reached(world: World, reel: Reel, key: str) -> None:
    world.plan = replace(world.plan, max_lag=20.0)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        newest(world, "20260101_000019.mp4")
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:1]).perfect)
    assert skips(world) == []


async def test_the_rest_of_a_segment_is_left_out_where_all_of_it_lies_too_far_behind(
    world: World, reel: Reel, key: str
) -> None:
    world.plan = replace(world.plan, max_lag=20.0)
    last = reel.hashes("video", reel.files[3:])
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        newest(world, "20260101_000019.mp4")
        async with world.running():
            await eventually(lambda: len(seen(receiver, key).hashes("video")) > RATE)
            world.upload(reel.files[3])
            newest(world, "20260101_000040.mp4")
            await eventually(lambda: last[0] in seen(receiver, key).hashes("video"))
            await eventually(lambda: reel.files[0].name not in world.files())
        assert seen(receiver, key).publish_count == 1
    [skip] = skips(world)
    assert skip.to_gop == 10
    assert world.cursor().path == reel.files[3].name


async def test_a_session_that_lasted_long_enough_is_renewed_at_a_key_frame_without_a_frame_lost(
    world: World, reel: Reel, key: str
) -> None:
    world.preset = replace(GENERIC, session_limit=3.0)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        newest(world, "20260101_000010.mp4")
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:1]).perfect, 40)
        audit = seen(receiver, key)
        for kind in ("video", "audio"):
            assert compared(reel, audit, kind, reel.files[:1]).perfect
        assert audit.publish_count >= 3
        assert all(track.keys[:1] == b"\1" for track in audit.tracks("video")), "each begins with a key frame"
    assert world.faults == []
    assert skips(world) == []


def skips(world: World) -> list:
    with Journal(world.state / "journal.db", read_only=True) as journal:
        return journal.skips("gate/one")

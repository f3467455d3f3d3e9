"""Footage that stands in two files is shown once: the same upload under two names, and pre-event buffers."""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.support.world import START, World, compared, eventually, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.status import Phase
from ftp_stream.model import VerdictKind
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import Reel


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Four files of four seconds, with a key frame each second."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 4, seconds=4.0)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {}, catchup_rate=4.0, scan_interval=0.2)
    made.inbox.mkdir()
    return made


def seen(receiver: Receiver, key: str) -> StreamAudit:
    return receiver.audits.get(f"live/{key}", StreamAudit(hashes=True))


def upload_as(world: World, path: Path, second: int, suffix: str = "", lasts: float = 4.0) -> str:
    """Bring a file in under the name of another moment, written when it ends; return that name."""
    name = f"20260101_0000{second:02}{suffix}.mp4"
    shutil.copy2(path, world.inbox / name)
    os.utime(world.inbox / name, (START + second + lasts, START + second + lasts))
    return name


async def test_the_same_file_under_two_names_plays_once_and_both_go(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        again = upload_as(world, reel.files[0], 0, "_1")
        world.upload_end(reel)
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:2]).perfect)
            await eventually(lambda: len(world.files()) == 1)
        assert compared(reel, seen(receiver, key), "video", reel.files[:2]).perfect
        assert seen(receiver, key).publish_count == 1
    with Journal(world.state / "journal.db", read_only=True) as journal:
        [row] = [row for row in journal.history("gate") if row.kind is VerdictKind.REPEATED]
        [skip] = journal.skips("gate/one")
    assert row.path == skip.path
    assert row.path in {again, reel.files[0].name}
    assert reel.files[0].stem in row.reason


async def test_a_repeat_is_known_again_after_a_restart(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually(lambda: len(world.files()) == 1)
        upload_as(world, reel.files[0], 1)  # a second later by its name: the spans overlap
        world.upload(reel.files[2])
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:2]).perfect)
            await eventually(lambda: len(world.files()) == 1)
        assert compared(reel, seen(receiver, key), "video", reel.files[:2]).perfect


async def test_a_repeat_with_nothing_before_it_is_passed_while_the_destination_is_down(
    world: World, reel: Reel, key: str
) -> None:
    """Nothing of it is to be sent: it needs no connection, and a destination that is not there gets no blame."""
    world.idle = Idle.OFF
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually(lambda: len(world.files()) == 1)
        (world.inbox / reel.files[1].name).unlink()
    upload_as(world, reel.files[0], 1)
    world.upload_end(reel)
    world.statuses.clear()
    async with world.running():
        await eventually(lambda: len(world.files()) == 1)
    assert world.faults == []
    with Journal(world.state / "journal.db", read_only=True) as journal:
        assert journal.history("gate")[0].kind is VerdictKind.REPEATED
        assert len(journal.skips("gate/one")) == 1


async def test_overlapping_segments_are_joined_at_the_next_key_frame(world: World, reel: Reel, key: str) -> None:
    """The second file begins three of its four seconds before the first ends: its last second is new."""
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        upload_as(world, reel.files[0], 7)
        upload_as(world, reel.files[1], 8)
        upload_as(world, reel.files[2], 40)
        async with world.running():
            await eventually(lambda: len(world.files()) == 1)
        arrived = seen(receiver, key).hashes("video")
        first, second = (reel.hashes("video", reel.files[place : place + 1]) for place in (0, 1))
        fresh = [digest for digest in arrived if digest in {*first, *second}]
        assert seen(receiver, key).publish_count == 1
        held = len(fresh) - len(dict.fromkeys(fresh))
        assert list(dict.fromkeys(fresh)) == [*first, *second[75:]]
        assert held <= 3, "the last key frame is held at the end"


async def test_a_clip_inside_another_is_passed_over(world: World, tmp_path: Path, reel: Reel, key: str) -> None:
    short = make_reel(tmp_path / "short", 1, seconds=2.0)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        upload_as(world, reel.files[0], 7)
        inside = upload_as(world, short.files[0], 8, lasts=2.0)
        upload_as(world, reel.files[2], 12)
        world.upload_end(reel)
        async with world.running():
            await eventually(lambda: len(world.files()) == 1)
        expected = reel.hashes("video", [reel.files[0], reel.files[2]])
        arrived = seen(receiver, key).hashes("video")
        assert arrived[: len(expected)] == expected
    with Journal(world.state / "journal.db", read_only=True) as journal:
        assert [row.path for row in journal.history("gate") if row.kind is VerdictKind.REPEATED] == [inside]
        assert [skip.path for skip in journal.skips("gate/one")] == [inside]


async def test_after_a_restart_with_an_empty_inbox_the_last_picture_is_held_at_once(
    world: World, reel: Reel, key: str
) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually(lambda: len(world.files()) == 1)
        for name in world.files():
            (world.inbox / name).unlink()
        before = len(seen(receiver, key).hashes("video"))
        async with world.running():
            await eventually(lambda: len(seen(receiver, key).hashes("video")) > before + 1)
            assert world.stream.phase is Phase.HOLDING
            world.upload(*reel.files[2:])
            await eventually(lambda: reel.hashes("video")[-101] in seen(receiver, key).hashes("video"))
        audit = seen(receiver, key)
        last_key = reel.hashes("video", reel.files[:1])[75]
        assert audit.tracks("video")[1].hashes[0] == last_key
        assert audit.publish_count == 2, "the hold and the files after it are one publish"
        assert audit.current.audio.configs == 1

"""The service as a process that is killed (SIGKILL) again and again: every frame arrives, the journal stays whole."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import shutil
import sqlite3
import sys
from operator import le
from typing import TYPE_CHECKING

import pytest
from tests.support.process import ServiceProcess, alive
from tests.support.world import FILLERS, Footage, World, eventually, make_reel

from ftp_stream.model import VerdictKind
from ftp_stream.rtmp.audit import StreamAudit, compare
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.model import Cursor
    from ftp_stream.rtmp.audit import PublishAudit

KILLS = 20
FILES = 20  # more than 20 lives can play
SECONDS = 6.0  # twelve GOPs in a file: the journal stands in the middle of one mostly
AHEAD = 2  # files that lie in the inbox before another is uploaded
RATE = 2.0  # the fastest that the settings allow
PLAYING = 0.75  # share of the kills that come while it publishes; the others may come in the middle of its start


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    options = ("--gop", "0.5", "--grain", "30", "--rate", "10")
    return make_reel(tmp_path_factory.mktemp("reel") / "files", FILES, seconds=SECONDS, options=options)


@pytest.fixture
def chance() -> random.Random:
    """The random instants; FTP_STREAM_SEED repeats those of a run that failed."""
    seed = int(os.environ.get("FTP_STREAM_SEED") or secrets.randbits(32))
    sys.stdout.write(f"the instants of this run: FTP_STREAM_SEED={seed}\n")
    return random.Random(seed)  # noqa: S311 - to be repeated, not to be secret


class Camera:
    """Uploads the next file whenever few are left."""

    def __init__(self, world: World, reel: Reel) -> None:
        self.uploaded: list[Path] = []
        self._world = world
        self._reel = reel

    async def run(self) -> None:
        for path in self._reel.files:
            await eventually(lambda: len(self._world.files()) <= AHEAD, 60)
            self._world.upload(path)
            self.uploaded.append(path)


@pytest.mark.timeout(300)  # a loaded machine needs twice its usual time
async def test_killed_at_20_instants_it_loses_no_frame_and_repeats_none_that_was_confirmed(
    tmp_path: Path, reel: Reel, chance: random.Random
) -> None:
    key = f"secret{secrets.token_hex(12)}"
    footage = Footage.of(reel.files)
    async with Receiver(hashes=True) as receiver:
        world = World(tmp_path, {"one": receiver.url(key=key)})
        camera, service = Camera(world, reel), ServiceProcess(world, catchup_rate=RATE)
        feeding = asyncio.create_task(camera.run())
        reached = (0, 0)
        try:
            for _ in range(KILLS):
                resumes_at = footage.place(remembered(world))
                known = publishes(receiver, key)
                service.start()
                await an_instant(chance, receiver)
                children = service.family()
                assert key not in repr(children)
                service.kill()
                await receiver.until(lambda: not receiver.connections)
                reached = check_life(publishes(receiver, key)[len(known) :], footage, resumes_at, reached)
                await eventually(lambda pids=tuple(children): not any(map(alive, pids)))
            feeding.cancel()
            resumes_at = footage.place(remembered(world))
            known = publishes(receiver, key)
            service.start()
            await eventually(lambda: world.files() == [camera.uploaded[-1].name], 60)
            assert await asyncio.to_thread(service.stop) == 0
        finally:
            feeding.cancel()
            service.kill()
            sys.stdout.write(service.output.read_text(errors="replace")[-5000:])  # shown where the test fails
    reached = check_life(publishes(receiver, key)[len(known) :], footage, resumes_at, reached)
    played = camera.uploaded[:-1]
    assert reached == footage.gops[played[-1].name][-1], "every frame of every file has arrived"
    check_nothing_left(world, len(played))
    check_secret(key, world, service)


def publishes(receiver: Receiver, key: str) -> list[PublishAudit]:
    return list(receiver.audits.get(f"live/{key}", StreamAudit()).publishes)


def remembered(world: World) -> Cursor | None:
    """Return how far the stream is confirmed by the journal that a killed service left; it must be in order."""
    if not (world.state / "journal.db").exists():
        return None
    copy = world.root / "copy"  # opened as the next life will open it, without doing that life's work
    shutil.copytree(world.state, copy, ignore=shutil.ignore_patterns("*.sock"))
    try:
        with Journal(copy / "journal.db") as journal:
            assert not journal.warning
            cursor = journal.state("gate", ["gate/one"]).streams["gate/one"].cursor
        database = sqlite3.connect(copy / "journal.db")
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
    finally:
        shutil.rmtree(copy)
    return cursor


async def an_instant(chance: random.Random, receiver: Receiver) -> None:
    if chance.random() < PLAYING:
        await eventually(lambda: receiver.publishing)
    await asyncio.sleep(chance.uniform(0.0, 1.5))


def check_life(
    lived: list[PublishAudit], footage: Footage, resumes_at: tuple[int, int], reached: tuple[int, int]
) -> tuple[int, int]:
    """Check what one life sent: it begins where the journal stood and has no hole; return how far all have got."""
    assert len(lived) <= 1, "no fault but the kill"
    assert all(map(le, resumes_at, reached)), "nothing is confirmed that has not arrived"
    for publish in lived:
        ends = []
        for kind, start in zip(("video", "audio"), resumes_at, strict=True):
            track = getattr(publish, kind)
            keys = track.keys if kind == "video" else b""
            found = compare(footage.frames[kind][start:], track.hashes, fillers=FILLERS, keys=keys)
            assert found.in_order
            assert not track.steps_back
            assert not track.equal_times
            ends.append(start + found.matched)
        reached = max(reached[0], ends[0]), max(reached[1], ends[1])
    return reached


def check_nothing_left(world: World, played: int) -> None:
    """Only the newest file is left; every other was deleted because it was delivered."""
    assert [path for path in world.inbox.iterdir() if path.is_dir()] == []
    assert list((world.state / "sidecars").rglob("*")) == []
    with Journal(world.state / "journal.db") as journal:
        history = journal.history("gate", 1000)
    assert {row.kind for row in history} == {VerdictKind.DELIVERED}
    assert len({row.path for row in history}) == played


def check_secret(key: str, world: World, service: ServiceProcess) -> None:
    assert service.output.stat().st_size
    for path in (service.output, *world.state.rglob("*")):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path

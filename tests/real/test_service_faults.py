"""The whole service when nginx-rtmp dies, freezes or refuses: nothing is lost, nothing confirmed comes twice."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from tests.real.tape import digest, digests, packets
from tests.support.world import Footage, World, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.status import Phase
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.publisher import connect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.servers import RealServer
    from tests.support.world import Reel

    from ftp_stream.model import Cursor
    from ftp_stream.service import Service

pytestmark = pytest.mark.real

FILES = 4
SECONDS = 4.0  # four GOPs in a file
FREEZE = 20.0  # seconds
NOTICED = 14.0  # seconds in which a frozen server is noticed: pongs have 10, and one GOP may be on its way


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """A file more than are played."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", FILES + 1, seconds=SECONDS, options=("--grain", "50"))


@pytest.fixture(scope="module")
def footage(reel: Reel) -> Footage:
    return Footage.of(reel.files[:FILES], digest)


@pytest.fixture
def world(tmp_path: Path, reel: Reel, nginx_rtmp: RealServer, key: str) -> World:
    """A service that plays to nginx at twice the camera's pace; all files lie there."""
    made = World(tmp_path / "world", {"one": nginx_rtmp.url(key)}, catchup_rate=2.0, idle=Idle.OFF)
    made.upload(*reel.files)
    return made


def delivered(world: World, reel: Reel) -> Callable[[], bool]:
    return lambda: world.files() == [reel.files[FILES].name]


def is_amid(service: Service, path: Path) -> bool:
    """Whether some of a file is confirmed, and not yet half of it."""
    cursor = service._ledger.cursor("gate/one")
    return cursor is not None and (cursor.path, cursor.gop) == (path.name, 1)


async def all_that_is_confirmed(world: World, footage: Footage, eventually: Callable) -> Cursor:
    """Return how far the stream is confirmed, after the status showed its fault and once the journal knows it too."""
    frames = world.stream.frames_confirmed
    await eventually(lambda: sum(footage.place(world.cursor())) == frames, "the journal to be up to date")
    return world.cursor()


def check_resumed(recordings: list[Path], footage: Footage, confirmed: Cursor) -> None:
    """The first publish has at least all that was confirmed; the second goes on exactly there, to the end."""
    before, after = (packets(path) for path in recordings)
    for track, start in zip(("video", "audio"), footage.place(confirmed), strict=True):
        frames = list(footage.frames[track])
        first, second = digests(before, track), digests(after, track)
        assert first == frames[: len(first)]
        assert len(first) >= start, "what was confirmed is there"
        assert second == frames[start:], "and is not sent again; all the rest is"


async def test_a_killed_server_costs_nothing_and_what_it_confirmed_is_not_repeated(
    nginx_rtmp: RealServer, key: str, world: World, reel: Reel, footage: Footage, eventually: Callable
) -> None:
    async with world.running() as service:
        await eventually(lambda: is_amid(service, reel.files[1]), "a part of the second file to be confirmed")
        nginx_rtmp.kill()
        await eventually(lambda: world.stream.phase is Phase.BACKOFF, "the fault")
        confirmed = await all_that_is_confirmed(world, footage, eventually)
        nginx_rtmp.start()
        await eventually(delivered(world, reel), "all files delivered and deleted", 60)
    assert nginx_rtmp.publishes(key) == 2
    assert {fault.step for fault in world.faults} <= {"media", "tcp"}
    check_resumed(nginx_rtmp.recordings(key), footage, confirmed)


async def test_a_server_frozen_for_20_s_is_noticed_and_costs_nothing(
    nginx_rtmp: RealServer, key: str, world: World, reel: Reel, footage: Footage, eventually: Callable
) -> None:
    """Its kernel takes all that is sent meanwhile, and the handshakes of every new try."""
    async with world.running() as service:
        await eventually(lambda: is_amid(service, reel.files[1]), "a part of the second file to be confirmed")
        frozen_at = time.monotonic()
        nginx_rtmp.freeze()
        await eventually(lambda: world.faults, "the fault", NOTICED)
        await asyncio.sleep(frozen_at + FREEZE - time.monotonic())
        confirmed = await all_that_is_confirmed(world, footage, eventually)
        nginx_rtmp.thaw()
        await eventually(delivered(world, reel), "all files delivered and deleted", 60)
    assert world.faults[0].step == "confirm"
    assert nginx_rtmp.publishes(key) == 2
    check_resumed(nginx_rtmp.recordings(key), footage, confirmed)


async def test_a_name_that_another_holds_is_waited_for(
    nginx_rtmp: RealServer, key: str, world: World, reel: Reel, footage: Footage, eventually: Callable
) -> None:
    """nginx says BadName and would swallow the media; no file pays for it."""
    holder = await connect(parse_url(nginx_rtmp.url(key)))
    try:
        async with world.running():
            await eventually(lambda: len(world.faults) >= 2, "two tries")
            assert {(fault.step, fault.code) for fault in world.faults} == {("publish", "NetStream.Publish.BadName")}
            assert world.stream.frames_sent == 0
            assert world.files() == sorted(path.name for path in reel.files)
            await holder.close(clean=True)
            await eventually(delivered(world, reel), "all files delivered and deleted", 60)
    finally:
        await holder.close(clean=False)
    assert world.remembered().attempts == {}
    tape = packets(nginx_rtmp.recordings(key)[-1])
    for track in ("video", "audio"):
        assert digests(tape, track) == list(footage.frames[track])


async def test_an_unknown_application_is_said_in_words_and_costs_no_file(
    nginx_rtmp: RealServer, key: str, world: World, reel: Reel, eventually: Callable
) -> None:
    """nginx closes without a word; the technician is told where to look."""
    world.urls = {"one": nginx_rtmp.url(key, app="nowhere")}
    async with world.running():
        await eventually(lambda: len(world.faults) >= 2, "two tries")
    assert {fault.step for fault in world.faults} == {"connect"}
    assert "application" in world.faults[-1].cure
    assert key not in repr(world.statuses)
    assert world.files() == sorted(path.name for path in reel.files)
    assert world.remembered().attempts == {}

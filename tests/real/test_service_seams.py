"""The whole service against real servers: many files, one publish, and at the far end every byte of them in order."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.real.tape import digest, digests, packets
from tests.support.world import Footage, World, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.destinations import GENERIC

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.servers import RealServer
    from tests.real.tape import Packet
    from tests.support.world import Reel

pytestmark = pytest.mark.real

FILES = 6
FAST = 8.0  # times real time
STEP_MS = 1000 / 25  # from picture to picture
SOUND_MS = 1000 * 1024 / 48_000  # of one AAC frame
ROUNDING_MS = 1  # the wire counts milliseconds


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """A file more than are played; so much noise that what TCP alone confirms is confirmed soon."""
    return make_reel(
        tmp_path_factory.mktemp("reel") / "files", FILES + 1, options=("--grain", "100", "--bitrate", "3000000")
    )


@pytest.fixture(scope="module")
def footage(reel: Reel) -> Footage:
    return Footage.of(reel.files[:FILES], digest)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A service that sends nothing of its own, so that what arrives must equal what was recorded."""
    made = World(tmp_path / "world", {}, catchup_rate=FAST, idle=Idle.OFF)
    made.inbox.mkdir(parents=True)
    return made


def check_arrived(tape: list[Packet], footage: Footage) -> None:
    """Every frame, byte for byte, once and in order, and seams that nobody can see or hear."""
    for track, longest in (("video", 2 * STEP_MS), ("audio", 2 * SOUND_MS)):
        assert digests(tape, track) == list(footage.frames[track])
        times = [packet.dts_ms for packet in tape if packet.track == track]
        steps = [after - before for before, after in pairwise(times)]
        assert min(steps) > 0, f"{track} does not step back or stand"
        assert max(steps) <= longest + ROUNDING_MS, f"{track} goes on across the seams"


async def test_a_server_records_six_files_as_one_publish(
    real_server: RealServer, key: str, world: World, reel: Reel, footage: Footage, eventually: Callable
) -> None:
    world.urls = {"one": real_server.url(key)}
    world.upload(*reel.files)
    async with world.running():
        await eventually(lambda: world.files() == [reel.files[FILES].name], "six files delivered and deleted", 60)
    assert world.faults == []
    await eventually(lambda: ends(real_server, key, footage), "the last frame in the recording")
    [recording] = real_server.recordings(key)
    check_arrived(packets(recording), footage)
    assert real_server.publishes(key) == 1


def ends(server: RealServer, key: str, footage: Footage) -> bool:
    return len(packets(server.recordings(key)[0])) >= sum(map(len, footage.frames.values()))


@pytest.mark.parametrize("server", ["nginx_rtmp", "node_media_server"])
async def test_a_player_sees_six_files_as_one(
    request, server: str, key: str, world: World, reel: Reel, footage: Footage, player: Callable, eventually: Callable
) -> None:
    """A player that is there from the start, as FFmpeg reads what the server hands on."""
    running = request.getfixturevalue(server)
    viewer = player(running.url(key))
    await eventually(lambda: key in running.log(), "the player")
    world.urls = {"one": running.url(key)}
    world.upload(*reel.files)
    async with world.running():
        for track in ("video", "audio"):
            expected = len(footage.frames[track])
            await eventually(lambda track=track, n=expected: viewer.count(track) >= n, f"all {track}")
    check_arrived(viewer.packets, footage)
    assert running.publishes(key) == 1


@pytest.mark.parametrize("server", ["nginx_rtmp", "node_media_server"])
async def test_a_session_that_is_renewed_by_plan_loses_and_repeats_nothing(
    request, server: str, key: str, world: World, reel: Reel, footage: Footage, eventually: Callable
) -> None:
    """As on the 24th day, when the wire's clock has to begin anew: the name is free again, and no fault is told."""
    running = request.getfixturevalue(server)
    world.preset = replace(GENERIC, session_limit=5.0)
    world.urls = {"one": running.url(key)}
    world.upload(*reel.files)
    async with world.running():
        await eventually(lambda: world.files() == [reel.files[FILES].name], "six files delivered and deleted", 60)
    assert world.faults == []
    assert running.publishes(key) >= 2
    for track in ("video", "audio"):
        expected = list(footage.frames[track])
        await eventually(lambda track=track, want=expected: recorded(running, key, track) == want, f"all {track}")


def recorded(server: RealServer, key: str, track: str) -> list[str]:
    return [each for recording in server.recordings(key) for each in digests(packets(recording), track)]

"""The whole service against the habits of servers that are not at hand: OvenMediaEngine, SRS, MediaMTX.

Each of them closes or spoils a publish in ways of its own: silence of a few seconds, a track that comes late, headers
that are repeated, steps in time. A camera that does what cameras do must give it no occasion for any of it.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
from tests.support.world import Reel, World, compared, eventually, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.status import Phase
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.rtmp.habits import MEDIAMTX, OVENMEDIAENGINE, SRS
from ftp_stream.rtmp.harm import Harm
from ftp_stream.shell.receiver import Left, Receiver

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.rtmp.habits import Habits

FAST = 8.0  # times real time, while files wait
SECONDS = 1.0  # of a file
LATE = 0.4  # seconds from a file's begin to its first sound
SHORTEST = 3.0  # seconds of silence that OvenMediaEngine bears before it knows the tracks; none bears less
HOLE = 5.0  # seconds without a new file
SERVERS = {"ovenmediaengine": OVENMEDIAENGINE, "srs": SRS, "mediamtx": MEDIAMTX}


def impatient(habits: Habits) -> Habits:
    """The same server, only that it bears no longer silence than the least patient one: a test must not last."""
    return replace(habits, silence_deadline=SHORTEST, first_message_deadline=None)


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 9, seconds=SECONDS, options=["--gop", "0.5"])


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """The same camera in another mode: its pictures have another size."""
    options = ["--gop", "0.5", "--size", "320x240"]
    return make_reel(tmp_path_factory.mktemp("larger") / "files", 9, seconds=SECONDS, options=options)


@pytest.fixture(params=SERVERS.values(), ids=SERVERS)
def habits(request: pytest.FixtureRequest) -> Habits:
    return request.param


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {}, catchup_rate=FAST)
    made.inbox.mkdir()
    return made


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


def without_sound_before(source: Path, target: Path, seconds: float) -> Path:
    """Copy a file without the sounds of its first seconds, and without a track for them where none are left."""
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        kinds = {"video"} if seconds >= SECONDS else {"video", "audio"}
        copies = {each: made.add_stream_from_template(each) for each in given.streams if each.type in kinds}
        for packet in given.demux(list(copies)):
            early = packet.stream.type == "audio" and (packet.dts or 0) * packet.time_base < seconds
            if packet.dts is not None and not early:
                packet.stream = copies[packet.stream]
                made.mux(packet)
    shutil.copystat(source, target)
    return target


class FarEnd:
    """A server of some habits, and what it saw of the one stream."""

    def __init__(self, key: str, habits: Habits) -> None:
        self.receiver = Receiver(habits=habits, hashes=True, on_event=self._on_event)
        self.left: list[str] = []  # why connections ended
        self._key = key

    def _on_event(self, event: object) -> None:
        if isinstance(event, Left):
            self.left.append(event.reason)

    @property
    def url(self) -> str:
        return self.receiver.url(key=self._key)

    @property
    def audit(self) -> StreamAudit:
        return self.receiver.audits.get(f"live/{self._key}", StreamAudit(hashes=True))

    async def until_all(self, reel: Reel) -> None:
        """Wait for every picture of these files."""
        await eventually(lambda: compared(reel, self.audit, "video").matched == len(reel.hashes("video")), 40)


@pytest.fixture
def shoot(reel: Reel, larger: Reel, tmp_path: Path) -> Reel:
    """What a camera may do in a minute: as usual, no sound, sound that begins late, another picture size and back."""
    made = tmp_path / "made"
    made.mkdir()
    mute, late = reel.files[2:4]
    files = [
        *reel.files[:2],
        without_sound_before(mute, made / mute.name, SECONDS),
        without_sound_before(late, made / late.name, LATE),
        reel.files[4],
        larger.files[5],
        *reel.files[6:],
    ]
    return Reel(tuple(files))


async def test_whatever_a_camera_does_no_server_closes_or_spoils_the_publish(
    habits: Habits, world: World, shoot: Reel, key: str
) -> None:
    far = FarEnd(key, impatient(habits))
    before, after = Reel(shoot.files[:6]), Reel(shoot.files[:8])
    async with far.receiver:
        world.urls = {"one": far.url}
        world.upload(*shoot.files[:7])
        async with world.running():
            await far.until_all(before)
            await eventually(lambda: world.stream.phase is Phase.HOLDING)
            await asyncio.sleep(HOLE)
            world.upload(*shoot.files[7:])
            await far.until_all(after)
            assert far.left == []
        audit = far.audit
    assert (audit.publish_count, world.faults) == (1, [])
    assert audit.harms == {}
    publish = audit.current
    assert (publish.video.configs, publish.audio.configs) == (3, 1), "headers only where the picture's size changes"
    assert publish.video.config_changes == 2
    assert publish.video.steps_back == publish.audio.steps_back == 0
    assert publish.audio.largest_gap_ms <= 50, "sound never pauses"
    assert compared(after, audit, "video").perfect
    heard = Reel(tuple(path for path in after.files if path.name != shoot.files[2].name))
    assert compared(heard, audit, "audio").perfect


async def test_a_camera_that_never_has_sound_has_both_tracks_from_the_start(
    habits: Habits, world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    """Else a server that waits for the second track settles on one, or waits too long."""
    made = tmp_path / "made"
    made.mkdir()
    mute = Reel(tuple(without_sound_before(path, made / path.name, SECONDS) for path in reel.files[:5]))
    far = FarEnd(key, impatient(habits))
    async with far.receiver:
        world.urls = {"one": far.url}
        world.upload(*mute.files)
        async with world.running():
            await far.until_all(Reel(mute.files[:4]))
            assert far.left == []
        audit = far.audit
    assert (audit.publish_count, audit.harms, world.faults) == (1, {}, [])
    assert audit.current.audio.first_ms - audit.current.video.first_ms < 50
    assert audit.current.audio.largest_gap_ms <= 50


@pytest.mark.parametrize("habits", [SRS, MEDIAMTX], ids=["srs", "mediamtx"])
async def test_what_would_be_if_nothing_were_held(habits: Habits, world: World, reel: Reel, key: str) -> None:
    """These servers' patience is real: with IDLE=off the same hole ends the publish."""
    world.idle = Idle.OFF
    far = FarEnd(key, impatient(habits))
    async with far.receiver:
        world.urls = {"one": far.url}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually(lambda: far.left, SHORTEST + 15)
    assert far.left[0] == f"no message for {SHORTEST:g} s"


async def test_an_odd_file_may_not_make_srs_mend_times(world: World, key: str, tmp_path: Path) -> None:
    """A file of one picture a second and no sound: between two pictures there is silence, frame by frame."""
    slow = make_reel(tmp_path / "slow", 3, seconds=3.0, options=["--rate", "1", "--gop", "1"])
    made = tmp_path / "made"
    made.mkdir()
    mute = Reel(tuple(without_sound_before(path, made / path.name, 3.0) for path in slow.files))
    far = FarEnd(key, SRS)
    async with far.receiver:
        world.urls = {"one": far.url}
        world.upload(*mute.files)
        async with world.running():
            await far.until_all(Reel(mute.files[:2]))
        audit = far.audit
    assert audit.current.video.largest_gap_ms == 1000
    assert audit.harms[Harm.STEP] == 0
    assert audit.publish_count == 1

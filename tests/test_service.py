"""The whole path on real parts: files in an inbox, one publish at the built-in receiver, delivered files deleted."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.world import World, compared, eventually, make_reel

from ftp_stream.config import DestinationSettings, Idle
from ftp_stream.core.destinations import GENERIC
from ftp_stream.core.status import Phase
from ftp_stream.errors import StorageError
from ftp_stream.model import NewestPolicy
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.rtmp.habits import NODE_MEDIA_SERVER
from ftp_stream.service import Service
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.model import Cursor
    from ftp_stream.supply import Supply

FAST = 8.0  # times real time, so that a test of many seams takes seconds


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Eight files of two seconds."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 8)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {}, catchup_rate=FAST)
    made.inbox.mkdir()
    return made


def seen(receiver: Receiver, key: str) -> StreamAudit:
    return receiver.audits.get(f"live/{key}", StreamAudit(hashes=True))


async def until_seen(receiver: Receiver, key: str, reel: Reel, files: int, deadline: float = 40.0) -> None:
    """Wait until every video frame of the first ``files`` files has arrived."""
    wanted = reel.files[:files]
    expected = len(reel.hashes("video", wanted))
    await eventually(lambda: compared(reel, seen(receiver, key), "video", wanted).matched >= expected, deadline)


async def test_files_become_one_publish_with_every_frame_once_and_are_deleted(
    world: World, reel: Reel, key: str
) -> None:
    """Six files through five seams; the newest is left alone."""
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:7])
        async with world.running():
            await until_seen(receiver, key, reel, 6)
            await eventually(lambda: len(world.files()) == 1)
        audit = seen(receiver, key)
        for kind in ("video", "audio"):
            assert compared(reel, audit, kind, reel.files[:6]).perfect
        publish = audit.current
        assert audit.publish_count == 1
        assert publish.video.steps_back == publish.video.equal_times == 0
        assert publish.audio.steps_back == publish.audio.equal_times == 0
        assert publish.video.configs == publish.audio.configs == 1, "an unchanged header is never repeated"
        assert publish.video.largest_gap_ms < 40 + 24, "a seam is one frame long, and what its sound is longer"
    assert world.files() == [reel.files[6].name]
    stream = world.statuses[-1].cameras[0].streams[0]
    assert (stream.seams, stream.segments) == (5, 6)
    assert stream.frames_sent == stream.frames_confirmed


async def test_files_that_come_while_it_runs_go_on_in_the_same_publish(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            for path in reel.files[:5]:
                world.upload(path)
                await asyncio.sleep(1.0)
            await until_seen(receiver, key, reel, 4)
        audit = seen(receiver, key)
        assert audit.publish_count == 1
        assert compared(reel, audit, "video", reel.files[:4]).perfect


async def test_before_the_first_segment_nothing_is_connected(world: World, reel: Reel, key: str) -> None:
    async with Receiver() as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        async with world.running():
            await asyncio.sleep(1.5)
            assert receiver.connections == 0


async def test_a_lost_connection_costs_no_frame(world: World, reel: Reel, key: str) -> None:
    """What was not confirmed comes again from its GOP's start; nothing else comes twice."""
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:6])
        async with world.running():
            await until_seen(receiver, key, reel, 2)
            receiver.drop(reset=True)
            await until_seen(receiver, key, reel, 5)
        audit = seen(receiver, key)
        assert audit.publish_count == 2
        for kind in ("video", "audio"):
            found = compared(reel, audit, kind, reel.files[:5])
            assert not found.missing
            assert not found.unknown
        second = audit.publishes[1]
        assert second.video.first_ms == 0, "the wire's clock begins anew with every connection"
        assert second.video.keys[0] == 1
        assert len(compared(reel, audit, "video", reel.files[:5]).repeated) <= 3 * 25, "three GOPs at most"


async def test_a_restart_goes_on_at_the_first_unconfirmed_gop(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.catchup_rate = 2.0
        world.upload(*reel.files[:5])
        async with world.running():
            await until_seen(receiver, key, reel, 1)
        async with world.running():
            await until_seen(receiver, key, reel, 4)
        audit = seen(receiver, key)
        assert audit.publish_count == 2
        for kind in ("video", "audio"):
            assert compared(reel, audit, kind, reel.files[:4]).in_order, "a clean stop ends at a confirmed GOP"


async def test_a_bad_file_is_quarantined_with_its_reason_and_breaks_nothing(world: World, reel: Reel, key: str) -> None:
    world.plan = replace(world.plan, max_retries=2, retry_delay=0.5)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:5])
        (world.inbox / reel.files[2].name).write_bytes(secrets.token_bytes(50_000))
        async with world.running():
            good = [*reel.files[:2], *reel.files[3:4]]
            await eventually(lambda: compared(reel, seen(receiver, key), "video", good).perfect)
            await eventually(lambda: len(world.files()) == 3)
        assert seen(receiver, key).publish_count == 1
    failed = world.inbox / "_failed"
    assert sorted(path.name for path in failed.iterdir()) == [
        reel.files[2].name,
        f"{reel.files[2].name}.reason.txt",
    ]


async def test_a_file_without_audio_is_silent_and_the_publish_goes_on(
    world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    silent = without_audio(reel.files[1], tmp_path / reel.files[1].name)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0], silent, *reel.files[2:4])
        async with world.running():
            await until_seen(receiver, key, reel, 3)
        audit = seen(receiver, key)
        assert audit.publish_count == 1
        assert audit.current.audio.largest_gap_ms < 50, "sound never pauses"
        with_sound = [reel.files[0], reel.files[2]]
        assert compared(reel, audit, "audio", with_sound).perfect


def without_audio(source: Path, target: Path) -> Path:
    with av.open(str(source)) as given, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                made.mux(packet)
    shutil.copystat(source, target)
    return target


async def test_a_dead_destination_disturbs_no_other_and_keeps_its_files(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"alive": receiver.url(key=key), "dead": "rtmp://127.0.0.1:1/live/nobody"}
        world.upload(*reel.files[:4])
        async with world.running():
            await until_seen(receiver, key, reel, 3)
            await asyncio.sleep(1.5)
        assert compared(reel, seen(receiver, key), "video", reel.files[:3]).perfect
    assert world.files() == sorted(path.name for path in reel.files[:4]), "the dead one has not passed them"
    alive, dead = world.statuses[-1].cameras[0].streams
    assert alive.fault is None
    assert dead.fault is not None
    assert dead.fault.step == "tcp"


async def test_each_destination_gets_the_same_files_and_they_go_when_all_have_them(
    world: World, reel: Reel, key: str
) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key), "two": receiver.url(key=f"{key}2")}
        world.upload(*reel.files[:4])
        async with world.running():
            await until_seen(receiver, key, reel, 3)
            await until_seen(receiver, f"{key}2", reel, 3)
            await eventually(lambda: len(world.files()) == 1)
        for name in (key, f"{key}2"):
            assert compared(reel, seen(receiver, name), "video", reel.files[:3]).perfect


async def test_an_empty_inbox_is_bridged_by_the_last_picture_and_silence(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await until_seen(receiver, key, reel, 1)
            await eventually(lambda: world.statuses[-1].cameras[0].streams[0].phase is Phase.HOLDING)
            await asyncio.sleep(3.0)
            world.upload(*reel.files[2:4])
            await until_seen(receiver, key, reel, 3)
        audit = seen(receiver, key)
        found = compared(reel, audit, "video", reel.files[:3])
        assert audit.publish_count == 1
        assert found.perfect
        assert found.fillers >= 3
        assert audit.current.video.largest_gap_ms <= 1100
        assert audit.current.audio.largest_gap_ms < 50
        assert audit.current.video.steps_back == 0


async def test_idle_off_sends_nothing_and_goes_on_in_the_same_publish(world: World, reel: Reel, key: str) -> None:
    world.idle = Idle.OFF
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await until_seen(receiver, key, reel, 1)
            await asyncio.sleep(2.5)
            world.upload(reel.files[2])
            await until_seen(receiver, key, reel, 2)
        audit = seen(receiver, key)
        found = compared(reel, audit, "video", reel.files[:2])
        assert (audit.publish_count, found.fillers) == (1, 0)
        assert found.perfect


async def test_another_picture_size_changes_the_header_and_not_the_publish(
    world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    other = make_reel(tmp_path / "other", 8, options=["--size", "320x240"])
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0], other.files[1], *reel.files[2:4])
        async with world.running():
            expected = [*reel.hashes("video", reel.files[:1]), *other.hashes("video", other.files[1:2])]
            expected += reel.hashes("video", reel.files[2:3])
            await eventually(lambda: seen(receiver, key).hashes("video")[: len(expected)] == expected, 30)
        audit = seen(receiver, key)
        assert (audit.publish_count, audit.current.video.configs, audit.current.audio.configs) == (1, 3, 1)


async def test_what_does_not_suit_the_destination_is_warned_of_once(world: World, reel: Reel, key: str) -> None:
    """Each camera's pictures are held against its own destination's preset."""
    world.preset = replace(GENERIC, key_interval=0.2, longest_key_interval=0.2)
    with capture_logs() as logged:
        async with Receiver(hashes=True) as receiver:
            world.urls = {"one": receiver.url(key=key)}
            world.upload(*reel.files[:4])
            async with world.running():
                await until_seen(receiver, key, reel, 3)
    [entry] = [each for each in logged if each["event"] == "destination_wants"]
    assert (entry["stream"], entry["file"]) == ("gate/one", reel.files[0].name)
    assert "to 0.2 s" in entry["cure"]


async def test_files_far_behind_are_passed_over_and_what_lay_there_before_is_set_aside(
    world: World, reel: Reel, key: str
) -> None:
    world.plan = replace(world.plan, max_lag=8.0)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files)
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[4:7]).perfect)
            await eventually(lambda: len(world.files()) == 5)
    expected = [f"_before/{path.name}" for path in reel.files[:4]]
    assert world.files() == sorted([*expected, reel.files[7].name])


async def test_delivered_files_go_to_the_archive_where_there_is_one(
    world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    world.archive = tmp_path / "archive"
    async with Receiver() as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually((tmp_path / "archive" / reel.files[0].name).exists)
    assert world.files() == [reel.files[1].name]


async def test_a_second_service_on_one_inbox_is_refused(world: World, key: str) -> None:
    async with Receiver() as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            with pytest.raises(StorageError, match="another service already has the inbox"):
                async with replace(world, state_name="other").running():
                    pass


async def test_a_stop_ends_within_five_seconds_with_a_goodbye(world: World, reel: Reel, key: str) -> None:
    """Also in the middle of a segment, whose GOP in hand is sent to its end."""
    world.catchup_rate = 1.0
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:3])
        async with world.running():
            await eventually(lambda: len(seen(receiver, key).hashes("video")) > 30)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        audit = seen(receiver, key)
        await eventually(lambda: not audit.live)
        assert len(audit.hashes("video")) % 25 == 0, "whole GOPs only"


class Ending(Service):
    """A service that looks, before it keeps the last pictures, what is known of its stream and what is on the disk."""

    known: Cursor | None = None
    written: Cursor | None = None

    async def _keep_pictures(self, supplies: Iterable[Supply]) -> None:
        self.known = self._ledger.cursor("gate/one")
        with Journal(self._settings.state_dir / "journal.db", read_only=True) as journal:
            self.written = journal.state("gate", ["gate/one"]).streams["gate/one"].cursor
        await super()._keep_pictures(supplies)


async def test_when_it_ends_the_journal_is_written_before_anything_that_may_take_too_long(
    world: World, reel: Reel, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of the GOP in hand, which is sent to its end."""
    monkeypatch.setattr("tests.support.world.Service", Ending)
    world.catchup_rate = 1.0
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:3])
        async with world.running() as service:
            await eventually(lambda: len(seen(receiver, key).hashes("video")) > 30)
        assert isinstance(service, Ending)
        assert service.known
        assert service.known == service.written


async def test_a_disk_that_takes_no_pictures_delays_the_end_by_no_more_for_many_cameras(
    world: World, reel: Reel, key: str
) -> None:
    """Of all cameras together: each by itself would take its half second."""
    settings, names = world.settings(), [f"gate{number}" for number in range(8)]
    pictures = world.state / "pictures"
    pictures.mkdir(parents=True)
    async with Receiver(hashes=True) as receiver:
        cameras = []
        for name in names:
            os.mkfifo(pictures / f"{name}~one.new")  # to open it for writing takes until somebody reads
            shutil.copytree(world.inbox, world.root / name)
            shutil.copy2(reel.files[0], world.root / name)
            shutil.copy2(reel.files[1], world.root / name)
            target = DestinationSettings("one", SecretStr(receiver.url(key=f"{key}{name}")))
            camera = replace(settings.cameras[0], name=name, watch_dir=world.root / name, destinations=(target,))
            cameras.append(camera)
        async with world.running(replace(settings, cameras=tuple(cameras))):
            await eventually(
                lambda: [camera.streams[0].segments for camera in world.statuses[-1].cameras] == [1] * len(names)
            )
            began = time.monotonic()
        took = time.monotonic() - began
    for name in names:
        os.close(os.open(pictures / f"{name}~one.new", os.O_RDONLY | os.O_NONBLOCK))
    assert took < 3


async def test_new_settings_leave_unchanged_streams_alone(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.catchup_rate = 1.0
        world.upload(*reel.files[:4])
        async with world.running() as service:
            await until_seen(receiver, key, reel, 1)
            world.urls["two"] = receiver.url(key=f"{key}2")
            world.plan = replace(world.plan, max_lag=600.0)
            await service.reload(world.settings())
            await eventually(lambda: seen(receiver, f"{key}2").live)
            pictures = world.state / "pictures"
            await eventually(lambda: len(list(pictures.glob("*.still"))) == 2)
            del world.urls["two"]
            await service.reload(world.settings())
            await eventually(lambda: not seen(receiver, f"{key}2").live)
            assert [path.name for path in pictures.iterdir()] == ["gate~one.still"], "of what is gone none is kept"
            await until_seen(receiver, key, reel, 3)
        assert seen(receiver, key).publish_count == 1
        assert compared(reel, seen(receiver, key), "video", reel.files[:3]).perfect


async def test_a_changed_address_of_the_only_destination_is_taken_over(world: World, reel: Reel, key: str) -> None:
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.catchup_rate = 1.0
        world.upload(*reel.files[:4])
        async with world.running() as service:
            await until_seen(receiver, key, reel, 1)
            world.urls = {"one": receiver.url(key=f"{key}2")}
            await service.reload(world.settings())
            await eventually(lambda: not compared(reel, seen(receiver, f"{key}2"), "video", reel.files[1:3]).pending)
        both = seen(receiver, key).hashes("video") + seen(receiver, f"{key}2").hashes("video")
        assert set(reel.hashes("video", reel.files[:3])) <= set(both), "no frame is lost between the two"


async def test_streams_that_are_replaced_lose_no_file_to_those_that_go_on(world: World, reel: Reel, key: str) -> None:
    """Their places are kept until the new ones stand in them: meanwhile nothing counts as delivered to all."""
    slow = replace(NODE_MEDIA_SERVER, answers_pings=False)
    async with Receiver(hashes=True) as receiver, Receiver(hashes=True, habits=slow) as silent:
        dead = "rtmp://127.0.0.1:1/live/nobody"
        world.urls = {"dead": dead, "silent": silent.url(key=key), "three": receiver.url(key=f"{key}3")}
        world.upload(*reel.files[:5])
        async with world.running() as service:
            await until_seen(receiver, f"{key}3", reel, 4)
            await until_seen(silent, key, reel, 4)
            world.urls["dead"] = receiver.url(key=f"{key}1")
            world.urls["silent"] = silent.url(key=f"{key}2")
            await service.reload(world.settings())
            await until_seen(receiver, f"{key}1", reel, 4)
        assert compared(reel, seen(receiver, f"{key}1"), "video", reel.files[:4]).perfect


async def test_an_inbox_that_cannot_be_used_leaves_the_others_changed(
    world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    """And once it is there, the next reload takes it."""
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:3])
        async with world.running() as service:
            settings = world.settings()
            missing = replace(settings.cameras[0], name="other", watch_dir=tmp_path / "missing")
            both = replace(settings, cameras=(missing, *settings.cameras))
            with pytest.raises(StorageError, match="missing"):
                await service.reload(both)
            await until_seen(receiver, key, reel, 1)
            (tmp_path / "missing").mkdir()
            await service.reload(both)
            await eventually(lambda: len(world.statuses[-1].cameras) == 2)


async def test_a_newest_file_that_could_not_be_proven_whole_blocks_nobody_later(
    world: World, reel: Reel, key: str
) -> None:
    world.plan = replace(world.plan, newest=NewestPolicy.PROVEN, max_retries=1)
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(reel.files[0])
        cut = world.inbox / reel.files[1].name
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:1]).perfect)
            cut.write_bytes(reel.files[1].read_bytes()[:20_000])
            os.utime(cut, (reel.files[1].stat().st_mtime,) * 2)
            await asyncio.sleep(1.5)
            world.upload(*reel.files[2:4])
            await until_seen(receiver, key, reel, 1)
            good = [reel.files[0], *reel.files[2:4]]
            await eventually(lambda: compared(reel, seen(receiver, key), "video", good).perfect)


class Faulty(list):
    """Takes statuses, all but the second."""

    taken = 0

    def append(self, status: object) -> None:
        self.taken += 1
        if self.taken == 2:
            raise RuntimeError("the second status")
        super().append(status)


async def test_a_fault_in_telling_the_status_ends_no_stream_and_is_told(
    world: World, reel: Reel, key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A counter that cannot be read in the moment a connection ends must not take all cameras with it."""
    monkeypatch.setattr("ftp_stream.service.RESTART", 0.2)
    world.statuses = Faulty()
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:4])
        async with world.running():
            await until_seen(receiver, key, reel, 3)
            await eventually(lambda: len(world.statuses) >= 3)
        assert seen(receiver, key).publish_count == 1
    [line] = [line for line in capsys.readouterr().out.splitlines() if "internal_error" in line]
    assert "part=status" in line


async def test_the_key_is_nowhere_but_on_the_wire(
    world: World, reel: Reel, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not in the log, the journal, the state directory or the status, after a fault as well."""
    async with Receiver() as receiver:
        world.urls = {"one": receiver.url(key=key), "gone": f"rtmp://user:{key}p@127.0.0.1:1/live/{key}"}
        world.upload(*reel.files[:3])
        async with world.running():
            await eventually(lambda: receiver.publishing == 1)
            receiver.drop(reset=True)
            await asyncio.sleep(2)
    out, err = capfd.readouterr()
    assert key not in out + err
    assert key not in repr(world.statuses)
    for path in world.state.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes(), path


@pytest.fixture(autouse=True)
def _no_file_left_open() -> Iterator[None]:
    """Every descriptor of a test's inbox is closed with its service."""
    yield
    from pathlib import Path  # noqa: PLC0415 - only needed here at run time

    left = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert not [path for path in left if "/inbox/" in str(path)]

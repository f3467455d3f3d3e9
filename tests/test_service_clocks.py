"""The whole service and clocks that are not ours: zones, the hour that autumn repeats, a step back, a date ahead.

The files are the made camera's, renamed as a camera with such a clock would have named them; which frame is which is
known, so that what plays, and in which order, can be laid against what was recorded.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from tests.support.inbox import at
from tests.support.world import Reel, World, compared, eventually, make_reel

from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from pathlib import Path

FAST = 8.0  # times real time, while files wait
SECONDS = 1.0  # of a file
MINUTE, HOUR = 60.0, 3600.0
BERLIN = "Europe/Berlin"


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 9, seconds=SECONDS, options=["--gop", "0.5"])


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, {}, catchup_rate=FAST)
    made.inbox.mkdir()
    return made


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


def seen(receiver: Receiver, key: str) -> StreamAudit:
    return receiver.audits.get(f"live/{key}", StreamAudit(hashes=True))


def upload(source: Path, inbox: Path, shown: float, zone: str, *, written: float) -> str:
    """Bring a file in, named for the time that its camera's clock showed; return the name."""
    name = f"{datetime.fromtimestamp(shown, ZoneInfo(zone)):%Y%m%d_%H%M%S}.mp4"
    assert not (inbox / name).exists()
    draft = inbox / f".{name}"
    shutil.copyfile(source, draft)
    os.utime(draft, (written, written))
    draft.rename(inbox / name)
    return name


async def test_each_camera_has_a_zone_of_its_own(world: World, reel: Reel, key: str) -> None:
    """One name, two zones: what it says of the time differs by the eight hours that lie between these."""
    zones = {"gate": "Asia/Tokyo", "yard": "Europe/Madrid"}
    shown = "2026-02-05 12:00:00"
    begun = {name: at(shown, zone) for name, zone in zones.items()}
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        settings = world.settings()
        cameras = []
        for name, zone in zones.items():
            inbox = world.root / name
            inbox.mkdir()
            for number, path in enumerate(reel.files[:3]):
                begin = begun[name] + number * MINUTE
                upload(path, inbox, begin, zone, written=begin + MINUTE)
            (destination,) = settings.cameras[0].destinations
            urls = type(destination.url)(receiver.url(key=f"{key}{name}"))
            cameras.append(
                replace(
                    settings.cameras[0],
                    name=name,
                    watch_dir=inbox,
                    destinations=(replace(destination, url=urls),),
                    plan=replace(world.plan, timezone=zone),
                )
            )
        async with world.running(replace(settings, cameras=tuple(cameras))):
            for name in zones:
                await eventually(
                    lambda name=name: compared(reel, seen(receiver, f"{key}{name}"), "video", reel.files[:2]).perfect
                )
            await eventually(lambda: all(camera.streams[0].segments == 2 for camera in world.statuses[-1].cameras))
    for camera in world.statuses[-1].cameras:
        assert camera.newest_at == begun[camera.name] + 2 * MINUTE
        assert camera.streams[0].recorded_at == pytest.approx(begun[camera.name] + MINUTE, abs=1.1)
    assert begun["yard"] - begun["gate"] == 8 * HOUR


async def test_both_passages_of_the_hour_that_autumn_repeats_play_once_and_in_order(
    world: World, reel: Reel, key: str
) -> None:
    """The names of the first come again: they say another time, and what was played is not taken for them."""
    world.plan = replace(world.plan, timezone=BERLIN)
    first = at("2026-10-25 02:29", BERLIN)
    begins = [first, first + MINUTE, first + 30 * MINUTE]  # 02:29, 02:30, 02:59
    begins += [begin + HOUR for begin in begins]  # 02:29, 02:30, 02:59 of the second passage
    names = []
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            for number, begin in enumerate([*begins, first + 91 * MINUTE]):  # the last is of 03:00
                names.append(upload(reel.files[number], world.inbox, begin, BERLIN, written=begin + MINUTE))
                await eventually(lambda: len(world.files()) <= 2)  # what has played is gone before its name comes again
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:6]).perfect)
            await eventually(lambda: len(world.files()) == 1)
        audit = seen(receiver, key)
    assert names[:3] == names[3:6]
    assert compared(reel, audit, "video", reel.files[:6]).perfect
    assert (audit.publish_count, world.faults) == (1, [])
    assert world.statuses[-1].cameras[0].disposed == {"delivered": 6}


@pytest.mark.parametrize(
    ("back", "warning"),
    [(HOUR, "check the camera's clock and time zone"), (50 * MINUTE, "the camera's clock stepped back")],
    ids=["an hour", "fifty minutes"],
)
async def test_a_camera_whose_clock_steps_back_goes_on_and_loses_nothing(
    back: float, warning: str, world: World, reel: Reel, key: str, capsys: pytest.CaptureFixture
) -> None:
    """An hour is what a zone explains, so that most files show what is usual now; else the clock is found to have
    stepped once nothing but late files has come for as long as MAX_LAG.
    """
    world.plan = replace(world.plan, max_lag=6.0)
    noon = at("2026-02-05 12:00", "UTC")
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        for number, path in enumerate(reel.files[:4]):
            upload(path, world.inbox, noon + number, "UTC", written=noon + number + 1)
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:3]).perfect)
            for number, path in enumerate(reel.files[4:], 4):
                upload(path, world.inbox, noon - back + number, "UTC", written=noon + number + 1)
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:8]).perfect)
            await eventually(lambda: len(world.files()) == 1)
        audit = seen(receiver, key)
    assert audit.publish_count == 1
    assert warning in capsys.readouterr().out
    assert compared(reel, audit, "video", reel.files[:8]).perfect
    assert world.statuses[-1].cameras[0].disposed == {"delivered": 8}


async def test_one_file_dated_2036_plays_in_its_place_and_is_told_of(
    world: World, reel: Reel, key: str, capsys: pytest.CaptureFixture
) -> None:
    """Its time of writing counts; it makes nothing before it expire, and nothing after it late."""
    world.plan = replace(world.plan, max_lag=30.0)
    noon = at("2026-02-05 12:00", "UTC")
    ahead = at("2036-01-01 00:00", "UTC")
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        shown = [noon, noon + 1, noon + 2, ahead, noon + 4, noon + 5]
        for number, moment in enumerate(shown):
            upload(reel.files[number], world.inbox, moment, "UTC", written=noon + number + 1)
        async with world.running():
            await eventually(lambda: compared(reel, seen(receiver, key), "video", reel.files[:5]).perfect)
            await eventually(lambda: len(world.files()) == 1)
        audit = seen(receiver, key)
    [warning] = [line for line in capsys.readouterr().out.splitlines() if "inbox_problem" in line]
    assert "20360101_000000.mp4" in warning
    assert "later than they can have been recorded" in warning
    assert audit.publish_count == 1
    assert world.statuses[-1].cameras[0].disposed == {"delivered": 5}

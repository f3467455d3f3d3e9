"""What a camera gives its streams: nothing twice, and nothing taken for what it is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make
from tests.support.turns import STREAM, at_work, finish, taken
from tests.support.world import START, World, eventually, make_reel

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.model import Form, PlanSettings, VerdictKind, VideoCodec
from ftp_stream.shell.journal import Journal

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.world import Reel

COPY = Form(other_audio=DEFAULT_AUDIO)
ENCODED = Form(copied=frozenset(), encoded=True, other_audio=DEFAULT_AUDIO)
ONLY_AVC = Form(copied=frozenset({VideoCodec.AVC}), other_audio=DEFAULT_AUDIO)


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Three files of six seconds, with a key frame every two."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 3, seconds=6.0, options=["--gop", "2"])


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("short") / "files", 1, seconds=2.0)


@pytest.fixture
def world(tmp_path: Path, reel: Reel) -> World:
    made = World(tmp_path, {"one": "rtmp://127.0.0.1:1/live/nobody", "two": "rtmp://127.0.0.1:1/live/nobody"})
    made.inbox.mkdir()
    made.upload_end(reel)
    return made


def put(world: World, path: Path, seconds: int, lasts: float = 6.0, late: float = 0.0) -> str:
    """Bring a file into the inbox under the name of so many seconds after midnight, written when it ends, or later."""
    name = f"20260101_0000{seconds:02}.mp4"
    shutil.copyfile(path, world.inbox / name)
    written = START + seconds + lasts + late
    os.utime(world.inbox / name, (written, written))
    return name


def decided(world: World) -> dict[str, VerdictKind]:
    with Journal(world.state / "journal.db", read_only=True) as journal:
        return {row.path: row.kind for row in journal.history("gate")}


# --- repeats ----------------------------------------------------------------------------------------------------------


async def test_a_file_that_was_uploaded_twice_is_played_once_and_both_go(world: World, reel: Reel) -> None:
    first, again, other = put(world, reel.files[0], 0), put(world, reel.files[0], 1), put(world, reel.files[1], 6)
    async with at_work(world) as (_camera, supply):
        hands = [await taken(supply) for _ in range(3)]
        assert [(hand.segment.path, bool(hand.passed)) for hand in hands] == [
            (first, False),
            (again, True),
            (other, False),
        ]
        assert hands[1].passed
        assert first in hands[1].passed.reason
        finish(supply)
        await eventually(lambda: len(world.files()) == 1)
    assert decided(world) == {
        first: VerdictKind.DELIVERED,
        again: VerdictKind.REPEATED,
        other: VerdictKind.DELIVERED,
    }


async def test_after_a_fault_all_is_offered_again_and_nothing_is_taken_for_a_repeat_of_itself(
    world: World, reel: Reel
) -> None:
    put(world, reel.files[0], 0), put(world, reel.files[0], 1), put(world, reel.files[1], 6)
    async with at_work(world) as (_camera, supply):
        before = [await taken(supply) for _ in range(3)]
        before[0].begun = True
        supply.confirmed(before[0], 0)
        supply.let_go()
        after = [await taken(supply) for _ in range(3)]
        assert [hand.segment.path for hand in after] == [hand.segment.path for hand in before]
        assert [(hand.gop, bool(hand.passed)) for hand in after] == [(1, False), (0, True), (0, False)]
        assert [hand.ends_at for hand in after] == [hand.ends_at for hand in before]


@pytest.mark.parametrize("confirmed", [0, 1])
async def test_nor_after_a_reboot_that_gave_the_disk_another_number(world: World, reel: Reel, confirmed: int) -> None:
    name, again = put(world, reel.files[0], 0), put(world, reel.files[0], 1)
    async with at_work(world) as (_camera, supply):
        hand = await taken(supply)
        for gop in range(confirmed):
            supply.confirmed(hand, gop)
    database = sqlite3.connect(world.state / "journal.db", isolation_level=None)
    for table in ("file", "cursor", "footage"):
        database.execute(f"UPDATE {table} SET device = device + 1")  # noqa: S608 - a constant
    database.close()
    async with at_work(world) as (_camera, supply):
        hands = [await taken(supply) for _ in range(2)]
        assert [(hand.segment.path, hand.gop, bool(hand.passed)) for hand in hands] == [
            (name, confirmed, False),
            (again, 0, True),
        ]


async def test_a_second_stream_plays_what_the_first_has_played(world: World, reel: Reel) -> None:
    name, again = put(world, reel.files[0], 0), put(world, reel.files[0], 1)
    async with at_work(world, forms={STREAM: COPY, "gate/two": COPY}) as (camera, one):
        two = camera.supplies["gate/two"]
        for _ in range(2):
            await taken(one)
        finish(one)
        hands = [await taken(two) for _ in range(2)]
        assert [(hand.segment.path, bool(hand.passed)) for hand in hands] == [(name, False), (again, True)]
        await eventually(lambda: not camera._ledger.unsaved(STREAM))
        assert len(world.files()) == 3, "what one has passed stays for the other"
        finish(two)
        await eventually(lambda: len(world.files()) == 1)


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_a_file_that_one_destination_does_not_take_is_passed_by_it_alone(world: World) -> None:
    names = [put(world, make(world.root / "x.mp4", Clip(video="libx265", seconds=1.0 + at)), at) for at in (0, 7)]
    async with at_work(world, forms={STREAM: COPY, "gate/two": ONLY_AVC}) as (camera, one):
        two = camera.supplies["gate/two"]
        for name in names:
            plays, passes = await taken(one), await taken(two)
            assert (plays.segment.path, plays.passed) == (name, None)
            assert (passes.segment.path, bool(passes.passed)) == (name, True)
            assert plays.segment.video.codec is VideoCodec.HEVC
        finish(two)
        finish(one)
        await eventually(lambda: len(world.files()) == 1)
        assert camera._ledger.state("gate").attempts == {}


async def test_a_file_that_was_begun_in_one_form_goes_on_in_another_where_its_confirmed_footage_ends(
    world: World,
) -> None:
    """Its groups of pictures are others: a second each by the camera, two by the encoder."""
    name = put(world, make(world.root / "x.mp4", Clip(seconds=6.0, gop=25)), 0)
    async with at_work(world, forms={STREAM: COPY}) as (_camera, supply):
        hand = await taken(supply)
        assert len(hand.segment.table.gops) == 6
        for gop in range(3):
            supply.confirmed(hand, gop)
    async with at_work(world, forms={STREAM: ENCODED}) as (_camera, supply):
        hand = await taken(supply)
        assert (hand.segment.path, hand.segment.encoded_video, len(hand.segment.table.gops)) == (name, True, 3)
        assert hand.gop == 1, "by its number it would be the last, and a second would be lost"


# --- overlap ----------------------------------------------------------------------------------------------------------


async def test_a_file_that_begins_before_the_last_one_ended_is_joined_at_a_key_frame(world: World, reel: Reel) -> None:
    put(world, reel.files[0], 0)
    name = put(world, reel.files[1], 3)
    async with at_work(world) as (_camera, supply):
        await taken(supply)
        joined = await taken(supply)
        assert (joined.segment.path, joined.gop, joined.passed) == (name, 2, None)
        finish(supply)
        assert supply.held is joined


async def test_names_that_overlap_where_the_files_do_not_lose_nothing(world: World, reel: Reel) -> None:
    """The camera's clock stepped back by three seconds: the second file was written a whole file later."""
    put(world, reel.files[0], 0)
    name = put(world, reel.files[1], 3, late=3.0)
    async with at_work(world) as (_camera, supply):
        await taken(supply)
        following = await taken(supply)
        assert (following.segment.path, following.gop, following.passed) == (name, 0, None)


async def test_names_that_are_no_beginnings_prove_no_overlap(world: World, reel: Reel) -> None:
    """They were given when the upload began: all of the file would not have been recorded when it was written."""
    put(world, reel.files[0], 7, late=-6.0)
    name = put(world, reel.files[1], 9, late=-6.0)
    async with at_work(world) as (_camera, supply):
        first, following = [await taken(supply) for _ in range(2)]
        assert first.ends_at is None
        assert (following.segment.path, following.gop, following.passed) == (name, 0, None)


async def test_files_are_laid_to_each_other_as_they_are_dated_today(world: World, reel: Reel) -> None:
    """The zone of the camera is corrected: what was played before is not taken for hours in the future."""
    world.plan = replace(world.plan, timezone="UTC")
    first, second = put(world, reel.files[0], 0), put(world, reel.files[1], 6)
    async with at_work(world) as (camera, supply):
        assert (await taken(supply)).segment.path == first
        finish(supply)
        camera.settings = replace(camera.settings, plan=replace(world.plan, timezone="Etc/GMT-2"))
        camera.wake()
        following = await taken(supply)
        assert (following.segment.path, following.gop, following.passed) == (second, 0, None)


async def test_what_was_offered_and_never_played_makes_no_repeat_of_another(world: World, reel: Reel) -> None:
    first = put(world, reel.files[0], 0)
    async with at_work(world) as (_camera, supply):
        assert (await taken(supply)).segment.path == first
        supply.let_go()
        (world.inbox / first).unlink()
        again = put(world, reel.files[0], 1)
        hand = await taken(supply)
        assert (hand.segment.path, hand.passed) == (again, None)


async def test_a_clip_inside_another_is_passed_and_what_follows_is_laid_to_that(
    world: World, reel: Reel, short: Reel
) -> None:
    put(world, reel.files[0], 0)
    inside, following = put(world, short.files[0], 3, 2.0), put(world, reel.files[1], 4)
    async with at_work(world) as (_camera, supply):
        hands = [await taken(supply) for _ in range(3)]
        assert [(hand.segment.path, bool(hand.passed)) for hand in hands[1:]] == [(inside, True), (following, False)]
        assert hands[1].ends_at == pytest.approx(hands[0].ends_at)
        assert hands[2].gop == 0, "two seconds may be what names are cut to"


async def test_after_a_file_that_went_unfinished_nothing_of_the_next_is_left_out(world: World, reel: Reel) -> None:
    """What lies in both was never shown."""
    first = put(world, reel.files[0], 0)
    async with at_work(world) as (_camera, supply):
        supply.confirmed(await taken(supply), 0)
        (world.inbox / first).unlink()
        supply.let_go()
        name = put(world, reel.files[1], 3)
        hand = await taken(supply)
        assert (hand.segment.path, hand.gop) == (name, 0)


async def test_where_names_say_nothing_nothing_overlaps(world: World, reel: Reel) -> None:
    put(world, reel.files[0], 0)
    name = put(world, reel.files[1], 3)
    (world.inbox / "holiday.mp4").write_bytes(b"turns all to times of writing")
    async with at_work(world) as (_camera, supply):
        hands = {hand.segment.path: hand for hand in [await taken(supply), await taken(supply)]}
        assert (hands[name].gop, hands[name].ends_at) == (0, None)


# --- lag --------------------------------------------------------------------------------------------------------------


async def test_a_file_of_pictures_taken_now_and_then_is_known_to_stand_for_all_that_time(
    tmp_path: Path, reel: Reel
) -> None:
    """It is offered an hour behind the newest, because it was recorded up to then."""
    plan = PlanSettings(min_file_age=0.0, max_lag=300.0, timezone="UTC")
    world = World(tmp_path, {"one": "rtmp://127.0.0.1:1/live/nobody"}, plan=plan)
    world.inbox.mkdir()
    hour, following = world.inbox / "20260101_000000.mp4", world.inbox / "20260101_010000.mp4"
    for path in (hour, following):
        shutil.copy2(reel.files[0], path)
    os.utime(hour, (START + 3600, START + 3600))
    os.utime(following, (START + 3700, START + 3700))
    async with at_work(world) as (_camera, supply):
        hand = await taken(supply)
        assert (hand.segment.path, hand.lasted, supply.newest) == (hour.name, 3600.0, START + 3600)

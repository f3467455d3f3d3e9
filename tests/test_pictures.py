"""The last picture of a stream over a restart, with real files."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.clips import AVC, SIZE, START, Clips, Noted
from tests.support.descriptors import open_files
from tests.support.world import eventually

from ftp_stream import pictures as module
from ftp_stream.core.timeline import hold_table
from ftp_stream.errors import StorageError
from ftp_stream.model import Form, VideoCodec
from ftp_stream.pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ftp_stream.supply import Hand


@pytest.fixture
def clips(tmp_path: Path) -> Iterator[Clips]:
    with ThreadPoolExecutor(2) as pool:
        yield Clips(tmp_path, pool)


@pytest.fixture
def noted() -> Iterator[Noted]:
    made = Noted()
    yield made
    made.close()


def pictures(clips: Clips) -> Pictures:
    return Pictures(clips.directory / "state", clips.pool, memoryview(bytearray(1 << 16)))


async def shown(hand: Hand) -> bytes:
    """What is sent while a picture is held."""
    [picture] = await hand.reader.read(hold_table(hand.segment.table), 0, 1, memoryview(b""))
    return bytes(picture)


async def restored(clips: Clips, form: Form | None = None) -> Hand | None:
    """The picture with which a stream begins after a restart; it is closed with the test."""
    fresh = Noted()
    fresh.supply.form = form or Form()
    await pictures(clips).restore(fresh.supply)
    return fresh.supply.held


async def test_the_last_key_frame_comes_back_after_a_restart(clips: Clips, noted: Noted) -> None:
    last = noted.supply.held = clips.hand(gops=4)
    last.ends_at = START + 0.8
    expected = (clips.directory / last.segment.path).read_bytes()[-2 * SIZE : -SIZE]
    await pictures(clips).keep(noted.supply)
    (clips.directory / last.segment.path).unlink()
    found = await restored(clips)
    assert found
    assert await shown(found) == await shown(last) == expected
    assert (found.segment.path, found.segment.video, found.key.recorded_at) == (last.segment.path, AVC, START)
    assert found.ends_at == pytest.approx(last.ends_at)
    found.reader.close()


async def test_it_brings_the_configuration_that_held_at_the_end(clips: Clips, noted: Noted) -> None:
    other = replace(AVC, record=b"\1" + secrets.token_bytes(8))
    noted.supply.held = clips.hand(changes=((1, other),))
    await pictures(clips).keep(noted.supply)
    found = await restored(clips)
    assert found
    assert found.segment.video == other
    found.reader.close()


@pytest.mark.parametrize(
    ("codec", "form", "usable"),
    [
        (VideoCodec.HEVC, Form(), True),
        (VideoCodec.HEVC, Form(copied=frozenset({VideoCodec.AVC})), False),
        (VideoCodec.AVC, Form(copied=frozenset(), encoded=True), True),
        (VideoCodec.AVC, Form(copied=frozenset({VideoCodec.HEVC})), False),
    ],
)
async def test_a_picture_that_the_destination_does_not_take_any_more_is_not_held(
    clips: Clips, noted: Noted, codec: VideoCodec, form: Form, *, usable: bool
) -> None:
    noted.supply.held = clips.hand(video=replace(AVC, codec=codec))
    await pictures(clips).keep(noted.supply)
    before = open_files()
    found = await restored(clips, form)
    assert (found is not None, open_files()) == (usable, before + usable)
    if found:
        found.reader.close()


async def test_without_a_picture_nothing_is_kept_or_restored(clips: Clips, noted: Noted) -> None:
    await pictures(clips).keep(noted.supply, at_once=True)
    assert await restored(clips) is None


async def test_while_footage_flows_one_is_kept_at_once_and_then_seldom(
    clips: Clips, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once even on a machine that has just started, whose clock is still at nought."""
    some = pictures(clips)
    noted.offer(clips.hand())
    first = noted.supply.held = clips.hand()
    await some.keep(noted.supply)
    assert await kept_path(clips) == first.segment.path
    second = noted.supply.held = clips.hand()
    await some.keep(noted.supply)
    assert await kept_path(clips) == first.segment.path
    monkeypatch.setattr(module, "EVERY", 0.0)
    await some.keep(noted.supply)
    assert await kept_path(clips) == second.segment.path
    first.reader.close()


async def kept_path(clips: Clips) -> str:
    found = await restored(clips)
    assert found
    found.reader.close()
    return found.segment.path


async def test_it_is_kept_at_once_when_nothing_flows_or_the_stream_ends(clips: Clips, noted: Noted) -> None:
    some = pictures(clips)
    hands = [clips.hand() for _ in range(3)]
    noted.supply.held = hands[0]
    await some.keep(noted.supply)
    noted.supply.held = hands[1]
    await some.keep(noted.supply)
    assert await kept_path(clips) == hands[1].segment.path
    noted.offer(clips.hand())
    noted.supply.held = hands[2]
    await some.keep(noted.supply, at_once=True)
    assert await kept_path(clips) == hands[2].segment.path
    for hand in hands:
        hand.reader.close()


async def test_what_is_kept_is_not_written_again(clips: Clips, noted: Noted) -> None:
    """Nor what was restored: flash memory wears out."""
    some = pictures(clips)
    noted.supply.held = clips.hand()
    await some.keep(noted.supply)
    [path] = (clips.directory / "state" / "pictures").iterdir()
    before = path.stat().st_ino
    holder = path.open("rb")  # so that its inode is not used anew
    await some.keep(noted.supply, at_once=True)
    again, fresh = pictures(clips), Noted()
    await again.restore(fresh.supply)
    await again.keep(fresh.supply, at_once=True)
    assert path.stat().st_ino == before
    holder.close()
    fresh.close()


async def test_a_picture_that_could_not_be_kept_is_kept_later(clips: Clips, noted: Noted) -> None:
    some = pictures(clips)
    last = noted.supply.held = clips.hand()
    (clips.directory / "state").write_bytes(b"")
    with pytest.raises(StorageError):
        await some.keep(noted.supply)
    (clips.directory / "state").unlink()
    await some.keep(noted.supply)
    assert await restored(clips) is None, "a disk that fails is not written to at each turn"
    await some.keep(noted.supply, at_once=True)
    assert await kept_path(clips) == last.segment.path


# --- beside a camera's turns ------------------------------------------------------------------------------------------


async def test_a_disk_that_fails_is_told_once_until_it_takes_a_picture_again(
    clips: Clips, noted: Noted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.0)
    some, told, state = pictures(clips), [], clips.directory / "state"

    async def turn() -> None:
        some.keep_beside(noted.supply, told.append)
        await eventually(lambda: some._kept["gate/one"].task is None)

    hands = [clips.hand() for _ in range(2)]
    for count, hand in enumerate(hands, 1):
        noted.supply.held = hand
        state.write_bytes(b"")
        for _ in range(3):
            await turn()
        assert len(told) == count
        state.unlink()
        await turn()
        assert await kept_path(clips) == hand.segment.path
        shutil.rmtree(state)
    hands[0].reader.close()


async def test_a_disk_that_stands_still_is_waited_for_by_one_task_and_no_turn(clips: Clips, noted: Noted) -> None:
    """Also where the stream ends, or is forgotten: somebody else sets the limit."""
    some, held = pictures(clips), clips.directory / "state" / "pictures" / "gate~one.new"
    held.parent.mkdir(parents=True)
    os.mkfifo(held)  # to open it for writing takes until somebody reads
    noted.supply.held = clips.hand()
    before = len(asyncio.all_tasks())
    for _ in range(3):
        some.keep_beside(noted.supply, lambda _error: None)
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before + 1
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await some.keep(noted.supply, at_once=True)
    some.forget("gate/one")
    await eventually(lambda: len(asyncio.all_tasks()) == before)
    os.close(os.open(held, os.O_RDONLY | os.O_NONBLOCK))

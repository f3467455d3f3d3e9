"""The slates of a camera: made by real children, once for what is alike, and again where something changed."""

from __future__ import annotations

import asyncio
import os
import secrets
from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from tests.support.world import eventually

from ftp_stream import slates as module
from ftp_stream.config import CameraSettings, DestinationSettings, Idle
from ftp_stream.core.slate import rate_for
from ftp_stream.core.status import Board
from ftp_stream.media.avc import Like, configuration
from ftp_stream.model import FileId, FrameTable, OrderKey, PlanSettings, PreparedSegment, Row, VideoCodec, VideoConfig
from ftp_stream.report import CameraReport
from ftp_stream.shell.frames import MemoryReader
from ftp_stream.shell.preparer import Preparer
from ftp_stream.slates import KEPT, Slates
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, MutableMapping
    from pathlib import Path

WALL = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC
LIKE = Like(77, 0, 30, 320, 180, (1, 1))
VIDEO = VideoConfig(VideoCodec.AVC, configuration(LIKE, 25, 1), 320, 180, 25.0)


def hand(video: VideoConfig = VIDEO, size: int = 50_000) -> Hand:
    """A segment of one second in two pictures, of so many bytes together."""
    table = FrameTable(
        flags=bytes([int(Row.KEY), 0]),
        dts_us=array("q", [0, 500_000]),
        cts_us=array("i", [0, 0]),
        position=array("q", [0, 0]),
        size=array("i", [size // 2, size // 2]),
        gops=(0,),
        duration_us=1_000_000,
        audio_end_us=0,
    )
    segment = PreparedSegment("last.mp4", FileId(0, 0, 0, 0), "mov", video, None, table)
    return Hand(segment, OrderKey(WALL - 60, ()), 0, MemoryReader(b""))


class Camera:
    """Settings that can change, and the slates by them."""

    def __init__(self, settings: CameraSettings, preparer: Preparer, said: list[MutableMapping[str, object]]) -> None:
        self.settings = settings
        self.said = said
        board = Board("", 0, WALL)
        board.add_camera("gate", "inbox")
        self.slates = Slates(lambda: self.settings, preparer, CameraReport("gate", board, lambda: WALL))

    async def shown(self, last: Hand) -> bytes:
        """Return the first payload of a second, once there is one."""
        found: list[Hand] = []

        def ready() -> bool:
            found.extend(each for each in [self.slates.second(last, WALL)] if each)
            return bool(found)

        await eventually(ready)
        [payload] = await found[0].reader.read(found[0].segment.table, 0, 1, memoryview(b""))
        return bytes(payload)

    async def shows_another(self, before: bytes) -> None:
        """Wait until what is shown changes."""
        async with asyncio.timeout(20):
            while await self.shown(hand()) == before:  # noqa: ASYNC110 - of a child and of the disk, which set no event
                await asyncio.sleep(0.02)

    @property
    def events(self) -> list[object]:
        return [each["event"] for each in self.said]


@pytest.fixture
def said() -> Iterator[list[MutableMapping[str, object]]]:
    with capture_logs() as logs:
        yield logs


@pytest.fixture
async def camera(tmp_path: Path, said: list[MutableMapping[str, object]]) -> AsyncIterator[Camera]:
    settings = CameraSettings(
        name=f"gate {secrets.token_hex(2)}",
        watch_dir=tmp_path,
        destinations=(DestinationSettings("one", SecretStr("rtmp://host/app/key")),),
        scan_interval=0.5,
        idle=Idle.SLATE,
        catchup_rate=1.03,
        archive_dir=None,
        plan=PlanSettings(timezone="UTC"),
    )
    async with Preparer(tmp_path / "aside", children=1) as preparer:
        made = Camera(settings, preparer, said)
        yield made
        made.slates.close()


def a_picture(path: Path, shade: int) -> Path:
    """Write a picture of one grey."""
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 36, "rgb24"
        frame = av.VideoFrame(64, 36, "rgb24")
        frame.planes[0].update(bytes([shade]) * frame.planes[0].buffer_size)
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


async def test_a_second_is_like_a_segment_behind_the_last_one(camera: Camera) -> None:
    assert camera.slates.second(hand(), WALL) is None, "it is being made"
    await camera.shown(hand())
    second = camera.slates.second(hand(), WALL)
    assert second
    assert (second.segment.video.width, second.segment.video.height) == (320, 180)
    assert (len(second.segment.table), second.segment.table.duration_us) == (25, 1_000_000)
    assert second.segment.audio is None


async def test_rates_that_differ_by_less_than_a_picture_share_a_slate(camera: Camera) -> None:
    await camera.shown(hand())
    for rate in (24.97, 25.2, 0.0):
        assert camera.slates.second(hand(replace(VIDEO, frame_rate=rate)), WALL), "made already"
    assert camera.slates.second(hand(replace(VIDEO, frame_rate=30.0)), WALL) is None
    assert [rate_for(rate) for rate in (0.0, 0.2, 29.97, 1000.0)] == [25, 1, 30, 120]


async def test_only_the_last_few_are_kept(camera: Camera) -> None:
    rates = [float(rate) for rate in range(5, 5 + KEPT + 1)]
    for rate in rates:
        await camera.shown(hand(replace(VIDEO, frame_rate=rate)))
    assert len(camera.slates._made) == KEPT
    assert not camera.slates._tasks
    assert camera.slates.second(hand(replace(VIDEO, frame_rate=rates[1])), WALL)
    assert camera.slates.second(hand(replace(VIDEO, frame_rate=rates[0])), WALL) is None


async def test_another_picture_in_the_settings_makes_another_slate(camera: Camera, tmp_path: Path) -> None:
    plain = await camera.shown(hand())
    camera.settings = replace(camera.settings, slate_image=a_picture(tmp_path / "dark.png", 20))
    dark = await camera.shown(hand())
    camera.settings = replace(camera.settings, slate_image=a_picture(tmp_path / "light.png", 200))
    assert len({plain, dark, await camera.shown(hand())}) == 3
    assert camera.events == []


async def test_a_picture_that_is_changed_where_it_lies_is_shown_soon(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AGAIN", 0.1)
    image = a_picture(tmp_path / "image.png", 20)
    camera.settings = replace(camera.settings, slate_image=image)
    dark = await camera.shown(hand())
    assert await camera.shown(hand()) == dark
    os.utime(a_picture(image, 200), (1, 1))
    await camera.shows_another(dark)


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
async def test_a_picture_that_cannot_be_used_is_told_once_and_the_slate_is_plain(
    camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    plain = await camera.shown(hand())
    monkeypatch.setattr(module, "AGAIN", 0.0)
    image = tmp_path / "image"
    if content is not None:
        image.write_bytes(content)
    camera.settings = replace(camera.settings, slate_image=image)
    for _ in range(3):
        assert await camera.shown(hand()) == plain
        await eventually(lambda: not camera.slates._tasks)
    assert camera.events == ["slate_image_problem"]
    a_picture(image, 200)
    await camera.shows_another(plain)


async def test_a_picture_keeps_to_the_bitrate_of_the_footage(camera: Camera, tmp_path: Path) -> None:
    """It is made of noise, which costs most."""
    image = tmp_path / "noise.bmp"
    head = b"BM" + (54 + 3 * 320 * 180).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    head += (40).to_bytes(4, "little") + (320).to_bytes(4, "little") + (180).to_bytes(4, "little")
    image.write_bytes(head + b"\1\0\x18\0" + bytes(24) + secrets.token_bytes(3 * 320 * 180))
    camera.settings = replace(camera.settings, slate_image=image)
    sizes = [len(await camera.shown(hand(size=size))) for size in (1 << 20, 20_000)]
    assert sizes[1] < 20_000 < sizes[0]
    assert camera.events == []


@pytest.mark.parametrize(("codec", "name"), [(VideoCodec.HEVC, "H.265"), (VideoCodec.AV1, "AV1")])
async def test_that_there_is_none_for_another_codec_is_told_once(camera: Camera, codec: VideoCodec, name: str) -> None:
    for _ in range(3):
        assert camera.slates.second(hand(replace(VIDEO, codec=codec)), WALL) is None
    assert camera.events == ["no_slate"]
    assert name in str(camera.said[0]["reason"])
    assert not camera.slates._tasks


async def test_what_cannot_be_made_is_told_once_until_the_settings_change(camera: Camera) -> None:
    small = replace(VIDEO, record=configuration(Like(77, 0, 30, 64, 48, (1, 1)), 25, 1))
    for _ in range(2):
        assert camera.slates.second(hand(small), WALL) is None
        await eventually(lambda: not camera.slates._tasks)
    assert camera.events == ["no_slate"]
    camera.settings = replace(camera.settings, hold_seconds=1.0)
    camera.slates.second(hand(small), WALL)
    await eventually(lambda: camera.events == ["no_slate"] * 2)

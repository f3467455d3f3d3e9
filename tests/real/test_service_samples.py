"""Recordings of real cameras and encoders through the whole service to real servers, each as one segment."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from tests.real.tape import digest, digests, packets
from tests.support.world import START, World, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.aac import DEFAULT_AUDIO, SILENT_FRAMES
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.audit import compare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from tests.real.servers import RealServer

pytestmark = pytest.mark.real

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
HEVC = "h265_bframes.mp4"
NO_VIDEO = "sample_audio_only.mp4"
FAST = 24.0  # times real time
SILENCE = frozenset(digest(frame) for frame in SILENT_FRAMES.values())


def samples(*without: str) -> list[Path]:
    """All samples but those named; skips where there are none."""
    if not SAMPLES.is_dir():
        pytest.skip(f"no samples in {SAMPLES}")
    return sorted(path for path in SAMPLES.iterdir() if path.suffix not in {".md", ""} and path.name not in without)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world", {}, catchup_rate=FAST, idle=Idle.OFF)
    made.inbox.mkdir(parents=True)
    return made


def upload(world: World, files: Iterable[Path]) -> str:
    """Upload files as a camera names them, one a minute, and one that is still written; return the name of that."""
    for minute, path in enumerate([*files, None]):
        recorded = START + 60 * minute
        target = world.inbox / f"20260101_00{minute:02}00{path.suffix if path else '.mp4'}"
        if path:
            shutil.copyfile(path, target)
        else:
            target.write_bytes(b"being written")
        os.utime(target, (recorded + 60, recorded + 60))
    return target.name


# --- what should arrive -----------------------------------------------------------------------------------------------


def pictures(path: Path) -> list[str]:
    """The coded pictures as FFmpeg itself puts them into FLV, where they stand as they go over RTMP."""
    flv = io.BytesIO()
    with av.open(str(path)) as given, av.open(flv, "w", format="flv") as made:
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(given.streams.video[0]):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    flv.seek(0)
    with av.open(flv) as container:
        return [digest(bytes(packet)) for packet in container.demux(video=0) if packet.size]


def sounds(path: Path) -> list[str]:
    """The AAC frames that a player of the file lets hear."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams.audio if _codec(stream) == "aac"]
        heard = (
            [packet for packet in container.demux(streams) if packet.size and not packet.is_discard] if streams else []
        )
        return [digest(bytes(packet)) for packet in heard]


def configurations(files: Iterable[Path]) -> list[tuple[str, bytes]]:
    """The codecs of each publish: a server keeps those that a publish begins with, so others need a new one."""
    result: list[tuple[str, bytes]] = []
    for path in files:
        with av.open(str(path)) as container:
            video = _codec(container.streams.video[0])
            audio = [stream.codec_context.extradata for stream in container.streams.audio if _codec(stream) == "aac"]
        before = result[-1] if result else (video, DEFAULT_AUDIO.record)
        now = (video, audio[0] if audio else before[1])
        result += [now] if now != before or not result else []
    return result


def _codec(stream: av.stream.Stream) -> str:
    return stream.codec_context.name if stream.codec_context else ""


def check_arrived(server: RealServer, key: str, files: list[Path]) -> None:
    tapes = [packets(path) for path in server.recordings(key)]
    seen = {track: [each for tape in tapes for each in digests(tape, track)] for track in ("video", "audio")}
    assert seen["video"] == [each for path in files for each in pictures(path)]
    found = compare([each for path in files for each in sounds(path)], seen["audio"], fillers=SILENCE)
    assert found.perfect
    assert found.fillers, "silence where a file has no sound"
    assert server.publishes(key) == len(configurations(files))


# --- the tests --------------------------------------------------------------------------------------------------------


async def test_every_h264_sample_passes_nginx(
    nginx_rtmp: RealServer, key: str, world: World, eventually: Callable
) -> None:
    """A file without video among them is put aside with its reason and holds up nothing."""
    files = samples(HEVC)
    world.urls = {"one": nginx_rtmp.url(key)}
    newest = upload(world, files)
    bad = next(name for name, path in zip(world.files(), files, strict=False) if path.name == NO_VIDEO)
    async with world.running():
        await eventually(lambda: set(world.files()) == {bad, newest}, "all to be delivered and deleted", 90)
    assert world.faults == []
    attempts = world.remembered().attempts
    assert [each.reason for each in attempts.values()] == ["it has no video"]
    check_arrived(nginx_rtmp, key, samples(HEVC, NO_VIDEO))


async def test_every_h264_sample_passes_ffmpeg(
    ffmpeg_listener: RealServer, key: str, world: World, eventually: Callable
) -> None:
    """It takes one publish and ends: the next codecs find it started again, at the first try or a later one."""
    files = sorted(samples(HEVC, NO_VIDEO), key=lambda path: configurations([path]))
    world.urls = {"one": ffmpeg_listener.url(key)}
    newest = upload(world, files)
    async with kept_alive(ffmpeg_listener), world.running():
        await eventually(lambda: world.files() == [newest], "all to be delivered and deleted", 90)
    assert {fault.step for fault in world.faults} <= {"tcp"}
    check_arrived(ffmpeg_listener, key, files)


@asynccontextmanager
async def kept_alive(server: RealServer) -> AsyncIterator[None]:
    """Start a server again whenever it has ended by itself."""

    async def keep() -> None:
        while True:
            await asyncio.to_thread(server.wait_exit, 120)
            await asyncio.to_thread(server.start)

    keeping = asyncio.create_task(keep())
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait({keeping})


async def test_a_change_of_codec_is_a_session_of_its_own(
    node_media_server: RealServer, key: str, world: World, eventually: Callable, tmp_path: Path
) -> None:
    """H.264, H.265 and H.264 again, at a server that knows both."""
    [hevc] = [path for path in samples() if path.name == HEVC]
    before, after = make_reel(
        tmp_path / "reel", 2, seconds=5.0, options=("--grain", "100", "--bitrate", "3000000")
    ).files
    files = [before, hevc, after]
    world.urls = {"one": node_media_server.url(key)}
    upload(world, files)
    async with world.running():
        await eventually(lambda: len(world.files()) == 1, "all to be delivered and deleted", 60)
    assert world.faults == []
    assert node_media_server.publishes(key) == 3
    codecs = ("avc", "hevc", "avc")
    expected = [(codec, each) for codec, path in zip(codecs, files, strict=True) for each in pictures(path)]
    assert [each for path in node_media_server.recordings(key) for each in recorded_pictures(path)] == expected


def recorded_pictures(path: Path) -> list[tuple[str, str]]:
    """Codec and digest of every coded picture: this server goes on in one file, where PyAV takes no second codec."""
    bodies = [tag.body for tag in flv.read_tags(path.read_bytes()) if tag.type == flv.VIDEO]
    tags = [(flv.parse_video(body), body) for body in bodies]
    return [(tag.codec, digest(body[tag.payload_at :])) for tag, body in tags if tag.kind is flv.Kind.FRAME]

"""Recordings of real cameras and encoders through the whole service to real servers, each as one segment."""

from __future__ import annotations

import io
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from tests.real.tape import digest, digests, packets
from tests.support.world import START, World, make_reel

from ftp_stream.config import Idle
from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.destinations import PRESETS
from ftp_stream.model import VideoCodec
from ftp_stream.rtmp import flv

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.real.servers import RealServer

pytestmark = pytest.mark.real

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
HEVC = "h265_bframes.mp4"
NO_VIDEO = "sample_audio_only.mp4"
FAST = 24.0  # times real time


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
        heard = _heard(container)
        return [digest(bytes(packet)) for packet in heard]


def _heard(container: av.container.InputContainer) -> list[av.Packet]:
    streams = [stream for stream in container.streams.audio if _codec(stream) == "aac"]
    found = container.demux(streams) if streams else []
    return [packet for packet in found if packet.size and not packet.is_discard]


def configuration(path: Path) -> bytes:
    """The AudioSpecificConfig of a file, b"" where it has no AAC."""
    with av.open(str(path)) as container:
        found = [stream.codec_context.extradata for stream in container.streams.audio if _codec(stream) == "aac"]
    return found[0] if found else b""


def _codec(stream: av.stream.Stream) -> str:
    return stream.codec_context.name if stream.codec_context else ""


def check_arrived(server: RealServer, key: str, files: list[Path]) -> None:
    """One publish with all that was copied in its order: pictures of H.264, and sound like that of the first file."""
    [tape] = [packets(path) for path in server.recordings(key)]
    seen = {track: digests(tape, track) for track in ("video", "audio")}
    copied = [each for path in files if path.name != HEVC for each in pictures(path)]
    assert [each for each in seen["video"] if each in set(copied)] == copied
    assert (len(seen["video"]) == len(copied)) == (HEVC not in {path.name for path in files})
    fixed = configuration(files[0]) or DEFAULT_AUDIO.record
    heard = [each for path in files if configuration(path) == fixed for each in sounds(path)]
    assert [each for each in seen["audio"] if each in set(heard)] == heard
    assert server.publishes(key) == 1


def mute(path: Path) -> set[str]:
    """The AAC frames that give nothing in their own file either: they hold the encoder's name alone."""
    with av.open(str(path)) as container:
        heard = _heard(container)
        return {digest(bytes(packet)) for packet in heard if not packet.decode()}


def check_decodes(recording: Path, files: list[Path]) -> None:
    """Every picture and every sound, by a decoder that takes no damage: neither an exception nor a word in its log."""
    frames = {"video": 0, "audio": 0}
    with av.logging.Capture() as log, av.open(str(recording)) as container:
        tracks = (container.streams.video[0], container.streams.audio[0])
        for track in tracks:
            track.codec_context.options = {"err_detect": "explode"}
        for frame in container.decode(*tracks):
            frames["video" if isinstance(frame, av.VideoFrame) else "audio"] += 1
    assert [each for each in log if each[0] <= av.logging.WARNING] == []
    tape, silent = packets(recording), {each for path in files for each in mute(path)}
    assert frames == {track: sum(each not in silent for each in digests(tape, track)) for track in frames}


# --- the tests --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2])
async def test_every_sample_passes_nginx_in_one_publish_in_whatever_order(
    nginx_rtmp: RealServer, key: str, world: World, eventually: Callable, seed: int
) -> None:
    """H.265, which nginx does not take, is encoded; a file without video is put aside and holds up nothing."""
    world.preset = PRESETS["nginx-rtmp"]
    files = samples()
    random.Random(seed).shuffle(files)  # noqa: S311 - an order that comes again
    world.urls = {"one": nginx_rtmp.url(key)}
    newest = upload(world, files)
    bad = next(name for name, path in zip(world.files(), files, strict=False) if path.name == NO_VIDEO)
    async with world.running():
        await eventually(lambda: set(world.files()) == {bad, newest}, "all to be delivered and deleted", 90)
    assert world.faults == []
    attempts = world.remembered().attempts
    assert [each.reason for each in attempts.values()] == ["it has no video"]
    check_arrived(nginx_rtmp, key, [path for path in files if path.name != NO_VIDEO])
    check_decodes(nginx_rtmp.recordings(key)[0], files)


async def test_every_sample_passes_ffmpeg_in_one_publish(
    ffmpeg_listener: RealServer, key: str, world: World, eventually: Callable
) -> None:
    """It takes one publish and ends."""
    world.preset = PRESETS["nginx-rtmp"]
    await check_in_one_publish(ffmpeg_listener, key, world, eventually, seed=3)


async def test_every_sample_passes_node_media_server_in_one_publish(
    node_media_server: RealServer, key: str, world: World, eventually: Callable
) -> None:
    """It takes H.265 too, which is encoded here so that there is one codec, hence one session."""
    world.preset = replace(PRESETS["node-media-server"], codecs=frozenset({VideoCodec.AVC}))
    await check_in_one_publish(node_media_server, key, world, eventually, seed=4)


async def check_in_one_publish(server: RealServer, key: str, world: World, eventually: Callable, *, seed: int) -> None:
    """All samples that have video, in an order that comes again, arrive in one publish that decodes."""
    files = samples(NO_VIDEO)
    random.Random(seed).shuffle(files)  # noqa: S311 - an order that comes again
    world.urls = {"one": server.url(key)}
    newest = upload(world, files)
    async with world.running():
        await eventually(lambda: world.files() == [newest], "all to be delivered and deleted", 90)
    assert world.faults == []
    check_arrived(server, key, files)
    check_decodes(server.recordings(key)[0], files)


async def test_a_change_of_codec_is_a_session_of_its_own(
    node_media_server: RealServer, key: str, world: World, eventually: Callable, tmp_path: Path
) -> None:
    """H.264, H.265 and H.264 again, at a server that knows both."""
    [hevc] = [path for path in samples() if path.name == HEVC]
    before, after = make_reel(
        tmp_path / "reel", 2, seconds=5.0, options=("--grain", "100", "--bitrate", "3000000")
    ).files
    files = [before, hevc, after]
    world.preset = PRESETS["node-media-server"]
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

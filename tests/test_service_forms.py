"""Whatever a camera sends goes on in one publish: other video, other sound, changes within files; and the slate."""

from __future__ import annotations

import os
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import av
import pytest
from structlog.testing import capture_logs
from tests.support.files import Clip, make
from tests.support.world import START, World, eventually, make_reel

from ftp_stream.config import Idle, VideoMode
from ftp_stream.core.destinations import PRESETS
from ftp_stream.core.status import Phase
from ftp_stream.model import Encoder
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from tests.support.world import Reel


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Six files of two seconds."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 6)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path / "world", {}, catchup_rate=8.0, scan_interval=0.2)
    made.inbox.mkdir(parents=True)
    return made


def seen(receiver: Receiver, key: str) -> StreamAudit:
    return receiver.audits.get(f"live/{key}", StreamAudit(hashes=True))


def upload(world: World, *files: Path, first: int = 0) -> None:
    """Bring files in, two seconds apart by their names."""
    for number, path in enumerate(files, first):
        target = world.inbox / f"20260101_0000{2 * number:02}{path.suffix}"
        shutil.copyfile(path, target)
        os.utime(target, (START + 2 * number + 2, START + 2 * number + 2))


def decoded(path: Path) -> tuple[int, set[tuple[int, int]]]:
    """Return how many pictures FFmpeg decodes of a recording, and their sizes; any damage is an error."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        sizes = [(frame.width, frame.height) for frame in container.decode(stream)]
    return len(sizes), set(sizes)


async def played(world: World, receiver: Receiver, key: str, left: int = 1) -> StreamAudit:
    """Run until all files but the newest are delivered; return what was seen."""
    world.urls = {"one": receiver.url(key=key)}
    async with world.running():
        await eventually(lambda: len(world.files()) == left, 60)
    return seen(receiver, key)


OTHER_SOUND = {
    "alaw": Clip(audio="pcm_alaw", sample_rate=8000, layout="mono"),
    "mulaw": Clip(audio="pcm_mulaw", sample_rate=16_000, layout="mono"),
    "mp3": Clip(audio="libmp3lame", sample_rate=44_100, layout="stereo"),
    "aac": Clip(sample_rate=16_000, layout="mono"),
    "none": Clip(audio=""),
}


async def test_whatever_sound_comes_the_publish_keeps_the_configuration_that_it_began_with(
    world: World, key: str, tmp_path: Path
) -> None:
    first = make(tmp_path / "first.mp4", Clip(sample_rate=48_000, layout="stereo"))
    others = [make(tmp_path / f"{name}.mov", clip) for name, clip in OTHER_SOUND.items()]
    upload(world, first, *others, first, first)
    async with Receiver(hashes=True, record=tmp_path / "seen") as receiver:
        audit = await played(world, receiver, key)
        assert audit.publish_count == 1
        assert audit.current.audio.configs == 1
        assert audit.current.audio.largest_gap_ms < 50
        pictures = sum(len(_pictures(path)) for path in (first, *others, first))
        assert audit.current.video.frames >= pictures
    assert world.faults == []


def _pictures(path: Path) -> list:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


async def test_video_that_the_destination_does_not_take_is_encoded_once_for_all(
    world: World, key: str, tmp_path: Path
) -> None:
    """MJPEG and HEVC among H.264, to two destinations that take H.264 alone."""
    files = [
        make(tmp_path / "a.mp4", Clip()),
        make(tmp_path / "b.avi", Clip(video="mjpeg", pixels="yuvj420p", audio="pcm_s16le")),
        make(tmp_path / "c.mp4", Clip(video="libx265")),
        make(tmp_path / "d.mp4", Clip()),
    ]
    upload(world, *files, files[0])
    other = f"{key}2"
    async with Receiver(hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key), "two": receiver.url(key=other)}
        async with world.running():
            await eventually(lambda: len(world.files()) == 1, 60)
        one, two = seen(receiver, key), seen(receiver, other)
        assert (one.publish_count, two.publish_count) == (1, 1)
        assert list(dict.fromkeys(one.hashes("video"))) == list(dict.fromkeys(two.hashes("video"))), "holds aside"
        assert {track.codec for track in one.tracks("video")} == {"avc"}
        assert one.current.audio.configs == 1
    assert world.faults == []
    assert not (world.inbox / "_failed").exists()


@pytest.mark.skipif(Path("/dev/dri").exists(), reason="what is asked for may work here")
async def test_why_another_encoder_is_used_than_was_asked_for_stands_in_the_log(
    world: World, key: str, tmp_path: Path
) -> None:
    """Once, however many files it concerns: there is no such device here."""
    world.encoder = Encoder.VAAPI
    film = make(tmp_path / "a.avi", Clip(video="mjpeg", pixels="yuvj420p", audio=""))
    upload(world, film, film, film)
    with capture_logs() as logged:
        async with Receiver() as receiver:
            await played(world, receiver, key)
    [note] = [each for each in logged if each["event"] == "segment_note" and each["log_level"] == "warning"]
    assert note["camera"] == "gate"
    assert note["note"].startswith("ENCODER=vaapi: ")
    assert note["note"].endswith("x264 is used")


async def test_all_is_made_into_the_shape_of_the_first_file_where_all_is_encoded(
    world: World, key: str, tmp_path: Path
) -> None:
    world.video = VideoMode.H264
    files = [
        make(tmp_path / "a.mp4", Clip(width=320, height=240)),
        make(tmp_path / "b.mp4", Clip(width=160, height=120)),
        make(tmp_path / "c.mp4", Clip(width=640, height=360)),
    ]
    upload(world, *files, files[0])
    async with Receiver(hashes=True) as receiver:
        audit = await played(world, receiver, key)
        assert audit.publish_count == 1
        assert audit.current.video.configs == 1, "one sequence header serves all"


async def test_a_change_that_the_destination_does_not_bear_is_a_planned_session(
    world: World, reel: Reel, key: str, tmp_path: Path
) -> None:
    world.preset = PRESETS["facebook"]
    other = make_reel(tmp_path / "other", 2, options=["--size", "320x240"])
    upload(world, *reel.files[:2], other.files[0], reel.files[2], reel.files[3])
    expected = reel.hashes("video", reel.files[:2]) + other.hashes("video", other.files[:1])
    expected += reel.hashes("video", reel.files[2:3])
    async with Receiver(hashes=True) as receiver:
        audit = await played(world, receiver, key)
        assert audit.hashes("video")[: len(expected)] == expected
        assert audit.publish_count == 3
        assert [publish.video.configs for publish in audit.publishes] == [1, 1, 1]
    assert world.faults == []


@pytest.mark.parametrize(("preset", "configs"), [("generic", 3), ("facebook", 1)])
async def test_the_slate_follows_the_hold_and_gives_way_to_the_next_file_in_one_publish(
    world: World, reel: Reel, key: str, tmp_path: Path, preset: str, configs: int
) -> None:
    """It comes after `HOLD_SECONDS`, at the camera's frame rate, and with silence all along.

    A header of its own stands before it where a destination bears one, then the camera's again; it needs none.
    """
    world.idle, world.hold_seconds, world.preset = Idle.SLATE, 2.0, PRESETS[preset]
    known = set(reel.hashes("video"))
    recording = tmp_path / "seen.flv"
    async with Receiver(hashes=True, record=recording) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        world.upload(*reel.files[:2])
        async with world.running():
            await eventually(lambda: world.statuses and world.stream.phase is Phase.SLATE)
            before = seen(receiver, key).current.video.frames
            await eventually(lambda: seen(receiver, key).current.video.frames > before + 60)
            world.upload(*reel.files[2:4])
            await eventually(lambda: reel.hashes("video", reel.files[2:3])[-1] in seen(receiver, key).hashes("video"))
        audit = seen(receiver, key)
    assert audit.publish_count == 1
    assert audit.current.video.configs == configs
    assert audit.current.video.largest_gap_ms <= 1100
    assert audit.current.audio.configs == 1
    assert audit.current.audio.largest_gap_ms < 50
    assert audit.current.video.steps_back == audit.current.video.equal_times == 0
    pictures = audit.hashes("video")
    slate = [digest for digest in pictures if digest not in known]
    assert len(slate) > 60
    assert len(set(slate)) < len(slate) / 2, "the pictures between key frames repeat"
    held = pictures[: pictures.index(slate[0])].count(reel.hashes("video", reel.files[:1])[_last_key(reel.files[0])])
    assert held - 1 >= 1 + world.hold_seconds, "the second for which nothing came, and those of the hold"
    assert decoded(recording) == (len(pictures), {(160, 120)})
    assert decoded(remuxed(recording)) == (len(pictures), {(160, 120)}), "as one who knows the first header alone"


def _last_key(path: Path) -> int:
    """Return where in a file its last key frame stands."""
    with av.open(str(path)) as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    return len(keys) - 1 - keys[::-1].index(True)


def remuxed(path: Path) -> Path:
    """Return the pictures of a recording in a transport stream, as FFmpeg copies them."""
    copy = path.with_suffix(".ts")
    with av.open(str(path)) as given, av.open(str(copy), "w") as made:
        video = given.streams.video[0]
        stream = made.add_stream_from_template(video)
        for packet in given.demux(video):
            if packet.size:
                packet.stream = stream
                made.mux(packet)
    return copy


def joined(path: Path, *clips: Clip) -> Path:
    """Return a transport stream of clips, one behind the other, as of a camera that changes its mode."""
    with av.open(str(path), "w", format="mpegts") as made:
        stream, shift = None, 0
        for number, clip in enumerate(clips):
            part = make(path.with_name(f"{path.stem}{number}.ts"), clip)
            with av.open(str(part)) as given:
                video = given.streams.video[0]
                stream = stream or made.add_stream_from_template(video)
                packets = [packet for packet in given.demux(video) if packet.size]
                first = min(packet.dts for packet in packets)
                for packet in packets:
                    packet.dts, packet.pts, packet.stream = (
                        packet.dts - first + shift,
                        packet.pts - first + shift,
                        stream,
                    )
                    made.mux(packet)
                shift += round(clip.seconds * 90_000)
    return path


MODES = tuple(Clip(width=wide, height=high, audio="") for wide, high in ((320, 240), (160, 120), (400, 304)))


@pytest.mark.parametrize(("preset", "publishes"), [("generic", 1), ("facebook", 3)])
async def test_a_change_within_a_file_is_a_header_before_its_key_frame_or_a_planned_session(
    world: World, key: str, tmp_path: Path, preset: str, publishes: int
) -> None:
    world.preset = PRESETS[preset]
    upload(world, joined(tmp_path / "modes.ts", *MODES), make(tmp_path / "last.ts", MODES[0]))
    async with Receiver(hashes=True) as receiver:
        audit = await played(world, receiver, key)
        assert audit.publish_count == publishes
        assert sum(track.configs for track in audit.tracks("video")) == 3
        assert sum(track.frames for track in audit.tracks("video")) >= 75
        assert len(set(audit.hashes("video"))) == 75, "every picture comes, and what is held at the end is of them"
        assert all(track.keys[:1] == b"\1" for track in audit.tracks("video"))
    assert world.faults == []

"""The publisher alone against real servers: what arrives is byte for byte what was sent, in order, in one publish."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.real.clip import Clip, make_clip
from tests.real.tape import digests, packets

from ftp_stream.rtmp.events import Unpublished
from ftp_stream.rtmp.flv import metadata
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.publisher import Connection, connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.real.servers import RealServer

pytestmark = pytest.mark.real

SECONDS = 4


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(SECONDS)


@pytest.fixture(scope="module")
def hevc_clip() -> Clip:
    return make_clip(SECONDS, "libx265")


@asynccontextmanager
async def publishing(url: str, **options: object) -> AsyncIterator[Connection]:
    connection = await connect(parse_url(url), **options)
    try:
        yield connection
    finally:
        await connection.close(clean=False)


def open_with(connection: Connection, clip: Clip, time_ms: int = 0) -> None:
    shape = metadata(
        codec=clip.codec, width=320, height=240, frame_rate=25, sample_rate=44100, channels=2, encoder="test"
    )
    connection.protocol.send_metadata(shape, time_ms)
    connection.protocol.send_video_config(clip.codec, clip.video_record, time_ms)
    connection.protocol.send_audio_config(clip.audio_record, time_ms)


def send_gop(connection: Connection, clip: Clip, number: int, time_ms: int = 0, mark: int | None = None) -> None:
    for frame in list(clip.gops())[number]:
        if frame.track == "video":
            connection.protocol.send_video(
                clip.codec, frame.key, time_ms + frame.dts_ms, frame.cts_ms, memoryview(frame.payload)
            )
        else:
            connection.protocol.send_audio(time_ms + frame.dts_ms, frame.payload)
    connection.protocol.mark(number + 1 if mark is None else mark, time.monotonic())
    connection.flush()


async def send(connection: Connection, clip: Clip, time_ms: int = 0, pause: float = 0.05) -> None:
    """Send the whole clip, a GOP at a time, faster than it would play."""
    open_with(connection, clip, time_ms)
    for number in range(len(list(clip.gops()))):
        send_gop(connection, clip, number, time_ms)
        await connection.writable()
        await asyncio.sleep(pause)


async def finish(connection: Connection, server: RealServer, key: str, clip: Clip, eventually: Callable) -> None:
    """Say goodbye and wait until the recording has every frame."""
    await connection.close(clean=True)
    await eventually(lambda: recorded(server, key) >= len(clip.frames), "the whole recording")


def recorded(server: RealServer, key: str) -> int:
    files = server.recordings(key)
    try:
        return sum(len(packets(file)) for file in files)
    except OSError:  # not even its header is written
        return 0


async def test_a_server_records_exactly_what_is_sent(real_server, key, clip, eventually) -> None:
    """Frames larger than a chunk, reordered frames and audio: same bytes, same order, same times, one publish."""
    async with publishing(real_server.url(key)) as connection:
        await send(connection, clip)
        await finish(connection, real_server, key, clip, eventually)
    [recording] = real_server.recordings(key)
    tape = packets(recording)
    for track in ("video", "audio"):
        assert digests(tape, track) == clip.digests(track)
        got = [(packet.dts_ms, packet.pts_ms - packet.dts_ms) for packet in tape if packet.track == track]
        sent = [(frame.dts_ms, frame.cts_ms) for frame in clip.frames if frame.track == track]
        start = got[0][0] - sent[0][0]
        assert [(dts - start, cts) for dts, cts in got] == sent
    assert real_server.publishes(key) == 1


@pytest.mark.parametrize("server", ["nginx_rtmp", "node_media_server"])
async def test_a_player_gets_exactly_what_is_sent(request, server, key, clip, player, eventually) -> None:
    """A server hands on what it was sent: a player that comes in at the start has every byte in order."""
    running = request.getfixturevalue(server)
    viewer = player(running.url(key))
    await eventually(lambda: key in running.log(), "the player")
    async with publishing(running.url(key)) as connection:
        await send(connection, clip)
        for track in ("video", "audio"):
            await eventually(lambda track=track: viewer.count(track) == len(clip.digests(track)), f"all {track}")
    for track in ("video", "audio"):
        assert digests(viewer.packets, track) == clip.digests(track)


async def test_hevc_passes_a_server_that_knows_it(node_media_server, key, hevc_clip, player, eventually) -> None:
    """Enhanced RTMP (hvc1) as FFmpeg reads it back."""
    viewer = player(node_media_server.url(key))
    await eventually(lambda: key in node_media_server.log(), "the player")
    async with publishing(node_media_server.url(key)) as connection:
        await send(connection, hevc_clip)
        await eventually(lambda: viewer.count("video") == len(hevc_clip.digests("video")), "all pictures")
    assert digests(viewer.packets, "video") == hevc_clip.digests("video")


@pytest.mark.parametrize(
    ("server", "rung"), [("nginx_rtmp", "pong"), ("ffmpeg_listener", "pong"), ("node_media_server", "tcp")]
)
async def test_every_gop_is_confirmed(request, server, rung, key, clip, eventually) -> None:
    """By pongs where the server answers pings; where it says nothing, by TCP once its silence is certain."""
    running = request.getfixturevalue(server)
    async with publishing(running.url(key)) as connection:
        open_with(connection, clip)
        number = 0
        for number in range(len(list(clip.gops()))):
            send_gop(connection, clip, number)
        if rung == "tcp":
            assert await silence_is_certain(connection, clip) == "tcp"
        await eventually(lambda: connection.protocol.confirmed >= number + 1, "the last GOP's confirmation")
        assert connection.protocol.rung == rung


async def silence_is_certain(connection: Connection, clip: Clip) -> str:
    """Go on sending audio until the protocol has judged that this server answers nothing."""
    payload = clip.video_record * 4000
    time_ms, number = SECONDS * 1000, 100
    while connection.protocol.rung == "unknown" and time_ms < 60_000:
        connection.protocol.send_audio(time_ms, payload)
        connection.protocol.mark(number, time.monotonic())
        connection.flush()
        await asyncio.sleep(0.1)
        time_ms, number = time_ms + 100, number + 1
    return connection.protocol.rung


async def test_a_clean_end_is_answered_and_confirms_all(nginx_rtmp, key, clip) -> None:
    """The server's word on our goodbye comes behind everything that was sent."""
    events = []
    async with publishing(nginx_rtmp.url(key), on_event=events.append) as connection:
        await send(connection, clip, pause=0)
        await connection.close(clean=True)
        assert Unpublished() in events
        assert connection.protocol.confirmed == len(list(clip.gops()))


async def test_a_server_that_says_nothing_to_a_goodbye_is_left_after_a_moment(node_media_server, key, clip) -> None:
    """Two seconds at most, and nothing of what was sent is lost by leaving."""
    async with publishing(node_media_server.url(key)) as connection:
        await send(connection, clip)
        before = time.monotonic()
        await connection.close(clean=True)
        assert time.monotonic() - before < 3
    assert recorded(node_media_server, key) == len(clip.frames)

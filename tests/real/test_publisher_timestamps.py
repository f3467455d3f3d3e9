"""A publish that runs for hours, for weeks and for months: the wire's clock passes 24, 31 and 32 bits.

Each publish here begins one and a half seconds before the passage. A stream of ours is renewed before its 24th day, so
that only the first passage is one that servers see from us; the other two hold the chunk writer to what 32 bits mean.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.real.clip import Clip, make_clip
from tests.real.tape import digest, digests, packets
from tests.real.test_publisher_delivery import finish, open_with, publishing, recorded, send, send_gop

from ftp_stream.rtmp.audit import payload_hash
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.clip import Frame
    from tests.real.tape import Packet

pytestmark = pytest.mark.real

TRACKS = ("video", "audio")
BEFORE = 1500  # milliseconds from the start of a publish to the passage
WIDTHS = [24, 31, 32]  # 4 h 39 min, 24 days 20 h, 49 days 17 h
MODULUS = 1 << 31  # of times in FLV files that FFmpeg writes, and it reads them as the difference to their first
CHUNK = 65_536  # bytes: what is longer is continued under headers of type 3


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(4)


def start(bits: int) -> int:
    return (1 << bits) - BEFORE


def assert_whole(tape: list[Packet], frames: list[Frame]) -> None:
    """Every frame once, in order, at its distance from the first picture: the tracks did not part at the passage."""
    begun = next(packet.dts_ms for packet in tape if packet.track == "video")
    for track in TRACKS:
        got = [packet for packet in tape if packet.track == track]
        sent = [frame for frame in frames if frame.track == track]
        assert [packet.digest for packet in got] == [digest(frame.payload) for frame in sent]
        assert [(packet.dts_ms - begun) % MODULUS for packet in got] == [frame.dts_ms for frame in sent]
        assert [packet.pts_ms - packet.dts_ms for packet in got] == [frame.cts_ms for frame in sent]


@pytest.mark.parametrize(
    ("server", "bits"),
    [
        *(("nginx_rtmp", bits) for bits in WIDTHS),
        *(("ffmpeg_listener", bits) for bits in WIDTHS),
        *(("node_media_server", bits) for bits in (24, 31)),  # not 32: see below
    ],
)
async def test_a_recording_goes_on_past_the_width_of_a_field(
    request: pytest.FixtureRequest, server: str, bits: int, key: str, clip: Clip, eventually: Callable
) -> None:
    """And where the server answers pings, its pongs go on too: all is confirmed."""
    running = request.getfixturevalue(server)
    async with publishing(running.url(key)) as connection:
        await send(connection, clip, start(bits))
        if server != "node_media_server":
            gops = len(list(clip.gops()))
            await eventually(lambda: connection.protocol.confirmed == gops, "the last GOP's confirmation")
        await finish(connection, running, key, clip, eventually)
    [recording] = running.recordings(key)
    assert_whole(packets(recording), list(clip.frames))
    assert running.publishes(key) == 1


@pytest.mark.parametrize(
    ("server", "bits"),
    [*(("nginx_rtmp", bits) for bits in WIDTHS), ("node_media_server", 24), ("node_media_server", 31)],
)
async def test_a_viewer_sees_nothing_of_it(
    request: pytest.FixtureRequest, server: str, bits: int, key: str, clip: Clip, player: Callable, eventually: Callable
) -> None:
    running = request.getfixturevalue(server)
    viewer = player(running.url(key))
    await eventually(lambda: key in running.log(), "the player")
    async with publishing(running.url(key)) as connection:
        await send(connection, clip, start(bits))
        await eventually(lambda: len(viewer.packets) == len(clip.frames), "all frames")
    assert_whole(viewer.packets, list(clip.frames))


async def test_what_node_media_server_cannot(
    node_media_server: object, key: str, clip: Clip, eventually: Callable
) -> None:
    """It adds up deltas without end and drops whatever lies beyond 32 bits: a publish must be renewed before that."""
    before = [frame for frame in clip.frames if frame.dts_ms < BEFORE]
    async with publishing(node_media_server.url(key)) as connection:
        await send(connection, clip, start(32))
        await connection.close(clean=True)
    await eventually(lambda: recorded(node_media_server, key) >= len(before), "what came before the passage")
    [recording] = node_media_server.recordings(key)
    tape = packets(recording)
    for track in TRACKS:
        assert digests(tape, track)[: len(before)] == clip.digests(track)[: len(digests(tape, track))]


async def test_a_large_frame_beyond_24_bits_repeats_its_time_in_every_chunk(
    real_server: object, key: str, clip: Clip, eventually: Callable
) -> None:
    """What breaks other publishers after 4.6 hours. A step back in time makes a key picture's header a whole one."""
    gops, order = list(clip.gops()), (0, 1, 1, 2, 3)
    assert len(next(frame for frame in gops[1] if frame.key).payload) > CHUNK
    async with publishing(real_server.url(key)) as connection:
        open_with(connection, clip, start(24) + BEFORE)
        for place, number in enumerate(order, 1):
            send_gop(connection, clip, number, start(24) + BEFORE, mark=place)
            await connection.writable()
            await asyncio.sleep(0.05)
        await finish(connection, real_server, key, clip, eventually)
    [recording] = real_server.recordings(key)
    sent = [frame for number in order for frame in gops[number]]
    tape = packets(recording)
    for track in TRACKS:
        assert digests(tape, track) == [digest(frame.payload) for frame in sent if frame.track == track]


@pytest.mark.parametrize("bits", WIDTHS)
async def test_the_built_in_receiver_counts_on(bits: int, key: str, clip: Clip, eventually: Callable) -> None:
    async with Receiver(hashes=True) as receiver:
        async with publishing(receiver.url(key=key)) as connection:
            await send(connection, clip, start(bits))
            audit = receiver.audits[f"live/{key}"]
            await eventually(lambda: len(audit.hashes("audio")) == len(clip.digests("audio")), "all sounds")
        for kind, track in (("video", audit.current.video), ("audio", audit.current.audio)):
            frames = [frame for frame in clip.frames if frame.track == kind]
            assert audit.hashes(kind) == [payload_hash(frame.payload) for frame in frames]
            assert (track.steps_back, track.equal_times) == (0, 0)
            assert track.elapsed_ms == frames[-1].dts_ms - frames[0].dts_ms
            assert track.last_ms == (start(bits) + frames[-1].dts_ms) % (1 << 32)

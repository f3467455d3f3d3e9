"""How real servers refuse and fail, and what the technician is told."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from tests.real.clip import Clip, make_clip
from tests.real.tape import digests, packets
from tests.real.test_publisher_delivery import finish, open_with, publishing, send, send_gop

from ftp_stream.errors import DestinationFault
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.publisher import Limits, connect

if TYPE_CHECKING:
    from ftp_stream.shell.publisher import Connection

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def clip() -> Clip:
    return make_clip(4)


async def refusal(url: str, **options: object) -> DestinationFault:
    """The fault that a publish ends with, before it has begun or soon after."""
    try:
        connection = await connect(parse_url(url), **options)
    except DestinationFault as fault:
        return fault
    try:
        async with asyncio.timeout(10):
            return await connection.wait_lost()
    finally:
        await connection.close(clean=False)


async def test_a_name_that_is_taken_is_said_with_the_servers_code(nginx_rtmp, key) -> None:
    """nginx-rtmp keeps such a connection open and swallows what it is sent."""
    async with publishing(nginx_rtmp.url(key)):
        fault = await refusal(nginx_rtmp.url(key))
    assert (fault.step, fault.code) == ("publish", "NetStream.Publish.BadName")
    assert fault.cure
    assert key not in f"{fault} {fault.description} {fault.cure}"


async def test_a_name_that_is_taken_is_noticed_where_the_server_first_accepts(node_media_server, key) -> None:
    """node-media-server says Publish.Start and then closes."""
    async with publishing(node_media_server.url(key)) as first:
        fault = await refusal(node_media_server.url(key))
        assert first.fault is None
    assert fault.step == "media"
    assert "in use" in fault.cure


async def test_an_unknown_application_is_a_fault_of_connect(nginx_rtmp, key) -> None:
    """nginx-rtmp closes without a word."""
    fault = await refusal(nginx_rtmp.url(key, app="nowhere"))
    assert fault.step == "connect"
    assert "application" in fault.cure


async def test_a_denied_publish_is_noticed_after_its_start(nginx_rtmp, key) -> None:
    """nginx-rtmp says Publish.Start and then closes."""
    fault = await refusal(nginx_rtmp.url(key, app="denied"))
    assert fault.step == "media"
    assert "not allowed" in fault.cure


async def keep_sending(connection: Connection, clip: Clip) -> float:
    """Send a GOP again and again until the connection fails; the seconds that took."""
    open_with(connection, clip)
    begun, number = time.monotonic(), 0
    gops = list(clip.gops())
    try:
        while time.monotonic() - begun < 40:
            for frame in gops[0]:
                if frame.track == "video":
                    at = number * 1000 + frame.dts_ms
                    connection.protocol.send_video(clip.codec, frame.key, at, frame.cts_ms, frame.payload)
            connection.protocol.mark(number + 1, time.monotonic())
            connection.flush()
            await connection.writable()
            await asyncio.sleep(0.2)
            number += 1
    except DestinationFault:
        pass
    return time.monotonic() - begun


async def test_a_killed_server_is_noticed_at_once(nginx_rtmp, key, clip, eventually) -> None:
    async with publishing(nginx_rtmp.url(key)) as connection:
        sending = asyncio.create_task(keep_sending(connection, clip))
        await eventually(lambda: connection.protocol.confirmed >= 2, "two confirmed GOPs")
        nginx_rtmp.kill()
        took = await sending
        assert took < 5
        assert connection.fault is not None
        assert connection.fault.step == "media"


async def test_a_frozen_server_is_noticed_by_its_missing_pongs(nginx_rtmp, key, clip, eventually) -> None:
    """The kernel of a stopped server takes bytes for a long time: only its program's answers tell."""
    async with publishing(nginx_rtmp.url(key)) as connection:
        sending = asyncio.create_task(keep_sending(connection, clip))
        await eventually(lambda: connection.protocol.confirmed >= 2, "two confirmed GOPs")
        nginx_rtmp.freeze()
        confirmed = connection.protocol.confirmed
        assert await sending < 14
        assert connection.fault is not None
        assert connection.fault.step == "confirm"
        assert connection.protocol.confirmed <= confirmed + 1
    nginx_rtmp.thaw()


async def test_the_name_is_free_soon_after_a_fault(nginx_rtmp, key, clip, eventually) -> None:
    """A session that is dropped is dropped by a reset: the server does not first read what waits in its socket."""
    async with publishing(nginx_rtmp.url(key)) as connection:
        open_with(connection, clip)
        send_gop(connection, clip, 0)
        nginx_rtmp.freeze()
        for number in range(1, 4):
            send_gop(connection, clip, number)
        await connection.close(clean=False)
    nginx_rtmp.thaw()
    async with publishing(nginx_rtmp.url(key)) as connection:
        await send(connection, clip)
        await connection.close(clean=True)
    wanted = clip.digests("video")  # at the end: a publish that begins within the second goes on in the former's file
    await eventually(
        lambda: digests(packets(nginx_rtmp.recordings(key)[-1]), "video")[-len(wanted) :] == wanted,
        "the second publish",
    )


async def test_rtmps_with_a_private_authority(tls_media_server, authority, key, clip, eventually) -> None:
    """Trusted by RTMP_CA_FILE, the server gets every byte."""
    steps = {}
    url = tls_media_server.tls_url(key)
    async with publishing(url, ca_file=authority.pem, on_step=steps.__setitem__) as connection:
        await send(connection, clip)
        await finish(connection, tls_media_server, key, clip, eventually)
    [recording] = tls_media_server.recordings(key)
    for track in ("video", "audio"):
        assert digests(packets(recording), track) == clip.digests(track)
    assert list(steps) == ["resolve", "tcp", "tls", "handshake", "connect", "publish"]


async def test_rtmps_from_an_authority_that_nobody_trusts(tls_media_server, key) -> None:
    fault = await refusal(tls_media_server.tls_url(key))
    assert fault.step == "tls"
    assert "not trusted" in fault.reason
    assert "RTMP_CA_FILE" in fault.cure


async def test_rtmps_for_another_name(tls_media_server, authority, key) -> None:
    fault = await refusal(tls_media_server.tls_url(key, host="127.0.0.1"), ca_file=authority.pem)
    assert fault.step == "tls"
    assert "not for this address" in fault.reason


async def test_rtmps_to_a_port_without_tls(nginx_rtmp, key) -> None:
    fault = await refusal(nginx_rtmp.url(key).replace("rtmp://", "rtmps://"), limits=Limits(tls=2))
    assert fault.step == "tls"
    assert "rtmp://" in fault.cure


async def test_rtmp_to_a_port_with_tls(tls_media_server, key) -> None:
    fault = await refusal(tls_media_server.tls_url(key).replace("rtmps://", "rtmp://"))
    assert fault.step == "handshake"
    assert "rtmps://" in f"{fault.reason} {fault.cure}"

"""The receiver over real sockets: our protocol and FFmpeg publish to it, and it fails in the ways it is told to."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import shutil
import socket
import ssl
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import av
import pytest
from tests.support import files
from tests.support.authority import Authority

from ftp_stream.errors import ConfigError
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.audit import compare, payload_hash
from ftp_stream.rtmp.events import Confirmed, Fault, PublishStarted, Unpublished
from ftp_stream.rtmp.habits import MEDIAMTX, NGINX_RTMP, NODE_MEDIA_SERVER, SRS, Habits
from ftp_stream.rtmp.publish import PublishProtocol
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.receiver import Left, PublishBegan, PublishOver, Receiver, Recorded, Refused, registry

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

FFMPEG = shutil.which("ffmpeg")
KEY_FRAME, INTER = True, False
PATIENCE = 15.0  # seconds that anything may take on a busy machine


def require(missing: str) -> None:
    """Skip for this reason, or fail where real parts are required."""
    if missing and os.environ.get("FTP_STREAM_REQUIRE_REAL") == "1":
        pytest.fail(f"FTP_STREAM_REQUIRE_REAL=1, but {missing}")
    if missing:
        pytest.skip(missing)


@pytest.fixture
def key() -> str:
    return "k" + secrets.token_hex(6)


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    """No wait of a test lasts for ever."""
    async with asyncio.timeout(PATIENCE * 3):
        yield


class Publisher:
    """The publisher's protocol over plain streams."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.protocol = PublishProtocol(self.url, random=secrets.token_bytes(1528), now=time.monotonic())
        self.told: list = []
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def connect(self, context: ssl.SSLContext | None = None, *, receive_buffer: int = 0) -> Self:
        sock = socket.socket(socket.AF_INET6 if ":" in self.url.host else socket.AF_INET)
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(0)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (self.url.host, self.url.port))
        except OSError:
            sock.close()
            raise
        name = self.url.host if context else None
        self.reader, self.writer = await asyncio.open_connection(sock=sock, ssl=context, server_hostname=name)
        return self

    async def start(self, context: ssl.SSLContext | None = None, **how: int) -> Self:
        """Connects, and goes on until the server said Publish.Start."""
        await self.connect(context, **how)
        await self.hear(lambda event: isinstance(event, PublishStarted))
        return self

    async def hear(self, wanted: Callable[[object], bool]) -> None:
        """Exchanges bytes until such an event came."""
        while not any(wanted(event) for event in self.told):
            await self.flush()
            data = await self.reader.read(1 << 16)
            if not data:
                raise EOFError
            self.told += self.protocol.receive(data, time.monotonic())
        await self.flush()

    async def flush(self) -> None:
        self.writer.writelines(self.protocol.data_to_send())
        await self.writer.drain()

    async def play(self, frames: int, size: int = 200, start: int = 0) -> list[bytes]:
        """Sends frames with sound; returns the pictures."""
        if not start:
            self.protocol.send_metadata({"width": 64.0})
            self.protocol.send_video_config("avc", b"record", 0)
            self.protocol.send_audio_config(b"\x12\x10", 0)
        pictures = [secrets.token_bytes(size) for _ in range(frames)]
        for number, picture in enumerate(pictures, start):
            self.protocol.send_video("avc", number % 10 == 0, number * 40, 0, picture)
            self.protocol.send_audio(number * 40, picture[:20])
        await self.flush()
        return pictures

    async def closed(self) -> None:
        """Returns when the server has closed; a reset is an error."""
        while await self.reader.read(1 << 16):
            pass

    async def end(self) -> None:
        """Unpublishes and waits for the server's word: hanging up at once may lose what it has not read."""
        self.protocol.close()
        await self.hear(lambda event: isinstance(event, Unpublished))
        self.hang_up()

    def hang_up(self) -> None:
        self.writer.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_) -> None:
        self.writer.close()


def contexts(directory: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's TLS context for 127.0.0.1 and a client's that believes it."""
    require(Authority.missing())
    authority = Authority(directory)
    certificate = authority.certificate("IP:127.0.0.1")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate.chain, certificate.key)
    return server, ssl.create_default_context(cafile=str(authority.pem))


# --- a publish ------------------------------------------------------------------------------------------------------


async def test_a_publish_from_begin_to_end(key):
    happened = []
    async with Receiver(hashes=True, on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        assert (receiver.connections, receiver.publishing) == (1, 1)
        pictures = await publisher.play(25)
        audit = receiver.audits[f"live/{key}"]
        await receiver.until(lambda: audit.current.audio.frames == 25)
        assert audit.live
        await publisher.end()
        await receiver.until(lambda: receiver.connections == 0)
        assert (receiver.publishing, audit.live, audit.publish_count) == (0, False, 1)
        assert compare([payload_hash(picture) for picture in pictures], audit.hashes("video")).perfect
        assert (audit.current.video.key_frames, audit.current.video.configs, audit.current.data_messages) == (3, 1, 1)
    assert [type(event) for event in happened] == [PublishBegan, PublishOver, Left]
    assert (happened[0].stream, happened[0].app) == (f"live/{key}", "live")
    assert happened[0].peer.startswith("127.0.0.1:")
    assert happened[1].reason == "the publisher unpublished"
    assert key not in repr(happened)


async def test_a_connection_that_breaks_ends_the_publish(key):
    happened = []
    async with Receiver(on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        publisher.hang_up()
        await receiver.until(lambda: receiver.connections == 0)
        assert not receiver.audits[f"live/{key}"].live
    assert happened[1].reason == "the publisher closed the connection"


async def test_what_a_server_spoils_of_what_it_takes_is_counted(key):
    """SRS: a step of 280 ms and headers said again; MediaMTX: another audio header, which does not come through."""
    for habits, harms, headers in ((SRS, {"cut": 2, "step": 1}, 2), (MEDIAMTX, {"audio header": 1}, 1)):
        async with Receiver(habits=habits) as receiver:
            publisher = await Publisher(receiver.url("live", key)).start()
            await publisher.play(3)
            publisher.protocol.send_video_config("avc", b"record", 80)
            publisher.protocol.send_audio_config(b"\x12\x10" if habits is SRS else b"\x12\x08", 80)
            await publisher.play(1, start=9)  # at 360 ms
            audit = receiver.audits[f"live/{key}"]
            await receiver.until(lambda audit=audit: audit.current.audio.frames == 4)
            assert audit.harms == harms
            assert audit.current.audio.configs == headers
            publisher.hang_up()
            await receiver.until(lambda receiver=receiver: receiver.connections == 0)


async def test_streams_are_audited_by_name_and_publishes_one_by_one(key):
    async with Receiver() as receiver:
        for app in ("one", "two", "one"):
            publisher = await Publisher(receiver.url(app, key)).start()
            await publisher.end()
            await receiver.until(lambda: receiver.connections == 0)
        assert list(receiver.audits) == [f"one/{key}", f"two/{key}"]
        assert [audit.publish_count for audit in receiver.audits.values()] == [2, 1]


async def test_tls(tmp_path, key):
    context, client = contexts(tmp_path)
    async with Receiver(ssl=context, hashes=True) as receiver:
        assert receiver.url("live", key) == f"rtmps://127.0.0.1:{receiver.port}/live/{key}"
        publisher = await Publisher(receiver.url("live", key)).start(client)
        pictures = await publisher.play(5, size=100_000)
        audit = receiver.audits[f"live/{key}"]
        await receiver.until(lambda: audit.current.video.frames == 5)
        assert audit.hashes("video") == [payload_hash(picture) for picture in pictures]
        publisher.hang_up()
        await receiver.until(lambda: receiver.connections == 0)


async def test_a_hundred_publishers_at_once(key):
    async with Receiver() as receiver:
        publishers = [Publisher(receiver.url("live", f"{key}{number}")) for number in range(100)]
        await asyncio.gather(*(publisher.start() for publisher in publishers))
        assert receiver.publishing == 100
        await asyncio.gather(*(publisher.play(10) for publisher in publishers))
        audits = receiver.audits.values()
        await receiver.until(lambda: all(audit.current.audio.frames == 10 for audit in audits))
        assert sum(audit.current.video.frames for audit in audits) == 1000
        for publisher in publishers:
            publisher.hang_up()
        await receiver.until(lambda: receiver.connections == 0)
        assert receiver.publishing == 0


async def test_ipv6(key):
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        async with Receiver("::1") as receiver:
            assert receiver.url("live", key) == f"rtmp://[::1]:{receiver.port}/live/{key}"
            async with await Publisher(receiver.url("live", key)).start():
                assert receiver.publishing == 1
    except ConfigError as error:
        pytest.skip(str(error))


async def test_a_port_in_use_is_a_setting_to_change():
    async with Receiver() as receiver:
        with pytest.raises(ConfigError, match=str(receiver.port)):
            await Receiver(port=receiver.port).__aenter__()


async def test_leaving_ends_what_lasts(key):
    happened = []
    async with Receiver(on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
    await publisher.closed()
    assert [type(event) for event in happened] == [PublishBegan, PublishOver, Left]
    with pytest.raises(OSError, match="Connect call failed"):
        await publisher.connect()
    publisher.hang_up()


async def test_a_listener_may_drop_a_publish_the_moment_it_begins(key):
    receiver = Receiver(on_event=lambda event: isinstance(event, PublishBegan) and receiver.drop())
    async with receiver, await Publisher(receiver.url("live", key)).connect() as publisher:
        with pytest.raises(EOFError):
            await publisher.hear(lambda event: isinstance(event, Fault))
        await receiver.until(lambda: receiver.connections == 0)
        assert receiver.publishing == 0


# --- recordings -----------------------------------------------------------------------------------------------------


async def test_recordings_are_what_was_sent(tmp_path, key):
    happened = []
    path = tmp_path / "out.flv"
    async with Receiver(record=path, on_event=happened.append) as receiver:
        for frames in (3, 4):
            publisher = await Publisher(receiver.url("live", key)).start()
            await publisher.play(frames)
            await publisher.end()
            await receiver.until(lambda: receiver.connections == 0)
    assert [event for event in happened if isinstance(event, Recorded)] == [
        Recorded(path),
        Recorded(tmp_path / "out.2.flv"),
    ]
    for file, frames in ((path, 3), (tmp_path / "out.2.flv", 4)):
        tags = list(flv.read_tags(file.read_bytes()))
        assert tags[0].body.startswith(b"\x02\x00\x0aonMetaData\x08")
        assert [tag.type for tag in tags] == [flv.DATA, flv.VIDEO, flv.AUDIO] + [flv.VIDEO, flv.AUDIO] * frames
        assert [tag.time_ms for tag in tags[3::2]] == [number * 40 for number in range(frames)]


async def test_a_recording_that_cannot_be_written_is_told_and_harms_nobody(tmp_path, key):
    happened = []
    async with Receiver(record=tmp_path / "none" / "out.flv", on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        await publisher.play(3)
        await publisher.end()
        await receiver.until(lambda: receiver.connections == 0)
        assert receiver.audits[f"live/{key}"].current.video.frames == 3
    (recorded,) = [event for event in happened if isinstance(event, Recorded)]
    assert recorded.problem == os.strerror(errno.ENOENT)


@pytest.mark.parametrize("size", [200, 1 << 20], ids=["at the end", "on the way"])
async def test_a_disk_that_fills_up_is_told_too(key, tmp_path, size):
    full = tmp_path / "full.flv"
    full.symlink_to("/dev/full")
    happened = []
    async with Receiver(record=full, on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        await publisher.play(3, size=size)
        await publisher.end()
        await receiver.until(lambda: receiver.connections == 0)
        assert receiver.audits[f"live/{key}"].current.video.frames == 3
    (recorded,) = [event for event in happened if isinstance(event, Recorded)]
    assert recorded.problem == os.strerror(errno.ENOSPC)


# --- refusals -------------------------------------------------------------------------------------------------------


async def test_a_publish_that_is_not_admitted_is_refused(key):
    happened = []
    admit = lambda request: request.key != key  # noqa: E731 - an answer in one word
    async with Receiver(habits=NODE_MEDIA_SERVER, admit=admit, on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()  # it says Publish.Start all the same
        await publisher.closed()
        publisher.hang_up()
        await receiver.until(lambda: receiver.connections == 0)
        assert (dict(receiver.audits), receiver.publishing) == ({}, 0)
        async with await Publisher(receiver.url("live", key + "x")).start():
            assert receiver.publishing == 1
    assert isinstance(happened[0], Refused)
    assert happened[0].reason == "not allowed"


async def test_bad_name_keeps_the_first_publisher(key):
    async with Receiver(habits=NGINX_RTMP) as receiver:
        first = await Publisher(receiver.url("live", key)).start()
        second = await Publisher(receiver.url("live", key)).connect()
        await second.hear(lambda event: isinstance(event, Fault))
        assert second.told[-1].code == "NetStream.Publish.BadName"
        await first.play(5)
        await receiver.until(lambda: receiver.audits[f"live/{key}"].current.video.frames == 5)
        assert (receiver.publishing, receiver.connections) == (1, 2)
        first.hang_up()
        await receiver.until(lambda: receiver.publishing == 0)
        async with await Publisher(receiver.url("live", key)).start():
            assert receiver.audits[f"live/{key}"].publish_count == 2
        second.hang_up()


async def test_mediamtx_kicks_the_first_publisher(key):
    happened = []
    async with Receiver(habits=MEDIAMTX, on_event=happened.append) as receiver:
        first = await Publisher(receiver.url("live", key)).start()
        second = await Publisher(receiver.url("live", key)).start()
        await first.closed()
        first.hang_up()
        await second.play(5)
        audit = receiver.audits[f"live/{key}"]
        await receiver.until(lambda: audit.current.video.frames == 5)
        assert (receiver.publishing, audit.publish_count) == (1, 2)
        second.hang_up()
    assert [type(event) for event in happened[:3]] == [PublishBegan, PublishOver, PublishBegan]
    assert happened[1].reason == "another publisher took the name"


async def test_the_same_key_under_another_app_is_another_stream(key):
    async with Receiver(habits=NGINX_RTMP) as receiver:
        publishers = [await Publisher(receiver.url(app, key)).start() for app in ("one", "two")]
        assert receiver.publishing == 2
        for publisher in publishers:
            publisher.hang_up()


# --- failing on purpose ---------------------------------------------------------------------------------------------


async def test_a_server_that_stops_reading(key):
    """All that it ever took is what came until then; the publisher's writes stand still."""
    async with Receiver(habits=replace(Habits(), stops_reading_after=500_000, silence_deadline=0.2)) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()

        async def play_200_megabytes() -> None:
            for start in range(0, 200, 10):
                await publisher.play(10, size=1 << 20, start=start)

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(play_200_megabytes(), 1)
        seen = receiver.audits[f"live/{key}"].current.video.payload_bytes
        assert seen < 2_000_000
        assert receiver.publishing == 1  # no clock ends it
        publisher.writer.transport.abort()


@pytest.mark.parametrize("secure", [False, True])
async def test_a_server_that_reads_slowly_reads_so_much_a_second(key, secure, tmp_path):
    """Over its whole time, whatever lies there; and as fast as it comes once it is told to."""
    context, trust = contexts(tmp_path) if secure else (None, None)
    habits = Habits(reads_per_second=400_000)
    async with Receiver(habits=habits, ssl=context) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start(trust)
        playing = asyncio.create_task(publisher.play(100, size=40_000))
        video = receiver.audits[f"live/{key}"].current.video
        begun, before = time.monotonic(), video.payload_bytes
        await receiver.until(lambda: video.payload_bytes > before + 1_200_000)
        rate = (video.payload_bytes - before) / (time.monotonic() - begun)
        assert rate == pytest.approx(400_000, rel=0.25)
        receiver.read_at(None)
        begun = time.monotonic()
        await receiver.until(lambda: video.frames == 100)
        assert time.monotonic() - begun < 2
        await playing
        publisher.hang_up()


async def test_a_server_that_goes_deaf_reads_on_and_answers_nothing(key):
    async with Receiver(habits=Habits(deaf_after=100_000)) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        await publisher.play(10)
        publisher.protocol.mark(1, time.monotonic())
        await publisher.hear(lambda event: event == Confirmed(1))
        await publisher.play(100, size=100_000, start=10)
        publisher.protocol.mark(2, time.monotonic())
        await publisher.flush()
        await receiver.until(lambda: receiver_read(receiver) > 10_000_000)
        assert receiver.publishing == 1
        assert receiver.audits[f"live/{key}"].current.video.frames < 15
        publisher.hang_up()
        await receiver.until(lambda: receiver.connections == 0)
        assert publisher.protocol.confirmed == 1


def receiver_read(receiver: Receiver) -> int:
    """Return the bytes that its only connection has read."""
    (member,) = receiver._registry.members
    return member._received


async def test_a_server_that_resets(key):
    async with Receiver(habits=replace(Habits(), reset_after=0.1)) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        with pytest.raises(ConnectionResetError):
            await publisher.closed()
        await receiver.until(lambda: receiver.connections == 0)
        assert receiver.publishing == 0
        publisher.hang_up()


@pytest.mark.parametrize("reset", [True, False])
async def test_everybody_can_be_dropped(key, reset):
    async with Receiver() as receiver:
        publishers = [await Publisher(receiver.url("live", key + end)).start() for end in "ab"]
        receiver.drop(reset=reset)
        assert receiver.publishing == 0
        for publisher in publishers:
            if reset:
                with pytest.raises(ConnectionResetError):
                    await publisher.closed()
            else:
                await publisher.closed()
            publisher.hang_up()


async def test_silence_is_ended_by_the_clock(key):
    happened = []
    habits = replace(Habits(), first_message_deadline=20.0, silence_deadline=0.2)
    async with Receiver(habits=habits, on_event=happened.append) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        await publisher.play(1)
        await publisher.closed()
        publisher.hang_up()
        assert receiver.audits[f"live/{key}"].current.video.frames == 1
    assert happened[1].reason == "no message for 0.2 s"


async def test_media_in_time_keeps_a_publish_alive(key):
    async with Receiver(habits=replace(Habits(), silence_deadline=0.4)) as receiver:
        publisher = await Publisher(receiver.url("live", key)).start()
        audit = receiver.audits[f"live/{key}"]
        for number in range(8):
            await publisher.play(1, start=number)
            await receiver.until(lambda: audit.current.video.frames == number + 1)  # noqa: B023 - awaited at once
            await asyncio.sleep(0.1)
        assert audit.live
        publisher.hang_up()


async def test_a_mute_server_lets_everybody_wait(key):
    async with Receiver(habits=replace(Habits(), mute=frozenset({"handshake"}))) as receiver:
        publisher = await Publisher(receiver.url("live", key)).connect()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await publisher.hear(lambda _: True)
        publisher.hang_up()


# --- odd peers ------------------------------------------------------------------------------------------------------


async def test_what_is_no_rtmp_is_closed_with_a_reason():
    happened = []
    async with Receiver(on_event=happened.append) as receiver:
        reader, writer = await asyncio.open_connection("127.0.0.1", receiver.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
        await receiver.until(lambda: receiver.connections == 0)
    assert "HTTP" in happened[0].reason


async def test_a_peer_that_reads_no_answers_is_read_no_further(key):
    """Pings without end: their pongs must not pile up here."""
    ping = b"\x42\x00\x00\x00\x00\x00\x06\x04\x00\x06ping"
    async with Receiver() as receiver:
        publisher = await Publisher(receiver.url("live", key)).start(receive_buffer=4096)
        publisher.writer.transport.pause_reading()
        (member,) = receiver._registry.members
        stalled = asyncio.create_task(receiver.until(lambda: not member._transport.is_reading()))
        while not stalled.done():
            publisher.writer.write(ping * 10_000)
            await asyncio.wait({stalled}, timeout=0.05)
        assert member._transport.get_write_buffer_size() < 1 << 20
        publisher.writer.transport.abort()
        await receiver.until(lambda: receiver.connections == 0)


async def test_a_peer_that_reads_its_answers_late_is_read_on(key):
    ping = b"\x42\x00\x00\x00\x00\x00\x06\x04\x00\x06ping"
    async with Receiver() as receiver:
        publisher = await Publisher(receiver.url("live", key)).start(receive_buffer=4096)
        publisher.writer.transport.pause_reading()
        (member,) = receiver._registry.members
        while member._transport.is_reading():
            publisher.writer.write(ping * 10_000)
            await asyncio.sleep(0.02)
        await publisher.play(1)
        publisher.writer.transport.resume_reading()
        audit = receiver.audits[f"live/{key}"]
        reading = asyncio.create_task(publisher.closed())
        await receiver.until(lambda: audit.current.video.frames == 1)
        publisher.hang_up()
        await reading


async def test_one_connection_too_many_is_reset(monkeypatch, key):
    monkeypatch.setattr(registry, "_CONNECTIONS", 1)
    async with Receiver() as receiver:
        async with await Publisher(receiver.url("live", key)).start():
            other = await Publisher(receiver.url("live", key)).connect()
            with pytest.raises((ConnectionResetError, BrokenPipeError, EOFError)):
                await other.hear(lambda _: False)
            other.hang_up()
            assert receiver.publishing == 1
        await receiver.until(lambda: receiver.connections == 0)
        async with await Publisher(receiver.url("live", key)).start():
            assert receiver.publishing == 1


async def test_audits_of_old_names_make_room(monkeypatch, key):
    monkeypatch.setattr(registry, "_STREAMS_KEPT", 2)
    async with Receiver() as receiver:
        live = await Publisher(receiver.url("live", key)).start()
        for number in range(3):
            await (await Publisher(receiver.url("live", f"{key}{number}")).start()).end()
            await receiver.until(lambda: receiver.connections == 1)
        assert list(receiver.audits) == [f"live/{key}", f"live/{key}2"]
        live.hang_up()


# --- FFmpeg ---------------------------------------------------------------------------------------------------------


async def ffmpeg(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        FFMPEG, "-nostdin", "-hide_banner", "-loglevel", "error", *arguments, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")


def packets(path: Path, kind: str) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.best(kind)) if packet.size]


@pytest.mark.real
@pytest.mark.parametrize("habits", [Habits(), NGINX_RTMP, NODE_MEDIA_SERVER, MEDIAMTX], ids=lambda h: h.duplicate.value)
async def test_ffmpeg_publishes_a_file_and_every_packet_arrives(tmp_path, key, habits):
    require("" if FFMPEG else "the ffmpeg program is not installed")
    source = files.make(tmp_path / "source.mp4", files.Clip(seconds=2.0, b_frames=2))
    record = tmp_path / "out.flv"
    async with Receiver(habits=habits, record=record, hashes=True) as receiver:
        await ffmpeg("-i", str(source), "-c", "copy", "-f", "flv", receiver.url("live", key))
        await receiver.until(lambda: receiver.connections == 0)
        audit = receiver.audits[f"live/{key}"]
    for kind in ("video", "audio"):
        sent = packets(source, kind)
        assert packets(record, kind) == sent
        assert compare([payload_hash(payload) for payload in sent], audit.hashes(kind)).perfect
    assert audit.publish_count == 1
    track = audit.current.video
    assert (track.codec, track.frames, track.configs, track.steps_back, track.equal_times) == ("avc", 50, 1, 0, 0)


@pytest.mark.real
async def test_ffmpeg_publishes_what_it_encodes(tmp_path, key):
    require("" if FFMPEG else "the ffmpeg program is not installed")
    record = tmp_path / "out.flv"
    picture = ["-f", "lavfi", "-i", "testsrc=size=160x120:rate=25:duration=2"]
    tone = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100:duration=2"]
    coding = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"]
    async with Receiver(record=record) as receiver:
        await ffmpeg(*picture, *tone, *coding, "-f", "flv", receiver.url("live", key))
        await receiver.until(lambda: receiver.connections == 0)
        audit = receiver.audits[f"live/{key}"].current
    assert (audit.video.frames, audit.video.key_frames) == (50, 2)
    assert len(packets(record, "video")) == 50
    assert len(packets(record, "audio")) == audit.audio.frames > 80


@pytest.mark.real
async def test_ffmpeg_in_real_time_with_timestamps_of_32_bits(tmp_path, key):
    """Beyond 24 bits the time stands in an extended field, repeated in every chunk."""
    require("" if FFMPEG else "the ffmpeg program is not installed")
    source = files.make(tmp_path / "source.mp4", files.Clip(seconds=1.0, width=320, height=240))
    async with Receiver(habits=replace(Habits(), chunk_size=128), hashes=True) as receiver:
        offset = ["-output_ts_offset", "16777.1"]
        await ffmpeg("-re", "-i", str(source), "-c", "copy", *offset, "-f", "flv", receiver.url("live", key))
        await receiver.until(lambda: receiver.connections == 0)
        audit = receiver.audits[f"live/{key}"]
    track = audit.current.video
    assert track.first_ms < 1 << 24 < track.last_ms
    assert audit.hashes("video") == [payload_hash(payload) for payload in packets(source, "video")]
    assert 0.5 < track.last_at - track.first_at < 5

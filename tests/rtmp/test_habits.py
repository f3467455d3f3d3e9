"""The presets are what the servers were seen to do; our own publisher is joined to each of them in memory."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from ftp_stream.errors import FaultKind
from ftp_stream.rtmp import events as publish_events
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.chunks import Message
from ftp_stream.rtmp.confirm import PONG_TIMEOUT
from ftp_stream.rtmp.habits import (
    MEDIAMTX,
    NGINX_RTMP,
    NODE_MEDIA_SERVER,
    OVENMEDIAENGINE,
    PRESETS,
    SRS,
    AckBase,
    AckWrap,
    Habits,
)
from ftp_stream.rtmp.publish import PublishProtocol, PublishState
from ftp_stream.rtmp.receive import CloseConnection, PublishEnded, PublishRequested, ReceiveProtocol, Refusal
from ftp_stream.rtmp.url import parse_url

SERVERS = {
    "nginx-rtmp": NGINX_RTMP,
    "node-media-server": NODE_MEDIA_SERVER,
    "srs": SRS,
    "ovenmediaengine": OVENMEDIAENGINE,
    "mediamtx": MEDIAMTX,
}
INTER = False


class Pair:
    """Two real ends joined in memory; the server grants every publish unless told otherwise."""

    def __init__(self, habits: Habits, *, refusal: Refusal | None = None) -> None:
        self.now = 500.0
        self.key = "k" + secrets.token_hex(4)
        url = parse_url(f"rtmp://localhost/live/{self.key}")
        self.publisher = PublishProtocol(url, random=secrets.token_bytes(1528), now=self.now)
        self.server = ReceiveProtocol(habits, random=secrets.token_bytes(1528), now=self.now)
        self.refusal = refusal
        self.told: list = []  # by the publisher
        self.seen: list = []  # by the server
        self.join()

    def join(self) -> None:
        """Carries bytes both ways until none are left."""
        while True:
            up = b"".join(self.publisher.data_to_send())
            self.seen += self.answered(self.server.receive(up, self.now))
            down = b"".join(self.server.data_to_send())
            self.told += self.publisher.receive(down, self.now)
            if not (up or down):
                return

    def answered(self, new: list) -> list:
        if new and isinstance(new[-1], PublishRequested):
            answer = self.server.refuse if self.refusal else self.server.accept
            new += answer(*([self.refusal] if self.refusal else []), self.now)
        return new

    def play(self, gops: int, frames: int = 25, size: int = 4000) -> None:
        """Sends groups of pictures with sound, a mark behind each."""
        self.publisher.send_metadata({"width": 64.0})
        self.publisher.send_video_config("avc", b"record", 0)
        self.publisher.send_audio_config(b"\x12\x10", 0)
        for number in range(gops * frames):
            self.publisher.send_video("avc", number % frames == 0, number * 40, 80, memoryview(bytes(size)))
            self.publisher.send_audio(number * 40, b"sound")
            if number % frames == frames - 1:
                self.publisher.mark(number // frames + 1, self.now)
            self.now += 0.04
            self.join()

    def messages(self, type_id: int) -> list[Message]:
        return [event for event in self.seen if isinstance(event, Message) and event.type_id == type_id]


@pytest.mark.parametrize("habits", PRESETS.values(), ids=PRESETS)
def test_our_publisher_publishes_to_every_server(habits):
    pair = Pair(habits)
    assert pair.publisher.state is PublishState.PUBLISHING
    (request,) = pair.seen
    assert (request.app, request.key, request.tc_url) == ("live", pair.key, "rtmp://localhost/live")
    pair.play(3)
    assert not [event for event in pair.told if isinstance(event, publish_events.Fault)]
    bodies = [message.body for message in pair.messages(flv.VIDEO)]
    assert len(bodies) == 1 + 75
    assert bodies[0] == flv.avc_sequence_header(b"record")
    assert bodies[2] == flv.video_header("avc", INTER, 80) + bytes(4000)
    assert [message.timestamp for message in pair.messages(flv.VIDEO)][1:] == [n * 40 for n in range(75)]
    assert len(pair.messages(flv.AUDIO)) == 1 + 75
    assert pair.messages(flv.DATA)[0].body.startswith(b"\x02\x00\x0d@setDataFrame\x02\x00\x0aonMetaData\x08")


@pytest.mark.parametrize("habits", PRESETS.values(), ids=PRESETS)
def test_pongs_confirm_every_group_where_pings_are_answered(habits):
    pair = Pair(habits)
    pair.play(4)
    assert (pair.publisher.confirmed == 4) == (habits is not NODE_MEDIA_SERVER)
    assert (pair.publisher.rung == "pong") == (habits is not NODE_MEDIA_SERVER)


def test_a_deaf_server_takes_nothing_and_answers_nothing_from_then_on():
    """And acknowledges what it reads all the same."""
    pair = Pair(replace(NGINX_RTMP, deaf_after=500_000))
    pair.play(10)
    assert 3 <= pair.publisher.confirmed <= 5
    assert 75 <= len(pair.messages(flv.VIDEO)) <= 130
    assert pair.publisher._confirmations._meter.count > 2
    pair.now += PONG_TIMEOUT
    (fault,) = [event for event in pair.publisher.check(pair.now) if isinstance(event, publish_events.Fault)]
    assert fault.kind is FaultKind.DEAF


@pytest.mark.parametrize(
    ("habits", "unpublished"), [(NGINX_RTMP, True), (SRS, True), (NODE_MEDIA_SERVER, False), (OVENMEDIAENGINE, False)]
)
def test_a_clean_end(habits, unpublished):
    pair = Pair(habits)
    pair.play(1)
    pair.publisher.close()
    pair.join()
    assert (publish_events.Unpublished() in pair.told) == unpublished
    assert any(isinstance(event, PublishEnded) for event in pair.seen) == (habits is not OVENMEDIAENGINE)


def test_bad_name_is_a_fault_in_the_servers_words():
    pair = Pair(NGINX_RTMP, refusal=Refusal.DUPLICATE)
    (fault,) = [event for event in pair.told if isinstance(event, publish_events.Fault)]
    assert (fault.step, fault.code) == ("publish", "NetStream.Publish.BadName")


def test_mediamtx_says_unauthorized():
    pair = Pair(MEDIAMTX, refusal=Refusal.DENIED)
    (fault,) = [event for event in pair.told if isinstance(event, publish_events.Fault)]
    assert fault.code == "NetStream.Publish.Unauthorized"
    assert isinstance(pair.seen[-1], CloseConnection)


@pytest.mark.parametrize(("habits", "started"), [(NODE_MEDIA_SERVER, True), (OVENMEDIAENGINE, True), (SRS, False)])
def test_publish_start_is_not_acceptance(habits, started):
    pair = Pair(habits, refusal=Refusal.DUPLICATE)
    assert (publish_events.PublishStarted() in pair.told) == started
    if habits is OVENMEDIAENGINE:
        assert not [event for event in pair.seen if isinstance(event, CloseConnection)]
        pair.publisher.send_video("avc", INTER, 0, 0, b"x")
        pair.join()
    assert isinstance(pair.seen[-1], CloseConnection)


# --- the tables -----------------------------------------------------------------------------------------------------


def column(name: str) -> dict[str, object]:
    return {server: getattr(habits, name) for server, habits in SERVERS.items()}


@pytest.mark.parametrize(
    ("knob", "nginx", "node", "srs", "oven", "mediamtx"),
    [
        ("chunk_size", 4096, 65_535, 60_000, None, 65_536),
        ("max_message", 1 << 20, (1 << 24) - 1, (1 << 24) - 1, (1 << 24) - 1, 10 << 20),
        ("answers_release_stream", False, False, True, False, False),
        ("answers_pings", True, False, True, True, True),
        ("never_ack", False, True, False, False, False),
        ("ack_base", AckBase.AFTER_HANDSHAKE, AckBase.ALL, AckBase.ALL, AckBase.ALL, AckBase.ALL),
        ("ack_wrap", AckWrap.RESET, AckWrap.MODULO, AckWrap.RESTART, AckWrap.MINUS, AckWrap.MODULO),
        ("ack_every", None, None, None, 1_250_000, None),
        ("silence_deadline", None, None, 5.0, None, 10.0),
        ("first_message_deadline", None, None, 20.0, None, None),
        ("unpublished_silence", None, None, None, 3.0, None),
        ("ping_after", 60.0, None, None, None, None),
        ("track_freeze_s", None, None, None, None, 2.0),
        ("late_audio_closes", False, False, False, True, True),
        ("longest_step_ms", None, None, 250, None, None),
        ("header_cuts", False, False, True, False, False),
        ("first_audio_header_holds", False, False, False, True, True),
        ("first_enhanced_header_holds", False, False, False, False, True),
        ("video_codecs", {"avc"}, None, {"avc", "hevc"}, {"avc"}, None),
    ],
)
def test_the_presets_are_the_tables(knob, nginx, node, srs, oven, mediamtx):
    expected = dict(zip(SERVERS, (nginx, node, srs, oven, mediamtx), strict=True))
    assert column(knob) == expected


def test_the_presets_have_names():
    assert {name: PRESETS[name] for name in SERVERS} == SERVERS
    assert PRESETS["default"] == Habits()

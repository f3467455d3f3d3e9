"""The publisher's side: what it says, what it makes of the answers, and what it knows of delivery."""

from __future__ import annotations

import secrets
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.errors import FaultKind, LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.amf0 import EcmaArray
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.chunks import ChunkReader, ChunkWriter, Message
from ftp_stream.rtmp.confirm import PONG_TIMEOUT, READ_AHEAD
from ftp_stream.rtmp.handshake import RANDOM, server_handshake
from ftp_stream.rtmp.messages import (
    Acknowledgement,
    Audio,
    Command,
    Data,
    Parsed,
    PeerBandwidth,
    SetChunkSize,
    UserControl,
    UserEvent,
    Video,
    WindowAcknowledgementSize,
    parse,
    serialise,
)
from ftp_stream.rtmp.publish import (
    COMMAND_TIMEOUT,
    WINDOW,
    AuthNeeded,
    Confirmed,
    Event,
    Fault,
    PublishProtocol,
    PublishStarted,
    PublishState,
    ReconnectRequested,
    ServerStatus,
    StepDone,
    Unpublished,
)
from ftp_stream.rtmp.url import RtmpUrl, parse_url

if TYPE_CHECKING:
    from collections.abc import Sequence

GOLDEN = Path(__file__).parent / "golden"
KEY, INTER = True, False
RANDOM_BYTES = bytes(range(191)) * 8
START = Command(
    "onStatus", 0.0, (None, {"level": "status", "code": "NetStream.Publish.Start", "description": "go"}), stream_id=7
)


class Pair:
    """A publish and the smallest server, joined in memory; the clock is a number."""

    def __init__(self, url: RtmpUrl | None = None) -> None:
        self.key = secrets.token_hex(8)
        self.url = url or parse_url(f"rtmp://host/app/{self.key}")
        self.now = 1000.0
        self.publish = PublishProtocol(self.url, random=RANDOM_BYTES, now=self.now)
        self.received: list[Message] = []
        self.sent = 0  # bytes that the publisher handed out
        self._reader = ByteReader()
        self._writer = ChunkWriter()
        self._chunks = ChunkReader(reader=self._reader)
        self._parser = self._serve()
        next(self._parser)

    def _serve(self):
        yield from server_handshake(self._reader, bytes(RANDOM), self._writer.raw)
        while True:
            message = yield from self._chunks.read_message()
            self.received.append(message)

    def flush(self) -> list[Parsed]:
        """Carry what the publisher has to say to the server, and return what is new there."""
        before = len(self.received)
        data = b"".join(self.publish.data_to_send())
        self.sent += len(data)
        self._reader.feed(data)
        next(self._parser)
        return [parse(message) for message in self.received[before:]]

    def say(self, *values: Parsed) -> list[Event]:
        """Let the server say something."""
        for value in values:
            self._writer.message(serialise(value))
        return self.publish.receive(b"".join(self._writer.take()), self.now)

    def result(self, transaction: float, *values: object) -> list[Event]:
        return self.say(Command("_result", transaction, values))  # type: ignore[arg-type]

    def status(self, code: str, level: str = "status", description: str = "", **more: str) -> list[Event]:
        return self.say(
            Command("onStatus", 0.0, (None, {"level": level, "code": code, "description": description, **more}))
        )

    def error(self, transaction: float, description: str, code: str = "NetConnection.Connect.Rejected") -> list[Event]:
        info = {"level": "error", "code": code, "description": description}
        return self.say(Command("_error", transaction, (None, info)))

    def to(self, state: PublishState) -> Pair:
        """Go on until the publish is in this state."""
        steps = {
            PublishState.HANDSHAKE: lambda: (self.flush(), self.say()),
            PublishState.CONNECT: lambda: self.result(1.0, {"fmsVer": "x"}, {"level": "status"}),
            PublishState.CREATE: lambda: self.result(4.0, None, 7.0),
            PublishState.PUBLISH: lambda: self.say(START),
        }
        for step in steps.values():
            if self.publish.state is state:
                break
            step()
            self.flush()
        assert self.publish.state is state
        return self


def publishing() -> Pair:
    return Pair().to(PublishState.PUBLISHING)


BEFORE_MEDIA = [PublishState.HANDSHAKE, PublishState.CONNECT, PublishState.CREATE, PublishState.PUBLISH]


# --- the way to the publish -----------------------------------------------------------------------------------------


def test_the_whole_way_is_said_in_the_order_that_all_servers_accept() -> None:
    pair = Pair()
    assert not pair.flush()
    assert pair.say() == [StepDone("handshake")]
    size, window, connect = pair.flush()
    assert (size, window) == (SetChunkSize(65536), WindowAcknowledgementSize(WINDOW))
    assert isinstance(connect, Command)
    assert (connect.name, connect.transaction, connect.stream_id) == ("connect", 1.0, 0)
    (properties,) = connect.values
    assert isinstance(properties, dict)
    assert (properties["app"], properties["tcUrl"]) == ("app", "rtmp://host/app")
    assert properties["type"] == "nonprivate"
    assert properties["fourCcList"] == ["hvc1", "av01"]

    assert pair.result(1.0, {"fmsVer": "x"}, {"level": "status", "code": "c"}) == [StepDone("connect")]
    assert pair.flush() == [
        Command("releaseStream", 2.0, (None, pair.key)),
        Command("FCPublish", 3.0, (None, pair.key)),
        Command("createStream", 4.0, (None,)),
    ]
    assert pair.result(4.0, None, 7.0) == [StepDone("createStream")]
    assert pair.flush() == [Command("publish", 5.0, (None, pair.key, "live"), stream_id=7)]
    assert pair.say(START) == [StepDone("publish"), PublishStarted()]
    assert pair.publish.state is PublishState.PUBLISHING
    assert {message.csid for message in pair.received} <= set(range(2, 32))
    assert [(m.csid, m.stream_id) for m in pair.received if m.type_id < 8] == [(2, 0)] * 2


def test_answers_to_other_commands_and_news_move_nothing() -> None:
    pair = Pair().to(PublishState.CONNECT)
    assert not pair.result(4.0, None, 7.0)
    assert not pair.say(Command("onBWDone", 0.0, (None, 8192.0)), Command("whatever", 9.0))
    assert not pair.say(UserControl(UserEvent.STREAM_BEGIN, bytes(4)), Audio(0, b"x"), Data(("x",)))
    pair.to(PublishState.CREATE)
    assert not pair.result(2.0, None)
    assert not pair.result(3.0, None)
    assert not pair.result(1.0, None)
    assert not pair.say(Command("onFCPublish", 0.0))
    assert pair.publish.state is PublishState.CREATE


def test_publish_start_in_on_fc_publish_is_not_the_start() -> None:
    """OvenMediaEngine says it before any check."""
    pair = Pair().to(PublishState.PUBLISH)
    info = {"level": "status", "code": "NetStream.Publish.Start", "description": "FCPublish"}
    assert pair.say(Command("onFCPublish", 0.0, (None, info))) == [
        ServerStatus("NetStream.Publish.Start", "status", "FCPublish")
    ]
    assert pair.publish.state is PublishState.PUBLISH


def test_a_second_start_changes_nothing() -> None:
    pair = publishing()
    assert pair.say(START) == [ServerStatus("NetStream.Publish.Start", "status", "go")]
    assert pair.publish.state is PublishState.PUBLISHING


@pytest.mark.parametrize("transaction", [2.0, 3.0])
def test_errors_to_release_stream_and_fc_publish_are_ignored(transaction: float) -> None:
    pair = Pair().to(PublishState.CREATE)
    assert not pair.error(transaction, "no such call", "NetConnection.Call.Failed")
    assert pair.publish.state is PublishState.CREATE


@pytest.mark.parametrize("values", [(), (None,), (None, "7"), (None, 1.5), (None, -1.0), (None, float("inf"))])
def test_an_answer_to_create_stream_without_a_number_breaks_the_protocol(values: tuple[object, ...]) -> None:
    pair = Pair().to(PublishState.CREATE)
    with pytest.raises(RemoteProtocolError, match="stream id"):
        pair.result(4.0, *values)
    assert pair.publish.state is PublishState.CLOSED


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (PublishState.CONNECT, "connect"),
        (PublishState.CREATE, "connect"),
        (PublishState.PUBLISH, "publish"),
        (PublishState.PUBLISHING, "media"),
    ],
)
def test_a_status_of_level_error_ends_every_step(state: PublishState, step: str) -> None:
    pair = Pair().to(state)
    (fault,) = pair.status("NetStream.Some.Thing", "error", "no room")
    assert isinstance(fault, Fault)
    assert (fault.step, fault.code, fault.description) == (step, "NetStream.Some.Thing", "no room")
    assert fault.reason == "the server refused: NetStream.Some.Thing: no room"
    assert pair.publish.state is PublishState.CLOSED


@pytest.mark.parametrize(
    ("state", "transaction"), [(PublishState.CONNECT, 1.0), (PublishState.CREATE, 4.0), (PublishState.PUBLISH, 5.0)]
)
def test_an_error_to_what_we_need_ends_the_try(state: PublishState, transaction: float) -> None:
    pair = Pair().to(state)
    (fault,) = pair.error(transaction, "no", "NetConnection.Call.Failed")
    assert isinstance(fault, Fault)
    assert fault.code == "NetConnection.Call.Failed"
    assert fault.cure


def test_a_result_that_is_an_error_is_one() -> None:
    (fault,) = Pair().to(PublishState.CONNECT).result(1.0, None, {"level": "error", "code": "c", "description": "d"})
    assert isinstance(fault, Fault)
    assert fault.code == "c"


def test_a_close_command_is_a_fault() -> None:
    (fault,) = publishing().say(Command("close", 0.0, (None,)))
    assert isinstance(fault, Fault)
    assert "closes" in fault.reason


def test_an_unpublish_that_we_did_not_ask_for_is_a_fault() -> None:
    (fault,) = publishing().status("NetStream.Unpublish.Success")
    assert isinstance(fault, Fault)


def test_a_server_that_echoes_the_key_does_not_get_it_shown() -> None:
    pair = Pair().to(PublishState.PUBLISH)
    (fault,) = pair.status(
        "NetStream.Publish.Denied", "error", f"{pair.key} is not allowed, rtmp://host/app/{pair.key}"
    )
    assert isinstance(fault, Fault)
    assert pair.key not in repr(fault)
    assert "*** is not allowed" in fault.description
    other = Pair().to(PublishState.PUBLISH)
    assert other.key not in repr(other.status(f"Weird.{other.key}", other.key, other.key))


@pytest.mark.parametrize("key", ["a", "t", "Start", "NetStream", "status", "error", "Success"])
def test_a_key_that_is_part_of_the_protocols_own_words_disturbs_nothing(key: str) -> None:
    pair = Pair(parse_url(f"rtmp://host/app/{key}")).to(PublishState.PUBLISHING)
    (fault,) = Pair(pair.url).to(PublishState.PUBLISH).status("Odd.Code", "error")
    assert isinstance(fault, Fault)
    pair.publish.close()
    assert pair.status("NetStream.Unpublish.Success") == [Unpublished()]


def test_after_a_fault_nothing_is_read_or_said() -> None:
    pair = Pair().to(PublishState.PUBLISH)
    pair.status("NetStream.Publish.BadName", "error")
    assert not pair.say(START)
    assert not pair.publish.check(1e9)
    assert pair.publish.deadline() is None
    assert not pair.publish.data_to_send()
    pair.publish.close()
    assert not pair.publish.data_to_send()


def test_what_comes_behind_a_fault_in_the_same_bytes_is_not_read() -> None:
    pair = Pair().to(PublishState.PUBLISH)
    bad = Command("onStatus", 0.0, (None, {"level": "error", "code": "c"}))
    events = pair.say(bad, START, UserControl(UserEvent.PING_REQUEST, bytes(4)))
    assert [type(event) for event in events] == [Fault]
    assert not pair.publish.data_to_send()


# --- time -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", BEFORE_MEDIA)
def test_every_answer_is_awaited_ten_seconds_from_its_step(state: PublishState) -> None:
    pair = Pair()
    pair.now += 3
    pair.to(state)
    begun = 1000.0 if state is PublishState.HANDSHAKE else 1003.0
    assert pair.publish.deadline() == begun + COMMAND_TIMEOUT
    assert not pair.publish.check(begun + COMMAND_TIMEOUT - 0.001)
    (fault,) = pair.publish.check(begun + COMMAND_TIMEOUT)
    assert isinstance(fault, Fault)
    assert fault.reason == "no answer for 10 s"
    assert fault.cure
    assert pair.publish.state is PublishState.CLOSED


def test_a_publish_that_runs_awaits_nothing() -> None:
    pair = publishing()
    assert pair.publish.deadline() is None
    assert not pair.publish.check(1e9)


# --- challenges -----------------------------------------------------------------------------------------------------

NEED_AUTH = "code=403 need auth; authmod=adobe"
CHALLENGE = "authmod=adobe ?reason=needauth&user=fox&salt=s&challenge=c"


def challenged(url: RtmpUrl, description: str) -> Event:
    (event,) = Pair(url).to(PublishState.CONNECT).error(1.0, description)
    return event


def test_a_challenge_takes_three_connections() -> None:
    url = parse_url("rtmp://fox:hen@host/app/key")
    first = challenged(url, NEED_AUTH)
    assert isinstance(first, AuthNeeded)
    assert first.url.connect_app == "app?authmod=adobe&user=fox"
    second = challenged(first.url, CHALLENGE)
    assert isinstance(second, AuthNeeded)
    assert second.url.connect_app.startswith("app?authmod=adobe&user=fox&challenge=00010203&response=")
    pair = Pair(second.url)
    pair.flush()
    pair.say()
    connect = pair.flush()[-1]
    assert isinstance(connect, Command)
    assert isinstance(connect.values[0], dict)
    assert connect.values[0]["app"] == second.url.connect_app
    assert connect.values[0]["tcUrl"] == "rtmp://host/" + second.url.connect_app


@pytest.mark.parametrize(
    ("text", "auth", "description", "cure"),
    [
        ("rtmp://host/app/key", "", NEED_AUTH, "USER:PASSWORD"),
        ("rtmp://fox@host/app/key", "", NEED_AUTH, "USER:PASSWORD"),
        ("rtmp://fox:hen@host/app/key", "authmod=adobe&user=fox", NEED_AUTH, "check user and password"),
        ("rtmp://fox:hen@host/app/key", "authmod=adobe&response=x", CHALLENGE, "check user and password"),
        ("rtmp://fox:hen@host/app/key", "authmod=adobe&response=x", "authmod=adobe ?reason=authfailed", "check user"),
        ("rtmp://fox:hen@host/app/key", "authmod=adobe&user=fox", "authmod=adobe ?reason=nosuchuser", "check user"),
        ("rtmp://fox:hen@host/app/key", "", "go away", "application"),
    ],
)
def test_a_challenge_that_cannot_be_met_is_a_fault_and_no_loop(
    text: str, auth: str, description: str, cure: str
) -> None:
    url = parse_url(text)
    fault = challenged(url.with_auth(auth) if auth else url, description)
    assert isinstance(fault, Fault)
    assert cure in fault.cure
    assert "hen" not in repr(fault)


# --- what servers ask for while it runs -----------------------------------------------------------------------------


def test_pings_are_answered_at_once_with_the_same_bytes() -> None:
    pair = publishing()
    assert not pair.say(UserControl(UserEvent.PING_REQUEST, b"\1\2\3\4"))
    assert pair.flush() == [UserControl(UserEvent.PING_RESPONSE, b"\1\2\3\4")]


def test_the_server_is_acknowledged_as_it_asks() -> None:
    pair = publishing()
    pair.say(WindowAcknowledgementSize(5000))
    assert not [value for value in pair.flush() if isinstance(value, Acknowledgement)]
    pair.say(Data(("x" * 5000,)))
    (first,) = [value for value in pair.flush() if isinstance(value, Acknowledgement)]
    assert 5000 + 3073 < first.value < 5000 + 3073 + 1000
    pair.say(UserControl(UserEvent.STREAM_BEGIN, bytes(4)))
    assert not pair.flush()


def test_a_peer_bandwidth_is_kept_and_never_obeyed() -> None:
    pair = publishing()
    assert not pair.say(PeerBandwidth(1, 0))
    assert pair.publish.peer_bandwidth == 1
    pair.publish.send_audio(0, bytes(100_000))
    assert len(pair.flush()) == 1


def test_a_reconnect_request_names_the_url_to_go_on_at() -> None:
    pair = publishing()
    (event,) = pair.status("NetConnection.Connect.ReconnectRequest", tcUrl="rtmp://other/live")
    assert isinstance(event, ReconnectRequested)
    assert (event.url.host, event.url.app, event.url.key) == ("other", "live", pair.key)
    assert pair.key not in repr(event)
    (again,) = pair.status("NetConnection.Connect.ReconnectRequest")
    assert isinstance(again, ReconnectRequested)
    assert again.url == pair.url
    assert pair.publish.state is PublishState.PUBLISHING


def test_a_reconnect_request_to_nowhere_is_told_and_not_followed() -> None:
    pair = publishing()
    (event,) = pair.status("NetConnection.Connect.ReconnectRequest", tcUrl="http://other/")
    assert isinstance(event, ServerStatus)
    assert event.level == "warning"
    assert pair.publish.state is PublishState.PUBLISHING


# --- media ----------------------------------------------------------------------------------------------------------


def test_media_goes_out_as_flv_bodies_on_its_own_chunk_streams() -> None:
    pair = publishing()
    publish = pair.publish
    publish.send_metadata({"width": 64, "stereo": True})
    publish.send_video_config("avc", b"avcC", 0)
    publish.send_audio_config(b"\x12\x10", 0)
    publish.send_video("avc", KEY, 0, 80, memoryview(b"key"))
    publish.send_audio(5, memoryview(b"aac"))
    publish.send_video("avc", INTER, 40, -40, b"inter")
    publish.send_video_config("hevc", b"hvcC", 80)
    publish.send_video("hevc", KEY, 80, 0, b"key")
    publish.send_video_config("av1", b"av1C", 120)
    publish.send_video("av1", KEY, 120, 0, b"key")
    assert pair.flush() == [
        Data(("@setDataFrame", "onMetaData", EcmaArray(width=64.0, stereo=True)), 7),
        Video(0, flv.avc_sequence_header(b"avcC"), 7),
        Audio(0, flv.aac_sequence_header(b"\x12\x10"), 7),
        Video(0, flv.video_header("avc", KEY, 80) + b"key", 7),
        Audio(5, flv.audio_header() + b"aac", 7),
        Video(40, flv.video_header("avc", INTER, -40) + b"inter", 7),
        Video(80, flv.hevc_sequence_header(b"hvcC"), 7),
        Video(80, flv.video_header("hevc", KEY, 0) + b"key", 7),
        Video(120, flv.av1_sequence_header(b"av1C"), 7),
        Video(120, flv.video_header("av1", KEY, 0) + b"key", 7),
    ]
    assert [message.csid for message in pair.received[-10:]] == [8, 6, 4, 6, 4, 6, 6, 6, 6, 6]


@pytest.mark.parametrize("state", [*BEFORE_MEDIA, PublishState.CLOSING])
def test_no_media_before_the_start_or_after_the_end(state: PublishState) -> None:
    pair = publishing() if state is PublishState.CLOSING else Pair().to(state)
    if state is PublishState.CLOSING:
        pair.publish.close()
    pair.publish.data_to_send()
    publish = pair.publish
    for send in (
        lambda: publish.send_video("avc", KEY, 0, 0, b""),
        lambda: publish.send_audio(0, b""),
        lambda: publish.send_metadata({}),
        lambda: publish.send_video_config("avc", b"", 0),
        lambda: publish.send_audio_config(b"", 0),
        lambda: publish.mark(1, 0.0),
    ):
        with pytest.raises(LocalProtocolError, match=state.name):
            send()
    assert not publish.data_to_send()


def test_a_large_frame_is_handed_out_by_reference() -> None:
    pair = publishing()
    frame = bytes(200_000)
    pair.publish.send_video("avc", KEY, 0, 0, memoryview(frame))
    parts = pair.publish.data_to_send()
    assert sum(len(part) for part in parts if isinstance(part, memoryview) and part.obj is frame) == len(frame)
    assert sum(len(part) for part in parts) < len(frame) + 50


# --- delivery -------------------------------------------------------------------------------------------------------


def pinged(values: Sequence[Parsed]) -> list[int]:
    return [
        int.from_bytes(value.data, "big")
        for value in values
        if isinstance(value, UserControl) and value.event == UserEvent.PING_REQUEST
    ]


def test_a_mark_is_pinged_behind_its_frames_and_confirmed_by_the_pong() -> None:
    pair = publishing()
    pair.publish.send_audio(0, b"frame")
    pair.publish.mark(1, pair.now)
    values = pair.flush()
    assert isinstance(values[0], Audio)
    assert pinged(values[1:]) == [1]
    assert (pair.publish.confirmed, pair.publish.rung) == (0, "unknown")
    assert pair.say(UserControl(UserEvent.PING_RESPONSE, b"\0\0\0\1")) == [Confirmed(1)]
    assert (pair.publish.confirmed, pair.publish.rung) == (1, "pong")
    assert not pair.say(UserControl(UserEvent.PING_RESPONSE, b"\0\0\0\1"))


def test_confirmed_is_told_once_and_only_when_it_rises() -> None:
    pair = publishing()
    for number in (1, 2, 3):
        pair.publish.mark(number, pair.now)
    pongs = [UserControl(UserEvent.PING_RESPONSE, number.to_bytes(4, "big")) for number in (1, 3, 2)]
    assert pair.say(*pongs) == [Confirmed(3)]


def test_acknowledgements_confirm_where_pings_go_unanswered() -> None:
    pair = publishing()
    for number in range(1, 8):
        pair.publish.send_audio(0, bytes(1_000_000))
        pair.now += 1
        pair.publish.mark(number, pair.now)
    assert pinged(pair.flush()) == [1, 2, 3, 4, 5]
    after_one = 1_000_000 + 4000 + READ_AHEAD
    assert pair.say(Acknowledgement(after_one)) == [Confirmed(1)]
    assert pair.publish.rung == "ack"


def test_tcp_confirms_where_a_server_says_nothing() -> None:
    pair = publishing()
    for number in range(1, 8):
        pair.publish.send_audio(0, bytes(1_000_000))
        pair.now += 1
        pair.publish.mark(number, pair.now)
    pair.flush()
    pair.publish.transmitted(3_500_000, pair.now)
    assert (pair.publish.confirmed, pair.publish.rung) == (3, "tcp")
    assert pair.publish.check(pair.now) == [Confirmed(3)]
    pair.publish.send_audio(0, bytes(1_000_000))
    pair.publish.mark(8, pair.now)
    pair.publish.transmitted(0, pair.now)  # the last frame is not handed out yet
    assert pair.publish.confirmed == 7
    pair.publish.transmitted(10**9, pair.now)
    assert pair.publish.confirmed == 7


def test_the_count_of_bytes_is_that_of_the_bytes_handed_out() -> None:
    """Handshake, commands, media, pings: a mark is confirmed by exactly the byte before it."""
    pair = publishing()
    for number in range(1, 7):
        pair.publish.send_video("avc", KEY, number * 0x1000000, 0, bytes(300_000))
        pair.now += 1
        pair.publish.mark(number, pair.now)
    pair.publish.send_video("avc", INTER, 0, 0, bytes(70_000))
    pair.flush()
    before = pair.sent
    pair.now += 1
    pair.publish.mark(7, pair.now)
    assert not pair.publish.data_to_send()
    pair.publish.send_audio(0, bytes(10))
    pair.flush()
    pair.publish.transmitted(pair.sent - before + 1, pair.now)
    assert pair.publish.confirmed == 6
    pair.publish.transmitted(pair.sent - before, pair.now)
    assert pair.publish.confirmed == 7


def test_a_server_that_answered_and_stands_still_is_a_fault_of_confirmation() -> None:
    pair = publishing()
    pair.publish.mark(1, pair.now)
    pair.say(UserControl(UserEvent.PING_RESPONSE, b"\0\0\0\1"))
    pair.publish.mark(2, pair.now)
    assert pair.publish.deadline() == pair.now + PONG_TIMEOUT
    assert not pair.publish.check(pair.now + PONG_TIMEOUT - 0.001)
    (fault,) = pair.publish.check(pair.now + PONG_TIMEOUT)
    assert isinstance(fault, Fault)
    assert (fault.step, fault.kind) == ("confirm", FaultKind.DEAF)
    assert "stopped working" in fault.cure
    assert pair.publish.confirmed == 1


# --- the end --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Command("onStatus", 0.0, (None, {"level": "status", "code": "NetStream.Unpublish.Success"})),
        Command("onFCUnpublish", 0.0, (None,)),
    ],
)
def test_a_clean_end_is_said_and_its_answer_confirms_everything(answer: Command) -> None:
    pair = publishing()
    pair.publish.mark(1, pair.now)
    pair.publish.close()
    assert pair.publish.state is PublishState.CLOSING
    assert pair.flush()[1:] == [
        Command("FCUnpublish", 6.0, (None, pair.key)),
        Command("deleteStream", 7.0, (None, 7.0)),
    ]
    pair.publish.close()
    assert not pair.flush()
    assert pair.say(answer) == [Confirmed(1), Unpublished()]
    assert pair.publish.state is PublishState.CLOSED


def test_an_error_to_the_last_commands_is_no_fault() -> None:
    pair = publishing()
    pair.publish.close()
    assert not pair.error(6.0, "unknown call")
    assert pair.publish.state is PublishState.CLOSING


@pytest.mark.parametrize("state", BEFORE_MEDIA)
def test_a_publish_that_has_not_begun_closes_without_a_word(state: PublishState) -> None:
    pair = Pair().to(state)
    pair.publish.data_to_send()
    pair.publish.close()
    assert pair.publish.state is PublishState.CLOSED
    assert not pair.publish.data_to_send()


# --- real servers' bytes --------------------------------------------------------------------------------------------


def replay(name: str, cuts: Sequence[int] = (), *, close_after: int = 0) -> list[Event]:
    """Feed a recorded server to a publish named "golden"."""
    handshake = b"\3" + bytes(2 * 1536)
    data = handshake + (GOLDEN / name).read_bytes()
    publish = PublishProtocol(parse_url("rtmp://127.0.0.1/live/golden"), random=RANDOM_BYTES, now=0.0)
    edges = sorted({0, len(data), close_after, *(cut % len(data) for cut in cuts)})
    events: list[Event] = []
    for start, end in pairwise(edges):
        if start == close_after > 0:
            publish.mark(7, 0.0)
            publish.close()
        events += publish.receive(data[start:end], 0.0)
    return events


WAY = [StepDone("handshake"), StepDone("connect"), StepDone("createStream"), StepDone("publish"), PublishStarted()]


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4000), max_size=20))
def test_nginx_takes_the_publish_answers_the_ping_and_the_end(cuts: list[int]) -> None:
    data = (GOLDEN / "nginx-publish.bin").read_bytes()
    started = 3073 + data.index(b"Start publishing") + len(b"Start publishing") + 3
    events = replay("nginx-publish.bin", cuts, close_after=started)
    assert events == [*WAY, Confirmed(7), Unpublished()]


def test_nginx_refuses_a_name_that_is_taken() -> None:
    *way, fault = replay("nginx-badname.bin")
    assert way == WAY[:3]
    assert isinstance(fault, Fault)
    assert (fault.step, fault.code) == ("publish", "NetStream.Publish.BadName")
    assert fault.description == "Already publishing"
    assert "dead connection" in fault.cure


def test_ffmpegs_listener_takes_the_publish() -> None:
    assert [event for event in replay("ffmpeg-listen.bin") if not isinstance(event, ServerStatus)] == WAY


# --- arbitrary bytes ------------------------------------------------------------------------------------------------


@given(st.sampled_from([*BEFORE_MEDIA, PublishState.PUBLISHING]), st.binary(max_size=300))
def test_arbitrary_bytes_end_in_a_protocol_error_or_in_nothing(state: PublishState, data: bytes) -> None:
    pair = Pair().to(state)
    try:
        pair.publish.receive(data, pair.now)
    except RemoteProtocolError:
        assert pair.publish.state is PublishState.CLOSED
        assert not pair.publish.receive(b"more", pair.now)


INFOS = st.dictionaries(
    st.sampled_from(["level", "code", "description", "tcUrl"]),
    st.sampled_from(
        [
            *("error", "status", "NetStream.Publish.Start", "NetStream.Unpublish.Success", NEED_AUTH, CHALLENGE),
            *("NetConnection.Connect.ReconnectRequest", "NetStream.Publish.BadName", "rtmp://x/y"),
        ]
    )
    | st.none()
    | st.floats(),
)
COMMANDS = st.builds(
    Command,
    st.sampled_from(["_result", "_error", "onStatus", "onFCPublish", "onFCUnpublish", "close", "onBWDone"]),
    st.sampled_from([0.0, 1.0, 2.0, 4.0, 5.0]) | st.floats(),
    st.lists(st.none() | st.floats() | INFOS, max_size=3).map(tuple),
)
ANY_MESSAGE = COMMANDS | st.builds(UserControl, st.integers(0, 8), st.binary(max_size=5))


@given(st.lists(st.lists(ANY_MESSAGE, max_size=4), max_size=6), st.integers(0, 6))
def test_no_order_of_answers_raises_anything_but_a_protocol_error(turns: list[list[Parsed]], last: int) -> None:
    pair = Pair(parse_url("rtmp://fox:hen@host/app/key")).to(PublishState.CONNECT)
    for turn, messages in enumerate(turns):
        try:
            pair.say(*messages)
        except RemoteProtocolError:
            assert pair.publish.state is PublishState.CLOSED
        if pair.publish.state is PublishState.PUBLISHING:
            pair.publish.send_audio(0, b"x")
            if turn == last:
                pair.publish.close()
    assert (pair.publish.deadline() is None) or pair.publish.state in BEFORE_MEDIA

"""The server's side against raw messages: commands, states, limits, and whatever bytes chance finds."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.errors import LocalProtocolError
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.chunks import ChunkReader, ChunkWriter, Message
from ftp_stream.rtmp.habits import (
    MEDIAMTX,
    NGINX_RTMP,
    NODE_MEDIA_SERVER,
    OVENMEDIAENGINE,
    PRESETS,
    SRS,
    AckBase,
    Denial,
    Duplicate,
    FcPublish,
    Habits,
    Unpublish,
)
from ftp_stream.rtmp.harm import Harm
from ftp_stream.rtmp.messages import (
    Abort,
    Acknowledgement,
    Audio,
    Command,
    Data,
    Parsed,
    PeerBandwidth,
    SetChunkSize,
    UserControl,
    Video,
    WindowAcknowledgementSize,
    parse,
    serialise,
)
from ftp_stream.rtmp.receive import (
    CloseConnection,
    Harmed,
    PublishEnded,
    PublishRequested,
    ReceiveProtocol,
    ReceiveState,
    Refusal,
)

RANDOM = secrets.token_bytes(1528)
APP = "a" + secrets.token_hex(4)
KEY = "k" + secrets.token_hex(4)
TC_URL = f"rtmp://localhost/{APP}"
FRAME = Video(0, flv.video_header("avc", *(True, 0)) + b"picture", 1)
SOUND = Audio(0, flv.audio_header() + b"sound", 1)


class Client:
    """A publisher that says exactly what a test tells it, in messages or in bytes."""

    def __init__(self, habits: Habits, *, shaken: bool = True) -> None:
        self.now = 1000.0
        self.protocol = ReceiveProtocol(habits, random=RANDOM, now=self.now)
        self.writer = ChunkWriter()
        self.reader = ChunkReader(reader=ByteReader())
        self.answers: list[Parsed] = []
        self.raw = b""  # the last answer's bytes
        if shaken:
            self.bytes(b"\x03" + bytes(1536))
            assert self.protocol.data_to_send() == [b"\x03" + bytes(8) + RANDOM + bytes(1536)]
            self.bytes(bytes(1536), read=False)

    def bytes(self, data: bytes, *, read: bool = False) -> list:
        events = self.protocol.receive(data, self.now)
        if read:
            self.read()
        return events

    def read(self) -> None:
        self.raw = b"".join(self.protocol.data_to_send())
        self.answers += map(parse, self.reader.feed(self.raw))

    def send(self, *values: Parsed | Message, csid: int | None = None) -> list:
        for value in values:
            self.writer.message(value if isinstance(value, Message) else serialise(value, csid))
        return self.bytes(b"".join(self.writer.take()), read=True)

    def took(self) -> list[Parsed]:
        """The answers since the last look."""
        answers, self.answers = self.answers, []
        return answers

    def connect(self, **fields) -> list:
        return self.send(Command("connect", 1.0, ({"app": APP, "tcUrl": TC_URL, **fields},)))

    def ask(self, name: str = KEY) -> list:
        return self.send(Command("publish", 5.0, (None, name, "live"), 1))

    def publish(self) -> None:
        """Everything up to an accepted publish."""
        self.connect()
        self.send(
            Command("releaseStream", 2.0, (None, KEY)),
            Command("FCPublish", 3.0, (None, KEY)),
            Command("createStream", 4.0, (None,)),
        )
        assert self.ask() == [PublishRequested(APP, KEY, "", TC_URL)]
        assert self.accept() == []
        self.took()

    def accept(self) -> list:
        events = self.protocol.accept(self.now)
        self.read()
        return events

    def refuse(self, refusal: Refusal = Refusal.DUPLICATE) -> list:
        events = self.protocol.refuse(refusal, self.now)
        self.read()
        return events

    @property
    def state(self) -> ReceiveState:
        return self.protocol.state


def codes(answers: list[Parsed]) -> list[str]:
    """The codes of the statuses among the answers."""
    infos = [value for answer in answers if isinstance(answer, Command) for value in answer.values]
    return [value["code"] for value in infos if isinstance(value, dict) and "code" in value]


def closing(reason: str, events: list) -> bool:
    """The events are a close for this reason, and nothing else."""
    return len(events) == 1 and isinstance(events[0], CloseConnection) and bool(re.search(reason, events[0].reason))


def asked(habits: Habits) -> Client:
    client = Client(habits)
    client.connect()
    assert client.ask() == [PublishRequested(APP, KEY, "", TC_URL)]
    client.took()
    return client


def publishing(habits: Habits) -> Client:
    client = Client(habits)
    client.publish()
    assert client.state is ReceiveState.PUBLISHING
    return client


# --- the way to a publish -------------------------------------------------------------------------------------------


def test_bytes_that_are_no_rtmp_close_the_connection():
    client = Client(Habits(), shaken=False)
    assert closing("not RTMP", client.bytes(b"GET / HTTP/1.1\r\n\r\n" + bytes(3000)))
    assert client.state is ReceiveState.CLOSED


def test_the_handshake_may_come_byte_by_byte():
    client = Client(Habits(), shaken=False)
    for byte in b"\x03" + bytes(3072):
        assert client.bytes(bytes((byte,))) == []
    assert client.state is ReceiveState.CONNECT


def test_connect_is_answered_in_the_usual_order():
    client = Client(replace(Habits(), chunk_size=5000, window=777, on_bw_done=True))
    assert client.connect() == []
    window, bandwidth, begin, chunk_size, result, done = client.took()
    assert (window, bandwidth) == (WindowAcknowledgementSize(777), PeerBandwidth(777, 2))
    assert (begin, chunk_size) == (UserControl(0, bytes(4)), SetChunkSize(5000))
    assert (result.name, result.transaction, codes([result])) == ("_result", 1.0, ["NetConnection.Connect.Success"])
    assert (done.name, done.transaction) == ("onBWDone", 0.0)
    assert client.state is ReceiveState.READY


def test_a_server_may_leave_its_chunk_size_and_on_bw_done_out():
    client = Client(replace(Habits(), chunk_size=None))
    client.connect()
    assert [type(answer) for answer in client.took()][3:] == [Command]


@pytest.mark.parametrize("size", [128, 4096, 60_000, 65_535])
def test_answers_are_cut_by_the_chunk_size_announced(size):
    """The announcement itself still goes by the old size; a reader that obeys it reads the rest."""
    client = Client(replace(Habits(), chunk_size=size))
    client.connect()
    assert codes(client.took()) == ["NetConnection.Connect.Success"]
    assert client.reader.chunk_size == size


def test_a_command_before_connect_closes():
    assert closing("before connect", Client(Habits()).send(Command("createStream", 4.0, (None,))))


@pytest.mark.parametrize("media", [FRAME, SOUND, Data(("@setDataFrame", "onMetaData"), 1)])
def test_media_before_a_publish_is_swallowed(media):
    client = Client(Habits())
    assert client.send(media) == []
    client.connect()
    assert client.send(media) == []


@pytest.mark.parametrize(
    ("sent", "app"), [("live", "live"), ("live/", "live"), ("live?backup=1", "live"), ("a/b", "a/b"), ("", "")]
)
def test_the_app_is_named_without_query_and_slash(sent, app):
    client = Client(Habits())
    client.connect(app=sent)
    (request,) = client.ask()
    assert request.app == app


def test_the_key_is_named_without_its_query_and_never_shown():
    client = Client(Habits())
    client.connect()
    (request,) = client.ask(f"{KEY}?token={KEY}x")
    assert (request.key, request.query) == (KEY, f"token={KEY}x")
    assert KEY not in repr(request)
    assert TC_URL not in repr(request)


def test_any_name_is_passed_on():
    client = Client(Habits())
    client.connect(app="a\nb")
    (request,) = client.ask("k\ny")
    assert (request.app, request.key) == ("a\nb", "k\ny")


def test_a_connect_without_an_object_has_no_app():
    for values in ((), (None,), ({"app": 5.0, "tcUrl": None},)):
        client = Client(Habits())
        client.send(Command("connect", 1.0, values))
        (request,) = client.ask()
        assert (request.app, request.tc_url) == ("", "")


@pytest.mark.parametrize("values", [(), (None,), (None, 7.0)])
def test_a_publish_without_a_name_closes(values):
    client = Client(Habits())
    client.connect()
    assert closing("without a name", client.send(Command("publish", 5.0, values, 1)))


def test_create_stream_answers_with_a_stream_id():
    client = Client(Habits())
    client.connect()
    client.took()
    client.send(Command("createStream", 9.0, (None,)))
    assert client.took() == [Command("_result", 9.0, (None, 1.0))]


def test_a_publish_is_accepted_only_by_accept():
    client = asked(Habits())
    assert client.took() == []
    assert client.accept() == []
    begin, start = client.took()
    assert begin == UserControl(0, b"\x00\x00\x00\x01")
    assert (start.name, start.stream_id, codes([start])) == ("onStatus", 1, ["NetStream.Publish.Start"])


def test_what_comes_behind_a_request_waits_for_its_answer():
    client = Client(Habits())
    client.connect()
    assert client.send(Command("publish", 5.0, (None, KEY), 1), FRAME) == [PublishRequested(APP, KEY, "", TC_URL)]
    assert client.send(SOUND) == []
    accepted = client.accept()
    assert [message.body for message in accepted] == [FRAME.body, SOUND.body]
    assert client.send(FRAME)


def test_what_comes_behind_a_request_is_limited():
    client = asked(Habits())
    client.writer.set_chunk_size(1 << 21)
    assert client.send(Video(0, bytes((1 << 20) - 100), 1)) == []
    assert closing("too much behind", client.send(FRAME, Video(0, bytes(100), 1)))
    with pytest.raises(LocalProtocolError):
        client.accept()


def test_an_answer_without_a_question_is_our_error():
    for client in (Client(Habits()), publishing(Habits())):
        with pytest.raises(LocalProtocolError):
            client.accept()
        with pytest.raises(LocalProtocolError):
            client.refuse()


# --- media ----------------------------------------------------------------------------------------------------------


def test_media_comes_as_it_was_sent():
    client = publishing(Habits())
    client.writer.set_chunk_size(65_536)
    sent = [
        Data(("@setDataFrame", "onMetaData", {"width": 3.0}), 1, 0),
        Video(0xFFFFFE, secrets.token_bytes(100_000), 1),
        Audio(0x1000005, secrets.token_bytes(400), 1),
        Video(0xFFFFFFFF, b"", 1),
    ]
    messages = client.send(*sent)
    assert [parse(message) for message in messages] == sent


def test_messages_that_mean_nothing_here_are_ignored():
    client = publishing(Habits())
    assert client.send(Abort(6), Acknowledgement(5), PeerBandwidth(5, 2), Message(3, 22, 1, 0, b"aggregate")) == []
    assert client.send(Command("_checkbw", 0.0, (None,)), Command("getStreamLength", 0.0, (None, KEY))) == []
    assert client.took() == []
    assert client.state is ReceiveState.PUBLISHING


def test_a_second_publish_and_a_play_close():
    client = publishing(Habits())
    ended, closed = client.ask()
    assert (type(ended), type(closed)) == (PublishEnded, CloseConnection)
    client = Client(Habits())
    client.connect()
    assert closing("only publishers", client.send(Command("play", 5.0, (None, KEY), 1)))


def test_nothing_comes_of_a_closed_connection():
    client = publishing(replace(Habits(), ping_after=1.0))
    assert [type(event) for event in client.protocol.close("stop", 0.0)] == [PublishEnded, CloseConnection]
    assert client.send(FRAME, UserControl(6, bytes(4))) == []
    assert client.took() == []
    assert client.protocol.close("again", 0.0) == client.protocol.check(1e9) == []
    assert client.protocol.data_to_send() == []
    assert client.protocol.deadline() is None


def test_what_came_before_a_fault_is_not_lost():
    """A frame, then a message over nginx's limit, in one read."""
    client = publishing(NGINX_RTMP)
    client.writer.set_chunk_size(1 << 22)
    frame, ended, closed = client.send(FRAME, Video(0, bytes((1 << 20) + 1), 1))
    assert frame.body == FRAME.body
    assert isinstance(ended, PublishEnded)
    assert "1048577" in closed.reason


# --- habits: commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habits", "answers"),
    [
        (NGINX_RTMP, []),
        (NODE_MEDIA_SERVER, []),
        (MEDIAMTX, []),
        (SRS, [("_result", 2.0), ("_result", 3.0)]),
        (OVENMEDIAENGINE, [("onFCPublish", 0.0)]),
    ],
)
def test_release_stream_and_fc_publish(habits, answers):
    client = Client(habits)
    client.connect()
    client.took()
    client.send(Command("releaseStream", 2.0, (None, KEY)), Command("FCPublish", 3.0, (None, KEY)))
    took = client.took()
    assert [(answer.name, answer.transaction) for answer in took] == answers
    assert codes(took) == ["NetStream.Publish.Start"] * (habits.fc_publish is FcPublish.ON_FC_PUBLISH)
    assert client.state is ReceiveState.READY


@pytest.mark.parametrize("habits", [SRS, Habits()])
@pytest.mark.parametrize(
    ("before", "answered"),
    [([], True), (["releaseStream"], False), (["FCPublish"], False), (["releaseStream", "FCPublish"], True)],
)
def test_srs_wants_release_stream_and_fc_publish_both_or_neither(habits, before, answered):
    client = Client(habits)
    client.connect()
    client.send(*(Command(name, 2.0, (None, KEY)) for name in before))
    client.took()
    client.send(Command("createStream", 4.0, (None,)))
    assert bool(client.took()) == (answered or habits is not SRS)


def test_srs_ends_a_publish_without_fc_publish_at_any_command():
    client = asked(SRS)
    client.accept()
    assert client.send(FRAME)
    assert [type(event) for event in client.send(Command("_checkbw", 0.0, (None,)))] == [PublishEnded]
    assert client.send(FRAME) == []
    client = publishing(SRS)
    assert client.send(Command("_checkbw", 0.0, (None,))) == []
    assert client.send(FRAME)


@pytest.mark.parametrize("step", ["connect", "createStream", "publish"])
def test_a_mute_server_answers_all_but_that(step):
    client = Client(replace(Habits(), mute=frozenset({step})))
    client.connect()
    connected = client.took()
    assert bool(connected) == (step != "connect")
    if connected:
        client.send(Command("createStream", 4.0, (None,)))
        assert bool(client.took()) == (step != "createStream")
        assert bool(client.ask()) == (step != "publish")
    assert client.took() == []


def test_a_mute_handshake_reads_and_says_nothing():
    client = Client(replace(Habits(), mute=frozenset({"handshake"})), shaken=False)
    for _ in range(100):
        assert client.bytes(bytes(100_000)) == []
    assert client.protocol.data_to_send() == []
    assert len(client.protocol._reader) < 2


def test_unknown_apps_close_at_connect_without_a_word():
    habits = replace(Habits(), apps=frozenset({APP}))
    client = Client(habits)
    assert closing("no such application", client.connect(app=APP + "x"))
    assert client.took() == []
    client = Client(habits)
    assert client.connect(app=f"{APP}/?x=1") == []


@pytest.mark.parametrize("habits", [OVENMEDIAENGINE, MEDIAMTX, NODE_MEDIA_SERVER])
@pytest.mark.parametrize("tc_url", ["", None])
def test_some_servers_close_without_a_tc_url(habits, tc_url):
    assert closing("tcUrl", Client(habits).connect(tcUrl=tc_url))
    assert Client(NGINX_RTMP).connect(tcUrl=tc_url) == []


def test_a_connect_can_be_rejected_with_words():
    """The form of the adobe and llnw challenges: the app with its query decides."""
    words = secrets.token_hex(8)
    habits = replace(Habits(), reject_connect=lambda app: "" if app.endswith("?user=me") else words)
    client = Client(habits)
    assert closing("rejected", client.connect())
    (error,) = client.took()
    assert (error.name, error.transaction, codes([error])) == ("_error", 1.0, ["NetConnection.Connect.Rejected"])
    assert error.values[1]["description"] == words
    assert error.values[1]["level"] == "error"
    client = Client(habits)
    assert client.connect(app=f"{APP}?user=me") == []
    assert client.ask()[0].app == APP


@pytest.mark.parametrize(
    ("app", "key", "denied"),
    [
        ("live", "cam-1_A", False),
        ("live", "cam.1", True),
        ("li.ve", "cam", True),
        ("live", "", True),
        ("live", "a\n", True),
    ],
)
def test_node_media_server_denies_names_with_odd_characters(app, key, denied):
    client = Client(NODE_MEDIA_SERVER)
    client.connect(app=app)
    client.took()
    events = client.ask(key + "?a.b=c")
    assert closing("not allowed", events) == denied
    assert codes(client.took()) == ["NetStream.Publish.Start"] * denied


@pytest.mark.parametrize(
    ("denial", "said"),
    [
        (Denial.START_THEN_CLOSE, ["NetStream.Publish.Start"]),
        (Denial.CLOSE, []),
        (Denial.UNAUTHORIZED, ["NetStream.Publish.Unauthorized"]),
    ],
)
def test_denials(denial, said):
    client = asked(replace(Habits(), denied=denial))
    assert closing("not allowed", client.refuse(Refusal.DENIED))
    assert codes(client.took()) == said


def test_start_then_close_asks_nobody():
    client = Client(replace(Habits(), start_then_close=True))
    client.connect()
    client.took()
    assert closing("not allowed", client.ask())
    assert codes(client.took()) == ["NetStream.Publish.Start"]


# --- habits: duplicates ---------------------------------------------------------------------------------------------


def test_bad_name_stays_open_and_swallows_the_media():
    client = asked(NGINX_RTMP)
    assert client.refuse() == []
    (status,) = client.took()
    assert codes([status]) == ["NetStream.Publish.BadName"]
    assert status.values[1]["level"] == "error"
    assert client.send(FRAME, SOUND, FRAME) == []
    client.send(UserControl(6, b"ping"))
    assert client.took() == [UserControl(7, b"ping")]
    assert client.state is ReceiveState.SWALLOWING


@pytest.mark.parametrize(
    ("habits", "said"), [(NODE_MEDIA_SERVER, ["NetStream.Publish.Start"]), (SRS, [])], ids=["start", "close"]
)
def test_a_duplicate_is_closed_at_once(habits, said):
    client = asked(habits)
    assert closing("published already", client.refuse())
    assert codes(client.took()) == said


def test_ovenmediaengine_closes_a_duplicate_at_its_first_media():
    client = asked(OVENMEDIAENGINE)
    assert client.refuse() == []
    assert codes(client.took()) == ["NetStream.Publish.Start"]
    assert client.send(Data(("@setDataFrame", "onMetaData"), 1)) == []
    assert closing("published already", client.send(FRAME))


def test_mediamtx_never_refuses_the_newcomer():
    client = asked(MEDIAMTX)
    with pytest.raises(LocalProtocolError, match="kick"):
        client.refuse()
    assert client.accept() == []


def test_a_kicked_publisher_ends_and_closes():
    client = publishing(MEDIAMTX)
    ended, closed = client.protocol.close("kicked", 0.0)
    assert (ended, closed) == (PublishEnded("kicked"), CloseConnection("kicked"))


def test_every_way_with_duplicates_is_somebodys():
    assert {habits.duplicate for habits in PRESETS.values()} == set(Duplicate)


# --- habits: the end ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("habits", "fc_unpublish", "delete_stream"),
    [
        (NGINX_RTMP, None, ["onStatus"]),
        (NODE_MEDIA_SERVER, None, []),
        (SRS, ["onFCUnpublish", "onStatus"], None),
        (OVENMEDIAENGINE, None, None),
        (MEDIAMTX, None, None),
    ],
)
def test_what_ends_a_publish(habits, fc_unpublish, delete_stream):
    for name, expected in (
        ("FCUnpublish", fc_unpublish),
        ("deleteStream", delete_stream),
        ("closeStream", delete_stream),
    ):
        client = publishing(habits)
        events = client.send(Command(name, 6.0, (None, KEY)))
        answers = client.took()
        assert [type(event) for event in events] == [PublishEnded] * (expected is not None)
        assert [answer.name for answer in answers] == (expected or [])
        assert set(codes(answers)) <= {"NetStream.Unpublish.Success"}
        assert bool(client.send(FRAME)) == (expected is None)


def test_a_name_can_be_published_again_on_the_same_connection():
    """The commands before it count anew, and so does the time it may take."""
    client = publishing(SRS)
    client.now += 100
    client.send(Command("FCUnpublish", 6.0, (None, KEY)))
    client.took()
    assert client.state is ReceiveState.READY
    assert client.protocol.deadline() == client.now + 30
    client.send(Command("releaseStream", 7.0, (None, KEY)), Command("createStream", 8.0, (None,)))
    assert [answer.transaction for answer in client.took()] == [7.0]
    assert isinstance(client.ask()[0], PublishRequested)
    client.accept()
    assert client.send(FRAME)


def test_every_way_to_unpublish_is_somebodys():
    assert {habits.unpublish for habits in PRESETS.values()} == set(Unpublish)


# --- habits: pings, acknowledgements, time --------------------------------------------------------------------------


@pytest.mark.parametrize("habits", PRESETS.values(), ids=PRESETS)
def test_pings_are_answered_with_the_same_bytes_or_never(habits):
    client = publishing(habits)
    ping = secrets.token_bytes(4)
    client.send(FRAME, UserControl(6, ping))
    pong = b"\x42" + b"\x00\x00\x00" + b"\x00\x00\x06" + b"\x04" + b"\x00\x07" + ping  # 5.3.1.2.2 and 7.1.7
    if habits is NODE_MEDIA_SERVER:
        assert client.raw == b""
    else:
        assert client.took() == [UserControl(7, ping)]
        assert client.raw == pong


def test_an_odd_ping_is_answered_with_at_most_four_bytes():
    client = publishing(Habits())
    client.send(UserControl(6, b"more than four"), UserControl(6, b""))
    assert client.took() == [UserControl(7, b"more"), UserControl(7, b"")]


@pytest.mark.parametrize(("csid", "stream_id"), [(3, 0), (2, 1)])
def test_ovenmediaengine_wants_user_control_in_its_place(csid, stream_id):
    ping = Message(csid, 4, stream_id, 0, b"\x00\x06ping")
    ended, closed = publishing(OVENMEDIAENGINE).send(ping)
    assert (type(ended), type(closed)) == (PublishEnded, CloseConnection)
    client = publishing(Habits())
    client.send(ping)
    assert client.took() == [UserControl(7, b"ping")]


def test_bytes_are_acknowledged_by_the_window_asked_for():
    client = publishing(SRS)
    client.send(WindowAcknowledgementSize(100_000))
    client.writer.set_chunk_size(65_536)
    client.send(Video(0, bytes(40_000), 1))
    assert client.took() == []
    total = client.writer.total + 3073
    client.send(Video(0, bytes(20_000), 1))
    (acknowledgement,) = client.took()
    assert acknowledgement == Acknowledgement(client.writer.total + 3073)
    assert acknowledgement.value > total


def test_bytes_can_be_counted_from_connect_on():
    client = Client(replace(Habits(), ack_base=AckBase.RTMP, ack_every=50_000))
    client.connect()
    client.took()
    before = client.writer.total
    client.writer.set_chunk_size(65_536)
    client.send(Video(0, bytes(60_000), 1))
    assert client.took() == [Acknowledgement(client.writer.total - before)]


def test_mediamtx_acknowledges_what_it_read_and_not_what_lies_there():
    """It reads 4 KiB at a time: one large packet brings several acknowledgements, 8192 bytes apart."""
    client = publishing(MEDIAMTX)
    client.send(WindowAcknowledgementSize(8000))
    client.writer.set_chunk_size(65_536)
    client.send(Video(0, bytes(40_000), 1))
    values = [answer.value for answer in client.took()]
    assert len(values) == 4
    assert [later - earlier for earlier, later in pairwise(values)] == [8192] * 3


def test_silence_closes_by_the_clock():
    client = publishing(SRS)
    assert client.protocol.deadline() == client.now + 20
    client.now += 10
    client.send(FRAME)
    assert client.protocol.deadline() == client.now + 5
    assert client.protocol.check(client.now + 4.9) == []
    ended, closed = client.protocol.check(client.now + 5)
    assert (type(ended), closed.reason) == (PublishEnded, "no message for 5 s")


def test_nginx_pings_a_silent_publisher_and_then_closes():
    client = publishing(NGINX_RTMP)
    assert client.protocol.check(client.now + 60) == []
    client.read()
    (ping,) = client.took()
    assert (ping.event, len(ping.data)) == (6, 4)
    client.now += 61
    client.send(UserControl(7, ping.data))
    assert client.protocol.check(client.now + 59) == []
    client.protocol.check(client.now + 60)
    assert [type(event) for event in client.protocol.check(client.now + 90)] == [PublishEnded, CloseConnection]


def test_an_accepted_publish_starts_the_clock_anew():
    client = asked(replace(Habits(), silence_deadline=5.0))
    client.now += 100
    client.accept()
    assert client.protocol.deadline() == client.now + 5


# --- habits: tracks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("habits", [MEDIAMTX, OVENMEDIAENGINE])
def test_late_audio_closes(habits):
    client = publishing(habits)
    assert len(client.send(*(replace(FRAME, timestamp=number * 40) for number in range(300)))) == 300
    ended, closed = client.send(SOUND)
    assert isinstance(ended, PublishEnded)
    assert "audio came after" in closed.reason


@pytest.mark.parametrize("habits", [MEDIAMTX, OVENMEDIAENGINE, SRS, NGINX_RTMP, NODE_MEDIA_SERVER])
def test_both_tracks_from_the_start_may_go_on_for_ever(habits):
    client = publishing(habits)
    for number in range(300):
        assert len(client.send(replace(FRAME, timestamp=number * 40), replace(SOUND, timestamp=number * 40))) == 2


def test_late_audio_can_be_left_out():
    client = publishing(replace(MEDIAMTX, late_audio_closes=False))
    client.send(FRAME)
    message, harmed = client.send(replace(FRAME, timestamp=3000), replace(SOUND, timestamp=3000))
    assert message.type_id == flv.VIDEO
    assert harmed == Harmed(Harm.TRACK, 3000)


def test_what_a_server_spoils_is_told_and_no_reason_to_close():
    client = publishing(SRS)
    client.send(FRAME)
    harmed, message = client.send(replace(FRAME, timestamp=251))
    assert harmed == Harmed(Harm.STEP, 251)
    assert message.timestamp == 251
    assert client.state is ReceiveState.PUBLISHING


def test_what_a_server_ignores_does_not_come():
    client = publishing(MEDIAMTX)
    first, second = (Audio(0, flv.aac_sequence_header(config), 1) for config in (b"\x12\x10", b"\x12\x08"))
    client.send(FRAME, first)
    assert client.send(second) == [Harmed(Harm.AUDIO_HEADER, 0)]


def test_each_publish_is_looked_at_afresh():
    client = publishing(replace(NGINX_RTMP, longest_step_ms=250))
    client.send(FRAME)
    client.send(Command("deleteStream", 6.0, (None, 1.0)))
    client.ask()
    client.accept()
    assert [type(event) for event in client.send(replace(FRAME, timestamp=9000))] == [Message]


def test_late_audio_is_welcome_elsewhere():
    client = publishing(NGINX_RTMP)
    client.send(FRAME)
    assert len(client.send(replace(SOUND, timestamp=60_000))) == 1


def test_ovenmediaengine_is_patient_once_it_knows_the_tracks():
    client = publishing(OVENMEDIAENGINE)
    client.send(FRAME)
    assert client.protocol.deadline() == client.now + 3
    client.send(SOUND)
    assert client.protocol.deadline() is None


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("habits", "size"), [(NGINX_RTMP, 1 << 20), (MEDIAMTX, 10 << 20)])
def test_the_longest_message(habits, size):
    client = publishing(habits)
    client.writer.set_chunk_size(65_536)
    assert len(client.send(Video(0, bytes(size), 1))) == 1
    _, closed = client.send(Video(0, bytes(size + 1), 1))
    assert str(size + 1) in closed.reason


@pytest.mark.parametrize(("habits", "highest"), [(NGINX_RTMP, 31), (MEDIAMTX, 63)])
def test_the_highest_chunk_stream(habits, highest):
    assert len(publishing(habits).send(serialise(FRAME, highest))) == 1
    client = publishing(habits)
    number = highest + 1
    basic = bytes((number,)) if number < 64 else bytes((0, number - 64))
    _, closed = client.bytes(basic + bytes(3) + b"\x00\x00\x01\x09\x01\x00\x00\x00\x17")
    assert f"chunk stream {number}" in closed.reason


@pytest.mark.parametrize(
    ("habits", "good", "bad"), [(NGINX_RTMP, 10 << 20, (10 << 20) + 1), (SRS, 128, 127), (MEDIAMTX, 1, (10 << 20) + 1)]
)
def test_the_chunk_sizes_accepted(habits, good, bad):
    assert publishing(habits).send(SetChunkSize(good)) == []
    _, closed = publishing(habits).send(SetChunkSize(bad))
    assert f"chunk size of {bad}" in closed.reason


def held(protocol: ReceiveProtocol) -> int:
    """The bytes that a connection keeps between two reads."""
    return len(protocol._reader) + protocol._chunks._pending + sum(map(len, protocol._writer._out))


KNOWN = [
    serialise(value)
    for value in (
        Command("connect", 1.0, ({"app": "live", "tcUrl": "rtmp://h/live"},)),
        Command("releaseStream", 2.0, (None, "key")),
        Command("FCPublish", 3.0, (None, "key")),
        Command("createStream", 4.0, (None,)),
        Command("publish", 5.0, (None, "key", "live"), 1),
        Command("FCUnpublish", 6.0, (None, "key")),
        Command("deleteStream", 7.0, (None, 1.0)),
        SetChunkSize(4096),
        WindowAcknowledgementSize(2000),
        UserControl(6, b"ping"),
        FRAME,
        SOUND,
        Video(0, bytes(5000), 1),
    )
]

PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(KNOWN),
    st.builds(Message, st.integers(2, 63), st.integers(0, 24), st.integers(0, 2), st.just(0), st.binary(max_size=40)),
)


@settings(max_examples=300, deadline=None)
@given(
    habits=st.sampled_from([replace(habits, max_message=10_000) for habits in PRESETS.values()]),
    start=st.sampled_from(["nothing", "handshake", "connect"]),
    pieces=st.lists(PIECES, max_size=12),
    answers=st.lists(st.sampled_from(["accept", "deny", "later"]), min_size=12, max_size=12),
    cut=st.integers(1, 3000),
)
def test_no_bytes_raise_anything_or_fill_the_memory(habits, start, pieces, answers, cut):
    """Chance and true messages mixed, read in pieces; each publish accepted ends exactly once."""
    protocol = ReceiveProtocol(habits, random=RANDOM, now=0.0)
    writer = ChunkWriter()
    data = b"" if start == "nothing" else b"\x03" + bytes(3072)
    if start == "connect":
        writer.message(KNOWN[0])
    for piece in pieces:
        (writer.raw if isinstance(piece, bytes) else writer.message)(piece)
    data += b"".join(writer.take())
    decisions = iter(answers)
    events, accepted = [], 0
    for begin in range(0, len(data), cut):
        new = protocol.receive(data[begin : begin + cut], float(begin))
        while protocol.state is ReceiveState.ASKED and (decision := next(decisions, "later")) != "later":
            accepted += decision == "accept"
            new += protocol.accept(0.0) if decision == "accept" else protocol.refuse(Refusal.DENIED, 0.0)
        events += new
        protocol.data_to_send()
        assert held(protocol) <= 2 * 10_000 + 4096 + cut + (1 << 20 if protocol.state is ReceiveState.ASKED else 0)
        assert protocol.deadline() is None or protocol.deadline() >= 0
    events += protocol.close("over", 0.0)
    assert sum(isinstance(event, CloseConnection) for event in events) == 1
    assert isinstance(events[-1], CloseConnection)
    assert sum(isinstance(event, PublishEnded) for event in events) == accepted

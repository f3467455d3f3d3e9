"""What servers spoil without a word, by the tables of what they were seen to do."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.rtmp import flv
from ftp_stream.rtmp.chunks import Message, MessageType
from ftp_stream.rtmp.habits import MEDIAMTX, NGINX_RTMP, NODE_MEDIA_SERVER, OVENMEDIAENGINE, SRS, Habits
from ftp_stream.rtmp.harm import Harm, HarmWatch
from ftp_stream.rtmp.timestamp import MODULUS

KEY = True
STEREO, MONO = b"\x12\x10", b"\x12\x08"
SMALL, LARGE = secrets.token_bytes(40), secrets.token_bytes(40)  # decoder configurations


def watch(habits: Habits) -> HarmWatch:
    found = HarmWatch.of(habits)
    assert found is not None
    return found


def picture(time_ms: int = 0, codec: str = "avc") -> Message:
    return Message(6, MessageType.VIDEO, 1, time_ms, flv.video_header(codec, *(KEY, 0)) + b"picture")


def sound(time_ms: int = 0) -> Message:
    return Message(4, MessageType.AUDIO, 1, time_ms, flv.audio_header() + b"sound")


def header(record: bytes, *, codec: str = "avc") -> Message:
    make = {"avc": flv.avc_sequence_header, "hevc": flv.hevc_sequence_header, "aac": flv.aac_sequence_header}[codec]
    kind = MessageType.AUDIO if codec == "aac" else MessageType.VIDEO
    return Message(4, kind, 1, 0, make(record))


def harms(habits: Habits, *messages: Message) -> list[Harm]:
    looking = watch(habits)
    return [harm for message in messages for harm in looking.look(message)[1]]


# --- steps in time


@pytest.mark.parametrize(("step", "harm"), [(0, []), (250, []), (251, [Harm.STEP]), (-250, []), (-251, [Harm.STEP])])
def test_srs_does_not_believe_a_step_of_more_than_a_quarter_second(step: int, harm: list[Harm]) -> None:
    assert harms(SRS, picture(5000), picture(5000 + step)) == harm


def test_sound_between_two_pictures_makes_their_step_a_small_one() -> None:
    assert harms(SRS, picture(0), *(sound(time) for time in range(0, 1000, 23)), picture(1000)) == []


def test_where_a_publish_begins_is_no_step() -> None:
    assert harms(SRS, picture(90_000)) == []


@given(st.integers(0, MODULUS - 1), st.integers(-250, 250))
def test_a_small_step_is_one_also_where_the_clock_comes_round(start: int, step: int) -> None:
    assert harms(SRS, picture(start), picture((start + step) % MODULUS)) == []


def test_a_data_message_has_no_time_of_its_own() -> None:
    data = Message(4, MessageType.DATA, 1, 0, b"\x02\x00\x0aonMetaData")
    assert harms(SRS, picture(5000), data, picture(5040)) == []


# --- headers


def test_srs_cuts_at_a_header_that_says_nothing_new() -> None:
    """At a changed one too, where a cut is what a player needs."""
    assert harms(SRS, header(SMALL), header(SMALL)) == [Harm.CUT]
    assert harms(SRS, header(STEREO, codec="aac"), header(STEREO, codec="aac")) == [Harm.CUT]
    assert harms(SRS, header(SMALL), header(LARGE), header(SMALL)) == []


@pytest.mark.parametrize("habits", [MEDIAMTX, OVENMEDIAENGINE])
def test_the_first_audio_configuration_holds(habits: Habits) -> None:
    looking = watch(habits)
    assert looking.look(header(STEREO, codec="aac")) == (True, [])
    assert looking.look(header(MONO, codec="aac")) == (False, [Harm.AUDIO_HEADER])
    assert looking.look(header(STEREO, codec="aac")) == (True, []), "the one that holds, said again"


def test_mediamtx_takes_a_new_picture_size_in_the_old_form_only() -> None:
    assert harms(MEDIAMTX, header(SMALL), header(LARGE)) == []
    looking = watch(MEDIAMTX)
    assert looking.look(header(SMALL, codec="hevc")) == (True, [])
    assert looking.look(header(LARGE, codec="hevc")) == (False, [Harm.VIDEO_HEADER])


def test_srs_takes_new_headers_of_every_form() -> None:
    assert harms(SRS, header(SMALL, codec="hevc"), header(LARGE, codec="hevc"), header(STEREO, codec="aac")) == []


# --- codecs


@pytest.mark.parametrize(
    ("habits", "taken"), [(NGINX_RTMP, False), (OVENMEDIAENGINE, False), (SRS, True), (MEDIAMTX, True)]
)
def test_hevc_reaches_viewers_of_some_servers_only(habits: Habits, taken: bool) -> None:  # noqa: FBT001
    assert watch(habits).look(picture(codec="hevc")) == (taken, [] if taken else [Harm.CODEC])
    assert watch(habits).look(header(SMALL, codec="hevc"))[0] is taken
    assert watch(habits).look(picture()) == (True, [])


# --- the rest


@pytest.mark.parametrize("habits", [NODE_MEDIA_SERVER, Habits()])
def test_a_server_that_does_no_harm_is_not_watched(habits: Habits) -> None:
    assert HarmWatch.of(habits) is None


@pytest.mark.parametrize("body", [b"", b"\x17", b"\xaf", b"\x90hv"])
def test_a_message_shorter_than_its_header_is_none_of_its_business(body: bytes) -> None:
    for kind in (MessageType.VIDEO, MessageType.AUDIO):
        assert watch(MEDIAMTX).look(Message(6, kind, 1, 0, body)) == (True, [])


@given(st.sampled_from([SRS, MEDIAMTX, OVENMEDIAENGINE]), st.lists(st.binary(max_size=12), max_size=8))
def test_whatever_comes_it_raises_nothing(habits: Habits, bodies: list[bytes]) -> None:
    looking = watch(replace(habits, longest_step_ms=10))
    for place, body in enumerate(bodies):
        looking.look(Message(6, (MessageType.AUDIO, MessageType.VIDEO)[place % 2], 1, place, body))

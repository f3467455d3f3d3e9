"""Deadlines with literal times, and when a track comes too late."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.chunks import Message
from ftp_stream.rtmp.habits import MEDIAMTX, NGINX_RTMP, NODE_MEDIA_SERVER, OVENMEDIAENGINE, SRS, Habits
from ftp_stream.rtmp.patience import Patience, TrackSet

AUDIO, VIDEO, DATA = 8, 9, 18


def media(type_id: int, time_ms: int) -> Message:
    return Message(4, type_id, 1, time_ms, b"")


# --- deadlines ------------------------------------------------------------------------------------------------------


def test_node_media_server_waits_for_ever():
    patience = Patience(NODE_MEDIA_SERVER, 100.0)
    assert patience.deadline() is None
    patience.publish_began(101.0)
    assert patience.deadline() is None
    assert patience.expired(1e9) is None
    assert not patience.ping_due(1e9)


def test_srs_waits_30_s_for_a_publish_whatever_comes():
    patience = Patience(SRS, 100.0)
    patience.heard(120.0)
    assert patience.deadline() == 130.0
    assert patience.expired(129.9) is None
    assert patience.expired(130.0) == "no publish for 30 s"


def test_srs_waits_20_s_for_the_first_message_and_5_s_for_each_other():
    patience = Patience(SRS, 100.0)
    patience.publish_began(110.0)
    assert patience.deadline() == 130.0
    patience.heard(129.0)
    assert patience.deadline() == 134.0
    assert patience.expired(133.9) is None
    assert patience.expired(134.0) == "no message for 5 s"


def test_srs_waits_anew_for_a_publish_after_an_unpublish():
    patience = Patience(SRS, 100.0)
    patience.publish_began(110.0)
    patience.publish_ended(200.0)
    assert patience.deadline() == 230.0


def test_mediamtx_waits_10_s_for_each_message_from_the_start():
    patience = Patience(MEDIAMTX, 100.0)
    assert patience.deadline() == 110.0
    patience.heard(105.0)
    assert patience.deadline() == 115.0
    patience.publish_began(106.0)
    assert patience.deadline() == 116.0
    assert patience.expired(116.0) == "no message for 10 s"


def test_ovenmediaengine_waits_3_s_until_the_tracks_are_known_and_then_for_ever():
    patience = Patience(OVENMEDIAENGINE, 100.0)
    assert patience.deadline() == 103.0
    patience.publish_began(101.0)
    assert patience.deadline() == 104.0
    patience.heard(102.0)
    assert patience.expired(105.0) == "no message, tracks unknown for 3 s"
    patience.settled()
    assert patience.deadline() is None


def test_nginx_pings_after_60_s_and_gives_up_30_s_later():
    patience = Patience(NGINX_RTMP, 100.0)
    assert patience.deadline() == 160.0
    assert not patience.ping_due(159.9)
    assert patience.ping_due(160.0)
    assert patience.expired(160.0) is None
    patience.pinged(161.0)
    assert not patience.ping_due(170.0)
    assert patience.deadline() == 191.0
    assert patience.expired(191.0) == "no answer to a ping for 30 s"


def test_any_message_answers_a_ping():
    patience = Patience(NGINX_RTMP, 100.0)
    patience.pinged(160.0)
    patience.heard(189.0)
    assert patience.deadline() == 249.0


def test_the_first_deadline_that_passed_is_the_reason():
    patience = Patience(replace(Habits(), setup_deadline=5.0, unpublished_silence=3.0), 0.0)
    assert patience.expired(10.0) == "no message, tracks unknown for 3 s"


# --- tracks ---------------------------------------------------------------------------------------------------------


def test_without_a_freeze_every_track_is_welcome_at_any_time():
    tracks = TrackSet(Habits())
    assert tracks.settled
    assert TrackSet(NGINX_RTMP).settled


@pytest.mark.parametrize("first", [0, (1 << 32) - 1000])
@pytest.mark.parametrize(("early", "late"), [(VIDEO, AUDIO), (AUDIO, VIDEO)])
def test_mediamtx_takes_tracks_for_2_s_of_media_time(first, early, late):
    tracks = TrackSet(MEDIAMTX)
    assert tracks.admits(media(early, first))
    assert tracks.admits(media(late, (first + 1999) % (1 << 32)))
    assert tracks.settled
    assert tracks.complete
    tracks = TrackSet(MEDIAMTX)
    tracks.admits(media(early, first))
    with pytest.raises(RemoteProtocolError, match="after the tracks were settled"):
        tracks.admits(media(late, (first + 2000) % (1 << 32)))


def test_ovenmediaengine_waits_for_251_messages():
    for count in (249, 250):
        tracks = TrackSet(OVENMEDIAENGINE)
        assert all(tracks.admits(media(VIDEO, number)) for number in range(count))
        assert not tracks.settled
        if count == 249:
            assert tracks.admits(media(AUDIO, 0))
        else:
            with pytest.raises(RemoteProtocolError, match="audio came after"):
                tracks.admits(media(AUDIO, 0))


def test_one_track_alone_is_settled_too():
    tracks = TrackSet(OVENMEDIAENGINE)
    assert all(tracks.admits(media(VIDEO, number)) for number in range(251))
    assert tracks.settled
    assert not tracks.complete


def test_a_late_track_may_be_left_out_instead():
    """OvenMediaEngine's E-RTMP mode ignores a track that comes later."""
    tracks = TrackSet(replace(MEDIAMTX, late_audio_closes=False))
    tracks.admits(media(VIDEO, 0))
    assert not tracks.admits(media(AUDIO, 3000))
    assert tracks.admits(media(VIDEO, 3000))


def test_time_that_steps_back_settles_nothing():
    tracks = TrackSet(MEDIAMTX)
    tracks.admits(media(VIDEO, 5000))
    tracks.admits(media(VIDEO, 100))
    assert not tracks.settled


def test_data_is_no_track():
    tracks = TrackSet(MEDIAMTX)
    assert tracks.admits(media(DATA, 0))
    tracks.admits(media(VIDEO, 5000))
    assert tracks.admits(media(AUDIO, 5000))

"""The audit counts what came, and the comparison names every frame that went wrong."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.rtmp import flv
from ftp_stream.rtmp.audit import StreamAudit, compare, payload_hash

KEY, INTER = True, False
WRAP = 1 << 32


def video(key, payload=b"picture", codec="avc") -> bytes:
    return flv.video_header(codec, key, 0) + payload


def audio(payload: bytes = b"sound") -> bytes:
    return flv.audio_header() + payload


def begun(*, hashes: bool = False) -> StreamAudit:
    audit = StreamAudit(hashes=hashes)
    audit.started(100.0)
    return audit


# --- tracks ---------------------------------------------------------------------------------------------------------


def test_an_audit_without_a_publish_is_empty():
    audit = StreamAudit()
    assert (audit.publish_count, audit.live, list(audit.publishes)) == (0, False, [])
    assert audit.current.video.frames == 0
    assert audit.hashes("video") == []
    assert audit.largest_wait("video") == 0.0


def test_frames_and_sequence_headers_are_counted_apart():
    audit = begun()
    audit.video(0, flv.avc_sequence_header(b"record"), 100.0)
    audit.audio(0, flv.aac_sequence_header(b"config"), 100.0)
    audit.video(0, video(KEY, b"12345"), 100.0)
    audit.video(40, video(INTER, b"123"), 100.0)
    audit.audio(0, audio(b"1234"), 100.0)
    track, sound = audit.current.video, audit.current.audio
    assert (track.frames, track.key_frames, track.payload_bytes, track.configs, track.codec) == (2, 1, 8, 1, "avc")
    assert (sound.frames, sound.key_frames, sound.payload_bytes, sound.configs, sound.codec) == (1, 0, 4, 1, "aac")
    assert (track.config, sound.config) == (b"record", b"config")


def test_times_of_a_track():
    audit = begun()
    for time_ms in (500, 540, 540, 530, 1000):
        audit.video(time_ms, video(INTER), 100.0)
    track = audit.current.video
    assert (track.first_ms, track.last_ms, track.elapsed_ms) == (500, 1000, 500)
    assert (track.equal_times, track.steps_back) == (1, 1)
    assert (track.largest_gap_ms, track.largest_gap_at_ms) == (470, 1000)


def test_the_tracks_have_times_of_their_own():
    audit = begun()
    audit.video(40, video(KEY), 100.0)
    audit.audio(23, audio(), 100.0)
    audit.video(80, video(INTER), 100.0)
    assert audit.current.video.steps_back == audit.current.audio.steps_back == 0


@pytest.mark.parametrize(("step", "back"), [(1, 0), (WRAP // 2 - 1, 0), (WRAP // 2, 1), (WRAP - 1, 1)])
@pytest.mark.parametrize("first", [0, WRAP - 1])
def test_time_wraps_at_32_bits(first, step, back):
    audit = begun()
    audit.video(first, video(KEY), 100.0)
    audit.video((first + step) % WRAP, video(INTER), 100.0)
    track = audit.current.video
    assert track.steps_back == back
    assert track.elapsed_ms == step - back * WRAP


def test_waits_and_pace_come_from_the_arrivals():
    audit = begun()
    for time_ms, now in ((0, 10.0), (1000, 10.0), (2000, 12.5), (3000, 13.0)):
        audit.video(time_ms, video(INTER), now)
    track = audit.current.video
    assert (track.first_at, track.last_at, track.largest_wait) == (10.0, 13.0, 2.5)
    assert (track.earliest, track.latest) == (-1.0, 0.5)


def test_only_a_different_sequence_header_is_a_change():
    audit = begun()
    for record in (b"a", b"a", b"b", b"b", b"a"):
        audit.video(0, flv.avc_sequence_header(record), 0.0)
    assert (audit.current.video.configs, audit.current.video.config_changes) == (5, 2)


def test_codec_changes_are_counted():
    audit = begun()
    for codec in ("avc", "avc", "hevc", "avc"):
        audit.video(0, video(INTER, codec=codec), 0.0)
    assert (audit.current.video.codec, audit.current.video.codec_changes) == ("avc", 2)


def test_what_is_no_frame_is_counted_as_other():
    audit = begun()
    audit.video(0, flv.AVC_END_OF_SEQUENCE, 0.0)
    audit.video(0, b"\xd4hvc1\x02", 0.0)
    audit.audio(0, b"\x95Opus", 0.0)
    assert (audit.current.other, audit.current.video.frames, audit.current.audio.frames) == (3, 0, 0)


def test_bodies_without_a_header_are_counted_and_raise_nothing():
    audit = begun()
    audit.video(0, b"", 0.0)
    audit.audio(0, b"\xaf", 0.0)
    assert (audit.current.malformed, audit.current.video.frames, audit.current.audio.frames) == (2, 0, 0)


def test_the_last_data_message_is_kept():
    audit = begun()
    audit.data(b"first")
    audit.data(b"second")
    assert (audit.current.data_messages, audit.current.metadata) == (2, b"second")


@given(st.lists(st.tuples(st.booleans(), st.integers(0, WRAP - 1), st.binary(max_size=9)), max_size=30))
def test_no_message_raises_and_each_is_counted_once(messages):
    audit = begun(hashes=True)
    for is_video, time_ms, body in messages:
        (audit.video if is_video else audit.audio)(time_ms, body, 0.0)
    current = audit.current
    counted = current.malformed + current.other
    for track in (current.video, current.audio):
        counted += track.frames + track.configs
        assert len(track.hashes) == len(track.keys) == track.frames
        assert sum(track.keys) == track.key_frames
    assert counted == len(messages)


# --- publishes ------------------------------------------------------------------------------------------------------


def test_each_publish_is_audited_by_itself():
    audit = begun(hashes=True)
    audit.video(7, video(KEY, b"one"), 100.0)
    audit.video(8, video(INTER, b"two"), 101.0)
    assert audit.live
    audit.ended(102.0)
    assert not audit.live
    audit.started(104.0)
    audit.video(0, video(KEY, b"one"), 105.0)
    assert audit.live
    assert audit.publish_count == 2
    assert [publish.video.frames for publish in audit.publishes] == [2, 1]
    assert [(publish.started_at, publish.ended_at) for publish in audit.publishes] == [(100.0, 102.0), (104.0, None)]
    assert audit.current.video.steps_back == 0
    assert audit.hashes("video") == [payload_hash(p) for p in (b"one", b"two", b"one")]
    assert audit.keys("video") == bytes((1, 0, 1))
    assert audit.hashes("audio") == []


def test_harm_is_counted_in_its_publish_and_in_all():
    audit = begun()
    audit.harmed("step")
    audit.harmed("step")
    audit.started(200.0)
    audit.harmed("cut")
    assert audit.current.harms == {"cut": 1}
    assert audit.harms == {"step": 2, "cut": 1}


def test_the_end_of_a_publish_counts_once():
    audit = begun()
    audit.ended(101.0)
    audit.ended(102.0)
    assert audit.current.ended_at == 101.0


def test_the_longest_wait_spans_publishes():
    audit = begun()
    for now in (1.0, 2.0):
        audit.video(0, video(KEY), now)
    assert audit.largest_wait("video") == 1.0
    audit.started(3.0)
    assert audit.largest_wait("video") == 1.0  # nothing came in it
    audit.started(4.0)
    audit.video(0, video(KEY), 7.0)
    assert audit.largest_wait("video") == 5.0
    assert audit.largest_wait("audio") == 0.0


def test_old_publishes_are_forgotten_but_counted():
    audit = StreamAudit()
    for number in range(1001):
        audit.started(float(number))
    assert (audit.publish_count, len(audit.publishes), audit.publishes[0].started_at) == (1001, 1000, 1.0)


def test_no_hash_is_kept_unless_asked_for():
    audit = begun()
    audit.video(0, video(KEY), 0.0)
    assert audit.current.video.hashes is None
    assert audit.hashes("video") == []


def test_a_hash_is_of_the_payload_alone():
    audit = begun(hashes=True)
    payload = secrets.token_bytes(50)
    audit.video(0, flv.video_header("avc", KEY, 0) + payload, 0.0)
    audit.video(40, flv.video_header("hevc", INTER, 5) + payload, 0.0)
    audit.audio(0, audio(payload), 0.0)
    assert set(audit.hashes("video") + audit.hashes("audio")) == {payload_hash(payload)}
    assert payload_hash(payload) != payload_hash(payload[:-1])


# --- comparison -----------------------------------------------------------------------------------------------------


def frames(text: str) -> list[bytes]:
    return [payload_hash(letter.encode()) for letter in text]


def test_all_frames_in_order_are_perfect():
    for text in ("", "a", "abc", "aab"):
        result = compare(frames(text), frames(text))
        assert result.perfect
        assert result.matched == len(text)


def test_frames_not_come_yet_are_pending_and_not_missing():
    result = compare(frames("abcd"), frames("ab"))
    assert (result.in_order, result.perfect, result.pending, result.missing) == (True, False, 2, ())


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        ("abd", {"missing": (2,)}),
        ("d", {"missing": (0, 1, 2)}),
        ("aabcd", {"repeated": (1,)}),
        ("abcdabcd", {"repeated": (4, 5, 6, 7)}),
        ("acbd", {"misplaced": (2,)}),
        ("abxcd", {"unknown": (2,)}),
        ("acbbd", {"misplaced": (2,), "repeated": (3,)}),
    ],
)
def test_every_kind_of_fault_is_named(seen, wrong):
    result = compare(frames("abcd"), frames(seen))
    found = {name: getattr(result, name) for name in ("missing", "repeated", "misplaced", "unknown")}
    assert {name: places for name, places in found.items() if places} == wrong
    assert not result.in_order
    assert result.pending == 0


def test_silence_may_stand_anywhere():
    silence = frames("s")
    result = compare(frames("abc"), frames("sassbcs"), fillers=silence)
    assert (result.perfect, result.fillers, result.matched) == (True, 4, 3)
    assert compare(frames("abc"), frames("sabc")).unknown == (0,)


def test_silence_that_was_recorded_is_expected():
    result = compare(frames("assb"), frames("assssb"), fillers=frames("s"))
    assert (result.perfect, result.fillers, result.matched) == (True, 2, 4)


def test_the_last_key_frame_again_is_a_held_picture():
    keys = bytes((1, 0, 1, 1, 1, 0))
    result = compare(frames("aBc"), frames("aBaacc"), keys=bytes((1, 0, 1, 1, 1, 1)))
    assert (result.perfect, result.fillers) == (True, 3)
    result = compare(frames("kpKP"), frames("kpkkKP"), keys=keys)
    assert (result.perfect, result.fillers, result.matched) == (True, 2, 4)


def test_a_held_picture_is_the_last_key_frame_and_no_other():
    assert compare(frames("kpKP"), frames("kpKPk"), keys=bytes((1, 0, 1, 0, 1))).repeated == (4,)
    assert compare(frames("kpKP"), frames("kpKPK"), keys=bytes((1, 0, 1, 0, 0))).repeated == (4,)


def test_a_repeated_group_of_pictures_shows_by_its_other_frames():
    keys = bytes((1, 0, 0, 1, 0, 0))
    assert compare(frames("kpq"), frames("kpqkpq"), keys=keys).repeated == (4, 5)


@given(st.lists(st.sampled_from("abcs"), max_size=20), st.lists(st.integers(0, 20), max_size=10))
def test_fillers_never_spoil_a_whole_stream(letters, places):
    """Equal frames among what is expected, and silence between any two of them: still perfect."""
    seen = list(letters)
    for place in places:
        seen.insert(min(place, len(seen)), "s")
    result = compare(frames("".join(letters)), frames("".join(seen)), fillers=frames("s"))
    assert result.perfect
    assert (result.matched, result.fillers) == (len(letters), len(places))


@given(st.permutations("abcdefgh"), st.sets(st.integers(0, 7)))
def test_a_loss_or_a_swap_is_never_perfect(order, lost):
    seen = [letter for place, letter in enumerate(order) if place not in lost]
    result = compare(frames("abcdefgh"), frames("".join(seen)))
    assert result.perfect == (seen == list("abcdefgh"))
    assert len(result.missing) + result.pending == 8 - len(seen)
    assert result.matched + len(result.misplaced) == len(seen)

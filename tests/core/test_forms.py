"""Which prepared segments a destination can take, and what a session holds fast."""

from __future__ import annotations

import secrets
from dataclasses import replace

import pytest

from ftp_stream.core.forms import config_at, fixed, may_suit, shape_of, suits
from ftp_stream.core.frames import still_table
from ftp_stream.model import AudioConfig, Encoder, FileId, Form, PreparedSegment, Shape, VideoCodec, VideoConfig

STEREO = AudioConfig(b"\x12\x10", 44_100, 2)
MONO = AudioConfig(b"\x15\x88", 8_000, 1)
HD = Shape(1920, 1080, 25.0)
SD = Shape(720, 576, 25.0, (16, 15))
ONLY_AVC = Form(copied=frozenset({VideoCodec.AVC}), encoded=True, bitrate=6_000_000, other_audio=STEREO)
ENCODED = Form(copied=frozenset(), encoded=True, other_audio=STEREO)


def video(shape: Shape = HD, codec: VideoCodec = VideoCodec.AVC) -> VideoConfig:
    return VideoConfig(codec, secrets.token_bytes(8), shape.width, shape.height, shape.frame_rate, shape.aspect)


def segment(form: Form, *, codec: VideoCodec = VideoCodec.AVC, **rest: object) -> PreparedSegment:
    values = {"video": video(codec=codec), "audio": STEREO, "form": form} | rest
    return PreparedSegment("10-31.mp4", FileId(1, 2, 3, 4), "mov", table=still_table(0, 1, 40_000), **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [Form(), ONLY_AVC, ENCODED, replace(ENCODED, shape=SD, audio=MONO)])
def test_what_was_made_for_a_form_suits_it(form: Form) -> None:
    assert suits(segment(form, encoded_video=not form.copied, encoded_audio=form.audio is MONO, audio=None), form)


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", VideoCodec)
def test_copied_pictures_suit_whoever_takes_their_codec(codec: VideoCodec) -> None:
    """Two destinations of one camera that both take what it sends share one preparation."""
    made = segment(Form(other_audio=STEREO), codec=codec)
    assert suits(made, ONLY_AVC) is (codec is VideoCodec.AVC)
    assert not suits(made, ENCODED)


def test_pictures_whose_codec_changes_within_the_file_suit_only_who_takes_both() -> None:
    made = segment(Form(other_audio=STEREO), changes=((3, video(codec=VideoCodec.HEVC)),))
    assert not suits(made, ONLY_AVC)
    assert suits(made, replace(ONLY_AVC, copied=frozenset({VideoCodec.AVC, VideoCodec.HEVC})))


@pytest.mark.parametrize(
    "other",
    [
        replace(ENCODED, bitrate=1),
        replace(ENCODED, encoder=Encoder.VAAPI),
        replace(ENCODED, copied=frozenset({VideoCodec.HEVC})),
    ],
)
def test_encoded_pictures_suit_who_asked_for_the_same_encoding(other: Form) -> None:
    made = segment(ENCODED, encoded_video=True)
    assert suits(made, replace(ENCODED))
    assert not suits(made, other)


@pytest.mark.parametrize(("asked", "suitable"), [(HD, True), (SD, False), (None, True)])
def test_pictures_encoded_as_large_as_they_came_suit_a_session_of_that_shape(
    asked: Shape | None, *, suitable: bool
) -> None:
    """The first segment of a session is encoded before its shape is fixed; it is not encoded again for it."""
    assert suits(segment(ENCODED, encoded_video=True), replace(ENCODED, shape=asked)) is suitable


def test_pictures_encoded_to_a_shape_suit_it_whatever_their_nominal_rate() -> None:
    made = segment(replace(ENCODED, shape=SD), encoded_video=True, video=video(replace(SD, frame_rate=24.97)))
    assert suits(made, replace(ENCODED, shape=SD))


# --- sound ------------------------------------------------------------------------------------------------------------


def test_sound_as_the_camera_sends_it_suits_a_session_that_begins_and_one_that_has_fixed_the_same() -> None:
    made = segment(Form(other_audio=STEREO), audio=MONO)
    assert suits(made, Form(other_audio=MONO))
    assert suits(made, Form(audio=MONO))
    assert not suits(made, Form(audio=STEREO))


def test_sound_that_was_made_for_a_session_does_not_suit_one_that_may_begin_with_the_cameras_own() -> None:
    made = segment(Form(audio=MONO), audio=MONO, encoded_audio=True)
    assert suits(made, Form(audio=MONO, other_audio=STEREO))
    assert not suits(made, Form())


@pytest.mark.parametrize(("other", "suitable"), [(STEREO, True), (MONO, False), (None, False)])
def test_sound_that_was_made_of_another_kind_suits_who_wants_the_same_made_of_it(
    other: AudioConfig | None, *, suitable: bool
) -> None:
    made = segment(Form(other_audio=STEREO), encoded_audio=True)
    assert suits(made, Form(other_audio=other)) is suitable


def test_a_segment_without_sound_suits_all_where_sound_would_have_been_made() -> None:
    made = segment(Form(other_audio=STEREO), audio=None)
    assert all(suits(made, form) for form in (Form(), Form(audio=MONO), Form(other_audio=MONO)))


def test_a_segment_that_is_silent_because_nothing_was_made_of_its_sound_does_not_suit_who_wants_it() -> None:
    made = segment(Form(), audio=None)
    assert suits(made, replace(Form(), bitrate=1))
    assert not suits(made, Form(audio=STEREO))
    assert not suits(made, Form(other_audio=STEREO))


def test_where_one_configuration_was_not_possible_another_may_be() -> None:
    made = segment(Form(audio=MONO), audio=None)
    assert suits(made, Form(audio=MONO, bitrate=1))
    assert not suits(made, Form(audio=STEREO))


# --- what a session holds fast ----------------------------------------------------------------------------------------


def test_a_session_fixes_its_sound_and_a_shape_only_where_all_is_encoded() -> None:
    assert fixed(ONLY_AVC, MONO, video()) == replace(ONLY_AVC, audio=MONO)
    assert fixed(ENCODED, MONO, video(SD)) == replace(ENCODED, audio=MONO, shape=SD)
    assert fixed(replace(ENCODED, shape=HD), MONO, video(SD)).shape == HD


def test_what_a_session_began_with_suits_what_it_has_fixed() -> None:
    for form in (ONLY_AVC, ENCODED):
        first = segment(form, encoded_video=form is ENCODED, audio=MONO)
        assert suits(first, fixed(form, MONO, first.video))


def test_the_shape_is_all_that_pictures_must_agree_in() -> None:
    assert shape_of(video(SD)) == SD


def test_the_configuration_is_that_of_the_last_change_up_to_a_group_of_pictures() -> None:
    night, day = video(SD), video()
    made = segment(Form(), changes=((2, night), (5, day)))
    found = [config_at(made, gop) for gop in range(7)]
    assert found == [made.video, made.video, night, night, night, day, day]


# --- what is in the making --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Form(), ONLY_AVC, ENCODED])
def test_what_is_in_the_making_may_suit_a_session_that_has_begun_meanwhile(form: Form) -> None:
    begun = fixed(form, STEREO, video())
    assert may_suit(form, form)
    assert may_suit(form, begun)
    assert may_suit(begun, begun)


@pytest.mark.parametrize(
    ("making", "form"),
    [
        (replace(ENCODED, audio=MONO), replace(ENCODED, audio=STEREO)),
        (replace(ENCODED, audio=STEREO), ENCODED),
        (replace(ENCODED, shape=SD), replace(ENCODED, shape=HD)),
        (replace(ENCODED, shape=HD), ENCODED),
        (replace(ENCODED, bitrate=1), ENCODED),
        (ENCODED, ONLY_AVC),
        (replace(ENCODED, other_audio=MONO), replace(ENCODED, audio=STEREO)),
    ],
)
def test_what_is_made_otherwise_is_not_waited_for(making: Form, form: Form) -> None:
    assert not may_suit(making, form)

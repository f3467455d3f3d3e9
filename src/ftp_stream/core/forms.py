"""Which prepared segments a destination can take, and what it holds fast once its session has begun."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ftp_stream.model import Shape

if TYPE_CHECKING:
    from ftp_stream.model import AudioConfig, Form, PreparedSegment, VideoConfig

__all__ = ["config_at", "fixed", "may_suit", "shape_of", "suits"]


def suits(segment: PreparedSegment, form: Form) -> bool:
    """Tell whether a segment that was prepared for some form is as this form wants it."""
    return segment.form == form or (_video_suits(segment, form) and _audio_suits(segment, form))


def _video_suits(segment: PreparedSegment, form: Form) -> bool:
    if not segment.encoded_video:
        return form.copied.issuperset([segment.video.codec, *(video.codec for _, video in segment.changes)])
    made = segment.form
    if (made.copied, made.bitrate, made.encoder) != (form.copied, form.bitrate, form.encoder):
        return False
    return form.shape in {None, made.shape, shape_of(segment.video)}


def _audio_suits(segment: PreparedSegment, form: Form) -> bool:
    made = segment.form
    if segment.audio is None:  # none at all, or none that could become what was asked for
        if made.audio is not None:  # something else might have been possible
            return made.audio == (form.audio or form.other_audio)
        return made.other_audio is not None or form.audio is form.other_audio is None
    if form.audio is not None:
        return segment.audio.record == form.audio.record
    other = form.other_audio
    return not segment.encoded_audio or (other is not None and segment.audio.record == other.record)


def may_suit(making: Form, form: Form) -> bool:
    """Tell whether what is being prepared for a form may turn out to suit another one, which holds more fast.

    So it is when a session begins: what its next files are prepared for has nothing fixed yet.
    """
    open_audio, open_shape = making.audio in {None, form.audio}, making.shape in {None, form.shape}
    return open_audio and open_shape and replace(making, audio=form.audio, shape=form.shape) == form


def shape_of(video: VideoConfig) -> Shape:
    """Return the shape that pictures of a configuration have."""
    return Shape(video.width, video.height, video.frame_rate, video.aspect)


def fixed(form: Form, audio: AudioConfig, video: VideoConfig) -> Form:
    """Return what a session needs from its first segment on: one audio configuration, and one shape if it encodes all.

    Args:
        form: What its destination needs.
        audio: What the session has begun with.
        video: What its first segment has.
    """
    shape = form.shape if form.copied else form.shape or shape_of(video)
    return replace(form, audio=audio, shape=shape)


def config_at(segment: PreparedSegment, gop: int) -> VideoConfig:
    """Return what a decoder needs from the beginning of a GOP on."""
    found = segment.video
    for begins, video in segment.changes:
        if begins > gop:
            break
        found = video
    return found

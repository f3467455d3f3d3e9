"""Requests to a child: what is asked is what is read, to the last bit."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.request import (
    LENGTH_BYTES,
    PrepareRequest,
    Request,
    SlateRequest,
    decode_request,
    encode_request,
    length,
)
from ftp_stream.model import AudioConfig, Encoder, Form, Shape, VideoCodec

CONFIGS = st.builds(
    AudioConfig,
    record=st.binary(max_size=300),
    sample_rate=st.integers(7350, 96_000),
    channels=st.sampled_from([1, 2, 3, 4, 5, 6, 8]),
    frame_samples=st.sampled_from([960, 1024]),
)
SHAPES = st.builds(
    Shape,
    width=st.integers(2, 16_384),
    height=st.integers(2, 16_384),
    frame_rate=st.floats(0, 1000),
    aspect=st.tuples(st.integers(1, 65_535), st.integers(1, 65_535)),
)
FORMS = st.builds(
    Form,
    copied=st.frozensets(st.sampled_from(VideoCodec)),
    encoded=st.booleans(),
    shape=st.none() | SHAPES,
    bitrate=st.integers(0, 2**40),
    encoder=st.sampled_from(Encoder),
    audio=st.none() | CONFIGS,
    other_audio=st.none() | CONFIGS,
)
NAMES = st.text(st.characters(exclude_categories=()))  # surrogates too: a name may be no UTF-8
SLATES = st.builds(
    SlateRequest,
    record=st.binary(max_size=300),
    frame_rate=st.floats(0, 1000),
    name=NAMES,
    language=st.sampled_from(["en", "es"]),
    bitrate=st.integers(0, 2**40),
)
REQUESTS = SLATES | st.builds(PrepareRequest, form=FORMS, may_encode=st.booleans())


@given(REQUESTS)
def test_what_is_asked_is_what_is_read(request: Request) -> None:
    told = encode_request(request)
    prefix, rest = told[:LENGTH_BYTES], told[LENGTH_BYTES:]
    assert length(prefix) == len(rest)
    read = decode_request(rest)
    assert read == request
    assert hash(read) == hash(request)  # what is made is known by what was asked


@given(FORMS)
def test_equal_forms_are_asked_in_equal_words(form: Form) -> None:
    """The order in which a set gives its members is chance, and a request must not depend on it."""
    copied = frozenset(sorted(form.copied, reverse=True))
    again = PrepareRequest(Form(copied, form.encoded, form.shape, form.bitrate, form.encoder, form.audio))
    once = PrepareRequest(Form(form.copied, form.encoded, form.shape, form.bitrate, form.encoder, form.audio))
    assert encode_request(again) == encode_request(once)
    told = json.loads(encode_request(once)[LENGTH_BYTES:])["prepare"]["copied"]
    assert told == sorted(told)


def test_the_plain_request_is_short() -> None:
    """It goes to a child in one piece together with two descriptors."""
    assert len(encode_request(PrepareRequest(Form()))) < 1000

"""What encoded pictures are like follows from their shape alone."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.encoding import (
    Placement,
    bitrate,
    is_high_definition,
    level,
    own_shape,
    place,
    sane_aspect,
    slowness,
    speed,
)
from ftp_stream.model import Shape

HD = Shape(1280, 720, 25.0)
sides = st.integers(2, 16_384)
aspects = st.one_of(st.none(), st.fractions(Fraction(1, 9), 9, max_denominator=300))


@pytest.mark.parametrize(
    ("size", "rate", "aspect", "shape"),
    [
        ((1920, 1080), 25.0, Fraction(1), Shape(1920, 1080, 25.0)),
        ((351, 289), 14.98, None, Shape(350, 288, 15.0)),
        ((960, 1080), 29.97, Fraction(2), Shape(960, 1080, 30.0, (2, 1))),
        ((720, 576), 0.0, Fraction(16, 11), Shape(720, 576, 25.0, (16, 11))),
        ((640, 480), 0.04, Fraction(0), Shape(640, 480, 1.0)),
        ((640, 480), 500.0, Fraction(600, 72), Shape(640, 480, 120.0)),
        ((3, 2), 25.0, None, Shape(2, 2, 25.0)),
        ((4096, 2304), 25.0, None, Shape(4096, 2304, 25.0)),
        ((7680, 4320), 25.0, None, Shape(4096, 2304, 25.0)),
        ((4000, 3000), 25.0, None, Shape(3542, 2656, 25.0)),
    ],
)
def test_the_own_shape_is_the_pictures_made_even(
    size: tuple[int, int], rate: float, aspect: Fraction | None, shape: Shape
) -> None:
    assert own_shape(*size, rate, aspect) == shape


@given(sides, sides, st.floats(0, 2000), aspects)
def test_every_own_shape_can_be_encoded(width: int, height: int, rate: float, aspect: Fraction | None) -> None:
    shape = own_shape(width, height, rate, aspect)
    assert shape.width % 2 == shape.height % 2 == 0
    assert 2 <= shape.width <= min(width, 4096)
    assert 2 <= shape.height <= min(height, 4096)
    assert -(-shape.width // 16) * -(-shape.height // 16) <= 36_864
    assert 1 <= shape.frame_rate <= 120
    assert own_shape(shape.width, shape.height, shape.frame_rate, Fraction(*shape.aspect)) == shape


@pytest.mark.parametrize(
    ("picture", "aspect", "shape", "placed"),
    [
        ((1280, 720), None, HD, Placement(1280, 720, 0, 0)),
        ((1920, 1080), Fraction(1), HD, Placement(1280, 720, 0, 0)),
        ((640, 480), Fraction(1), HD, Placement(960, 720, 160, 0)),
        ((1280, 960), Fraction(1), Shape(640, 360, 25.0), Placement(480, 360, 80, 0)),
        ((720, 1280), None, HD, Placement(404, 720, 438, 0)),
        ((2560, 1080), None, HD, Placement(1280, 540, 0, 90)),
        ((960, 1080), Fraction(2), HD, Placement(1280, 720, 0, 0)),
        ((960, 1080), None, HD, Placement(640, 720, 320, 0)),
        ((1280, 720), None, Shape(960, 1080, 25.0, (2, 1)), Placement(960, 1080, 0, 0)),
        ((351, 289), None, Shape(350, 288, 25.0), Placement(350, 288, 0, 0)),
        ((1280, 718), None, HD, Placement(1280, 720, 0, 0)),
    ],
)
def test_a_picture_is_seen_whole_and_undistorted(
    picture: tuple[int, int], aspect: Fraction | None, shape: Shape, placed: Placement
) -> None:
    assert place(*picture, aspect, shape) == placed


@given(sides, sides, aspects, st.integers(8, 1024), st.integers(8, 1024), st.sampled_from([(1, 1), (4, 3), (2, 1)]))
def test_every_picture_has_its_place(
    width: int, height: int, aspect: Fraction | None, half_width: int, half_height: int, pixel: tuple[int, int]
) -> None:
    shape = Shape(2 * half_width, 2 * half_height, 25.0, pixel)
    placed = place(width, height, aspect, shape)
    assert placed.width == shape.width or placed.height == shape.height
    assert all(value % 2 == 0 for value in (placed.width, placed.height, placed.left, placed.top))
    for side, at, full in ((placed.width, placed.left, shape.width), (placed.height, placed.top, shape.height)):
        assert side >= 2
        assert at >= 0
        assert abs(full - side - 2 * at) <= 2  # in the middle
    seen = sane_aspect(aspect) * width / height / Fraction(*pixel)
    wide, high = min(shape.width, shape.height * seen), min(shape.height, shape.width / seen)
    assert abs(placed.width - wide) <= 2 + shape.width / 100
    assert abs(placed.height - high) <= 2 + shape.height / 100


def test_bits_follow_pixels_and_rate_within_limits() -> None:
    assert bitrate(HD) == 2_304_000
    assert bitrate(Shape(1920, 1080, 25.0)) == 5_184_000
    assert bitrate(Shape(160, 120, 5.0)) == 300_000
    assert bitrate(Shape(4096, 2304, 60.0)) == 16_000_000


@pytest.mark.parametrize(
    ("shape", "bits", "expected"),
    [
        (Shape(640, 480, 25.0), 1_000_000, 30),
        (Shape(720, 576, 25.0), 1_000_000, 30),
        (Shape(720, 576, 50.0), 1_000_000, 31),
        (HD, 2_000_000, 31),
        (Shape(1280, 720, 60.0), 2_000_000, 32),
        (Shape(1920, 1080, 30.0), 5_000_000, 40),
        (Shape(1920, 1080, 30.0), 26_000_000, 42),
        (Shape(1920, 1080, 60.0), 5_000_000, 42),
        (Shape(2560, 1440, 30.0), 5_000_000, 50),
        (Shape(3840, 2160, 30.0), 5_000_000, 51),
        (Shape(4096, 2304, 120.0), 5_000_000, 52),
    ],
)
def test_the_level_is_the_least_of_table_a1(shape: Shape, bits: int, expected: int) -> None:
    assert level(shape, bits) == expected


def test_colours_are_those_that_players_assume() -> None:
    assert is_high_definition(HD)
    assert not is_high_definition(Shape(720, 576, 25.0))
    assert is_high_definition(Shape(720, 578, 25.0))


def test_encoding_that_keeps_up_needs_no_word() -> None:
    assert speed(60_000_000, 30.0) == 2.0
    assert speed(60_000_000, 0.0) == 0.0
    assert slowness(60_000_000, 0.0) == slowness(60_000_000, 60.0) == ""


def test_slow_encoding_is_told_with_its_speed_and_the_cure() -> None:
    words = slowness(60_000_000, 75.0)
    assert "0.80 times real time (60 s of video took 75 s)" in words
    for cure in ("H.264", "resolution", "frame rate", "ENCODER=", "faster machine"):
        assert cure in words

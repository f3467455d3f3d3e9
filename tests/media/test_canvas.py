"""The canvas: what is drawn stays inside, disturbs nothing beside it, and can be cut out."""

from __future__ import annotations

import pytest
from av.video.frame import VideoFrame

from ftp_stream.media.canvas import Canvas, rgb


def canvas(width: int = 64, height: int = 48) -> Canvas:
    made = Canvas(width, height, (width + 16, width // 2 + 8, width // 2 + 8))
    made.fill(0, 0, width, height, rgb(20, 30, 40))
    return made


def rows(drawn: Canvas, first: int, last: int) -> list[bytes]:
    stride = drawn.strides[0]
    return [bytes(drawn.planes[0][row * stride : row * stride + drawn.width]) for row in range(first, last)]


def test_letters_leave_those_above_them_as_they_are() -> None:
    """The room for their accents reaches into the line above."""
    drawn = canvas()
    drawn.text(2, 10, "gap", 2)
    before = rows(drawn, 0, 27)
    drawn.text(4, 28, "123", 2)
    assert rows(drawn, 0, 27) == before
    assert rows(drawn, 28, 42) != rows(canvas(), 28, 42)


@pytest.mark.parametrize(("x", "y"), [(-7, 5), (60, 5), (5, -9), (5, 44), (-500, 5), (500, 5), (5, 500), (5, -500)])
def test_letters_are_cut_at_every_edge(x: int, y: int) -> None:
    drawn = canvas()
    drawn.text(x, y, "88", 2)
    stride = drawn.strides[0]
    assert len(drawn.planes[0]) == stride * drawn.height
    assert not any(any(drawn.planes[0][row * stride + 64 : (row + 1) * stride]) for row in range(drawn.height))


def test_a_part_is_what_stands_there() -> None:
    drawn = canvas()
    drawn.text(2, 10, "part", 2)
    drawn.fill(10, 8, 20, 6, rgb(200, 40, 40))
    part = drawn.cut(8, 6, 32, 20)
    assert rows(part, 0, 20) == [row[8:40] for row in rows(drawn, 6, 26)]
    for plane, whole in zip(part.planes[1:], drawn.planes[1:], strict=True):
        assert [bytes(plane[at : at + 16]) for at in range(0, len(plane), 16)] == [
            bytes(whole[row * 40 + 4 : row * 40 + 20]) for row in range(3, 13)
        ]


@pytest.mark.parametrize("width", [16, 48, 64, 176])
def test_a_frame_of_ffmpegs_gets_the_picture(width: int) -> None:
    drawn = canvas(width)
    drawn.text(2, 10, "frame", 1)
    whole = drawn.cut(0, 0, width, 48)
    frame = VideoFrame(width, 48, "yuv420p")
    whole.fill_frame(frame)
    plane = bytes(frame.planes[0])
    assert [plane[at : at + width] for at in range(0, len(plane), frame.planes[0].line_size)] == rows(drawn, 0, 48)

"""Pictures of any size, pixel format and colour range become pictures of one shape: 8 bits, 4:2:0, limited range."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import av.error
from av.filter import Graph

from ftp_stream.core.encoding import is_high_definition, place
from ftp_stream.model import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.video.frame import VideoFrame

__all__ = ["BASE", "MATRICES", "PIXELS", "Scaler"]

BASE: Final = Fraction(1, 1_000_000)  # of the frames' times
PIXELS: Final = "yuv420p"
MATRICES: Final = {True: 1, False: 6}  # AVColorSpace of high definition (BT.709) and of the rest (SMPTE 170M)
_UNSPECIFIED: Final = 2  # AVCOL_SPC_UNSPECIFIED
_RGB: Final = 0  # AVCOL_SPC_RGB: no matrix at all
_KNOWN_MATRICES: Final = frozenset({_RGB, 1, 4, 5, 6, 7, 9})  # those that FFmpeg's scaler can turn into others

_Kind = tuple[int, int, str, int, int, Fraction | None]


class Scaler:
    """Makes each picture fit into the shape, with its aspect kept and black around it.

    Interlaced pictures are deinterlaced, from the first one that says it is; all others keep every line.
    """

    def __init__(self, shape: Shape, threads: int) -> None:
        """Take what the pictures shall be like, and how many threads may work on one of them."""
        self._shape = shape
        self._threads = threads
        self._graph: Graph | None = None
        self._kind: _Kind | None = None
        self.interlaced = False  # some picture was

    def scale(self, frame: VideoFrame, aspect: Fraction | None) -> Iterator[VideoFrame]:
        """Yield the pictures that are ready; their times are those of the pictures given.

        Args:
            frame: Its time is in units of `BASE`.
            aspect: Of one of its pixels.

        Raises:
            av.error.FFmpegError: It cannot be scaled.
        """
        if frame.colorspace not in _KNOWN_MATRICES:
            frame.colorspace = _UNSPECIFIED
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, aspect)
        if kind != self._kind or (frame.interlaced_frame and not self.interlaced):
            yield from self.finish()
            self.interlaced = self.interlaced or frame.interlaced_frame
            self._graph, self._kind = self._make(kind), kind
        if self._graph:
            self._graph.vpush(frame)
            yield from _pulled(self._graph)

    def finish(self) -> Iterator[VideoFrame]:
        """Yield the pictures that are still held back: to deinterlace one, the next is looked at."""
        if self._graph:
            self._graph.vpush(None)
            yield from _pulled(self._graph)
        self._graph = None

    def _make(self, kind: _Kind) -> Graph:
        width, height, pixels, matrix, colour_range, aspect = kind
        graph = Graph()
        graph.threads = self._threads
        source = (
            f"video_size={width}x{height}:pix_fmt={pixels}:time_base={BASE.numerator}/{BASE.denominator}"
            f":pixel_aspect=1/1:colorspace={matrix}:range={colour_range}"
        )
        nodes = [graph.add("buffer", source)]
        if self.interlaced:
            nodes.append(graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"))
        nodes += [graph.add(name, arguments) for name, arguments in self._steps(width, height, matrix, aspect)]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph

    def _steps(self, width: int, height: int, matrix: int, aspect: Fraction | None) -> Iterator[tuple[str, str]]:
        """Yield filters with their arguments."""
        shape = self._shape
        if (width // 2 * 2, height // 2 * 2) == (shape.width, shape.height):  # nothing is resampled to lose a line
            yield "crop", f"{shape.width}:{shape.height}:0:0:exact=1"
            placed = place(shape.width, shape.height, aspect, shape)
        else:
            placed = place(width, height, aspect, shape)
        wanted = MATRICES[is_high_definition(shape)]
        given = _assumed_matrix(width, height) if matrix == _UNSPECIFIED else matrix
        colours = f":in_color_matrix={given}" if given != _RGB else ""
        yield "scale", f"{placed.width}:{placed.height}:flags=bicubic{colours}:out_color_matrix={wanted}:out_range=tv"
        yield "format", PIXELS
        if (placed.width, placed.height) != (shape.width, shape.height):
            yield "pad", f"{shape.width}:{shape.height}:{placed.left}:{placed.top}:black"


def _assumed_matrix(width: int, height: int) -> int:
    return MATRICES[is_high_definition(Shape(width, height, 0.0))]


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        frame.pts = round((frame.pts or 0) * (frame.time_base or BASE) / BASE)  # a deinterlacer counts in halves
        frame.time_base = BASE
        yield frame

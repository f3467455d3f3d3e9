"""Where frames stand: found by their bytes near where the container says, else kept beside."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ftp_stream.media.places import Places
from ftp_stream.model import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE, SIDECAR = int(Source.FILE), int(Source.SIDECAR)


@dataclass
class Packet:
    payload: bytes
    pos: int | None
    stream_index: int = 0

    def __bytes__(self) -> bytes:
        return self.payload


@pytest.fixture
def keep(tmp_path: Path, request: pytest.FixtureRequest) -> Callable[[bytes, bytes, int | None], tuple[int, int, int]]:
    """Keeps packets of a file whose content is given with the first of them."""
    path, aside = tmp_path / "x", io.BytesIO()
    places: list[Places] = []

    def one(content: bytes, payload: bytes, position: int | None) -> tuple[int, int, int]:
        if not places:
            path.write_bytes(content)
            file = path.open("rb")
            request.addfinalizer(file.close)
            places.append(Places(file.fileno(), aside))
        place = places[0].keep(Packet(payload, position))
        source, at, size = place
        kept = (aside.getvalue() if source == SIDECAR else content)[at : at + size]
        assert kept == payload
        assert places[0].sidecar_size == len(aside.getvalue())
        return place

    return one


Keep = "Callable[[bytes, bytes, int | None], tuple[int, int, int]]"


def test_at_the_position_itself(keep: Keep) -> None:
    content = b"headerFRAMEframe"
    assert keep(content, b"FRAME", 6) == (FILE, 6, 5)
    assert keep(content, b"frame", 11) == (FILE, 11, 5)


def test_behind_the_header_of_a_block(keep: Keep) -> None:
    """The second one lies as far behind its header; the third does not."""
    content = b"[head]FRAME[head]frame[longer head]third"
    assert keep(content, b"FRAME", 0) == (FILE, 6, 5)
    assert keep(content, b"frame", 11) == (FILE, 17, 5)
    assert keep(content, b"third", 22) == (FILE, 35, 5)


def test_laced_frames_share_the_position_of_their_block(keep: Keep) -> None:
    content = b"[head]" + b"a" * 200 + b"b" * 300 + b"a" * 200
    assert keep(content, b"a" * 200, 0) == (FILE, 6, 200)
    assert keep(content, b"b" * 300, 0) == (FILE, 206, 300)
    assert keep(content, b"a" * 200, 0) == (FILE, 506, 200)


def test_a_beginning_that_only_looks_alike(keep: Keep) -> None:
    content = b"0123456789abcdefX" + b"0123456789abcdefY"
    assert keep(content, b"0123456789abcdefY", 0) == (FILE, 17, 17)


@pytest.mark.parametrize("position", [None, 0, 100, 2**40])
def test_what_stands_nowhere_near_is_written_beside(keep: Keep, position: int | None) -> None:
    content = bytes(65) + b"FRAME"
    assert keep(content, b"FRAME", position) == (SIDECAR, 0, 5)
    assert keep(content, b"other", position) == (SIDECAR, 5, 5)


def test_as_far_as_a_header_may_reach(keep: Keep) -> None:
    content = bytes(64) + b"FRAME"
    assert keep(content, b"FRAME", 0) == (FILE, 64, 5)


def test_a_frame_that_the_file_holds_only_in_part(keep: Keep) -> None:
    assert keep(b"FRA", b"FRAME", 0) == (SIDECAR, 0, 5)


def test_what_is_only_looked_for_is_written_nowhere(tmp_path: Path) -> None:
    path, aside = tmp_path / "x", io.BytesIO()
    path.write_bytes(b"[head]FRAME")
    with path.open("rb") as file:
        places = Places(file.fileno(), aside)
        assert places.find(Packet(b"FRAME", 0)) == (FILE, 6, 5)
        assert places.read(6, 5) == b"FRAME"
        assert places.find(Packet(b"other", 0)) is None
        assert places.find(Packet(b"FRAME", None)) is None
    assert places.sidecar_size == len(aside.getvalue()) == 0

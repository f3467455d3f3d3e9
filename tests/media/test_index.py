"""When FFmpeg's index is taken at its word, and when the packets are asked instead."""

from __future__ import annotations

import io
import os
import struct
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

import av
import pytest
from tests.support.files import FRAGMENTED, Clip, demux, make
from tests.support.prepared import prepare_file

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.media import index
from ftp_stream.media.places import Places
from ftp_stream.media.soundtrack import AudioTrack
from ftp_stream.media.structure import check
from ftp_stream.media.tracks import VideoTrack
from ftp_stream.model import Form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

AS_IT_IS = Form()


@contextmanager
def opened(
    path: Path, count: int = index.PROOF, form: Form = AS_IT_IS
) -> Iterator[tuple[int, VideoTrack, AudioTrack, list[av.Packet]]]:
    """Descriptor, tracks and first packets of a file."""
    fileno = os.open(path, os.O_RDONLY)
    try:
        with av.open(str(path)) as container:
            places = Places(fileno, io.BytesIO())
            video, audio = (
                VideoTrack(container.streams.video[0], places),
                AudioTrack(container.streams.audio[0], places, form),
            )
            yield fileno, video, audio, list(islice(container.demux(video.stream, audio.stream), count))
    finally:
        os.close(fileno)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    return make(tmp_path / "x.mp4", Clip(seconds=2))


def test_an_index_that_its_first_packets_prove_is_taken(movie: Path) -> None:
    with opened(movie) as (fileno, video, audio, first):
        assert index.tells_all(fileno, check(fileno).index)
        assert index.take_all(fileno, video, audio, first)
        assert len(video.frames.flags) == len(demux(movie)) == 50
        assert len(audio.frames.flags) == sum(not packet.discard for packet in demux(movie, "audio"))


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le"])
def test_sound_that_is_to_be_decoded_is_taken_from_it_too(tmp_path: Path, codec: str) -> None:
    """What an edit list hides as well: a decoder needs it, and nobody is to hear it."""
    path = make(tmp_path / "x.mov", Clip(seconds=2, audio=codec))
    with opened(path, form=Form(audio=DEFAULT_AUDIO)) as (fileno, video, audio, first):
        assert index.tells_all(fileno, check(fileno).index)
        assert index.take_all(fileno, video, audio, first)
        assert audio.decoded
        packets = demux(path, "audio")
        numbers = range(len(audio.frames.flags))
        assert [audio.payload(number) for number in numbers] == [packet.payload for packet in packets]
        assert [audio.is_hidden(number) for number in numbers] == [packet.discard for packet in packets]
        assert audio.frames.pts == [packet.pts for packet in packets]


def test_packets_that_differ_from_it_disprove_it(movie: Path) -> None:
    """Two pictures in another order, a track without any packet, no packet at all."""
    with opened(movie) as (fileno, video, audio, first):
        pictures = [number for number, packet in enumerate(first) if packet.stream_index == video.stream.index]
        one, two = pictures[1:3]
        first[one], first[two] = first[two], first[one]
        assert not index.take_all(fileno, video, audio, first)
        assert not index.take_all(fileno, video, audio, [first[number] for number in pictures[:1]])
        assert not index.take_all(fileno, video, audio, [])
        assert not video.frames.flags


def test_bytes_that_differ_from_it_disprove_it(movie: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    content = bytearray(movie.read_bytes())
    position = demux(movie)[3].position
    assert position is not None
    content[position + 5] ^= 1
    other.write_bytes(content)
    with opened(movie) as (_, video, audio, first):
        fileno = os.open(other, os.O_RDONLY)
        assert not index.take_all(fileno, video, audio, first)
        os.close(fileno)


@pytest.mark.parametrize(
    ("box", "tells"),
    [
        (b"", True),
        (b"stsd\0\0\0\0\0\0\0\1....", True),
        (b"stsd\0\0\0\0\0\0\0\1....stsd\0\0\0\0\0\0\0\1....", True),
        (b"stsd\0\0\0\0\0\0\0\2....", False),
        (b"stsd\0\0\0\0\0\0\0\1....stsd\0\0\0\0\0\0\0\2....", False),
        (b"....ctts....", False),
        (b"....sinf....", False),
        (b"....cmov....", False),
    ],
)
def test_what_packets_would_tell_besides(tmp_path: Path, box: bytes, tells: bool) -> None:  # noqa: FBT001 - expected
    """Composition offsets, encryption, descriptions that change within the file."""
    path = tmp_path / "x"
    path.write_bytes(b"lead" + struct.pack(">I4s", 8 + len(box), b"moov") + box)
    with path.open("rb") as file:
        assert index.tells_all(file.fileno(), (4, 8 + len(box))) is tells
        assert not index.tells_all(file.fileno(), (0, 0))
        assert not index.tells_all(file.fileno(), (4, 2**40))


def test_a_fragmented_file_has_no_index_of_all(tmp_path: Path) -> None:
    path = make(tmp_path / "x.mp4", Clip(), **FRAGMENTED)
    with path.open("rb") as file:
        assert not index.tells_all(file.fileno(), check(file.fileno()).index)


def test_a_table_of_key_frames_that_lies_is_found_out(tmp_path: Path) -> None:
    """No server could begin with a picture that only pretends to be a key frame."""
    path = make(tmp_path / "x.mp4", Clip(seconds=2, audio=""))
    content = bytearray(path.read_bytes())
    at = content.index(b"stss")
    assert struct.unpack_from(">6I", content, at + 8) == (5, 1, 11, 21, 31, 41)
    struct.pack_into(">I", content, at + 28, 42)
    path.write_bytes(content)
    keys = [packet.key for packet in demux(path)]
    assert keys[40]
    assert prepare_file(path).keys() == keys

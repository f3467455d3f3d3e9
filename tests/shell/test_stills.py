"""The last picture of each stream on the disk: whole, or none."""

from __future__ import annotations

import json
import os
import secrets
import stat
from dataclasses import replace
from typing import TYPE_CHECKING
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.descriptors import open_files

from ftp_stream.core.aac import DEFAULT_AUDIO, parse_config
from ftp_stream.core.frames import MAX_FRAME_BYTES
from ftp_stream.errors import StorageError
from ftp_stream.model import VideoCodec, VideoConfig
from ftp_stream.shell.stills import Still, Stills

if TYPE_CHECKING:
    from pathlib import Path

STREAM = f"{secrets.token_hex(3)}/{secrets.token_hex(3)}"
STILL = Still(
    "2026-02-05/10-31.mp4",
    1_770_287_460.25,
    60.04,
    VideoConfig(VideoCodec.HEVC, secrets.token_bytes(100), 1920, 1080, 29.97, (4, 3)),
    parse_config(b"\x15\x88"),
)
PICTURE = b"\0\0\1\n { " + secrets.token_bytes(5_000)


def kept(stills: Stills, stream: str = STREAM) -> tuple[Still, bytes] | None:
    """Read a picture as the hold does: from the descriptor, at the place that is told."""
    found = stills.open(stream)
    if found is None:
        return None
    still, descriptor = found
    try:
        return replace(still, position=0, size=0), os.pread(descriptor, still.size, still.position)
    finally:
        os.close(descriptor)


def place(state: Path) -> Path:
    [path] = (state / "pictures").glob("*.still")
    return path


# --- what comes back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "still",
    [
        STILL,
        replace(STILL, audio=None),
        replace(STILL, audio=DEFAULT_AUDIO, video=VideoConfig(VideoCodec.AVC, b"\1")),
        replace(STILL, path=os.fsdecode(b"caf\xe9\n.mp4")),
        replace(STILL, video=replace(STILL.video, record=bytes(65_536))),
    ],
    ids=["whole", "silent", "bare", "odd name", "large record"],
)
def test_what_is_kept_comes_back(tmp_path: Path, still: Still) -> None:
    Stills(tmp_path).save(STREAM, still, PICTURE)
    assert kept(Stills(tmp_path)) == (still, PICTURE)


@pytest.mark.parametrize("size", [1, MAX_FRAME_BYTES])
def test_pictures_of_all_sizes_come_back(tmp_path: Path, size: int) -> None:
    picture = secrets.token_bytes(1) * size
    Stills(tmp_path).save(STREAM, STILL, picture)
    assert kept(Stills(tmp_path)) == (STILL, picture)


def test_each_stream_has_its_own(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    for stream, picture in (("a/b", b"one"), ("a/c", b"two"), ("a.b/c.d", b"three"), ("a.b/c", b"four")):
        stills.save(stream, STILL, picture)
    found = [kept(stills, stream) for stream in ("a/b", "a/c", "a.b/c.d", "a.b/c", "b/a")]
    assert [each and each[1] for each in found] == [b"one", b"two", b"three", b"four", None]


def test_the_last_one_is_the_one(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    for picture in (b"a longer picture", b"short"):
        stills.save(STREAM, STILL, picture)
    assert kept(stills) == (STILL, b"short")


def test_before_the_first_there_is_none(tmp_path: Path) -> None:
    before = open_files()
    assert kept(Stills(tmp_path)) is None
    assert open_files() == before


def test_only_its_owner_may_see_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Stills(tmp_path).save(STREAM, STILL, PICTURE)
    finally:
        os.umask(before)
    path = place(tmp_path)
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)] == [0o600, 0o700]


# --- damage -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Stills, Path, bytes]:
    """A picture that was saved once: to save one waits for the disk, too long for each of many cases."""
    state = tmp_path_factory.mktemp("state")
    stills = Stills(state)
    stills.save(STREAM, STILL, PICTURE)
    path = place(state)
    return stills, path, path.read_bytes()


@settings(deadline=None)
@given(st.data())
def test_a_file_that_is_damaged_anywhere_counts_as_none(saved: tuple[Stills, Path, bytes], data: st.DataObject) -> None:
    stills, path, whole = saved
    at = data.draw(st.integers(0, len(whole) - 1) | st.integers(0, 600))
    content = bytearray(whole)
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    assert kept(stills) is None
    path.write_bytes(content[:at])
    assert kept(stills) is None
    path.write_bytes(whole)
    assert kept(stills) == (STILL, PICTURE)


@pytest.mark.parametrize("content", [b"", b"\n", b" ", b"00000000 \n", b"{}\n", bytes(5_000), b"[" * 200_000])
def test_a_file_that_is_another_thing_counts_as_none(tmp_path: Path, content: bytes) -> None:
    Stills(tmp_path).save(STREAM, STILL, PICTURE)
    place(tmp_path).write_bytes(content)
    before = open_files()
    assert kept(Stills(tmp_path)) is None
    assert open_files() == before


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"codec": "vp9"},
        {"shape": [1, 2]},
        {"record": "no"},
        {"audio": "ff"},
        {"path": None, "version": 0},
        None,
    ],
)
def test_what_another_version_wrote_counts_as_none(tmp_path: Path, change: dict[str, object] | None) -> None:
    Stills(tmp_path).save(STREAM, STILL, PICTURE)
    path = place(tmp_path)
    line, _, picture = path.read_bytes()[9:].partition(b"\n")
    told = [] if change is None else json.loads(line) | change
    rest = json.dumps(told).encode() + b"\n" + picture
    path.write_bytes(b"%08x " % crc32(rest) + rest)
    assert kept(Stills(tmp_path)) is None


def test_a_directory_in_its_place_counts_as_none(tmp_path: Path) -> None:
    Stills(tmp_path).save(STREAM, STILL, PICTURE)
    path = place(tmp_path)
    path.unlink()
    path.mkdir()
    assert kept(Stills(tmp_path)) is None


# --- writing ----------------------------------------------------------------------------------------------------------


def test_what_is_written_half_leaves_the_one_before(tmp_path: Path) -> None:
    """A power cut while the new one is written; the next one goes over its remains."""
    stills = Stills(tmp_path)
    stills.save(STREAM, STILL, PICTURE)
    path = place(tmp_path)
    path.with_suffix(".new").write_bytes(path.read_bytes()[:1000] * 10)
    assert kept(stills) == (STILL, PICTURE)
    stills.save(STREAM, STILL, b"new")
    assert kept(stills) == (STILL, b"new")


def test_it_is_replaced_as_a_whole_and_never_written_over(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    stills.save(STREAM, STILL, PICTURE)
    found = stills.open(STREAM)
    assert found
    still, descriptor = found
    stills.save(STREAM, STILL, b"new")
    assert os.pread(descriptor, still.size, still.position) == PICTURE
    os.close(descriptor)


def test_a_disk_that_fails_is_told_and_leaves_the_one_before(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    stills.save(STREAM, STILL, PICTURE)
    place(tmp_path).with_suffix(".new").mkdir()
    with pytest.raises(StorageError, match=r"cannot keep the last picture in .*still"):
        stills.save(STREAM, STILL, b"new")
    assert kept(stills) == (STILL, PICTURE)


def test_a_state_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"")
    with pytest.raises(StorageError, match="cannot keep the last picture"):
        Stills(tmp_path / "state").save(STREAM, STILL, PICTURE)


def test_what_is_removed_is_gone_and_of_no_other_stream(tmp_path: Path) -> None:
    stills = Stills(tmp_path)
    for stream in ("gate/one", "gate/two"):
        stills.save(stream, STILL, b"picture")
    stills.remove("gate/one")
    stills.remove("gate/one")
    assert stills.open("gate/one") is None
    found = stills.open("gate/two")
    assert found
    os.close(found[1])

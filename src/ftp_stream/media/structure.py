"""Is a file whole? What containers say about their own length, without reading the media.

FFmpeg opens most truncated files without a word, so this is asked first. Everything here is bounded and any bytes
give an answer: the file is a stranger's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Kind", "Structure", "check"]

MAX_PARTS = 1_000_000  # boxes, tags or elements that are walked; two hours in fragments of one frame
_SLACK = 16  # bytes an mdat may claim beyond the end of the file: some writers count a header twice
_HEAD = 1024  # bytes that tell the kind


class Kind(StrEnum):
    """How a file is built."""

    MP4 = "ISO media (MP4, MOV)"
    AVI = "AVI"
    MATROSKA = "Matroska"
    FLV = "FLV"
    TS = "MPEG-TS"
    UNKNOWN = "unknown"  # raw streams too


@dataclass(frozen=True, slots=True)
class Structure:
    """What the container says of its own completeness."""

    kind: Kind
    whole: bool | None  # None: this kind of file cannot prove it, or this one does not
    problem: str = ""  # what is wrong or odd, in words
    index: tuple[int, int] = (0, 0)  # position and length of the box that tells of every frame (MP4 in one piece)


def check(fileno: int) -> Structure:
    """Look at the structure of an open file. Any bytes give an answer.

    Raises:
        OSError: The file cannot be read.
    """
    file = _File(fileno)
    head = file.read(0, _HEAD)
    for kind, fits, walk in _KINDS:
        if fits(head):
            whole, problem = walk(file)
            return Structure(kind, whole, problem, file.index)
    return Structure(Kind.UNKNOWN, None)


class _File:
    __slots__ = ("fileno", "index", "size")

    def __init__(self, fileno: int) -> None:
        self.fileno = fileno
        self.index = (0, 0)
        self.size = os.fstat(fileno).st_size

    def read(self, position: int, count: int) -> bytes:
        return os.pread(self.fileno, count, position)


_Answer = tuple[bool | None, str]
_TOO_MANY: _Answer = (None, f"it has more than {MAX_PARTS} parts, the rest was not looked at")


def _cut(what: str, missing: int) -> _Answer:
    return False, f"{what} needs {missing} more bytes than the file has: it was cut off, or is still growing"


# --- ISO base media: ISO/IEC 14496-12, 4.2 ----------------------------------------------------------------------------

_FIRST_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid"})
_MEDIA_BOXES = frozenset({b"moov", b"mdat", b"moof", b"mfra"})  # what is missing where one of these is cut
_NAME_BYTES = frozenset(range(0x20, 0x7F)) | {0xA9}
_SHORT_HEADER, _LONG_HEADER = 8, 16  # bytes, with a length of 32 or 64 bits


def _is_mp4(head: bytes) -> bool:
    return head[4:8] in _FIRST_BOXES


def _walk_boxes(file: _File) -> _Answer:
    seen: dict[bytes, int] = {}  # box -> how many
    position = 0
    for _ in range(MAX_PARTS):
        if position == file.size:
            return _judge_boxes(seen)
        name, length = _box(file.read(position, _LONG_HEADER))
        if name == b"mdat" and length < 0:
            return (None, "") if b"moov" in seen else _NO_INDEX
        end = file.size if length < 0 else position + length
        if not length or (end > file.size and name not in _MEDIA_BOXES):
            whole, problem = _judge_boxes(seen)
            return whole, problem or f"the last {file.size - position} bytes belong to no box"
        if end > file.size:
            return _overrun(name, end - file.size, seen)
        seen[name] = seen.get(name, 0) + 1
        if name == b"moov":
            file.index = (position, end - position)
        if name == b"moof":
            file.index = (0, 0)
        position = end
    return _TOO_MANY


def _box(header: bytes) -> tuple[bytes, int]:
    """Return name and length of a box; length -1 where it runs to the end of the file, 0 where this is no box."""
    length, name = int.from_bytes(header[:4], "big"), header[4:8]
    if len(header) < _SHORT_HEADER or not _NAME_BYTES.issuperset(name):
        return name, 0
    if length == 1:
        length = int.from_bytes(header[8:], "big")
        return name, length if length >= _LONG_HEADER else 0
    if length == 0:
        return name, -1
    return name, length if length >= _SHORT_HEADER else 0


_NO_INDEX: _Answer = (False, "its index (moov) is missing: the recording or the upload did not end")


def _judge_boxes(seen: dict[bytes, int]) -> _Answer:
    """Say whether complete boxes make a whole file."""
    if b"moov" not in seen:
        return _NO_INDEX
    if b"mdat" not in seen:
        return False, "it has an index but no media data (mdat)"
    if seen.get(b"moof", 0) > seen[b"mdat"]:
        return False, "its last fragment has no media data: it was cut off, or is still growing"
    if b"moof" in seen and b"mfra" not in seen:  # only the index of fragments, which comes last, shows the end
        return None, ""
    return True, ""


def _overrun(name: bytes, missing: int, seen: dict[bytes, int]) -> _Answer:
    if name == b"mdat" and missing <= _SLACK and b"moov" in seen and b"moof" not in seen:
        return None, f"its media data claims {missing} bytes more than the file has"
    return _cut(f"its {name.decode('latin-1')} box", missing)


# --- RIFF: AVI and OpenDML AVI 2.0 ------------------------------------------------------------------------------------


def _is_avi(head: bytes) -> bool:
    return head[:4] == b"RIFF" and head[8:12] == b"AVI "


def _walk_riff(file: _File) -> _Answer:
    position = 0
    for _ in range(MAX_PARTS):
        header = file.read(position, 12)
        if position and (header[:4], header[8:12]) != (b"RIFF", b"AVIX"):
            left = file.size - position
            return True, f"the last {left} bytes belong to no RIFF list" if left > 0 else ""
        length = int.from_bytes(header[4:8], "little")
        if length in {0, 0xFFFFFFFF}:
            return None, "its header tells no length: the recorder did not finish it"
        end = position + 8 + length
        if end > file.size:
            return _cut("its RIFF list", end - file.size)
        position = end + length % 2  # chunks are padded to even positions
    return _TOO_MANY


# --- EBML: RFC 8794; Matroska: RFC 9559 -------------------------------------------------------------------------------

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_MAX_ID, _MAX_SIZE = 4, 8  # bytes of the two numbers before each element


def _is_matroska(head: bytes) -> bool:
    return head[:4] == _EBML.to_bytes(4, "big")


def _walk_ebml(file: _File) -> _Answer:
    """Step from element to element, and into those that do not tell their size.

    A Segment that tells its size tells it all; one that does not (a live recording) is walked by its clusters.
    """
    position = 0
    for _ in range(MAX_PARTS):
        if position >= file.size:
            return None, ""
        identifier, size, start = _element(file.read(position, _MAX_ID + _MAX_SIZE), position)
        if not identifier:
            return None, f"the last {file.size - position} bytes belong to no element"
        if size is None:
            position = start
            continue
        if start + size > file.size:
            return _cut(f"its element {identifier:X}", start + size - file.size)
        if identifier == _SEGMENT:
            return True, ""
        position = start + size
    return _TOO_MANY


def _element(header: bytes, position: int) -> tuple[int, int | None, int]:
    """Return identifier (0: this is no element), size (None: unknown) and where the data begins."""
    width = _width(header, 0)
    size_width = _width(header, width)
    if not 1 <= width <= _MAX_ID or not 1 <= size_width <= _MAX_SIZE or len(header) < width + size_width:
        return 0, None, position
    size = int.from_bytes(header[width : width + size_width], "big")
    mask = (1 << 7 * size_width) - 1
    known = size & mask != mask
    return int.from_bytes(header[:width], "big"), size & mask if known else None, position + width + size_width


def _width(header: bytes, at: int) -> int:
    """Return how many bytes the variable number at ``at`` takes: its leading zero bits and one (RFC 8794, 4.1)."""
    return 9 - header[at].bit_length() if at < len(header) else 0


# --- FLV: Adobe Flash Video File Format 10.1, annex E -----------------------------------------------------------------

_TAGS = frozenset({8, 9, 18})  # audio, video, script data
_VIDEO_TAG = 9
_AVC, _SEQUENCE_END = 7, 2


def _is_flv(head: bytes) -> bool:
    return head[:4] == b"FLV\x01"


def _walk_tags(file: _File) -> _Answer:
    position = int.from_bytes(file.read(5, 4), "big") + 4  # the header, and the length of no tag before it
    ended = False
    for _ in range(MAX_PARTS):
        if position >= file.size:
            return True if ended else None, ""
        tag = file.read(position, 13)
        kind, end = tag[0] & 0x1F, position + 11 + int.from_bytes(tag[1:4], "big")
        if kind not in _TAGS:
            return None, f"the last {file.size - position} bytes belong to no tag"
        if end > file.size:
            return _cut("its last tag", end - file.size)
        ended = kind == _VIDEO_TAG and _ends_sequence(tag[11:])
        position = end + 4  # its length once more; nobody misses the last one
    return _TOO_MANY


def _ends_sequence(body: bytes) -> bool:
    """Whether the first two bytes of a video tag say that no picture follows."""
    codec, packet_type = body[:1], body[1:]
    if codec >= b"\x80":  # Enhanced RTMP: the packet type stands beside the frame type
        return codec[0] & 0x0F == _SEQUENCE_END
    return codec != b"" and codec[0] & 0x0F == _AVC and packet_type == bytes([_SEQUENCE_END])


# --- MPEG transport stream: ISO/IEC 13818-1, 2.4.3 --------------------------------------------------------------------

_SYNCS = b"\x47" * 5  # so many in a row are no accident
_TS_FORMS = ((188, 0), (192, 4), (204, 0))  # plain, with arrival times (M2TS), with Reed-Solomon bytes


def _is_ts(head: bytes) -> bool:
    return _ts_packet(head) != 0


def _ts_packet(head: bytes) -> int:
    for length, lead in _TS_FORMS:
        if head[lead::length].startswith(_SYNCS):
            return length
    return 0


def _walk_ts(file: _File) -> _Answer:
    length = _ts_packet(file.read(0, _HEAD))
    rest = file.size % length
    if rest:
        return _cut("its last packet", length - rest)
    return None, ""


_KINDS: tuple[tuple[Kind, Callable[[bytes], bool], Callable[[_File], _Answer]], ...] = (
    (Kind.MP4, _is_mp4, _walk_boxes),
    (Kind.AVI, _is_avi, _walk_riff),
    (Kind.MATROSKA, _is_matroska, _walk_ebml),
    (Kind.FLV, _is_flv, _walk_tags),
    (Kind.TS, _is_ts, _walk_ts),
)

"""NAL units of H.264 and H.265: Annex B made length-prefixed, parameter sets, decoder configuration records."""

from __future__ import annotations

import io
from itertools import takewhile
from typing import TYPE_CHECKING

import av

from ftp_stream.errors import SegmentRefused
from ftp_stream.model import VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.video.stream import VideoStream

__all__ = [
    "annexb",
    "avc_record",
    "is_annexb",
    "is_parameter_set",
    "is_random_access",
    "is_record",
    "is_slice",
    "leading_sets",
    "length_prefixed",
    "make_record",
    "parameter_sets",
    "prefixed",
    "record_sets",
    "renewed",
    "split_annexb",
    "split_prefixed",
    "unit_type",
    "with_length_size",
]

_START = b"\0\0\1"
# NAL unit types: ISO/IEC 14496-10 table 7-1, ISO/IEC 23008-2 table 7-1
_SETS = {VideoCodec.AVC: frozenset({7, 8, 13}), VideoCodec.HEVC: frozenset({32, 33, 34})}  # (VPS,) SPS, PPS, ...
_SLICES = {VideoCodec.AVC: frozenset(range(1, 6)), VideoCodec.HEVC: frozenset(range(32))}
_ENTRIES = {VideoCodec.AVC: frozenset({5}), VideoCodec.HEVC: frozenset(range(16, 24))}  # IDR; IRAP
_PLAIN_PROFILES = frozenset({66, 77, 88})  # Baseline, Main, Extended: nothing is said of chroma and depth
_NO_SETS = "its decoder configuration (SPS, PPS) is missing or damaged"
_SPS = {VideoCodec.AVC: 7, VideoCodec.HEVC: 33}
_PPS = {VideoCodec.AVC: 8, VideoCodec.HEVC: 34}
_HEADER = {VideoCodec.AVC: 1, VideoCodec.HEVC: 2}  # bytes of a NAL unit's own
_LENGTH_SIZE = {VideoCodec.AVC: 4, VideoCodec.HEVC: 21}  # where lengthSizeMinusOne stands in a configuration record
_AV1_RECORD = 4  # bytes of an AV1CodecConfigurationRecord at least
_HVCC_ARRAYS = 22  # where the count of arrays stands in an HEVCDecoderConfigurationRecord


def is_annexb(payload: bytes, record: bytes) -> bool:
    """Whether a first frame has start codes.

    Where a configuration record came with the stream, three bytes of a start code may be a length as well, but a
    first NAL unit of one byte is none.
    """
    if record[:1] == b"\1":
        return payload.startswith(b"\0\0\0\1")
    return payload.startswith(b"\0\0") and payload.lstrip(b"\0").startswith(b"\1")


def split_annexb(payload: bytes) -> Iterator[bytes]:
    """Yield the NAL units between start codes, as FFmpeg does: one zero byte before a start code belongs to it."""
    start = payload.find(_START)
    while start >= 0:
        start += len(_START)
        following = payload.find(_START, start)
        end = len(payload) if following < 0 else following
        if following > start and payload[following - 1] == 0:
            end -= 1
        if end > start:
            yield payload[start:end]
        start = following


def annexb(units: Iterable[bytes]) -> bytes:
    """Return NAL units behind start codes."""
    return b"".join(b"\0\0\0\1" + unit for unit in units)


def length_prefixed(payload: bytes) -> bytes:
    """Return an Annex B frame with a 32-bit length in place of each start code (ISO/IEC 14496-15, 5.3)."""
    return b"".join(prefixed(unit) for unit in split_annexb(payload))


def prefixed(unit: bytes, length_size: int = 4) -> bytes:
    """Return a NAL unit behind its length."""
    return len(unit).to_bytes(length_size, "big") + unit


def length_size(record: bytes, codec: VideoCodec) -> int:
    """Return how many bytes each length takes (lengthSizeMinusOne of the configuration record)."""
    at = _LENGTH_SIZE[codec]
    return (record[at] & 3) + 1 if len(record) > at else 4


def split_prefixed(payload: bytes, length_size: int = 4) -> Iterator[bytes]:
    """Yield the NAL units of a length-prefixed frame, as far as the lengths are true."""
    at = 0
    while at + length_size < len(payload):
        start = at + length_size
        at = start + int.from_bytes(payload[at:start], "big")
        yield payload[start:at]


def unit_type(unit: bytes, codec: VideoCodec) -> int:
    """Return the type of a NAL unit by its first byte, -1 for an empty one."""
    if not unit:
        return -1
    return unit[0] & 0x1F if codec is VideoCodec.AVC else unit[0] >> 1 & 0x3F


def is_parameter_set(kind: int, codec: VideoCodec) -> bool:
    """Whether units of this type configure a decoder."""
    return kind in _SETS[codec]


def is_slice(kind: int, codec: VideoCodec) -> bool:
    """Whether units of this type carry pixels."""
    return kind in _SLICES[codec]


def is_random_access(kind: int, codec: VideoCodec) -> bool:
    """Whether a decoder can begin with a picture of slices of this type."""
    return kind in _ENTRIES[codec]


def parameter_sets(units: Iterable[bytes], codec: VideoCodec) -> list[bytes]:
    """Return those of the NAL units that configure a decoder, without zeros that only fill a byte stream."""
    return [unit.rstrip(b"\0") for unit in units if unit_type(unit, codec) in _SETS[codec]]


def leading_sets(units: Iterable[bytes], codec: VideoCodec) -> list[bytes]:
    """Return the parameter sets that stand in a frame before its first slice."""
    return parameter_sets(takewhile(lambda unit: not is_slice(unit_type(unit, codec), codec), units), codec)


def renewed(known: list[bytes], told: list[bytes], codec: VideoCodec) -> list[bytes]:
    """Return the parameter sets that hold when others were told.

    Another SPS begins a new sequence, for which all is told again. Otherwise each set replaces that of its number.
    """
    kinds = {unit_type(unit, codec) for unit in told}
    if any(unit_type(unit, codec) == _SPS[codec] and unit not in known for unit in told):
        return [unit for unit in known if unit_type(unit, codec) not in kinds | {_PPS[codec]}] + told
    numbers = {_identity(unit, codec) for unit in told}
    return [unit for unit in known if _identity(unit, codec) not in numbers] + told


def _identity(unit: bytes, codec: VideoCodec) -> tuple[int, int]:
    """Return kind and number of a parameter set; the number of a PPS comes first in it, others have but one."""
    kind = unit_type(unit, codec)
    if kind != _PPS[codec]:
        return kind, 0
    bits = int.from_bytes(unit[_HEADER[codec] :][:8].ljust(8, b"\0"), "big")
    zeros = 64 - bits.bit_length()  # ue(v), ISO/IEC 14496-10, 9.1: as many bits follow the first one
    return kind, (bits >> max(0, 63 - 2 * zeros)) - 1


def is_record(record: bytes, codec: VideoCodec) -> bool:
    """Whether this is a configuration record from which a decoder can begin."""
    if codec is VideoCodec.AV1:
        return len(record) >= _AV1_RECORD and record[0] == 0x81  # noqa: PLR2004 - marker and version
    return bool(record_sets(record, codec))


def with_length_size(record: bytes, codec: VideoCodec, size: int) -> bytes:
    """Return a configuration record for frames whose lengths take ``size`` bytes."""
    at = _LENGTH_SIZE[codec]
    return record[:at] + bytes((record[at] & 0xFC | size - 1,)) + record[at + 1 :]


def record_sets(record: bytes, codec: VideoCodec) -> list[bytes]:
    """Return the parameter sets in a configuration record; empty where it holds none or is something else."""
    if record[:1] != b"\1":  # configurationVersion
        return []
    units = _avc_units(record) if codec is VideoCodec.AVC else _hevc_units(record)
    return parameter_sets(units, codec)


def _avc_units(record: bytes) -> Iterator[bytes]:
    """Yield the SPS, then the PPS: two lists, each behind its count (ISO/IEC 14496-15, 5.3.3.1.2)."""
    at = 5
    for count_bits in (0x1F, 0xFF):
        units = _listed(record, at + 1, _number(record, at, 1) & count_bits)
        yield from units
        at += 1 + sum(2 + len(unit) for unit in units)


def _hevc_units(record: bytes) -> Iterator[bytes]:
    """Yield the units of all arrays, each behind its kind and count (ISO/IEC 14496-15, 8.3.3.1.2)."""
    at = _HVCC_ARRAYS + 1
    for _ in range(_number(record, _HVCC_ARRAYS, 1)):
        units = _listed(record, at + 3, _number(record, at + 1, 2))
        yield from units
        at += 3 + sum(2 + len(unit) for unit in units)


def _listed(record: bytes, at: int, count: int) -> list[bytes]:
    """Return ``count`` units, each behind its length of 16 bits; fewer where the record ends before."""
    units: list[bytes] = []
    while len(units) < count and at < len(record):
        size = _number(record, at, 2)
        units.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return units


def _number(record: bytes, at: int, count: int) -> int:
    return int.from_bytes(record[at : at + count], "big")


def avc_record(sets: list[bytes]) -> bytes:
    """Return the AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1) of 4:2:0 pictures with 8 bits.

    Raises:
        SegmentRefused: One of them is missing.
    """
    lists = [[unit for unit in sets if unit_type(unit, VideoCodec.AVC) == kind] for kind in (7, 8)]
    if not all(lists):
        raise SegmentRefused(_NO_SETS)
    profile = lists[0][0][1:4]  # with its constraints and level
    counts = (bytes((0xE0 | len(lists[0]),)), bytes((len(lists[1]),)))
    listed = (count + b"".join(prefixed(unit, 2) for unit in units) for count, units in zip(counts, lists, strict=True))
    record = b"\1" + profile + b"\xff" + b"".join(listed)  # lengths take four bytes
    return record if profile[0] in _PLAIN_PROFILES else record + b"\xfd\xf8\xf8\0"


def make_record(sets: list[bytes], codec: VideoCodec, template: VideoStream) -> bytes:
    """Return the configuration record of parameter sets, as FFmpeg's FLV muxer writes it.

    Raises:
        SegmentRefused: FFmpeg cannot make sense of them.
    """
    written = io.BytesIO()
    try:
        with av.open(written, "w", format="flv") as container:
            stream = container.add_stream_from_template(template)
            stream.codec_context.extradata = annexb(sets)
            container.start_encoding()
    except (av.error.FFmpegError, ValueError) as error:
        raise SegmentRefused(f"its decoder configuration is damaged: {error}") from error
    record = _sequence_header(written.getvalue())
    if not record_sets(record, codec):
        raise SegmentRefused(_NO_SETS)
    return record


def _sequence_header(flv: bytes) -> bytes:
    """Return the record in the first video tag: five bytes precede it, of legacy and Enhanced RTMP alike."""
    at = 13
    while at < len(flv):
        size = int.from_bytes(flv[at + 1 : at + 4], "big")
        if flv[at] == 9:  # noqa: PLR2004 - the type of a video tag
            return flv[at + 16 : at + 11 + size]
        at += 15 + size
    return b""

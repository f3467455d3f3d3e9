"""The syntax of H.264 as far as a slate needs it: what a camera's pictures are like, and pictures put together anew.

Clauses are those of ITU-T H.264 (08/2021). All that is written here is progressive 4:2:0 of 8 bits, CAVLC, one
reference picture, no deblocking, shown in the order of decoding (pic_order_cnt_type 2): legal in every profile from
Baseline to High, so that a slate can take whichever the camera has.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Final

from ftp_stream.core.levels import LEVELS, MACROBLOCK
from ftp_stream.errors import SegmentRefused
from ftp_stream.media.bits import BitReader, BitWriter, escaped, unescaped
from ftp_stream.media.nal import record_sets, unit_type
from ftp_stream.model import VideoCodec

__all__ = [
    "MACROBLOCK",
    "Like",
    "SliceFormat",
    "configuration",
    "intra_slice",
    "parse_sps",
    "skipped_picture",
    "slice_format",
    "sps_of",
]

_SPS, _PPS = 7, 8
_IDR_SLICE, _REFERENCE_SLICE = b"\x65", b"\x41"  # nal_ref_idc and nal_unit_type
# Ids of the parameter sets, the highest there are: encoders begin at 0, so a camera's sets stay valid beside them
_SPS_ID, _PPS_ID = 31, 255
_ONLY_P, _ONLY_I = 5, 7  # slice_type: all slices of the picture are of this kind
_FRAME_NUM_BITS: Final = 8
_NO_DEBLOCKING: Final = 1  # disable_deblocking_filter_idc
_BASELINE, _MAIN, _EXTENDED, _HIGH = 66, 77, 88, 100
_WITH_CHROMA: Final = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})  # 7.3.2.1.1
_SET3: Final = 0x10  # constraint_set3_flag: level 1b, or intra pictures alone
_RESERVED: Final = 0x03
_FULL_CHROMA: Final = 3  # chroma_format_idc of 4:4:4
_EXTENDED_SAR: Final = 255
_SAR: Final = (
    (0, 0), (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11),
    (80, 33), (18, 11), (15, 11), (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
)  # fmt: skip  # table E-1
_MOST_SIDE: Final = 16_384  # pixels
_UNSPECIFIED_FORMAT: Final = 5  # video_format
_MV_RANGE: Final = 10  # log2_max_mv_length: pictures here have no motion, decoders want a likely number


@dataclass(frozen=True, slots=True)
class Like:
    """What pictures are like."""

    profile: int  # profile_idc
    constraints: int  # the byte of constraint_set flags
    level: int  # level_idc
    width: int  # pixels that are shown
    height: int
    aspect: tuple[int, int]  # of one pixel, width to height; (0, 0) where it is not told

    @property
    def columns(self) -> int:
        """Macroblocks in a row."""
        return -(-self.width // MACROBLOCK)

    @property
    def rows(self) -> int:
        """Rows of macroblocks."""
        return -(-self.height // MACROBLOCK)


@dataclass(frozen=True, slots=True)
class SliceFormat:
    """How the headers of an encoder's I slices are to be read."""

    frame_num_bits: int
    poc_bits: int  # of pic_order_cnt_lsb; 0: there is none
    quantiser: int  # that slice_qp_delta is added to
    deblocking: bool  # headers have a word about it


# --- reading ----------------------------------------------------------------------------------------------------------


def sps_of(record: bytes) -> bytes:
    """Return the sequence parameter set in a configuration record.

    Raises:
        SegmentRefused: There is none.
    """
    for unit in record_sets(record, VideoCodec.AVC):
        if unit_type(unit, VideoCodec.AVC) == _SPS:
            return unit
    raise SegmentRefused("its decoder configuration has no sequence parameter set")


def parse_sps(unit: bytes) -> Like:
    """Return what a sequence parameter set says of pictures (7.3.2.1.1).

    Raises:
        SegmentRefused: It is damaged.
    """
    bits = BitReader(unescaped(unit)[1:])
    return _read_sps(bits)[0]


def slice_format(sps: bytes, pps: bytes) -> SliceFormat:
    """Return how the slices of a progressive stream under these parameter sets are to be read.

    Raises:
        SegmentRefused: They are of a kind that is not put together here.
    """
    _, frame_num_bits, poc_bits = _read_sps(BitReader(unescaped(sps)[1:]))
    bits = BitReader(unescaped(pps)[1:])
    bits.unsigned(), bits.unsigned()  # ids
    entropy, field_order = bits.flag(), bits.flag()
    groups = bits.unsigned()
    bits.unsigned(), bits.unsigned(), bits.fixed(3)  # reference indices, weighting
    quantiser = 26 + bits.signed()
    bits.signed()
    chroma, deblocking = bits.signed(), bits.flag()
    if entropy or field_order or groups or chroma or bits.fixed(2):
        raise SegmentRefused("the encoder made pictures of another kind than it was asked for")
    return SliceFormat(frame_num_bits, poc_bits, quantiser, deblocking)


def _read_sps(bits: BitReader) -> tuple[Like, int, int]:
    """Return what pictures are like, the bits of frame_num, and those of pic_order_cnt_lsb."""
    profile, constraints, level = bits.fixed(8), bits.fixed(8), bits.fixed(8)
    bits.unsigned()  # seq_parameter_set_id
    chroma = _skip_chroma(bits) if profile in _WITH_CHROMA else 1
    frame_num_bits = bits.unsigned() + 4
    poc_bits = _skip_order(bits)
    bits.unsigned(), bits.flag()  # max_num_ref_frames, gaps_in_frame_num_value_allowed_flag
    columns, units = bits.unsigned() + 1, bits.unsigned() + 1
    fields = 1 if bits.flag() else 2
    bits.fixed(fields)  # mb_adaptive_frame_field_flag, where fields are; direct_8x8_inference_flag
    left = right = top = bottom = 0
    if bits.flag():
        left, right, top, bottom = (bits.unsigned() for _ in range(4))
    across, down = (1 if chroma in {0, _FULL_CHROMA} else 2), (2 if chroma == 1 else 1) * fields
    width = MACROBLOCK * columns - across * (left + right)
    height = MACROBLOCK * units * fields - down * (top + bottom)
    if not (0 < width <= _MOST_SIDE and 0 < height <= _MOST_SIDE):
        raise SegmentRefused(f"its decoder configuration tells pictures of {width}x{height}")
    aspect = _read_aspect(bits)
    return Like(profile, constraints, level, width, height, aspect), frame_num_bits, poc_bits


def _skip_chroma(bits: BitReader) -> int:
    """Pass what High profiles add; return chroma_format_idc."""
    chroma = bits.unsigned()
    if chroma == _FULL_CHROMA:
        bits.flag()
    bits.unsigned(), bits.unsigned(), bits.flag()  # bit depths, qpprime_y_zero_transform_bypass_flag
    if bits.flag():
        for number in range(12 if chroma == _FULL_CHROMA else 8):
            if bits.flag():
                _skip_scaling(bits, 16 if number < 6 else 64)  # noqa: PLR2004 - six lists of 4x4 come first
    return chroma


def _skip_scaling(bits: BitReader, count: int) -> None:
    """Pass a scaling list (7.3.2.1.1.1)."""
    following = 8
    for _ in range(count):
        following = (following + bits.signed()) % 256
        if not following:
            return


def _skip_order(bits: BitReader) -> int:
    """Pass how pictures are ordered; return the bits of pic_order_cnt_lsb."""
    kind = bits.unsigned()
    if kind == 0:
        return bits.unsigned() + 4
    if kind == 1:
        bits.flag(), bits.signed(), bits.signed()
        for _ in range(min(255, bits.unsigned())):
            bits.signed()
    return 0


def _read_aspect(bits: BitReader) -> tuple[int, int]:
    """Return the aspect of a pixel, which stands first in the VUI (E.1.1)."""
    if not (bits.flag() and bits.flag()):
        return 0, 0
    known = bits.fixed(8)
    if known == _EXTENDED_SAR:
        return bits.fixed(16), bits.fixed(16)
    return _SAR[known] if known < len(_SAR) else (0, 0)


# --- writing ----------------------------------------------------------------------------------------------------------


def configuration(like: Like, rate: int, matrix: int) -> bytes:
    """Return the decoder configuration record of pictures put together here.

    Args:
        like: What they are like; profile and level are taken as far as they can be.
        rate: Pictures a second.
        matrix: Of the colours, with the primaries and the transfer that belong to it (tables E-3 to E-5).
    """
    profile, constraints = _profile(like)
    head = bytes((profile, constraints, max(like.level, _level(like, rate))))
    sps = escaped(b"\x67" + head + _sps_body(like, profile, rate, matrix))
    pps = b"\x68" + _pps_body()
    record = b"\1" + head + b"\xff\xe1" + _sized(sps) + b"\1" + _sized(pps)
    # What High adds (ISO/IEC 14496-15, 5.3.3.1.2): 4:2:0, 8 bits, 8 bits, no extension
    return record + b"\xfd\xf8\xf8\0" if profile == _HIGH else record


def intra_slice(unit: bytes, form: SliceFormat, first_mb: int, idr_id: int) -> bytes:
    """Return an encoder's I slice as one of a picture put together here.

    What follows a slice's header does not know where in the picture it stands: only whether it has neighbours above
    and beside it within the slice.

    Args:
        unit: The NAL unit.
        form: How its header is to be read.
        first_mb: Where it is to stand: the number of its first macroblock.
        idr_id: idr_pic_id, which differs between two IDR pictures in a row (7.4.3).
    """
    bits = BitReader(unescaped(unit)[1:])
    bits.unsigned(), bits.unsigned(), bits.unsigned()  # first_mb_in_slice, slice_type, pic_parameter_set_id
    bits.fixed(form.frame_num_bits), bits.unsigned(), bits.fixed(form.poc_bits), bits.fixed(2)
    quantiser = form.quantiser + bits.signed()
    if form.deblocking and bits.unsigned() != _NO_DEBLOCKING:
        raise SegmentRefused("the encoder deblocks what it should not")
    head = BitWriter().unsigned(first_mb, _ONLY_I, _PPS_ID).fixed(0, _FRAME_NUM_BITS).unsigned(idr_id).fixed(0, 2)
    head.signed(quantiser - 26).unsigned(_NO_DEBLOCKING).fixed(*bits.rest())
    return escaped(_IDR_SLICE + head.payload())


def skipped_picture(like: Like, frame_num: int) -> bytes:
    """Return a P picture that repeats the one before it: all its macroblocks are skipped (7.3.4).

    Args:
        like: What the picture is like.
        frame_num: How many pictures precede it since the last IDR picture.
    """
    bits = BitWriter().unsigned(0, _ONLY_P, _PPS_ID).fixed(frame_num % (1 << _FRAME_NUM_BITS), _FRAME_NUM_BITS)
    bits.fixed(0, 3)  # no override of reference indices, no change of their list, no marking
    bits.signed(0).unsigned(_NO_DEBLOCKING, like.columns * like.rows).closed()
    return escaped(_REFERENCE_SLICE + bits.payload())


def _profile(like: Like) -> tuple[int, int]:
    """Return the camera's profile and constraints where the pictures made here keep to them, else High."""
    if like.profile not in {_BASELINE, _MAIN, _HIGH}:
        return (_MAIN, 0) if like.profile == _EXTENDED else (_HIGH, 0)
    return like.profile, like.constraints & ~(_SET3 | _RESERVED)


def _level(like: Like, rate: int) -> int:
    """Return the lowest level for this size and rate, the highest that there is where none is enough."""
    size = like.columns * like.rows
    widest = max(like.columns, like.rows)
    for number, level in LEVELS.items():
        if size <= level.size and size * rate <= level.speed and widest * widest <= 8 * level.size:
            return number
    return max(LEVELS)


def _sps_body(like: Like, profile: int, rate: int, matrix: int) -> bytes:
    bits = BitWriter().unsigned(_SPS_ID)
    if profile == _HIGH:
        bits.unsigned(1, 0, 0).fixed(0, 2)  # 4:2:0, 8 bits, 8 bits, no bypass, no scaling
    bits.unsigned(_FRAME_NUM_BITS - 4, 2, 1).fixed(0, 1)  # order as decoded, one reference picture, no gaps
    bits.unsigned(like.columns - 1, like.rows - 1).fixed(0b11, 2)  # frames alone, direct_8x8_inference_flag
    right, bottom = (MACROBLOCK * like.columns - like.width) // 2, (MACROBLOCK * like.rows - like.height) // 2
    if right or bottom:
        bits.fixed(1, 1).unsigned(0, right, 0, bottom)
    else:
        bits.fixed(0, 1)
    bits.fixed(1, 1)
    _write_vui(bits, like.aspect, rate, matrix)
    return bits.closed().payload()


def _write_vui(bits: BitWriter, aspect: tuple[int, int], rate: int, matrix: int) -> None:
    """Add the video usability information (E.1.1)."""
    across, down = (side // (gcd(*aspect) or 1) for side in aspect)
    if across and down:
        bits.fixed(1, 1)
        if (across, down) in _SAR:
            bits.fixed(_SAR.index((across, down)), 8)
        else:
            bits.fixed(_EXTENDED_SAR, 8).fixed(across, 16).fixed(down, 16)
    else:
        bits.fixed(0, 1)
    bits.fixed(0b01, 2).fixed(_UNSPECIFIED_FORMAT, 3).fixed(0b01, 2)  # no overscan; limited range, colours follow
    for _ in range(3):
        bits.fixed(matrix, 8)
    bits.fixed(0b01, 2).fixed(1, 32).fixed(2 * rate, 32).fixed(1, 1)  # no place of chroma; times follow, steady
    bits.fixed(0b0001, 4)  # no reference decoder, no structure; restrictions follow
    bits.fixed(1, 1).unsigned(0, 0, _MV_RANGE, _MV_RANGE, 0, 1)  # nothing reordered, one picture kept


def _pps_body() -> bytes:
    bits = BitWriter().unsigned(_PPS_ID, _SPS_ID).fixed(0b00, 2).unsigned(0, 0, 0).fixed(0, 3)  # CAVLC; one group
    bits.signed(0).signed(0).signed(0).fixed(0b100, 3)  # quantisers 26; a word about deblocking in each slice
    return bits.closed().payload()


def _sized(unit: bytes) -> bytes:
    return len(unit).to_bytes(2, "big") + unit

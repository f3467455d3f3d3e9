"""AAC: what a configuration says, and a frame of silence for each arrangement of channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ftp_stream.errors import SegmentRefused
from ftp_stream.model import AudioConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DEFAULT_AUDIO",
    "SILENT_FRAMES",
    "decoder_delay",
    "parse_config",
    "same_frames",
    "silent_frame",
    "takes_plain_frames",
]

_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)  # table 1.18
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 8)  # table 1.19; 0: told in the stream itself
_CORE_TYPES: Final = frozenset({1, 2, 3, 4})  # Main, LC, SSR, LTP: their frames are raw_data_blocks (table 1.17)
_LC_READERS: Final = frozenset({1, 2, 4})  # a decoder of these reads LC: their own tools are switched off by a bit
_SBR, _PS = 5, 29
_SBR_SYNC, _SYNC_BITS = 0x2B7, 11  # of what tells SBR behind the rest, for decoders that know it (1.6.5, table 1.14)
_SBR_DELAY: Final = 481  # samples of the core by which SBR's filter bank is late (4.6.18.5; FFmpeg's is too)
_ESCAPE_TYPE, _ESCAPE_RATE = 31, 15
_MAX_RECORD = 256  # bytes; real ones have 2 to 7, a program configuration element some dozens

# A raw_data_block (4.4.2.1) of elements that have one scale factor band (max_sfb = 1) in the zero codebook: no
# spectrum, hence silence, and nothing in it depends on the sampling rate. In the element order of table 1.19.
SILENT_FRAMES: Final[Mapping[int, bytes]] = {
    1: bytes.fromhex("00c800802380"),
    2: bytes.fromhex("210049900219002380"),
    3: bytes.fromhex("00c8008020840126400864008e"),
    4: bytes.fromhex("00c800802084012640086400802c80080238"),
    5: bytes.fromhex("00c800802084012640086400823004990021900238"),
    6: bytes.fromhex("00c80080208401264008640082300499002190021832002008e0"),
    8: bytes.fromhex("00c8008020840126400864008230049900219002094012640086400860c800802380"),
}

DEFAULT_AUDIO: Final = AudioConfig(record=b"\x12\x10", sample_rate=44_100, channels=2)  # LC, what every server takes


def silent_frame(channels: int) -> bytes:
    """Return one AAC frame of silence, right at every sampling rate and frame length.

    Args:
        channels: As in `AudioConfig.channels`: 1 to 6, or 8.
    """
    return SILENT_FRAMES[channels]


def parse_config(record: bytes) -> AudioConfig:
    """Read an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).

    SBR and parametric stereo are extensions of a core that any decoder plays; rate and channels are the core's,
    because they set the length of a frame.

    Raises:
        SegmentRefused: It is damaged, or of a kind that RTMP servers do not take.
    """
    bits = _Bits(record)
    head = _head(bits)
    if head.kind not in _CORE_TYPES:
        raise SegmentRefused(f"AAC object type {head.kind} is not supported (only AAC Main, LC, SSR, LTP and HE-AAC)")
    if not 1 <= head.channels < len(_CHANNELS):
        raise SegmentRefused(f"AAC channel configuration {head.channels} is not supported (only 1 to 7)")
    frame_samples = 960 if bits.take(1) else 1024  # frameLengthFlag, 4.4.1
    return AudioConfig(record, head.rate, _CHANNELS[head.channels], frame_samples)


def same_frames(record: bytes, other: bytes) -> bool:
    """Whether frames that were made for one configuration may go under the other, both of which `parse_config` takes.

    They may differ in what says that there is no SBR, which some writers add and others leave out.
    """
    return _meaning(record) == _meaning(other)


def takes_plain_frames(record: bytes) -> bool:
    """Whether AAC-LC frames of 1024 samples at the core's rate may go under a configuration.

    Main and LTP are LC with tools that a bit of each frame switches off (ISO/IEC 14496-3, 4.4.2.1), and SBR without
    data only doubles the rate; SSR has other filters.
    """
    kind, _, _, frame_samples, _ = _meaning(record)
    return kind in _LC_READERS and frame_samples == 1024  # noqa: PLR2004 - as in parse_config


def decoder_delay(record: bytes) -> int:
    """Return by how many samples of the core a decoder is late under a configuration: SBR's filters take time."""
    *_, extension = _meaning(record)
    return _SBR_DELAY if extension else 0


@dataclass(frozen=True, slots=True)
class _Head:
    """What every AudioSpecificConfig begins with."""

    kind: int  # object type of the core
    rate: int  # of the core, Hz
    channels: int  # the channel configuration
    extension: int  # object type of what doubles the rate, 0 for nothing


def _head(bits: _Bits) -> _Head:
    kind, rate, channels = _object_type(bits), _rate(bits), bits.take(4)
    if kind not in {_SBR, _PS}:
        return _Head(kind, rate, channels, 0)
    _rate(bits)  # of the extension
    return _Head(_object_type(bits), rate, channels, kind)


def _meaning(record: bytes) -> tuple[int, int, int, int, int]:
    """Return what a configuration means for its frames: object type, rate, channels, frame length, extension."""
    config = parse_config(record)
    bits = _Bits(record)
    head = _head(bits)
    return head.kind, config.sample_rate, config.channels, config.frame_samples, head.extension or _extension(bits)


def _extension(bits: _Bits) -> int:
    """Return the object type of the SBR that is told behind the GASpecificConfig (4.4.1), 0 for none."""
    try:
        bits.take(1)  # frameLengthFlag
        if bits.take(1):  # dependsOnCoreCoder
            bits.take(14)
        bits.take(1)  # extensionFlag
        told = bits.take(_SYNC_BITS) == _SBR_SYNC and _object_type(bits) == _SBR and bits.take(1)
    except SegmentRefused:  # it ends before: most do
        return 0
    return _SBR if told else 0


class _Bits:
    """Bits of a record, first one highest."""

    __slots__ = ("_left", "_value")

    def __init__(self, record: bytes) -> None:
        if len(record) > _MAX_RECORD:
            raise SegmentRefused(f"the AAC configuration has {len(record)} bytes, more than {_MAX_RECORD}")
        self._value = int.from_bytes(record, "big")
        self._left = len(record) * 8

    def take(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise SegmentRefused("the AAC configuration is too short")
        return self._value >> self._left & (1 << count) - 1


def _object_type(bits: _Bits) -> int:
    kind = bits.take(5)
    return 32 + bits.take(6) if kind == _ESCAPE_TYPE else kind


def _rate(bits: _Bits) -> int:
    index = bits.take(4)
    rate = bits.take(24) if index == _ESCAPE_RATE else _RATES[index] if index < len(_RATES) else 0
    if not _RATES[-1] <= rate <= _RATES[0]:
        raise SegmentRefused(f"an AAC sampling rate of {rate} Hz is not supported")
    return rate

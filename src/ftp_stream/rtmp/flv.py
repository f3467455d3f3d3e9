"""FLV tag bodies, which are also the bodies of RTMP's audio and video messages, and FLV files around them.

Video File Format Specification 10.1, annex E, for AVC and AAC; Enhanced RTMP v2 ("ExVideoTagHeader") for HEVC and AV1.
Byte for byte what FFmpeg's FLV muxer writes, with these differences, all on purpose:

- HEVC and AV1: FFmpeg puts a Metadata packet (``colorInfo``) before the first frame. It repeats what the bitstream
  says of itself, only few servers read it, and a server that takes it for a frame stores garbage: it is not made here.
- Times: FFmpeg masks them to 31 bits; here the field holds all 32.
- FFmpeg ends an AVC track with an "end of sequence" tag: see ``AVC_END_OF_SEQUENCE``.

FFmpeg and this module agree on the form for HEVC frames: CodedFramesX, which has no composition time, where the
offset is 0, else CodedFrames. Both are ``hvc1``: length-prefixed NAL units and an HEVCDecoderConfigurationRecord.
AV1 frames are CodedFrames, which have no composition time there: AV1 shows its frames in the order of decoding.
"""

from __future__ import annotations

import struct
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AUDIO",
    "AVC_END_OF_SEQUENCE",
    "DATA",
    "VIDEO",
    "AudioTag",
    "Buffer",
    "Kind",
    "Tag",
    "VideoTag",
    "aac_sequence_header",
    "audio_header",
    "av1_sequence_header",
    "avc_sequence_header",
    "file_header",
    "hevc_sequence_header",
    "metadata",
    "parse_audio",
    "parse_video",
    "read_tags",
    "tag",
    "video_header",
    "video_sequence_header",
]

Buffer = bytes | bytearray | memoryview

# Types of tags, equal to the types of RTMP messages (E.4.1; RTMP 1.0, 7.1)
AUDIO = 8
VIDEO = 9
DATA = 18

AVC_END_OF_SEQUENCE = b"\x17\x02\x00\x00\x00"
_AAC_RAW = b"\xaf\x01"
_FOURCC = {"hevc": b"hvc1", "av1": b"av01"}
_FOURCC_CODEC = {b"hvc1": "hevc", b"avc1": "avc", b"av01": "av1"}
_REORDERED = frozenset({"avc", "hevc"})  # their CodedFrames have a composition time
_LEGACY_CODEC = {7: "avc", 12: "hevc"}  # 12 is no standard, but what many Chinese encoders send
_CTS_LIMIT = 1 << 23  # SI24
_BODY_LIMIT = 1 << 24  # UI24
_FILE_START = struct.Struct(">3sBBII")
_TAG_START = struct.Struct(">II3x")


# --- making tag bodies ----------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)  # a stream has few distinct offsets, and a lookup costs a third of making the bytes
def video_header(codec: str, key: bool, cts_ms: int) -> bytes:  # noqa: FBT001 - hot: called with positions
    """The bytes before the payload of one coded video frame.

    Args:
        codec: "avc", "hevc" or "av1".
        key: A decoder can begin at this frame.
        cts_ms: Composition offset, presentation minus decoding time, milliseconds; a signed 24-bit number, 0 for AV1.

    Raises:
        LocalProtocolError: Another codec, or an offset that cannot be said.
    """
    if not -_CTS_LIMIT <= cts_ms < _CTS_LIMIT:
        raise LocalProtocolError(f"a composition offset of {cts_ms} ms does not fit into 24 bits")
    cts = cts_ms.to_bytes(3, "big", signed=True)
    frame_type = 0x10 if key else 0x20
    if codec == "avc":
        return bytes((frame_type | 7, 1)) + cts
    if codec not in _REORDERED:
        if cts_ms:
            raise LocalProtocolError(f"{codec!r} video cannot have a composition offset, here {cts_ms} ms")
        return bytes((0x80 | frame_type | 1,)) + _fourcc(codec)
    if cts_ms:
        return bytes((0x80 | frame_type | 1,)) + _fourcc(codec) + cts
    return bytes((0x80 | frame_type | 3,)) + _fourcc(codec)


def _fourcc(codec: str) -> bytes:
    try:
        return _FOURCC[codec]
    except KeyError:
        raise LocalProtocolError(f"no way to publish {codec!r} video") from None


def audio_header() -> bytes:
    """The bytes before one raw AAC frame; for AAC, rate and channels in them are constant (E.4.2.1)."""
    return _AAC_RAW


def avc_sequence_header(record: Buffer) -> bytes:
    """The body that announces an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1)."""
    return b"\x17\x00\x00\x00\x00" + record


def hevc_sequence_header(record: Buffer) -> bytes:
    """The body that announces an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1), Enhanced RTMP."""
    return b"\x90hvc1" + record


def av1_sequence_header(record: Buffer) -> bytes:
    """The body that announces an AV1CodecConfigurationRecord (AV1 in ISOBMFF 2.3.3), Enhanced RTMP."""
    return b"\x90av01" + record


_SEQUENCE_HEADERS = {"avc": avc_sequence_header, "hevc": hevc_sequence_header, "av1": av1_sequence_header}


def video_sequence_header(codec: str, record: Buffer) -> bytes:
    """The body that announces a configuration record of any video codec that can be published.

    Raises:
        LocalProtocolError: It is none of them.
    """
    try:
        return _SEQUENCE_HEADERS[codec](record)
    except KeyError:
        raise LocalProtocolError(f"no way to publish {codec!r} video") from None


def aac_sequence_header(config: Buffer) -> bytes:
    """The body that announces an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1)."""
    return b"\xaf\x00" + config


def metadata(
    *,
    codec: str,
    width: int,
    height: int,
    frame_rate: float,
    sample_rate: int,
    channels: int,
    encoder: str,
) -> dict[str, float | bool | str]:
    """The values of ``onMetaData`` (E.5), in FFmpeg's order; what is 0, so unknown, is left out.

    Args:
        codec: "avc", "hevc" or "av1".
        width: Pixels.
        height: Pixels.
        frame_rate: Per second.
        sample_rate: Of the AAC track, Hz.
        channels: Of the AAC track.
        encoder: Who made this; OvenMediaEngine keys some behaviour on it.
    """
    video_id = 7 if codec == "avc" else int.from_bytes(_fourcc(codec), "big")
    known = {"width": float(width), "height": float(height), "framerate": float(frame_rate)}
    return {
        **{name: value for name, value in known.items() if value},
        "videocodecid": float(video_id),
        "audiosamplerate": float(sample_rate),
        "audiosamplesize": 16.0,
        "stereo": channels == 2,  # noqa: PLR2004 - stereo
        "audiocodecid": 10.0,
        "encoder": encoder,
    }


# --- reading tag bodies ---------------------------------------------------------------------------------------------


class Kind(Enum):
    """What the body of an audio or video message holds."""

    CONFIG = "config"  # a decoder configuration: the "sequence header"
    FRAME = "frame"
    END = "end"  # end of sequence
    OTHER = "other"  # metadata, commands, what this module does not know


class VideoTag(NamedTuple):
    """A video message's body taken apart; a tuple, since one is made per frame received."""

    kind: Kind
    codec: str  # "avc", "hevc", "av1", or the codec's FourCC or number as text
    key: bool
    cts_ms: int
    payload_at: int  # where the payload begins in the body


class AudioTag(NamedTuple):
    """An audio message's body taken apart."""

    kind: Kind
    codec: str  # "aac", or the codec's FourCC or number as text
    payload_at: int


_AVC_KINDS = {0: Kind.CONFIG, 1: Kind.FRAME, 2: Kind.END}
_EX_KINDS = {0: Kind.CONFIG, 1: Kind.FRAME, 2: Kind.END, 3: Kind.FRAME}
_EX_AUDIO = 9  # SoundFormat of Enhanced RTMP v2
_AAC = 10
_AAC_CONFIG = AudioTag(Kind.CONFIG, "aac", 2)
_AAC_FRAME = AudioTag(Kind.FRAME, "aac", 2)
_COMMAND_FRAME = 5


def parse_video(body: Buffer) -> VideoTag:
    """Take the body of a video message apart.

    Raises:
        RemoteProtocolError: The body is shorter than its own header.
    """
    head = bytes(body[:5])
    if head and head[0] & 0x8F == 0x81:  # noqa: PLR2004 - CodedFrames: the only form with a header of 8 bytes
        head = bytes(body[:8])
    return _video_tag(head)


@lru_cache(maxsize=4096)  # as for video_header: few heads are distinct
def _video_tag(head: bytes) -> VideoTag:
    try:
        return _enhanced_video_tag(head) if head[0] & 0x80 else _legacy_video_tag(head)
    except IndexError:
        raise RemoteProtocolError(f"a video message of {len(head)} bytes is shorter than its header") from None


def _legacy_video_tag(head: bytes) -> VideoTag:
    frame_type, codec_id = head[0] >> 4, head[0] & 0x0F
    codec = _LEGACY_CODEC.get(codec_id)
    if codec is None or frame_type == _COMMAND_FRAME:
        return VideoTag(Kind.OTHER, codec or f"codec {codec_id}", frame_type == 1, 0, 1)
    kind = _AVC_KINDS.get(head[1], Kind.OTHER)
    cts = (head[2] << 16 | head[3] << 8 | head[4]) if kind is Kind.FRAME else 0
    return VideoTag(kind, codec, frame_type == 1, _signed24(cts), 5)


def _enhanced_video_tag(head: bytes) -> VideoTag:
    packet_type, fourcc, _ = head[0] & 0x0F, head[1:5], head[4]
    kind = _EX_KINDS.get(packet_type, Kind.OTHER)
    codec = _FOURCC_CODEC.get(fourcc) or fourcc.decode("latin-1")
    key = head[0] & 0x70 == 0x10  # noqa: PLR2004 - frame type 1 in three bits
    if packet_type != 1 or codec not in _REORDERED:
        return VideoTag(kind, codec, key, 0, 5)
    return VideoTag(kind, codec, key, _signed24(head[5] << 16 | head[6] << 8 | head[7]), 8)


def _signed24(value: int) -> int:
    return value - (1 << 24) if value & _CTS_LIMIT else value


def parse_audio(body: Buffer) -> AudioTag:
    """Take the body of an audio message apart.

    Raises:
        RemoteProtocolError: The body is shorter than its own header.
    """
    try:
        sound_format = body[0] >> 4
        if sound_format == _AAC:
            return _AAC_FRAME if body[1] else _AAC_CONFIG
    except IndexError:
        raise RemoteProtocolError(f"an audio message of {len(body)} bytes is shorter than its header") from None
    if sound_format == _EX_AUDIO:
        fourcc = bytes(body[1:5]).decode("latin-1")
        return AudioTag(_EX_KINDS.get(body[0] & 0x0F, Kind.OTHER), "aac" if fourcc == "mp4a" else fourcc, 5)
    return AudioTag(Kind.FRAME, f"format {sound_format}", 1)


# --- files ----------------------------------------------------------------------------------------------------------


class Tag(NamedTuple):
    """One tag of an FLV file."""

    type: int  # AUDIO, VIDEO or DATA
    time_ms: int  # 32 bits
    body: bytes


def file_header(*, audio: bool = True, video: bool = True) -> bytes:
    """The start of an FLV file with the size of the tag before the first, which is none (E.2, E.3)."""
    return _FILE_START.pack(b"FLV", 1, 4 * audio | video, 9, 0)


def tag(type_: int, time_ms: int, body: Buffer) -> bytes:
    """One tag of an FLV file with the size that follows it (E.3, E.4.1).

    Args:
        type_: AUDIO, VIDEO or DATA.
        time_ms: Milliseconds; 32 bits of it are written.
        body: At most 16,777,215 bytes.

    Raises:
        LocalProtocolError: The body is larger than 24 bits can say.
    """
    size = len(body)
    if size >= _BODY_LIMIT:
        raise LocalProtocolError(f"an FLV tag of {size} bytes does not fit into 24 bits")
    # The time stands as its low 24 bits and then its high 8 ("TimestampExtended")
    time = (time_ms << 8 | time_ms >> 24 & 0xFF) & 0xFFFFFFFF
    return b"".join((_TAG_START.pack(type_ << 24 | size, time), body, (size + 11).to_bytes(4, "big")))


def read_tags(data: Buffer) -> Iterator[Tag]:
    """The tags of an FLV file that stands in memory.

    Raises:
        RemoteProtocolError: It is no FLV file, or its last tag is cut short; the tags before were yielded.
    """
    view = memoryview(data)
    if len(view) < 13 or bytes(view[:3]) != b"FLV":  # noqa: PLR2004 - the header and the first size, as file_header makes them
        raise RemoteProtocolError("this is no FLV file")
    position = int.from_bytes(view[5:9], "big") + 4
    while position < len(view):
        head = view[position : position + 11]
        end = position + 11 + int.from_bytes(head[1:4], "big")
        if len(view) < end + 4:
            raise RemoteProtocolError(f"the FLV tag at byte {position} is cut short")
        time_ms = head[7] << 24 | int.from_bytes(head[4:7], "big")
        yield Tag(head[0] & 0x1F, time_ms, bytes(view[position + 11 : end]))
        position = end + 4

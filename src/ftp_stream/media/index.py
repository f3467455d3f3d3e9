"""MP4 written in one piece: its frames by the index that FFmpeg made when it opened the file, without reading them.

FFmpeg's demuxer has an entry for every frame then, with edit lists applied, and gives the bytes at each entry's
position as a packet. Where the entries tell all there is to tell, and the first packets prove it, the walk over all
packets finds nothing more, and costs ten times as much.
"""

from __future__ import annotations

import os
from itertools import chain, repeat
from typing import TYPE_CHECKING, Final

from ftp_stream.core.frames import MAX_ROWS
from ftp_stream.media import nal
from ftp_stream.media.soundtrack import HIDDEN
from ftp_stream.model import Row, Source, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from av.packet import Packet
    from av.stream import Stream

    from ftp_stream.media.soundtrack import AudioTrack
    from ftp_stream.media.tracks import Frames, VideoTrack

__all__ = ["PROOF", "take_all", "tells_all"]

PROOF: Final = 24  # packets that are compared with their entries
_MAX_INDEX: Final = 64 * 1024 * 1024  # bytes of a moov box; MAX_ROWS frames need about 40 MB
# What makes a packet differ from its entry: composition offsets, encryption, a compressed index
_MORE: Final = (b"ctts", b"sinf", b"cmov")
_KEY, _DISCARD = 1, 2  # AVINDEX_KEYFRAME, AVINDEX_DISCARD_FRAME
_ROW_FLAGS: Final = bytes(int(Source.FILE) | (int(Row.KEY) if flag & _KEY else 0) for flag in range(256))
_SOUND_FLAGS: Final = bytes(int(Source.FILE) | (HIDDEN if flag & _DISCARD else 0) for flag in range(256))


def tells_all(fileno: int, place: tuple[int, int]) -> bool:
    """Whether the index at ``place`` (position, length; (0, 0) for none) leaves nothing to learn from the packets."""
    position, length = place
    if not 0 < length <= _MAX_INDEX:
        return False
    box = os.pread(fileno, length, position)
    return not any(name in box for name in _MORE) and _single_descriptions(box)


def take_all(fileno: int, video: VideoTrack, audio: AudioTrack | None, first: Sequence[Packet[Any]]) -> bool:
    """Fill the tracks from their entries, if the first packets prove them; say whether that was done."""
    if video.codec is VideoCodec.AV1:  # nothing here reads its frames
        return False
    pictures = _proven_entries(fileno, video, first)
    sounds = _proven_entries(fileno, audio, first) if audio else []
    if not pictures or (audio and not sounds):
        return False
    if not video.by_reference or (audio and not audio.by_reference):
        return False
    end = max(position + size for position, size, *_ in chain(pictures, sounds))
    if end > os.fstat(fileno).st_size or any(flags & _DISCARD for *_, flags in pictures):
        return False
    if not _begins_at_keys(fileno, video, pictures):
        return False
    flags = _fill(video.frames, pictures, video.stream)
    video.frames.flags = bytearray(flags.translate(_ROW_FLAGS))
    if audio:
        heard = sounds if audio.decoded else [entry for entry in sounds if not entry[3] & _DISCARD]
        audio.frames.flags = bytearray(_fill(audio.frames, heard, audio.stream).translate(_SOUND_FLAGS))
    return True


_Entry = tuple[int, int, int, int]  # position, size, timestamp in ticks, flags


def _proven_entries(fileno: int, track: VideoTrack | AudioTrack, first: Sequence[Packet[Any]]) -> list[_Entry]:
    """Return the entries of a track whose first packets are as they say; none otherwise."""
    packets = [packet for packet in first if packet.stream_index == track.stream.index and packet.size]
    if not packets or len(track.stream.index_entries) > MAX_ROWS:
        return []
    entries = [(entry.pos, entry.size, entry.timestamp, entry.flags) for entry in track.stream.index_entries]
    if len(entries) < len(packets) or not all(map(_proven, repeat(fileno), entries, packets)):
        return []
    track.begin(packets[0])
    return entries


def _proven(fileno: int, entry: _Entry, packet: Packet[Any]) -> bool:
    position, size, timestamp, flags = entry
    told = (position, size, timestamp, timestamp, flags & _KEY != 0, flags & _DISCARD != 0)
    found = (packet.pos, packet.size, packet.dts, packet.pts, packet.is_keyframe, packet.is_discard)
    return told == found and os.pread(fileno, size, position) == bytes(packet)


def _single_descriptions(box: bytes) -> bool:
    """Whether every track has one sample description (ISO/IEC 14496-12, 8.5.2): others change within the file."""
    at = box.find(b"stsd")
    while at >= 0:
        if box[at + 8 : at + 12] != b"\0\0\0\1":
            return False
        at = box.find(b"stsd", at + 4)
    return True


def _begins_at_keys(fileno: int, video: VideoTrack, rows: Sequence[_Entry]) -> bool:
    """Whether a decoder can begin with every frame that the index calls a key frame, by what the index tells alone.

    FFmpeg's parser looks into each frame itself; and parameter sets in one may be others than the index has.
    """
    frames = _Frames(fileno, video.codec, video.stream.codec_context.extradata or b"")
    return all(frames.is_key(position, position + size) for position, size, _, flags in rows if flags & _KEY)


class _Frames:
    """A look at the beginnings of frames of which the index tells the places."""

    def __init__(self, fileno: int, codec: VideoCodec, record: bytes) -> None:
        self._fileno = fileno
        self._codec = codec
        self._length_size = nal.length_size(record, codec)
        self._known = frozenset(nal.record_sets(record, codec))

    def is_key(self, at: int, end: int) -> bool:
        """Whether a frame's first slice is one of an IDR (H.264) or IRAP picture (H.265), behind no unknown sets."""
        while at + self._length_size < end:
            head = os.pread(self._fileno, self._length_size + 1, at)
            kind = nal.unit_type(head[self._length_size :], self._codec)
            if nal.is_slice(kind, self._codec):
                return nal.is_random_access(kind, self._codec)
            at += self._length_size
            size = int.from_bytes(head[: self._length_size], "big")
            if nal.is_parameter_set(kind, self._codec) and not self._is_known(at, min(size, end - at)):
                return False
            at += size
        return False

    def _is_known(self, at: int, size: int) -> bool:
        return os.pread(self._fileno, size, at).rstrip(b"\0") in self._known


def _fill(frames: Frames, entries: Sequence[_Entry], stream: Stream) -> bytes:
    """Fill the columns of a track; return the entries' flags."""
    position, size, timestamp, flags = zip(*entries, strict=True)
    frames.position, frames.size = list(position), list(size)
    frames.pts = frames.dts = list(timestamp)
    end = (stream.start_time or 0) + (stream.duration or 0)
    frames.duration = [None] * (len(entries) - 1) + [end - timestamp[-1]]
    return bytes(flag & (_KEY | _DISCARD) for flag in flags)

"""How a stranger's file is opened: by its descriptor alone, with the demuxer that its structure asks for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import av
import av.error

from ftp_stream.errors import SegmentRefused
from ftp_stream.media.structure import Kind

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["open_file", "open_looking", "words"]

_DEMUXERS: Final = {Kind.MP4: "mov", Kind.AVI: "avi", Kind.MATROSKA: "matroska", Kind.FLV: "flv", Kind.TS: "mpegts"}
# Read by their content where the structure says nothing; never playlists and the like, which lead to other files
_ALLOWED: Final = "mov,avi,matroska,flv,mpegts,mpeg,h264,hevc,dhav,asf,mjpeg,m4v,ogg,rm,wav,aac,mp3"


def open_file(fileno: int, kind: Kind) -> InputContainer:
    """Open a file, without a look into its frames where its index says all that is needed.

    Raises:
        SegmentRefused: FFmpeg cannot read it.
    """
    if kind is Kind.MP4:  # to look into frames would take twenty times as long
        container = _open_with(fileno, kind, {"probesize": "32", "skip_frame": "all"})
        if all(stream.codec_context and stream.codec_context.extradata for stream in container.streams.video):
            return container
        container.close()
    return open_looking(fileno, kind)


def open_looking(fileno: int, kind: Kind) -> InputContainer:
    """Open a file and let FFmpeg look into its frames; all else as for `open_file`."""
    return _open_with(fileno, kind, {})


def _open_with(fileno: int, kind: Kind, options: dict[str, str]) -> InputContainer:
    """Open by descriptor, so that neither a file's name nor its content can lead FFmpeg to anything else."""
    os.lseek(fileno, 0, os.SEEK_SET)
    own = {"fd": str(fileno), "protocol_whitelist": "fd", "format_whitelist": _ALLOWED}
    try:
        return av.open("fd:", format=_DEMUXERS.get(kind), options=own | options, metadata_errors="replace")
    except (av.error.FFmpegError, ValueError) as error:
        raise SegmentRefused(f"FFmpeg cannot read it: {words(error)}") from error


def words(error: Exception) -> str:
    """Return what FFmpeg says of an error."""
    return (isinstance(error, av.error.FFmpegError) and error.strerror) or str(error)

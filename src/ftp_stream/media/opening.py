"""How a stranger's file is opened: by its descriptor alone, with the demuxer that its structure asks for."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import av
import av.error

from ftp_stream.errors import SegmentRefused
from ftp_stream.media.faults import fault_words
from ftp_stream.media.structure import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer

__all__ = ["open_descriptor", "open_file", "open_looking"]

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
    try:
        return open_descriptor(fileno, _ALLOWED, demuxer=_DEMUXERS.get(kind), options=options)
    except (av.error.FFmpegError, ValueError) as error:
        raise SegmentRefused(f"FFmpeg cannot read it: {fault_words(error)}") from error


def open_descriptor(
    fileno: int, formats: str, *, demuxer: str | None = None, options: Mapping[str, str] = MappingProxyType({})
) -> InputContainer:
    """Open by descriptor, so that neither a file's name nor its content can lead FFmpeg to anything else.

    Args:
        fileno: The descriptor; it is read from its beginning.
        formats: The demuxers that may read it, by FFmpeg's names, with commas between them.
        demuxer: Which of them; ``None``: by its content.
        options: What else FFmpeg is told.

    Raises:
        av.error.FFmpegError: None of them can read it.
        ValueError: FFmpeg has not this demuxer.
    """
    os.lseek(fileno, 0, os.SEEK_SET)
    own = {"fd": str(fileno), "protocol_whitelist": "fd", "format_whitelist": formats}
    return av.open("fd:", format=demuxer, options={**options, **own}, metadata_errors="replace")

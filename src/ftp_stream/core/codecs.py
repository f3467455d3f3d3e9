"""What video codecs are called: by FFmpeg, and by those who set a camera."""

from __future__ import annotations

from typing import Final

from ftp_stream.model import VideoCodec

__all__ = ["CODECS", "CODEC_NAMES", "codec_words"]

CODECS: Final = {"h264": VideoCodec.AVC, "hevc": VideoCodec.HEVC, "av1": VideoCodec.AV1}  # by FFmpeg's names
CODEC_NAMES: Final = {VideoCodec.AVC: "H.264", VideoCodec.HEVC: "H.265", VideoCodec.AV1: "AV1"}  # as cameras say it
_OTHERS: Final = {"mpeg4": "MPEG-4", "mpeg2video": "MPEG-2", "mpeg1video": "MPEG-1", "h263": "H.263"}


def codec_words(codec: str) -> str:
    """Return how cameras call a codec that FFmpeg names so."""
    return CODEC_NAMES[CODECS[codec]] if codec in CODECS else _OTHERS.get(codec, codec.upper())

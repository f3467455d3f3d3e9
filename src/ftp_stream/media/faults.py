"""What FFmpeg says of what went wrong."""

from __future__ import annotations

import av.error

__all__ = ["fault_words"]


def fault_words(error: Exception) -> str:
    """Return an error's own words: those of FFmpeg without its number and the file's name."""
    return (isinstance(error, av.error.FFmpegError) and error.strerror) or str(error)

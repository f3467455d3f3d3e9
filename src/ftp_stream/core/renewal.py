"""Why what comes next needs a new session, in words: servers freeze codecs and sound, and some the pictures' shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from ftp_stream.model import AudioConfig, VideoCodec, VideoConfig

__all__ = ["lasted", "other_pictures", "other_sound"]

_HOUR_US = 3_600_000_000
_NAMES = {"avc": "H.264", "hevc": "H.265", "av1": "AV1"}


def other_pictures(last: VideoConfig | None, following: VideoConfig, new_headers: Collection[VideoCodec]) -> str:
    """Return why pictures cannot follow those that a session has sent, "" where they can.

    Args:
        last: What the session has sent last; ``None`` before its first.
        following: What is to follow.
        new_headers: Codecs whose parameters may change in this destination's sessions.
    """
    if last is None or following.record == last.record:
        return ""
    if following.codec != last.codec:
        return f"the pictures change from {_NAMES[last.codec]} to {_NAMES[following.codec]}"
    if following.codec in new_headers:
        return ""
    before, after = f"{last.width}x{last.height}", f"{following.width}x{following.height}"
    change = f"from {before} to {after}" if before != after else f"their parameters, at {after}"
    return f"the pictures change {change}, which this server is not known to bear in one session"


def other_sound(fixed: AudioConfig, following: AudioConfig | None) -> str:
    """Return why sound cannot follow under the configuration that a session has fixed, "" where it can."""
    if following is None or following.record == fixed.record:
        return ""
    return "the sound is of another kind than the session began with"


def lasted(time_us: int, limit_us: int) -> str:
    """Return that a session has lasted long enough, "" where it has not.

    Args:
        time_us: Its time on the wire, microseconds.
        limit_us: How long it may last.
    """
    return f"it has lasted {time_us / _HOUR_US:.1f} h, as long as it may" if time_us > limit_us else ""

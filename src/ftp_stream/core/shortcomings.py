"""What of a camera's pictures does not suit its destination, and which setting of the camera mends it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ftp_stream.core.codecs import CODEC_NAMES, CODECS, codec_words
from ftp_stream.core.destinations import GENERIC, bitrate_limit
from ftp_stream.model import Row, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ftp_stream.core.destinations import Preset
    from ftp_stream.model import FrameTable, VideoConfig

__all__ = ["Figures", "Shortcoming", "encoding_cost", "figures", "shortcomings"]

_TOLERANCE: Final = 1.1  # cameras keep to what they are set to only so far
_AUDIO: Final = int(Row.AUDIO)


@dataclass(frozen=True, slots=True)
class Figures:
    """What one segment's pictures are like."""

    gop_seconds: float  # the longest span from one key frame to the next, or to the end
    reordered: bool  # some are shown before others that were sent earlier: there are B-frames
    bitrate: float  # bits per second, of the pictures alone, over the whole segment


@dataclass(frozen=True, slots=True)
class Shortcoming:
    """One thing that does not suit."""

    words: str  # what is so, and what the destination asks for
    cure: str  # what to set, and to what; the same as long as the same thing is amiss


def figures(table: FrameTable) -> Figures:
    """Return what a segment's pictures are like."""
    video = [row for row, flag in enumerate(table.flags) if not flag & _AUDIO]
    starts = [*(table.dts_us[row] for row in table.gops), table.dts_us[0] + table.duration_us]
    shown = (table.dts_us[row] + table.cts_us[row] for row in video)
    return Figures(
        gop_seconds=max(after - before for before, after in pairwise(starts)) / 1e6,
        reordered=any(table.cts_us) and any(after < before for before, after in pairwise(shown)),
        bitrate=sum(table.size[row] for row in video) * 8e6 / max(table.duration_us, 1),
    )


def encoding_cost(preset: Preset, codec: str, *, always: bool) -> Shortcoming:
    """Return what encoding costs and how to do without it, where pictures are made into H.264 that suits.

    Args:
        preset: The destination's.
        codec: What the camera sends, by FFmpeg's name.
        always: All is encoded, by VIDEO=h264; else only what the destination does not take.
    """
    name, published = codec_words(codec), CODECS.get(codec)
    made = "made into H.264 here, at the processor's cost"
    if published not in preset.codecs:
        other = _other_codec(preset, named=published is not None)
        return Shortcoming(
            f"{preset.title} is not known to take {name}: it is {made}",
            f"{other}{', and VIDEO=auto' if always else ''}: then nothing is encoded",
        )
    if always:
        return Shortcoming(
            f"everything is {made} (VIDEO=h264)", f"set VIDEO=auto: {preset.title} takes {name} as the camera made it"
        )
    return Shortcoming(
        f"its {name} cannot be sent as it is: it is {made}",
        "set the camera's video codec to H.264: then nothing is encoded",
    )


def shortcomings(preset: Preset, video: VideoConfig, found: Figures) -> tuple[Shortcoming, ...]:
    """Return what of pictures that go as the camera made them does not suit a destination, most serious first.

    Audio is not among it: what the camera's lacks is made up for.

    Args:
        preset: The destination's.
        video: The camera's.
        found: Its figures.
    """
    return tuple(_shortcomings(preset, video, found))


def _shortcomings(preset: Preset, video: VideoConfig, found: Figures) -> Iterator[Shortcoming]:
    if video.codec not in preset.codecs:
        unknown = f"{preset.title} is not known to take {CODEC_NAMES[video.codec]}"
        yield Shortcoming(unknown, f"{_other_codec(preset, named=True)}, or set VIDEO=auto")
    if found.reordered and not preset.b_frames:
        yield Shortcoming(
            f"the pictures have B-frames, with which {preset.title} stutters",
            "set the camera's profile to Baseline, or its B-frames to 0",
        )
    if found.gop_seconds > preset.longest_key_interval * _TOLERANCE:
        yield _long_gops(preset, video, found)
    limit = bitrate_limit(preset, video.codec, video.width, video.height, video.frame_rate)
    if limit is not None and found.bitrate > limit * _TOLERANCE:
        size = f"{CODEC_NAMES[video.codec]} of {video.width}x{video.height} at {video.frame_rate:.0f} pictures a second"
        yield Shortcoming(
            f"{found.bitrate / 1e6:.1f} Mbit/s, where {preset.title} asks for {limit / 1e6:g} at most ({size})",
            f"set the camera's bitrate to at most {limit // 1000} kbit/s",
        )


def _long_gops(preset: Preset, video: VideoConfig, found: Figures) -> Shortcoming:
    asked, most = preset.key_interval, preset.longest_key_interval
    bound = f" and bears {most:g} s" if most > asked else ""
    pictures = f" ({asked * video.frame_rate:.0f} pictures)" if video.frame_rate else ""
    return Shortcoming(
        f"key frames are up to {found.gop_seconds:.1f} s apart, where {preset.title} asks for {asked:g} s{bound}",
        f"set the camera's key-frame interval (I-frame interval, GOP) to {asked:g} s{pictures}",
    )


def _other_codec(preset: Preset, *, named: bool) -> str:
    """Say which codec to set; ``named``: some kind of server takes what the camera sends."""
    choice = " or ".join(CODEC_NAMES[codec] for codec in VideoCodec if codec in preset.codecs)
    name_it = ", or RTMP_PRESET to what kind of server it is" if preset is GENERIC and named else ""
    return f"set the camera's video codec to {choice}{name_it}"

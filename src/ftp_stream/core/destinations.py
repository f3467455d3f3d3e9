"""What destinations take and ask for: a preset for each kind of server.

Every fact has its source beside it: [V] seen at the real program, [S] read in its source, [D] its documentation or its
maintainers' words, [M] from memory, [ours] our choice where nothing is known, with the reason. YouTube, Twitch and
Facebook were never reached from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.backoff import CEILING, FIRST
from ftp_stream.model import VideoCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftp_stream.model import AudioConfig

__all__ = ["AUTO", "GENERIC", "PRESETS", "BitrateLimit", "Preset", "bitrate_limit", "preset_for"]

AUTO: Final = "auto"  # in the place of a preset's name: chosen by the host
_HOUR: Final = 3600.0  # seconds
_WIRE: Final = 23 * 24 * _HOUR  # before 31 bits of milliseconds are spent: many programs wrap there (24.8 days)
_MBIT: Final = 1_000_000
_AVC: Final = frozenset({VideoCodec.AVC})
_ALL: Final = frozenset(VideoCodec)


@dataclass(frozen=True, slots=True)
class BitrateLimit:
    """One row of a platform's table: pictures up to this size and frame rate may take so much."""

    height: int  # pixels: of upright pictures the width counts
    frame_rate: float  # per second
    avc: int  # bits per second
    other: int  # bits per second of HEVC and AV1


@dataclass(frozen=True, slots=True)
class Preset:
    """What one kind of destination takes and asks for. The defaults are the safe choice for a server nobody knows."""

    name: str  # as RTMP_PRESET has it
    title: str  # for people
    note: str  # what else whoever uses it should know
    hosts: tuple[str, ...] = ()  # domains that choose it, with all below them
    codecs: frozenset[VideoCodec] = _AVC  # that it takes as they are
    audio: AudioConfig = DEFAULT_AUDIO  # what silence and other audio than AAC become
    rtmps: bool = True  # it can be reached by TLS
    needs_audio: bool = True  # a publish without audio is refused, or not shown: for people, since we always send one
    longest_silence: float | None = None  # seconds without any message that it bears; None: no limit is known
    new_headers: frozenset[VideoCodec] = frozenset()  # codecs whose parameters may change within a session
    session_limit: float = _WIRE  # seconds after which a session is renewed by plan
    key_interval: float = 2.0  # seconds between key frames that it asks for
    longest_key_interval: float = 10.0  # seconds that it bears; [ours] where it does not say: a viewer waits so long
    b_frames: bool = True  # pictures may be sent in another order than they are shown in
    bitrates: tuple[BitrateLimit, ...] = ()  # by rising height and frame rate; empty: no limit is known
    first_retry: float = FIRST  # seconds before the first new try
    longest_retry: float = CEILING  # seconds between two tries at most


# Help page 2853702 [D]: for HEVC and AV1 the upper end of its range, for H.264 what it recommends, which for 1080p30 is
# [M] and up to 720p the upper end of the range too.
_YOUTUBE_BITRATES: Final = (
    BitrateLimit(720, 60, 8 * _MBIT, 8 * _MBIT),
    BitrateLimit(1080, 30, 10 * _MBIT, 8 * _MBIT),
    BitrateLimit(1080, 60, 12 * _MBIT, 10 * _MBIT),
    BitrateLimit(1440, 30, 15 * _MBIT, 25 * _MBIT),
    BitrateLimit(1440, 60, 24 * _MBIT, 30 * _MBIT),
    BitrateLimit(2160, 30, 30 * _MBIT, 35 * _MBIT),
    BitrateLimit(2160, 60, 35 * _MBIT, 40 * _MBIT),
)
_ANY_SIZE: Final = 1 << 16  # pixels; a picture of AVC, HEVC or AV1 is no higher
_TWITCH_BITRATES: Final = (BitrateLimit(_ANY_SIZE, 1000, 6 * _MBIT, 6 * _MBIT),)  # OBS [S], Help "3-6 megabits" [D]

_YOUTUBE: Final = Preset(
    "youtube",
    "YouTube Live",
    "A stream of more than 12 hours has no archive. Its Help page names H.265 and AV1, one page for developers still "
    "H.264 only: if the picture stays black, set VIDEO=h264, or the camera to H.264.",
    hosts=("youtube.com",),
    codecs=_ALL,  # Help page 2853702, of RTMP and RTMPS [D]; OBS [S]; against a page for developers [D]
    needs_audio=True,  # an old Help page says so, the API has an issue type `noAudioStream` [D]
    longest_silence=60.0,  # enableAutoStop ends a broadcast about a minute after the stream has stopped [D]
    new_headers=frozenset(),  # no statement was found: a new session is a second's gap within that minute [ours]
    key_interval=2.0,  # Help page [D], OBS [S]
    longest_key_interval=4.0,  # Help page [D]; the API complains with `gopSizeLong` [D]
    bitrates=_YOUTUBE_BITRATES,
    longest_retry=15.0,  # several tries must fall into the minute of enableAutoStop [ours]
)
_TWITCH: Final = Preset(
    "twitch",
    "Twitch",
    "A broadcast ends after 48 hours: the session is renewed before.",
    hosts=("twitch.tv", "contribute.live-video.net", "ingest.global-contribute.live-video.net"),  # public configs [S]
    codecs=_AVC,  # Help page "Broadcast Requirements" [D], OBS [S]
    needs_audio=True,  # not found; audio costs nothing [ours]
    new_headers=frozenset(),  # not found; a new session is a second's gap [ours]
    session_limit=47.5 * _HOUR,  # 48 h for a broadcast [D]
    key_interval=2.0,  # required [D]
    longest_key_interval=2.0,
    bitrates=_TWITCH_BITRATES,
)
_FACEBOOK: Final = Preset(
    "facebook",
    "Facebook Live",
    "A live video lasts 8 hours at most: then a new one has to be made there.",
    hosts=("facebook.com",),
    codecs=_AVC,  # developers.facebook.com, live-video-api/reference [D], as all of it
    needs_audio=True,  # "must include both audio and video" [D]
    new_headers=frozenset(),  # "not change settings mid-broadcast" [D]
    session_limit=7.75 * _HOUR,  # 8 h [D]
    key_interval=2.0,
    longest_key_interval=4.0,
)
_OVENMEDIAENGINE: Final = Preset(
    "ovenmediaengine",
    "OvenMediaEngine",
    "Its WebRTC output stutters with B-frames. It takes H.265 only where E-RTMP is switched on there: then set "
    "VIDEO=copy. It has no RTMPS. Up to version 0.20 its LL-HLS breaks where the size or profile of the pictures "
    "changes.",
    codecs=_AVC,  # HEVC over E-RTMP is experimental and off by default [S]
    rtmps=False,  # its RTMP provider listens on plain TCP alone [S]
    needs_audio=True,  # CheckReadyToPublish waits for both tracks, or for more than 250 messages [S]
    longest_silence=3.0,  # before the stream is published, up to 0.20 [S]
    new_headers=_AVC,  # ProcessH264AVCCStream takes it over [S]; LL-HLS since 0.21 only: #2255, #2256 [D]
    b_frames=False,  # docs/troubleshooting.md: "video will be stuttered" [D]
)
_SRS: Final = Preset(
    "srs",
    "SRS",
    "H.265 needs version 6.0.42 or later. A change of the picture cuts its HLS.",
    codecs=_AVC | {VideoCodec.HEVC},  # since 6.0.42 [S]
    needs_audio=False,  # it publishes what comes [S]
    longest_silence=5.0,  # between two messages; 20 s to the first [S]
    new_headers=_AVC | {VideoCodec.HEVC},  # relayed, kept for joiners, a discontinuity in HLS [S]
)
_MEDIAMTX: Final = Preset(
    "mediamtx",
    "MediaMTX",
    "A later publisher of the same path takes the place of the earlier one.",
    codecs=_ALL,  # [S]
    needs_audio=False,  # but tracks that begin after 2 s end the connection [S]
    longest_silence=10.0,  # readTimeout, for each message [S]
    new_headers=_AVC,  # becomes SPS and PPS in band; SequenceStart of E-RTMP is dropped after the start [S]
)
_NGINX_RTMP: Final = Preset(
    "nginx-rtmp",
    "nginx with its RTMP module",
    "It accepts H.265 and shows it nowhere. A picture of more than 1 MiB ends the connection.",
    codecs=_AVC,  # [V]
    needs_audio=False,  # relays what comes [V]
    longest_silence=None,  # it pings after 60 s, and we answer [V]
    new_headers=_AVC,  # passed on, FFmpeg begins anew without an error [V]
)
_NODE_MEDIA_SERVER: Final = Preset(
    "node-media-server",
    "node-media-server",
    "It never notices that a connection is dead: after a lost one it may refuse us until its system does.",
    codecs=_ALL,  # relayed; HEVC [V], AV1 [S]
    needs_audio=False,  # relays what comes [S]
    longest_silence=None,  # it knows no timeout at all [V]
    new_headers=_ALL,  # passed on, late joiners get the new one: AVC [V], the others go the same way [S]
)
GENERIC: Final = Preset(
    "generic",
    "a server of unknown kind",
    "The cautious choice for what nothing is known of. If it is one of these servers, name it in RTMP_PRESET. A change "
    "of the pictures stays within the session, a choice of ours: what relays bears it, and a new session costs every "
    "viewer a gap.",
    codecs=_AVC,  # what every server takes
    needs_audio=True,  # servers settle on the tracks at the start, and some want both
    longest_silence=3.0,  # the shortest of all that are known
    new_headers=_AVC,  # [ours]: nginx and node-media-server, which most servers are like, bear it [V]; OvenMediaEngine
    # up to 0.20 (LL-HLS) does not, and a new session costs every viewer a gap, at each dusk and dawn
)

PRESETS: Final[Mapping[str, Preset]] = {
    preset.name: preset
    for preset in (
        _YOUTUBE,
        _TWITCH,
        _FACEBOOK,
        _OVENMEDIAENGINE,
        _SRS,
        _MEDIAMTX,
        _NGINX_RTMP,
        _NODE_MEDIA_SERVER,
        GENERIC,
    )
}


def preset_for(name: str, host: str) -> Preset:
    """Return a preset by its name, or by the host where the name is `AUTO`.

    Only platforms are known by their hosts; of a server of one's own the host says nothing.

    Args:
        name: One of `PRESETS`, or `AUTO`.
        host: Of the URL.

    Raises:
        KeyError: There is no preset of that name.
    """
    if name != AUTO:
        return PRESETS[name]
    place = "." + host.lower().rstrip(".")
    return next((each for each in PRESETS.values() if any(place.endswith("." + host) for host in each.hosts)), GENERIC)


def bitrate_limit(preset: Preset, codec: VideoCodec, width: int, height: int, frame_rate: float) -> int | None:
    """Return how many bits per second pictures may take, ``None`` where no limit is known.

    Args:
        preset: The destination's.
        codec: Of the pictures.
        width: Pixels.
        height: Pixels.
        frame_rate: Per second; one of 29.97 counts as 30, one of 30.02 too.
    """
    if not preset.bitrates:
        return None
    short, rate = min(width, height), int(frame_rate)
    fitting = (each for each in preset.bitrates if short <= each.height and rate <= each.frame_rate)
    limit = next(fitting, preset.bitrates[-1])
    return limit.avc if codec is VideoCodec.AVC else limit.other

"""How real RTMP servers behave where the specification leaves room or they leave the specification.

A ``Habits`` is the whole character of a simulated server. The presets are what was observed of five servers, by
running them or by reading their source; a test plays one of them by name, or bends one with ``dataclasses.replace``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "MEDIAMTX",
    "NGINX_RTMP",
    "NODE_MEDIA_SERVER",
    "OVENMEDIAENGINE",
    "PRESETS",
    "SRS",
    "AckBase",
    "AckWrap",
    "Denial",
    "Duplicate",
    "FcPublish",
    "Habits",
    "Unpublish",
]

_MIB = 1 << 20


class AckBase(StrEnum):
    """From where the bytes of an acknowledgement are counted."""

    ALL = "all"  # the connection's first byte
    AFTER_HANDSHAKE = "after-handshake"  # C0, C1 and C2 (3073 bytes) do not count
    RTMP = "rtmp"  # the first byte behind the connect command
    INCREMENT = "increment"  # the acknowledgement before: the number is a step and no total


class AckWrap(StrEnum):
    """What happens to the count when it grows too large."""

    MODULO = "mod-2^32"  # as the specification has it
    RESET = "reset-0xf0000000"  # at that number it starts again from 0
    RESTART = "restart-0xf0000000"  # above that number it becomes the bytes that came last
    MINUS = "minus-2^31"  # above 2^31 - 1, that number is taken off


class Duplicate(StrEnum):
    """What a server does when a name is published that has a publisher already."""

    BADNAME_OPEN = "badname-open"  # NetStream.Publish.BadName, stays open, swallows the media
    START_THEN_CLOSE = "start-then-close"  # Publish.Start, then FIN
    CLOSE = "close"  # FIN without a word
    CLOSE_AT_MEDIA = "close-at-media"  # Publish.Start, then FIN at the first media message
    KICK_OLD = "kick-old"  # the newcomer stays, the old one is closed


class Denial(StrEnum):
    """What a server does with a publish that it does not allow."""

    START_THEN_CLOSE = "start-then-close"  # Publish.Start, then FIN
    CLOSE = "close"
    UNAUTHORIZED = "unauthorized"  # NetStream.Publish.Unauthorized, then FIN


class FcPublish(StrEnum):
    """How FCPublish is answered."""

    NOTHING = "nothing"
    RESULT = "result"
    ON_FC_PUBLISH = "onFCPublish"  # with code NetStream.Publish.Start, before any check


class Unpublish(StrEnum):
    """What ends a publish, besides the connection's end."""

    DELETE_STREAM = "deleteStream"  # answered by NetStream.Unpublish.Success
    DELETE_STREAM_SILENT = "deleteStream-silent"
    FC_UNPUBLISH = "FCUnpublish"  # answered by onFCUnpublish and NetStream.Unpublish.Success
    NOTHING = "nothing"  # it waits for the connection's end


@dataclass(frozen=True, slots=True)
class Habits:
    """The knobs of a simulated server; the defaults make a mild and modern one. Times in seconds, sizes in bytes."""

    # --- the connection
    chunk_size: int | None = 4096  # its Set Chunk Size; None: it sends none and stays at 128
    window: int = 5_000_000  # its Window Acknowledgement Size and Set Peer Bandwidth
    min_chunk_size: int = 1  # of ours; smaller is an error
    max_chunk_size: int = 10 * _MIB
    max_csid: int = 65_599  # highest chunk stream id it takes
    max_message: int = (1 << 24) - 1
    strict_control: bool = False  # closes on user control off chunk stream 2 or message stream 0
    needs_tc_url: bool = False  # closes on a connect without tcUrl

    # --- commands
    apps: frozenset[str] | None = None  # others are closed at connect without a word; None: any
    names: str = ""  # pattern that app and key must match wholly; others are denied; "": any
    reject_connect: Callable[[str], str] | None = None  # app with its query -> description of a rejection, "" for none
    answers_release_stream: bool = False
    fc_publish: FcPublish = FcPublish.NOTHING
    fmle_order: bool = (
        False  # after releaseStream or FCPublish it waits for FCPublish; without, a command ends the publish
    )
    on_bw_done: bool = False  # sends onBWDone after connect
    mute: frozenset[str] = frozenset()  # never answers these: handshake, connect, createStream, publish
    duplicate: Duplicate = Duplicate.BADNAME_OPEN
    denied: Denial = Denial.CLOSE
    start_then_close: bool = False  # does so with every publish
    unpublish: Unpublish = Unpublish.DELETE_STREAM

    # --- patience
    setup_deadline: float | None = 30.0  # from the connection's begin to publish
    first_message_deadline: float | None = None  # from publish to the first message, instead of silence_deadline
    silence_deadline: float | None = None  # between messages; before a publish only where setup_deadline is None
    unpublished_silence: float | None = None  # between messages until the track set is settled
    ping_after: float | None = None  # of silence
    ping_timeout: float = 30.0  # from its ping to the next message
    answers_pings: bool = True

    # --- the track set
    track_freeze_s: float | None = None  # media time after which no track is added
    track_freeze_messages: int | None = None  # media messages after which no track is added
    late_audio_closes: bool = False  # a track that comes later: closes, else it is left out

    # --- harm: what it takes without a word and does not pass on as it came
    longest_step_ms: int | None = None  # from one message to the next; beyond it, either way, 10 ms pass instead
    header_cuts: bool = False  # each sequence header, a changed one or not, cuts what it makes of the stream
    first_audio_header_holds: bool = False  # later ones are ignored
    first_enhanced_header_holds: bool = False  # later ones, of pictures by Enhanced RTMP, are dropped
    video_codecs: frozenset[str] | None = None  # it passes on pictures of no others; None: of all

    # --- acknowledgements
    never_ack: bool = False
    ack_base: AckBase = AckBase.ALL
    ack_wrap: AckWrap = AckWrap.MODULO
    ack_every: int | None = None  # without a window from the publisher; None: then none
    ack_divisor: int = 1  # acknowledges each window divided by this
    ack_margin: int = 0  # bytes above that: 1 where it must be exceeded
    read_size: int | None = None  # bytes of one read of its socket; None: whatever lies there

    # --- failing
    deaf_after: int | None = None  # bytes of the connection, after which it reads on and does nothing with it

    # --- failing, carried out by the shell
    reads_per_second: float | None = None  # bytes that it reads at most; what more comes waits in the network
    stops_reading_after: int | None = None  # bytes of the connection, after which it reads nothing more
    reset_after: float | None = None  # from the start of a publish to a TCP reset


NGINX_RTMP = Habits(  # 1.2.2
    chunk_size=4096,
    max_chunk_size=10 * _MIB,
    max_csid=31,
    max_message=_MIB,
    duplicate=Duplicate.BADNAME_OPEN,
    denied=Denial.START_THEN_CLOSE,
    unpublish=Unpublish.DELETE_STREAM,
    setup_deadline=None,
    ping_after=60.0,
    ping_timeout=30.0,
    video_codecs=frozenset({"avc"}),  # it waits for a key frame, and finds none in Enhanced RTMP
    ack_base=AckBase.AFTER_HANDSHAKE,
    ack_wrap=AckWrap.RESET,
)

NODE_MEDIA_SERVER = Habits(  # 4.x
    chunk_size=65_535,
    max_chunk_size=(1 << 31) - 1,
    needs_tc_url=True,  # there an uncaught exception takes the whole process down
    names=r"[a-zA-Z0-9_-]+",
    duplicate=Duplicate.START_THEN_CLOSE,
    denied=Denial.START_THEN_CLOSE,
    unpublish=Unpublish.DELETE_STREAM_SILENT,
    setup_deadline=None,
    answers_pings=False,
    never_ack=True,
)

SRS = Habits(  # 5 to 7
    chunk_size=60_000,
    min_chunk_size=128,
    max_chunk_size=(1 << 31) - 1,
    answers_release_stream=True,
    fc_publish=FcPublish.RESULT,
    fmle_order=True,
    on_bw_done=True,
    duplicate=Duplicate.CLOSE,
    denied=Denial.CLOSE,
    unpublish=Unpublish.FC_UNPUBLISH,
    setup_deadline=30.0,
    first_message_deadline=20.0,
    silence_deadline=5.0,
    longest_step_ms=250,
    header_cuts=True,
    video_codecs=frozenset({"avc", "hevc"}),
    ack_base=AckBase.ALL,
    ack_wrap=AckWrap.RESTART,
    ack_divisor=2,
)

OVENMEDIAENGINE = Habits(  # up to 0.20, classic mode
    chunk_size=None,
    max_chunk_size=(1 << 31) - 1,
    strict_control=True,
    needs_tc_url=True,
    fc_publish=FcPublish.ON_FC_PUBLISH,
    duplicate=Duplicate.CLOSE_AT_MEDIA,
    denied=Denial.CLOSE,
    unpublish=Unpublish.NOTHING,
    setup_deadline=None,
    unpublished_silence=3.0,
    track_freeze_messages=250,
    late_audio_closes=True,
    first_audio_header_holds=True,
    video_codecs=frozenset({"avc"}),
    ack_base=AckBase.ALL,
    ack_wrap=AckWrap.MINUS,
    ack_every=1_250_000,
    ack_divisor=2,
)

MEDIAMTX = Habits(  # 1.20
    chunk_size=65_536,
    max_chunk_size=10 * _MIB,
    max_csid=63,
    max_message=10 * _MIB,
    needs_tc_url=True,
    duplicate=Duplicate.KICK_OLD,
    denied=Denial.UNAUTHORIZED,
    unpublish=Unpublish.NOTHING,
    setup_deadline=None,
    silence_deadline=10.0,
    track_freeze_s=2.0,
    late_audio_closes=True,
    first_audio_header_holds=True,
    first_enhanced_header_holds=True,
    ack_base=AckBase.ALL,
    ack_wrap=AckWrap.MODULO,
    ack_margin=1,
    read_size=4096,
)

PRESETS = {
    "default": Habits(),
    "nginx-rtmp": NGINX_RTMP,
    "node-media-server": NODE_MEDIA_SERVER,
    "srs": SRS,
    "ovenmediaengine": OVENMEDIAENGINE,
    "mediamtx": MEDIAMTX,
}

"""The publisher's side of one RTMP connection, sans-IO: bytes in, events and bytes out, time as an argument.

protocol = PublishProtocol(url, random=os.urandom(1528), now=now)
write(protocol.data_to_send())
events = protocol.receive(data, now)   # until PublishStarted is among them; then
protocol.send_video_config(...); protocol.send_video(...); protocol.mark(1, now); write(protocol.data_to_send())
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from ftp_stream.errors import FaultKind, LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp import amf0, flv, messages
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.chunks import ChunkWriter
from ftp_stream.rtmp.confirm import PONG_TIMEOUT, Confirmations
from ftp_stream.rtmp.conversation import Conversation
from ftp_stream.rtmp.events import (
    AuthNeeded,
    Confirmed,
    Event,
    Fault,
    PublishStarted,
    ReconnectRequested,
    ServerStatus,
    StepDone,
    Unpublished,
)
from ftp_stream.rtmp.faults import DEAF_CURE, cure
from ftp_stream.rtmp.lifecycle import STEPS, Happening, PublishState
from ftp_stream.rtmp.messages import Acknowledgement, UserControl, UserEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftp_stream.rtmp.url import RtmpUrl

__all__ = [
    "COMMAND_TIMEOUT",
    "WINDOW",
    "AuthNeeded",
    "Confirmed",
    "Event",
    "Fault",
    "PublishProtocol",
    "PublishStarted",
    "PublishState",
    "ReconnectRequested",
    "ServerStatus",
    "StepDone",
    "Unpublished",
]

COMMAND_TIMEOUT = 10.0  # seconds for the handshake and for each answer
WINDOW = 262144  # bytes between acknowledgements: half a second at 4 Mbit/s

_AWAITED = frozenset({PublishState.HANDSHAKE, PublishState.CONNECT, PublishState.CREATE, PublishState.PUBLISH})


class PublishProtocol:
    """One publish, from the handshake to its end. Made anew for every connection.

    Args:
        url: The destination.
        random: 1528 random bytes, for C1 and for answers to challenges.
        now: Monotonic time, seconds.
        window: After how many bytes the server shall acknowledge.
    """

    def __init__(self, url: RtmpUrl, *, random: bytes, now: float, window: int = WINDOW) -> None:
        self._reader = ByteReader()
        self._writer = ChunkWriter()
        self._confirmations = Confirmations(window)
        self._reported = 0  # the last mark that a Confirmed told
        self._acknowledged = 0  # the last count of received bytes that we told the server
        self._talk = Conversation(url, self._writer, self._confirmations, now)
        self._parser = self._talk.run(self._reader, random)
        next(self._parser)

    # --- for the shell ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> PublishState:
        """Where the publish stands."""
        return self._talk.state

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take what the server sent and return what follows from it; after the end, nothing does.

        Raises:
            RemoteProtocolError: The server broke the protocol or a limit; the state is CLOSED then.
        """
        if self.state is PublishState.CLOSED:
            return []
        self._talk.now = now
        self._reader.feed(data)
        try:
            next(self._parser, None)
        except RemoteProtocolError:
            self._talk.advance(Happening.END)
            raise
        self._acknowledge()
        return self._events()

    def data_to_send(self) -> list[bytes | memoryview]:
        """Return the buffers to be written next, in order, and forget them."""
        return self._writer.take()

    def deadline(self) -> float | None:
        """Return the monotonic time at which :meth:`check` must be called, if any."""
        if self.state in _AWAITED:
            return self._talk.since + COMMAND_TIMEOUT
        return self._confirmations.deadline() if self.state is PublishState.PUBLISHING else None

    def check(self, now: float) -> list[Event]:
        """Return what follows from the time alone: a fault where an answer is overdue, or a confirmation."""
        talk = self._talk
        talk.now = now
        if self.state in _AWAITED and now >= talk.since + COMMAND_TIMEOUT:
            remedy = cure("", STEPS[self.state])
            talk.fail(f"no answer for {COMMAND_TIMEOUT:g} s", kind=FaultKind.NO_ANSWER, remedy=remedy)
        elif self.state is PublishState.PUBLISHING:
            self._confirmations.check(now)
            if self._confirmations.stalled(now):
                reason = f"no answer to our pings for {PONG_TIMEOUT:g} s, as there was before"
                talk.fail(reason, kind=FaultKind.DEAF, step="confirm", remedy=DEAF_CURE)
        return self._events()

    def transmitted(self, unsent: int, now: float) -> None:
        """Tell how many of the bytes taken from :meth:`data_to_send` the peer's TCP has not acknowledged yet.

        The shell's own buffers and the kernel's queue (SIOCOUTQ) count; with TLS the larger encrypted count is right.
        What it confirms shows in :attr:`confirmed` at once, and as an event at the next receive or check.
        """
        self._confirmations.transmitted(max(self._writer.taken - unsent, 0), now)

    def close(self) -> None:
        """End the publish in good order; the server may answer (Unpublished), and need not."""
        self._talk.close()

    def delivered(self) -> None:
        """Tell, after :meth:`close` was not answered in time, that the peer's TCP has acknowledged everything."""
        self._confirmations.delivered()

    @property
    def confirmed(self) -> int:
        """The highest confirmed mark, 0 for none."""
        return self._confirmations.confirmed

    @property
    def rung(self) -> str:
        """What confirmation rests on: pong, ack, tcp or unknown."""
        return self._confirmations.rung.value

    @property
    def peer_bandwidth(self) -> int | None:
        """The server's limit on unacknowledged bytes, for whoever asks; never obeyed."""
        return self._talk.peer_bandwidth

    # --- media ------------------------------------------------------------------------------------------------------

    def send_metadata(self, values: Mapping[str, object], time_ms: int = 0) -> None:
        """Send onMetaData.

        Args:
            values: What ``ftp_stream.rtmp.flv.metadata`` makes.
            time_ms: As for :meth:`send_video`.
        """
        array = amf0.EcmaArray(cast("Mapping[str, amf0.Value]", values))
        body = amf0.encode("@setDataFrame", "onMetaData", array)
        self._writer.write(messages.CSID_STREAM, flv.DATA, self._stream_id(), time_ms, b"", body)

    def send_video_config(self, codec: str, record: bytes, time_ms: int) -> None:
        """Send a video sequence header: once at the start and whenever it changes, then a key frame."""
        body = flv.video_sequence_header(codec, record)
        self._writer.write(messages.CSID_VIDEO, flv.VIDEO, self._stream_id(), time_ms, b"", body)

    def send_audio_config(self, record: bytes, time_ms: int) -> None:
        """Send an AAC sequence header: once, before the first frame."""
        body = flv.aac_sequence_header(record)
        self._writer.write(messages.CSID_AUDIO, flv.AUDIO, self._stream_id(), time_ms, b"", body)

    def send_video(self, codec: str, key: bool, time_ms: int, cts_ms: int, payload: bytes | memoryview) -> None:  # noqa: FBT001 - hot: called with positions
        """Send one coded frame.

        Args:
            codec: "avc", "hevc" or "av1".
            key: A decoder can begin here.
            time_ms: Decoding time, milliseconds since the publish began; goes out modulo 2**32.
            cts_ms: Composition offset, milliseconds.
            payload: Length-prefixed NAL units, or OBUs; not copied, so it must not change until it is written.

        Raises:
            LocalProtocolError: Nothing is being published.
        """
        header = flv.video_header(codec, key, cts_ms)
        self._writer.write(messages.CSID_VIDEO, flv.VIDEO, self._stream_id(), time_ms, header, payload)

    def send_audio(self, time_ms: int, payload: bytes | memoryview) -> None:
        """Send one raw AAC frame; all else as for :meth:`send_video`."""
        self._writer.write(messages.CSID_AUDIO, flv.AUDIO, self._stream_id(), time_ms, flv.audio_header(), payload)

    def mark(self, number: int, now: float) -> None:
        """Set a mark after the last frame of a group of pictures; :attr:`confirmed` will reach its number.

        Args:
            number: Rises from call to call, from 1 on; below 2**32.
            now: Monotonic time, seconds.
        """
        self._stream_id()
        if self._confirmations.mark(number, self._writer.total, now):
            self._talk.control(UserControl(UserEvent.PING_REQUEST, number.to_bytes(4, "big")))

    # --- small parts ------------------------------------------------------------------------------------------------

    def _stream_id(self) -> int:
        """Return the message stream for media, which there is only while publishing."""
        talk = self._talk
        if talk.state is not PublishState.PUBLISHING:
            raise LocalProtocolError(f"no media in state {talk.state.name}")
        return talk.stream_id

    def _acknowledge(self) -> None:
        """Give the server the acknowledgements it asked for (5.4.4)."""
        received = self._reader.consumed
        if 0 < self._talk.peer_window <= received - self._acknowledged and self.state is not PublishState.CLOSED:
            self._acknowledged = received
            self._talk.control(Acknowledgement(received & 0xFFFFFFFF))

    def _events(self) -> list[Event]:
        """Return what has happened; what is newly confirmed comes first, before an end."""
        events, self._talk.events = self._talk.events, []
        if self.confirmed > self._reported:
            self._reported = self.confirmed
            events.insert(0, Confirmed(self.confirmed))
        return events

"""How long a server waits for a publisher, and how late it takes in a track: time comes in, deadlines go out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.chunks import MessageType
from ftp_stream.rtmp.timestamp import HALF, MODULUS

if TYPE_CHECKING:
    from ftp_stream.rtmp.chunks import Message
    from ftp_stream.rtmp.habits import Habits

__all__ = ["Patience", "TrackSet"]

_TRACKS = {MessageType.AUDIO: "audio", MessageType.VIDEO: "video"}


class Patience:
    """The deadlines of one connection; all times are monotonic seconds.

    Args:
        habits: How long this server waits for what.
        now: When the connection began.
    """

    __slots__ = ("_begun", "_habits", "_heard", "_pinged", "_publishing", "_settled", "_waits_for_first")

    def __init__(self, habits: Habits, now: float) -> None:
        self._habits = habits
        self._begun = self._heard = now
        self._pinged: float | None = None
        self._publishing = False
        self._waits_for_first = False  # message of a publish
        self._settled = False  # the track set

    def heard(self, now: float) -> None:
        """A message came."""
        self._heard = now
        self._pinged = None
        self._waits_for_first = False

    def publish_began(self, now: float) -> None:
        """A publish was accepted."""
        self._publishing = self._waits_for_first = True
        self._heard = now

    def publish_ended(self, now: float) -> None:
        """The publisher may publish again on this connection."""
        self._publishing = self._settled = False
        self._begun = self._heard = now

    def settled(self) -> None:
        """The track set is known."""
        self._settled = True

    def pinged(self, now: float) -> None:
        """The ping was sent that ``expired`` asked for."""
        self._pinged = now

    def _deadlines(self) -> list[tuple[float, str]]:
        habits, heard = self._habits, self._heard
        silence = habits.silence_deadline
        if self._waits_for_first and habits.first_message_deadline is not None:
            silence = habits.first_message_deadline
        setup = None if self._publishing else habits.setup_deadline
        limits = [
            (self._begun, setup, "no publish"),
            (heard, silence if setup is None else None, "no message"),
            (heard, None if self._settled else habits.unpublished_silence, "no message, tracks unknown"),
        ]
        if self._pinged is not None:
            limits.append((self._pinged, habits.ping_timeout, "no answer to a ping"))
        return [(since + limit, f"{what} for {limit:g} s") for since, limit, what in limits if limit is not None]

    def _ping_at(self) -> float | None:
        after = self._habits.ping_after
        return None if after is None or self._pinged is not None else self._heard + after

    def deadline(self) -> float | None:
        """When ``expired`` or ``ping_due`` may next say something; None for never."""
        times = [at for at, _ in self._deadlines()]
        ping_at = self._ping_at()
        return min(times if ping_at is None else [*times, ping_at], default=None)

    def ping_due(self, now: float) -> bool:
        """Whether a ping is to be sent."""
        ping_at = self._ping_at()
        return ping_at is not None and now >= ping_at

    def expired(self, now: float) -> str | None:
        """Why the connection must be closed now; None: it may stay."""
        over = min((item for item in self._deadlines() if now >= item[0]), default=None)
        return None if over is None else over[1]


class TrackSet:
    """Which tracks a publish has, as servers that settle it once and for all see it.

    Args:
        habits: When it is settled, and what happens to a track that comes later.
    """

    __slots__ = ("_first_ms", "_habits", "_messages", "_tracks", "settled")

    def __init__(self, habits: Habits) -> None:
        self._habits = habits
        self._tracks: set[int] = set()
        self._messages = 0
        self._first_ms: int | None = None
        self.settled = habits.track_freeze_s is None and habits.track_freeze_messages is None

    @property
    def complete(self) -> bool:
        """Every track that there can be has come: nothing is to be judged any more."""
        return len(self._tracks) == len(_TRACKS)

    def admits(self, message: Message) -> bool:
        """Whether this media message belongs to a track of the set.

        Raises:
            RemoteProtocolError: It begins a track after the set was settled, and this server closes then.
        """
        if message.type_id not in _TRACKS:
            return True
        self._note(message.timestamp)
        if message.type_id in self._tracks or not self.settled:
            self._tracks.add(message.type_id)
            self.settled = self.settled or self.complete
            return True
        if self._habits.late_audio_closes:
            raise RemoteProtocolError(f"{_TRACKS[MessageType(message.type_id)]} came after the tracks were settled")
        return False

    def _note(self, time_ms: int) -> None:
        """Count a message and settle the set when there were enough."""
        habits = self._habits
        self._messages += 1
        if self._first_ms is None:
            self._first_ms = time_ms
        elapsed = (time_ms - self._first_ms) % MODULUS
        if habits.track_freeze_s is not None and habits.track_freeze_s * 1000 <= elapsed < HALF:
            self.settled = True
        if habits.track_freeze_messages is not None and self._messages > habits.track_freeze_messages:
            self.settled = True

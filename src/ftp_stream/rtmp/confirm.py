"""What is known of delivery: marks in the sent bytes, and the evidence that the server has read up to them.

The ladder, best first: the pong to our ping (the server has parsed all before it), acknowledgements (the server's
process has read so many bytes, counted by habits that differ from server to server), TCP (the server's kernel has them:
all that is known where a server says nothing). Evidence confirms and never blocks: servers whose counters wrap in their
own ways have deadlocked publishers that waited for them.

Offsets count bytes handed out since the connection began, handshake included.
"""

from __future__ import annotations

from collections import deque
from enum import StrEnum
from typing import NamedTuple

from ftp_stream.errors import LocalProtocolError

__all__ = [
    "KERNEL_LIMIT",
    "PING_TRIAL",
    "PONG_TIMEOUT",
    "READ_AHEAD",
    "TRIAL_PINGS",
    "AcknowledgementMeter",
    "Confirmations",
    "Rung",
]

TRIAL_PINGS = 3  # so many pings unanswered, and
PING_TRIAL = 5.0  # seconds since the first of them: this server does not answer, and is not asked again
PONG_TIMEOUT = 10.0  # seconds without a pong from a server that used to answer: its process has stopped
READ_AHEAD = 4096  # bytes: MediaMTX acknowledges what its buffered reader has taken and not yet parsed
ACK_PATIENCE = 4  # windows delivered without any acknowledgement: this server sends none (the others need one or less)
KERNEL_LIMIT = 64 << 20  # bytes: no kernel keeps more for a process, so what TCP delivered before that was read


class Rung(StrEnum):
    """What confirmation rests on."""

    UNKNOWN = "unknown"  # too early to say: nothing is confirmed
    PONG = "pong"
    ACK = "ack"
    TCP = "tcp"


_MODULUS = 1 << 32
_OME_WRAP = (1 << 31) - 1  # OvenMediaEngine subtracts this when its count is over it
_RESET_FROM = 0xE0000000  # nginx-rtmp and SRS begin again at 0xF0000000; the last value before is somewhat lower
_EQUALS = 3  # equal values in a row: no running total stands still and is still sent


class AcknowledgementMeter:
    """Turns acknowledgements into a lower bound of what the server has read.

    Counts begin at the connection (SRS, OvenMediaEngine, MediaMTX), after the handshake (nginx-rtmp) or after connect
    (FFmpeg): taken as if at the connection, a count is never too high. They come round at 2**32, 2**31 - 1 or
    0xF0000000; and some services (YouTube, by report) send increments in place of a total.
    """

    __slots__ = ("_equal", "_increments", "_last", "count", "offset")

    def __init__(self) -> None:
        self.offset = 0  # bytes, lower bound
        self.count = 0  # acknowledgements seen
        self._last = 0
        self._equal = 0
        self._increments = False

    def take(self, value: int, sent: int) -> None:
        """Take one acknowledgement.

        Args:
            value: As it came, 32 bits.
            sent: Bytes handed out so far: whoever claims more is not counting what we count.
        """
        flight = sent - self.offset
        step = self._step(value, flight)
        if step <= flight:
            self.offset += step
        else:  # nothing we know counts like this: learn where it stands and go on from there
            self._increments = False
        self._last = value
        self.count += 1

    def _step(self, value: int, flight: int) -> int:
        self._equal = self._equal + 1 if value and value == self._last else 1
        if self._increments:
            return value
        if self._equal == _EQUALS:
            self._increments = True
            return value * (_EQUALS - 1)
        if value >= self._last:
            return value - self._last
        return self._step_down(value, flight)

    def _step_down(self, value: int, flight: int) -> int:
        """The step to a value below the last one: the first explanation that does not claim more than is in flight."""
        for modulus in (_MODULUS, _OME_WRAP):
            if 0 <= (step := value - self._last + modulus) <= flight:
                return step
        self._increments = self._last < _RESET_FROM  # else a reset, which loses what was read just before it
        return value


# --- marks ----------------------------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    number: int
    offset: int  # bytes handed out when it was set


class Confirmations:
    """The marks of one connection and how far they are confirmed.

    Time is an argument; after every call :attr:`confirmed` and :attr:`rung` are true for that instant.

    Attributes:
        window: The acknowledgement window that the server is asked for, bytes.
        confirmed: The highest confirmed mark, 0 for none.
        rung: What confirmation rests on.
    """

    def __init__(self, window: int) -> None:
        self.window = window
        self.confirmed = 0
        self.rung = Rung.UNKNOWN
        self._marks: deque[_Mark] = deque()  # not confirmed
        self._last = _Mark(0, 0)
        self._pings: deque[_Mark] = deque()  # not answered
        self._trial_pings = 0
        self._trial_end = 0.0  # the time from when no answer means that there will be none
        self._on_trial = True  # it is not known yet whether this server answers pings
        self._ponged = False
        self._clock: float | None = None  # since when the oldest ping could have been answered
        self._meter = AcknowledgementMeter()
        self._transmitted: int | None = None  # bytes that the peer's TCP has; None where nobody tells

    def mark(self, number: int, offset: int, now: float) -> bool:
        """Set a mark behind what is handed out so far, and return whether to ping with its number.

        Raises:
            LocalProtocolError: Marks do not rise.
        """
        mark = _Mark(number, offset)
        if number <= self._last.number or offset < self._last.offset:
            raise LocalProtocolError(f"mark {number} at {offset} does not follow {self._last}")
        self._last = mark
        self._marks.append(mark)
        self.check(now)
        if not (self._on_trial or self._ponged):
            return False
        self._ping(mark, now)
        return True

    def pong(self, number: int, now: float) -> None:
        """Take the answer to a ping: all up to its mark is confirmed. Answers to what we did not ask are ignored."""
        if not any(ping.number == number for ping in self._pings):
            return
        while self._pings and self._pings[0].number <= number:
            self._pings.popleft()
        self._ponged = True
        self._clock = None
        self._start_clock(now)
        self._confirm_number(number)
        self.check(now)

    def acknowledged(self, value: int, sent: int, now: float) -> None:
        """Take an acknowledgement with the bytes handed out so far."""
        self._meter.take(value, sent)
        self.check(now)

    def transmitted(self, offset: int, now: float) -> None:
        """Learn how many of the bytes handed out the peer's TCP has."""
        self._transmitted = max(offset, self._transmitted or 0)
        self._start_clock(now)
        self.check(now)

    def finished(self) -> None:
        """Learn that the server has answered our last command, behind everything: all marks are confirmed."""
        self._confirm_number(self._last.number)

    def delivered(self) -> None:
        """Learn, at the end in good order, that the peer's TCP has everything and the server has said nothing to it.

        A server that answers pings has then not read it. From others no better word will ever come: where they
        acknowledge, the last part of a window is never acknowledged; but a whole window and more is a server that has
        stopped reading.
        """
        behind = self._last.offset - self._meter.offset if self._meter.count else 0
        if not self._ponged and behind <= ACK_PATIENCE * self.window:
            self._confirm_number(self._last.number)

    def check(self, now: float) -> None:
        """Judge anew what confirmation rests on, and confirm what it bears."""
        self.rung = self._judge(now)
        if self.rung is Rung.ACK:
            self._confirm_offset(max(self._meter.offset - READ_AHEAD, (self._transmitted or 0) - KERNEL_LIMIT))
        elif self.rung is Rung.TCP:
            self._confirm_offset(self._transmitted or 0)

    def stalled(self, now: float) -> bool:
        """Whether a server that used to answer pings has stopped."""
        return self._ponged and self._clock is not None and now >= self._clock + PONG_TIMEOUT

    def deadline(self) -> float | None:
        """When :meth:`check` or :meth:`stalled` may change by time alone."""
        if self._ponged:
            return None if self._clock is None else self._clock + PONG_TIMEOUT
        return self._trial_end if self._on_trial and self._trial_pings >= TRIAL_PINGS else None

    def _judge(self, now: float) -> Rung:
        if self._ponged:
            return Rung.PONG
        if self._trial_pings >= TRIAL_PINGS and now >= self._trial_end:
            self._on_trial = False
        if self._on_trial:
            return Rung.UNKNOWN
        if self._meter.count:
            return Rung.ACK
        return Rung.TCP if self._patience_over() else Rung.UNKNOWN

    def _patience_over(self) -> bool:
        return self._transmitted is not None and self._transmitted >= ACK_PATIENCE * self.window

    def _ping(self, mark: _Mark, now: float) -> None:
        self._pings.append(mark)
        self._trial_pings += 1
        if self._trial_pings == 1:
            self._trial_end = now + PING_TRIAL
        self._start_clock(now)

    def _start_clock(self, now: float) -> None:
        """Time the oldest ping from when it has reached the peer: a slow uplink is not a dead server."""
        if (
            self._clock is None
            and self._pings
            and (self._transmitted is None or self._pings[0].offset < self._transmitted)
        ):
            self._clock = now

    def _confirm_number(self, number: int) -> None:
        while self._marks and self._marks[0].number <= number:
            self.confirmed = self._marks.popleft().number

    def _confirm_offset(self, offset: int) -> None:
        while self._marks and self._marks[0].offset <= offset:
            self.confirmed = self._marks.popleft().number

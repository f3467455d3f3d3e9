"""Confirmation never claims more than an honest server has read, and asks no server to answer what it does not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import LocalProtocolError
from ftp_stream.rtmp.confirm import (
    ACK_PATIENCE,
    KERNEL_LIMIT,
    PING_TRIAL,
    PONG_TIMEOUT,
    READ_AHEAD,
    TRIAL_PINGS,
    AcknowledgementMeter,
    Confirmations,
    Rung,
)

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW = 262144
HANDSHAKE = 3073
CONNECT = 400  # bytes of the first commands, about


# --- the servers' ways to count, from facts and sources, written down a second time ---------------------------------


@dataclass
class Server:
    """An honest server: told how much it has read now, it says what it acknowledges."""

    base: int = 0  # bytes at the connection's begin that it does not count
    step: int = WINDOW  # bytes between two acknowledgements
    ahead: int = 0  # bytes that its buffered reader has taken and not parsed
    add: Callable[[int, int], tuple[int, bool]] = lambda count, size: ((count + size) % (1 << 32), False)
    read: int = 0  # bytes read since the connection began
    _count: int = 0
    _due: int = 0

    def take(self, size: int) -> list[int]:
        counted = max(0, self.read + size - self.base) - max(0, self.read - self.base)
        self.read += size
        self._count, reset = self.add(self._count, counted)
        self._due = 0 if reset else self._due + counted
        if self._due < self.step:
            return []
        self._due = 0
        return [(self._count + self.ahead) % (1 << 32)]


def nginx(count: int, size: int) -> tuple[int, bool]:
    return (0, True) if count + size >= 0xF0000000 else (count + size, False)


def srs(count: int, size: int) -> tuple[int, bool]:
    return (size if count + size > 0xF0000000 else count + size), False


def ovenmediaengine(count: int, size: int) -> tuple[int, bool]:
    total = count + size
    return (total - (2**31 - 1) if total > 2**31 - 1 else total), False


@dataclass
class Increments(Server):
    """YouTube, by report: the same number each time, for each so many bytes more."""

    def take(self, size: int) -> list[int]:
        self.read += size
        self._due += size
        times, self._due = divmod(self._due, self.step)
        return [self.step] * times


@dataclass
class VaryingIncrements(Server):
    """What has been read since the last time, whatever that is."""

    def take(self, size: int) -> list[int]:
        self.read += size
        self._due += size
        if self._due < self.step:
            return []
        due, self._due = self._due, 0
        return [due]


SERVERS: dict[str, Callable[[], Server]] = {
    "nginx-rtmp": lambda: Server(base=HANDSHAKE, add=nginx),
    "SRS": lambda: Server(step=WINDOW // 2, add=srs),
    "MediaMTX": lambda: Server(step=WINDOW + 1, ahead=READ_AHEAD),
    "OvenMediaEngine": lambda: Server(step=WINDOW // 2, add=ovenmediaengine),
    "OvenMediaEngine's default": lambda: Server(step=1_250_000, add=ovenmediaengine),
    "FFmpeg": lambda: Server(base=HANDSHAKE + CONNECT, step=WINDOW // 2),
    "FFmpeg's default": lambda: Server(base=HANDSHAKE + CONNECT, step=1 << 20),
    "YouTube": lambda: Increments(step=131_325),
    "varying increments": lambda: VaryingIncrements(step=131_325),
}
EACH_SERVER = pytest.mark.parametrize("make", SERVERS.values(), ids=SERVERS.keys())


@EACH_SERVER
def test_twenty_gigabytes_are_followed_closely_and_never_overtaken(make: Callable[[], Server]) -> None:
    """Every wrap and reset is met several times."""
    server, meter = make(), AcknowledgementMeter()
    for step in range(300_000):
        size = 40_000 + 1237 * (step % 50)
        for value in server.take(size):
            meter.take(value, server.read + 500_000)
            assert meter.offset - server.ahead <= server.read
    assert server.read > 20e9
    if not isinstance(server, VaryingIncrements):  # which is taken for a total while it happens to rise
        assert server.read - meter.offset < 2_000_000
    assert meter.count > 10_000


@EACH_SERVER
@given(
    far=st.integers(0, 100),
    steps=st.lists(st.integers(0, 300_000) | st.integers(0, 60 << 20), max_size=60),
    ahead=st.integers(0, 64 << 20),
)
def test_no_acknowledgement_of_an_honest_server_confirms_too_much(
    make: Callable[[], Server], far: int, steps: list[int], ahead: int
) -> None:
    """Whatever it reads at once, wherever its count stands, however much is under way."""
    server, meter = make(), AcknowledgementMeter()
    for size in [50 << 20] * far + steps:
        for value in server.take(size):
            meter.take(value, server.read + ahead)
            assert meter.offset - server.ahead <= server.read


@given(st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 1 << 20))))
def test_no_acknowledgement_at_all_takes_the_meter_beyond_what_was_sent(values: list[tuple[int, int]]) -> None:
    meter, sent, before = AcknowledgementMeter(), 0, 0
    for value, size in values:
        sent += size
        meter.take(value, sent)
        assert before <= meter.offset <= sent
        before = meter.offset


@pytest.mark.parametrize(("sent", "offset"), [(999, 0), (1000, 1000), (1001, 1000)])
def test_all_that_was_sent_may_be_acknowledged_and_no_more(sent: int, offset: int) -> None:
    meter = AcknowledgementMeter()
    meter.take(1000, sent)
    assert meter.offset == offset


def test_a_total_that_is_sent_twice_is_no_increment() -> None:
    meter = AcknowledgementMeter()
    for value in (WINDOW, WINDOW, 2 * WINDOW):
        meter.take(value, 4 * WINDOW)
    assert meter.offset == 2 * WINDOW


def test_a_count_that_is_no_count_of_ours_is_learned_and_followed() -> None:
    meter = AcknowledgementMeter()
    meter.take(10**9, 1000)
    assert meter.offset == 0
    meter.take(10**9 + 500, 1000)
    assert meter.offset == 500


def test_zeros_do_not_make_increments_of_a_total() -> None:
    meter = AcknowledgementMeter()
    for value in (0, 0, 0, 1000, 1500):
        meter.take(value, 10_000)
    assert meter.offset == 1500


# --- the ladder -----------------------------------------------------------------------------------------------------


@dataclass
class Publish:
    """A publish that sets a mark every second, 500,000 bytes apart, from t=100 on."""

    confirmations: Confirmations = field(default_factory=lambda: Confirmations(WINDOW))
    number: int = 0
    now: float = 99.0
    pinged: list[int] = field(default_factory=list)

    @property
    def sent(self) -> int:
        return self.number * 500_000

    def marks(self, count: int) -> None:
        for _ in range(count):
            self.number += 1
            self.now += 1
            if self.confirmations.mark(self.number, self.sent, self.now):
                self.pinged.append(self.number)

    def at(self, now: float) -> None:
        self.now = now
        self.confirmations.check(now)


def test_nothing_is_confirmed_before_anything_happens() -> None:
    confirmations = Confirmations(WINDOW)
    confirmations.check(5.0)
    assert (confirmations.confirmed, confirmations.rung, confirmations.deadline()) == (0, Rung.UNKNOWN, None)
    assert not confirmations.stalled(1e9)


def test_a_pong_confirms_its_mark_and_all_before() -> None:
    publish = Publish()
    publish.marks(3)
    assert publish.pinged == [1, 2, 3]
    publish.confirmations.pong(2, publish.now)
    assert publish.confirmations.confirmed == 2
    assert publish.confirmations.rung is Rung.PONG


@pytest.mark.parametrize("number", [0, 4, 1 << 31])
def test_a_pong_to_what_was_not_asked_says_nothing(number: int) -> None:
    publish = Publish()
    publish.marks(3)
    publish.confirmations.pong(number, publish.now)
    assert publish.confirmations.confirmed == 0
    assert publish.confirmations.rung is Rung.UNKNOWN


def test_while_pings_are_on_trial_nothing_lower_confirms() -> None:
    publish = Publish()
    publish.marks(2)
    publish.confirmations.acknowledged(900_000, publish.sent, publish.now)
    publish.confirmations.transmitted(publish.sent, publish.now)
    publish.at(200.0)  # the time is over, but there were only two pings
    assert publish.confirmations.confirmed == 0
    publish.confirmations.mark(3, 1_500_000, 200.0)
    publish.at(200.0)
    assert publish.confirmations.rung is Rung.ACK


def test_the_trial_ends_after_three_pings_and_five_seconds() -> None:
    publish = Publish()
    publish.marks(TRIAL_PINGS)  # at 100, 101, 102
    publish.confirmations.acknowledged(1_000_000 + READ_AHEAD, publish.sent, publish.now)
    assert publish.confirmations.deadline() == 100 + PING_TRIAL
    publish.at(100 + PING_TRIAL - 0.001)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.UNKNOWN, 0)
    publish.at(100 + PING_TRIAL)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.ACK, 2)
    assert publish.confirmations.deadline() is None


def test_a_server_that_does_not_answer_is_not_asked_again() -> None:
    publish = Publish()
    publish.marks(20)
    assert publish.pinged == [1, 2, 3, 4, 5]  # the mark at 105 ends the trial and is not pinged
    publish.confirmations.pong(3, publish.now)  # late, and yet an answer
    assert publish.confirmations.confirmed == 3
    publish.marks(1)
    assert publish.pinged[-1] == 21
    publish.confirmations.pong(21, publish.now)
    assert publish.confirmations.confirmed == 21


@pytest.mark.parametrize(("short", "confirmed"), [(0, 2), (1, 1)])
def test_an_acknowledgement_confirms_less_what_a_server_reads_ahead(short: int, confirmed: int) -> None:
    publish = Publish()
    publish.marks(TRIAL_PINGS)
    publish.at(106.0)
    publish.confirmations.acknowledged(1_000_000 + READ_AHEAD - short, publish.sent, publish.now)
    assert publish.confirmations.confirmed == confirmed


def test_tcp_confirms_only_where_a_megabyte_brought_no_acknowledgement() -> None:
    publish = Publish()
    publish.marks(6)
    publish.confirmations.transmitted(4 * WINDOW - 1, publish.now)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.UNKNOWN, 0)
    publish.confirmations.transmitted(4 * WINDOW, publish.now)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.TCP, 2)
    publish.confirmations.transmitted(2_499_999, publish.now)
    assert publish.confirmations.confirmed == 4
    publish.confirmations.acknowledged(WINDOW, publish.sent, publish.now)  # a late one after all
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.ACK, 4)


def test_without_any_word_nothing_is_ever_confirmed() -> None:
    publish = Publish()
    publish.marks(100)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.UNKNOWN, 0)


def test_acknowledgements_that_stand_still_do_not_hold_confirmation_for_ever() -> None:
    publish = Publish()
    publish.marks(300)
    publish.confirmations.acknowledged(600_000, publish.sent, publish.now)
    assert publish.confirmations.confirmed == 1
    publish.confirmations.transmitted(KERNEL_LIMIT + 5_000_000, publish.now)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.ACK, 10)


def test_what_tcp_reports_never_goes_back() -> None:
    publish = Publish()
    publish.marks(6)
    publish.confirmations.transmitted(3_000_000, publish.now)
    publish.confirmations.transmitted(0, publish.now)
    publish.marks(1)
    assert (publish.confirmations.rung, publish.confirmations.confirmed) == (Rung.TCP, 6)


def test_the_answer_to_the_last_command_confirms_all() -> None:
    publish = Publish()
    publish.marks(7)
    publish.confirmations.finished()
    assert publish.confirmations.confirmed == 7


def test_an_end_that_a_server_took_without_ever_a_word_confirms_all() -> None:
    publish = Publish()
    publish.marks(1)
    publish.confirmations.delivered()
    assert publish.confirmations.confirmed == 1


def test_an_end_without_a_word_confirms_nothing_of_a_server_that_used_to_answer() -> None:
    publish = Publish()
    publish.marks(3)
    publish.confirmations.pong(2, publish.now)
    publish.confirmations.delivered()
    assert publish.confirmations.confirmed == 2


@pytest.mark.parametrize(("short", "confirmed"), [(0, 3), (1, 0)])
def test_an_end_confirms_the_rest_at_a_server_that_has_kept_up_with_its_acknowledgements(
    short: int, confirmed: int
) -> None:
    publish = Publish()
    publish.marks(3)
    publish.confirmations.acknowledged(1_500_000 - ACK_PATIENCE * WINDOW - short, publish.sent, publish.now)
    publish.confirmations.delivered()
    assert publish.confirmations.confirmed == confirmed


@pytest.mark.parametrize(("number", "offset"), [(5, 2_500_000), (4, 2_500_000), (6, 2_499_999)])
def test_marks_rise(number: int, offset: int) -> None:
    publish = Publish()
    publish.marks(5)
    with pytest.raises(LocalProtocolError, match="does not follow"):
        publish.confirmations.mark(number, offset, publish.now)


# --- standstill -----------------------------------------------------------------------------------------------------


def test_a_server_that_answered_and_stopped_has_stalled_after_ten_seconds() -> None:
    publish = Publish()
    publish.marks(1)
    publish.confirmations.pong(1, 100.5)
    assert publish.confirmations.deadline() is None
    publish.marks(1)  # at 101
    assert publish.confirmations.deadline() == 101 + PONG_TIMEOUT
    assert not publish.confirmations.stalled(101 + PONG_TIMEOUT - 0.001)
    assert publish.confirmations.stalled(101 + PONG_TIMEOUT)


def test_a_server_that_never_answered_has_not_stalled() -> None:
    publish = Publish()
    publish.marks(3)
    assert not publish.confirmations.stalled(1e9)


def test_late_answers_that_keep_coming_are_no_standstill() -> None:
    publish = Publish()
    publish.marks(30)
    for number in range(1, 25):
        assert not publish.confirmations.stalled(120.0 + number)
        publish.confirmations.pong(number, 120.0 + number)
    assert publish.confirmations.deadline() is None or publish.confirmations.deadline() > 144


def test_a_ping_is_timed_from_when_it_has_reached_the_peer() -> None:
    """A slow uplink with a full buffer is not a dead server: TCP's own deadline watches that."""
    publish = Publish()
    publish.marks(1)
    publish.confirmations.transmitted(500_100, 100.0)
    publish.confirmations.pong(1, 100.5)
    publish.marks(1)  # its ping lies behind byte 1,000,000
    publish.confirmations.transmitted(1_000_000, 130.0)
    assert publish.confirmations.deadline() is None
    assert not publish.confirmations.stalled(1e9)
    publish.confirmations.transmitted(1_000_001, 140.0)
    assert publish.confirmations.deadline() == 140 + PONG_TIMEOUT


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["mark", "pong", "ack", "tcp", "time"]), st.integers(0, 2_000_000), st.floats(0, 4)),
    max_size=60,
)


@given(OPERATIONS)
def test_confirmed_rises_and_never_passes_the_last_mark(operations: list[tuple[str, int, float]]) -> None:
    confirmations = Confirmations(WINDOW)
    number, sent, now, before = 0, 0, 0.0, 0
    for name, amount, seconds in operations:
        now += seconds
        if name == "mark":
            number, sent = number + 1, sent + amount
            confirmations.mark(number, sent, now)
        elif name == "pong":
            confirmations.pong(amount % 8, now)
        elif name == "ack":
            confirmations.acknowledged(amount, sent, now)
        elif name == "tcp":
            confirmations.transmitted(min(amount, sent), now)
        else:
            confirmations.check(now)
        assert before <= confirmations.confirmed <= number
        before = confirmations.confirmed

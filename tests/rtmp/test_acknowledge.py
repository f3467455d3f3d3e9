"""Acknowledgements are counted as each server counts; gigabytes are counted here without being sent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.rtmp.acknowledge import Acknowledger
from ftp_stream.rtmp.habits import (
    MEDIAMTX,
    NGINX_RTMP,
    NODE_MEDIA_SERVER,
    OVENMEDIAENGINE,
    PRESETS,
    SRS,
    AckBase,
    Habits,
)

HANDSHAKE = 1 + 1536 + 1536
WINDOW = 1 << 18
HIGH = 0xF0000000


def counting(habits: Habits, window: int | None = WINDOW) -> Acknowledger:
    acknowledger = Acknowledger(habits)
    if window is not None:
        acknowledger.window(window)
    return acknowledger


def after(acknowledger: Acknowledger, total: int, read: int = 60_000) -> list[int]:
    """All numbers sent while ``total`` bytes come in reads of that size."""
    numbers = []
    for start in range(0, total, read):
        numbers += acknowledger.received(min(read, total - start))
    return numbers


@pytest.mark.parametrize("habits", [NGINX_RTMP, SRS, MEDIAMTX, Habits()])
def test_most_servers_acknowledge_only_when_asked(habits):
    assert after(counting(habits, window=None), 10_000_000) == []
    assert after(counting(habits), 10_000_000)


def test_node_media_server_never_acknowledges():
    assert after(counting(NODE_MEDIA_SERVER), 10_000_000) == []


def test_ovenmediaengine_acknowledges_unasked_every_1_25_megabyte():
    assert after(counting(OVENMEDIAENGINE, window=None), 2_500_000, 50_000) == [1_250_000, 2_500_000]


@pytest.mark.parametrize(
    ("habits", "first"),
    [
        (NGINX_RTMP, WINDOW),  # bytes behind the handshake
        (SRS, WINDOW // 2),  # all bytes, each half window
        (OVENMEDIAENGINE, WINDOW // 2),
        (MEDIAMTX, WINDOW + 1),  # the window must be exceeded
        (replace(Habits(), ack_base=AckBase.INCREMENT), WINDOW),
    ],
)
def test_the_first_acknowledgement_comes_at_the_exact_byte(habits, first):
    total = first + (HANDSHAKE if habits.ack_base is AckBase.AFTER_HANDSHAKE else 0)
    acknowledger = counting(habits)
    assert acknowledger.received(total - 1) == []
    assert acknowledger.received(1) == [first]
    assert acknowledger.received(1) == []


def test_the_handshake_does_not_count_for_nginx_however_it_is_read():
    for read in (1, 1000, HANDSHAKE, HANDSHAKE + 1):
        acknowledger = counting(NGINX_RTMP)
        assert after(acknowledger, HANDSHAKE + WINDOW - 1, read) == []
        assert acknowledger.received(1) == [WINDOW]


def test_a_count_from_connect_on_leaves_out_what_came_before():
    acknowledger = counting(replace(Habits(), ack_base=AckBase.RTMP))
    acknowledger.received(5000)
    acknowledger.connected(70)  # of those lay behind the connect command
    assert acknowledger.received(WINDOW - 71) == []
    assert acknowledger.received(1) == [WINDOW]


@pytest.mark.parametrize("base", [AckBase.ALL, AckBase.AFTER_HANDSHAKE, AckBase.INCREMENT])
def test_other_counts_take_no_notice_of_connect(base):
    habits = replace(Habits(), ack_base=base)
    plain, told = counting(habits), counting(habits)
    told.received(5000)
    told.connected(70)
    plain.received(5000)
    assert after(told, 1_000_000) == after(plain, 1_000_000)


def test_increments_are_the_window_each_time():
    acknowledger = counting(replace(Habits(), ack_base=AckBase.INCREMENT), 131_325)
    assert acknowledger.received(131_325 * 2 + 7) == [131_325] * 2
    assert acknowledger.received(131_325 - 8) == []
    assert acknowledger.received(1) == [131_325]


def test_nginx_starts_again_from_0_at_its_high_number():
    acknowledger = counting(NGINX_RTMP)
    acknowledger.received(HANDSHAKE + HIGH - 1)
    assert acknowledger.received(1) == []
    assert acknowledger.received(WINDOW) == [WINDOW]


def test_srs_starts_again_from_the_last_read_above_its_high_number():
    acknowledger = counting(SRS)
    acknowledger.received(HIGH - WINDOW)
    assert acknowledger.received(WINDOW) == [HIGH]
    assert acknowledger.received(WINDOW) == [WINDOW]
    assert acknowledger.received(WINDOW) == [2 * WINDOW]


def test_ovenmediaengine_takes_off_the_largest_signed_number():
    acknowledger = counting(OVENMEDIAENGINE)
    assert acknowledger.received((1 << 31) - 1) == [(1 << 31) - 1]
    assert acknowledger.received(WINDOW) == [WINDOW]


def test_mediamtx_counts_modulo_32_bits():
    acknowledger = counting(MEDIAMTX)
    assert acknowledger.received((1 << 32) - 1) == [(1 << 32) - 1]
    assert acknowledger.received(WINDOW + 1) == [WINDOW]


@pytest.mark.parametrize("window", [0, 1, 2, 1023])
def test_a_tiny_window_buys_no_flood(window):
    habits = replace(Habits(), ack_base=AckBase.INCREMENT)
    assert counting(habits, window).received(10_240) == [1024] * 10


@given(st.sampled_from(sorted(PRESETS)), st.lists(st.integers(1, 1 << 31), max_size=30))
def test_every_number_has_32_bits_and_comes_at_most_once_a_window(name, reads):
    acknowledger = counting(PRESETS[name])
    sent = 0
    for size in reads:
        numbers = acknowledger.received(size)
        assert all(0 <= number < 1 << 32 for number in numbers)
        sent += len(numbers)
    assert sent <= sum(reads) // (WINDOW // 2)

"""The picture of a status in a terminal says what matters, in every width."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from ftp_stream.core.status import CameraStatus, Fault, Phase, ReceiverStatus, Status, StreamStatus
from ftp_stream.core.uplink import SlowUplink
from ftp_stream.errors import FaultKind
from ftp_stream.view import Screen, duration, plain

NOW = 1_700_000_000.0
STREAM = StreamStatus(
    "gate/tv",
    "rtmp://tv.example/live/***",
    Phase.PLAYING,
    since=NOW - 30,
    file="10-31.mp4",
    recorded_at=NOW - 74,
    lag=74.2,
    waiting=3,
    frames_sent=12_345,
    frames_confirmed=12_330,
    bytes_sent=10_000_000,
    seams=7,
    reconnects=1,
)
CAMERA = CameraStatus("gate", "/in/gate", (STREAM,), files_waiting=4, disposed={"delivered": 7, "expired": 2})
STATUS = Status("1.2", 4711, NOW - 200, NOW, (CAMERA,))


def drawn(*statuses: Status, width: int = 120) -> str:
    screen, out = Screen(), io.StringIO()
    pictures = [screen.draw(status) for status in statuses]
    Console(file=out, width=width, color_system=None).print(pictures[-1])
    return out.getvalue()


def with_stream(stream: StreamStatus, **changes: object) -> Status:
    return replace(STATUS, cameras=(replace(CAMERA, streams=(stream,)),), **changes)


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_every_number_of_a_stream_is_shown_whole(width: int) -> None:
    text = drawn(STATUS, width=width)
    for part in ("gate/tv", "playing", "10-31.mp4", "1m 14s", "3 waiting", "12,345 sent", "12,330 ok"):
        assert part in text
    for part in (
        "7 seams",
        "1 reconnect",
        "4 files waiting",
        "7 delivered",
        "2 expired",
        "1.2",
        "pid 4711",
        "up 3m 20s",
    ):
        assert part in text
    assert max(map(len, text.splitlines())) <= width


@pytest.mark.parametrize("width", [20, 40, 80])
@pytest.mark.parametrize("frames", [0, 4_752_000])
def test_a_narrow_terminal_breaks_nothing(width: int, frames: int) -> None:
    stream = replace(STREAM, name="x" * 90, file="d/" * 90 + "end.mp4", frames_sent=frames)
    text = drawn(with_stream(stream), width=width)
    assert max(map(len, text.splitlines())) <= width
    if width == 80:
        assert f"{frames:,} sent" in text
        assert "end.mp4" in text


def test_the_rate_is_the_mean_of_the_last_seconds() -> None:
    """4 Mbit/s for five seconds; what was sent before them does not count."""
    statuses = [
        with_stream(replace(STREAM, bytes_sent=sent), at=NOW + second)
        for second, sent in [(-9, 0), *((second, 50_000_000 + second * 500_000) for second in range(6))]
    ]
    assert "4.0 Mbit/s" in drawn(*statuses)
    assert "Mbit/s" not in drawn(statuses[0])


def test_a_restarted_service_makes_no_negative_rate() -> None:
    again = with_stream(replace(STREAM, bytes_sent=0), at=NOW + 1)
    assert "Mbit/s" not in drawn(STATUS, again)


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_its_look(phase: Phase) -> None:
    assert str(phase) in drawn(with_stream(replace(STREAM, phase=phase)))


def test_a_fault_is_told_with_its_code_its_cure_and_the_next_try() -> None:
    fault = Fault(NOW - 2, "publish", "the name is in use", "NetStream.Publish.BadName", "wait a minute")
    failed = replace(STREAM, phase=Phase.BACKOFF, fault=fault, retry_at=NOW + 4)
    text = drawn(with_stream(failed))
    for part in (
        "publish: the name is in use",
        "NetStream.Publish.BadName",
        "2 s ago",
        "next try in 4 s",
        "wait a min",
    ):
        assert part in text
    over = drawn(with_stream(replace(failed, phase=Phase.PLAYING, retry_at=None)))
    assert "the name is in use" in over
    assert "wait a minute" not in over


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_kind_of_fault_is_named(kind: FaultKind) -> None:
    failed = replace(
        STREAM, phase=Phase.BACKOFF, fault=Fault(NOW - 2, "media", "it ended", kind=kind), retry_at=NOW + 4
    )
    assert f"gate/tv {kind.value.replace('_', ' ')} media: it ended" in drawn(with_stream(failed))


def test_a_slow_line_is_told_with_both_rates_and_a_cure() -> None:
    text = drawn(with_stream(replace(STREAM, uplink=SlowUplink(1_200_000, 4_000_000))))
    assert "gate/tv slow line the line takes 1.2 of 4.0 Mbit/s" in text
    assert "set the camera to 960 kbit/s or less" in text
    assert "line" not in drawn(STATUS)


def test_problems_of_the_inbox_and_an_empty_service_are_told() -> None:
    text = drawn(replace(STATUS, cameras=(replace(CAMERA, problems=("a.mp4: no video",)),)))
    assert "a.mp4: no video" in text
    assert "No camera" in drawn(replace(STATUS, cameras=()))


@pytest.mark.parametrize(("publishes", "words"), [(0, "0 publishes"), (1, "1 publish,"), (2, "2 publishes")])
def test_the_receiver_is_told(publishes: int, words: str) -> None:
    seen = ReceiverStatus("rtmp://127.0.0.1:1935/live", publishes, 1, 12_330, 9_870_000, ("3 frames missing",))
    text = drawn(replace(STATUS, receiver=seen))
    for part in (words, "12,330 frames", "9.9 MB", "rtmp://127.0.0.1:1935/live", "3 frames missing"):
        assert part in text


def test_names_cannot_command_the_terminal_or_the_markup() -> None:
    bad = "[red]\x1b[2J\x07\udcff.mp4"
    stream = replace(STREAM, name=bad, file=bad)
    text = drawn(replace(with_stream(stream), cameras=(replace(CAMERA, streams=(stream,), problems=(bad,)),)))
    assert "[red]" in text
    assert not {"\x1b", "\x07", "\udcff"} & set(text)
    assert plain("a b") == "a b"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1m 00s"),
        (185, "3m 05s"),
        (3600, "1h 00m"),
        (86_399, "23h 59m"),
        (86_400, "1d 0h"),
        (400 * 86_400, "400d 0h"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words

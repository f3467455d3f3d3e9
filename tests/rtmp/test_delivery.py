"""A publisher joined to each server over a slow line never takes for delivered what the server has not read."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.rtmp import flv
from ftp_stream.rtmp.chunks import Message
from ftp_stream.rtmp.habits import PRESETS
from ftp_stream.rtmp.publish import PublishProtocol, PublishState
from ftp_stream.rtmp.receive import PublishRequested, ReceiveProtocol
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from ftp_stream.rtmp.habits import Habits

WINDOW = 32_768  # bytes; small, so that megabytes need not flow
FRAME = 10_000  # bytes; a mark behind each, one a second
KERNEL = 200_000  # bytes that the server's kernel takes for a process that does not read


class SlowLine:
    """Both ends, and between them what the server's kernel holds and what is not even sent."""

    def __init__(self, habits: Habits) -> None:
        self.now = 0.0
        url, noise = parse_url("rtmp://host/app/key"), secrets.token_bytes(1528)
        self.publisher = PublishProtocol(url, random=noise, now=0.0, window=WINDOW)
        self.server = ReceiveProtocol(habits, random=secrets.token_bytes(1528), now=0.0)
        self.line = b""  # what the server has not read
        self.frames = 0  # that the server has read
        while self.publisher.state is not PublishState.PUBLISHING:
            self.step(1 << 20)

    def step(self, read: int) -> None:
        """Let the server read so many bytes, and everyone hear of everything that follows."""
        self.line += b"".join(self.publisher.data_to_send())
        data, self.line = self.line[:read], self.line[read:]
        events = self.server.receive(data, self.now)
        if events and isinstance(events[-1], PublishRequested):
            events += self.server.accept(self.now)
        self.frames += sum(isinstance(event, Message) and event.type_id == flv.VIDEO for event in events)
        self.publisher.receive(b"".join(self.server.data_to_send()), self.now)
        self.publisher.transmitted(max(len(self.line) - KERNEL, 0), self.now)
        self.publisher.check(self.now)

    def frame(self, number: int) -> None:
        self.now += 1
        self.publisher.send_video("avc", number == 1, number * 1000, 0, memoryview(bytes(FRAME)))
        self.publisher.send_audio(number * 1000, b"sound")
        self.publisher.mark(number, self.now)


SERVERS = {
    name + how: replace(habits, answers_pings=answers)
    for name, habits in PRESETS.items()
    for how, answers in (("", True), (", no pongs", False))
}


@pytest.mark.parametrize("habits", SERVERS.values(), ids=SERVERS)
@settings(max_examples=15)
@given(reads=st.lists(st.integers(0, 3 * FRAME), min_size=60, max_size=80))
def test_no_frame_counts_as_delivered_before_the_server_has_read_it(habits: Habits, reads: list[int]) -> None:
    """Where only TCP speaks, what the server's kernel holds is the price."""
    line, held = SlowLine(habits), 0
    for number, read in enumerate(reads, start=1):
        if line.publisher.state is not PublishState.PUBLISHING:  # it stood still for ten seconds
            break
        line.frame(number)
        line.step(read)
        if line.publisher.rung == "tcp":
            held = -(-KERNEL // FRAME)
        assert line.publisher.confirmed <= line.frames + held


@pytest.mark.parametrize("habits", SERVERS.values(), ids=SERVERS)
def test_every_server_that_reads_gets_its_frames_confirmed_soon(habits: Habits) -> None:
    line = SlowLine(habits)
    for number in range(1, 61):
        line.frame(number)
        line.step(1 << 20)
    lag = 60 - line.publisher.confirmed
    if habits.answers_pings:
        assert (line.publisher.rung, lag) == ("pong", 0)
    elif habits.never_ack:
        assert (line.publisher.rung, lag) == ("tcp", 0)
    else:  # a window, what is read ahead, and a frame that is cut
        assert line.publisher.rung == "ack"
        assert lag <= (WINDOW + 3073 + 4096) / FRAME + 1

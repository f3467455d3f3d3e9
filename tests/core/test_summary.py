"""One line tells what an operator looks for first."""

from __future__ import annotations

import pytest

from ftp_stream.core.status import CameraStatus, Phase, Status, StreamStatus
from ftp_stream.core.summary import summary


def status(*cameras: CameraStatus) -> Status:
    return Status("1", 1, 0.0, 0.0, cameras)


def stream(name: str, phase: Phase = Phase.PLAYING, lag: float | None = None) -> StreamStatus:
    return StreamStatus(name, "rtmp://h/a/***", phase, lag=lag)


@pytest.mark.parametrize(
    ("cameras", "words"),
    [
        ([], "0 streams, 0 waiting"),
        ([CameraStatus("a", "/a", (stream("a/x"),))], "1 stream, 0 waiting"),
        (
            [
                CameraStatus("a", "/a", (stream("a/x", lag=12.4),), files_waiting=1),
                CameraStatus("b", "/b", (stream("b/x", lag=74.4),), files_waiting=2),
            ],
            "2 streams, lag 74 s, 3 waiting",
        ),
        (
            [CameraStatus("a", "/a", (stream("a/x", lag=0.0), stream("a/y", Phase.BACKOFF, 300.0)))],
            "2 streams, 1 failing, lag 300 s, 0 waiting",
        ),
        ([CameraStatus("a", "/a", (stream("a/x", Phase.IDLE), stream("a/y", Phase.HOLDING)))], "2 streams, 0 waiting"),
    ],
)
def test_the_worst_lag_and_all_that_wait(cameras: list[CameraStatus], words: str) -> None:
    assert summary(status(*cameras)) == words

"""Fixtures of real servers, clients and a private authority; see servers.py and tape.py.

What is not installed is skipped with its reason, and failed instead where FTP_STREAM_REQUIRE_REAL=1.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from typing import TYPE_CHECKING

import pytest
from tests.real.servers import FfmpegListener, NginxRtmp, NodeMediaServer, RealServer
from tests.real.tape import Player
from tests.support.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path


def require(missing: str) -> None:
    """Skip for this reason, or fail where real parts are required."""
    if missing and os.environ.get("FTP_STREAM_REQUIRE_REAL") == "1":
        pytest.fail(f"FTP_STREAM_REQUIRE_REAL=1, but {missing}")
    if missing:
        pytest.skip(missing)


def _running(server: RealServer) -> Iterator[RealServer]:
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def key() -> str:
    """A random stream key that every server accepts."""
    return f"k-{secrets.token_hex(8)}"


@pytest.fixture
def nginx_rtmp(tmp_path: Path) -> Iterator[RealServer]:
    require(NginxRtmp.missing())
    yield from _running(NginxRtmp(tmp_path / "nginx"))


@pytest.fixture
def node_media_server(tmp_path: Path) -> Iterator[RealServer]:
    require(NodeMediaServer.missing())
    yield from _running(NodeMediaServer(tmp_path / "nms"))


@pytest.fixture
def ffmpeg_listener(tmp_path: Path, key: str) -> Iterator[RealServer]:
    require(FfmpegListener.missing())
    yield from _running(FfmpegListener(tmp_path / "ffmpeg", key))


@pytest.fixture(params=["nginx_rtmp", "node_media_server", "ffmpeg_listener"])
def real_server(request: pytest.FixtureRequest) -> RealServer:
    """Each real server in turn; publish under the fixture `key`."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    require(Authority.missing())
    return Authority(tmp_path / "authority")


@pytest.fixture
def tls_media_server(tmp_path: Path, authority: Authority) -> Iterator[RealServer]:
    """node-media-server with RTMPS, its certificate for localhost from `authority`."""
    require(NodeMediaServer.missing())
    yield from _running(NodeMediaServer(tmp_path / "nms", authority.certificate("DNS:localhost")))


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Callable[[str], Player]]:
    """`player(url)` starts one; all are ended after the test."""
    players: list[Player] = []

    def start(url: str) -> Player:
        players.append(Player(url, tmp_path / "players"))
        return players[-1]

    yield start
    for each in players:
        each.stop()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """`await eventually(condition, what)`: looks again and again while the test's loop goes on, up to a deadline."""

    async def wait(condition: Callable[[], object], what: str, deadline: float = 20.0) -> None:
        end = time.monotonic() + deadline
        while not condition():
            assert time.monotonic() < end, f"after {deadline:g} s still waiting for {what}"
            await asyncio.sleep(0.02)

    return wait

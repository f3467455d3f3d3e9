"""The whole service when the network goes away without a word: noticed in time, and nothing is lost."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.real.conftest import require
from tests.real.servers import NginxRtmp
from tests.real.tape import digest, digests, packets
from tests.support.process import ServiceProcess
from tests.support.world import Footage, World, make_reel

from ftp_stream.config import Idle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.model import Cursor

pytestmark = pytest.mark.real

FILES = 4
SECONDS = 4.0  # four GOPs in a file
NOTICED = 18.0  # seconds: 15 without progress, and the looks in between


class Uplink:
    """Two networks (namespaces of this kernel, apart from the machine's own) and a cable between them.

    When it is cut, packets still leave the near end and come to nobody.
    """

    address = "10.0.0.2"  # at the far end

    def __init__(self) -> None:
        token = secrets.token_hex(4)
        self.near, self.far = f"fts-{token}-n", f"fts-{token}-f"

    def open(self) -> None:
        """Lay it.

        Raises:
            subprocess.CalledProcessError: It is not permitted here.
        """
        for name in (self.near, self.far):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("link", "add", "near", "netns", self.near, "type", "veth", "peer", "far", "netns", self.far)
        _ip("-n", self.near, "addr", "add", "10.0.0.1/30", "dev", "near")
        for name, end in ((self.near, "near"), (self.far, "far")):
            _ip("-n", name, "link", "set", end, "up")
        self.mend()
        hardware = _ip("-n", self.far, "-brief", "link", "show", "far").split()[2]
        _ip(
            "-n", self.near, "neigh", "replace", self.address, "lladdr", hardware, "dev", "near"
        )  # as a router is known

    def cut(self) -> None:
        _ip("-n", self.far, "addr", "del", f"{self.address}/30", "dev", "far")

    def mend(self) -> None:
        _ip("-n", self.far, "addr", "add", f"{self.address}/30", "dev", "far")

    def close(self) -> None:
        """Take it away with both networks; harmless where it was never laid."""
        for name in (self.near, self.far):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True).stdout


@pytest.fixture
def uplink() -> Iterator[Uplink]:
    made = Uplink()
    try:
        made.open()
    except FileNotFoundError:
        pytest.skip("there is no `ip` to make a network with (Debian: iproute2)")
    except subprocess.CalledProcessError as error:
        made.close()
        pytest.skip(f"no network can be made here: {error.stderr.strip()}")
    yield made
    made.close()


class DistantNginx(NginxRtmp):
    """nginx behind an uplink; it asks a publisher that is silent for some seconds whether it is there."""

    host = Uplink.address

    def __init__(self, directory: Path, uplink: Uplink) -> None:
        super().__init__(directory)
        self.uplink = uplink

    def argv(self) -> list[str]:
        return ["ip", "netns", "exec", self.uplink.far, *super().argv()]

    def _configuration(self) -> str:
        return super()._configuration().replace("application live", "ping 3s; ping_timeout 3s; application live")


@pytest.fixture
def server(tmp_path: Path, uplink: Uplink) -> Iterator[DistantNginx]:
    require(DistantNginx.missing())
    made = DistantNginx(tmp_path / "nginx", uplink)
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """A file more than are played."""
    return make_reel(tmp_path_factory.mktemp("reel") / "files", FILES + 1, seconds=SECONDS, options=("--grain", "50"))


@pytest.fixture
def world(tmp_path: Path, server: DistantNginx, key: str, reel: Reel) -> World:
    made = World(tmp_path / "world", {"one": server.url(key)}, idle=Idle.OFF)
    made.upload(*reel.files)
    return made


@pytest.fixture
def service(world: World, uplink: Uplink) -> Iterator[ServiceProcess]:
    made = ServiceProcess(world, catchup_rate=2.0, within=("ip", "netns", "exec", uplink.near))
    made.start()
    yield made
    made.kill()


async def test_an_uplink_that_vanishes_is_noticed_and_costs_nothing(
    service: ServiceProcess,
    server: DistantNginx,
    uplink: Uplink,
    world: World,
    reel: Reel,
    key: str,
    eventually: Callable,
) -> None:
    """No FIN, no reset; and the server holds the name for our dead connection until it misses our answer."""
    footage = Footage.of(reel.files[:FILES], digest)
    await eventually(lambda: told(service, "connected"), "the publish")  # by then there is a journal
    await eventually(lambda: is_amid(world.cursor(), reel.files[1]), "a part of the second file to be confirmed")
    uplink.cut()
    await eventually(lambda: told(service, "destination_fault"), "the fault", NOTICED)
    confirmed = world.cursor()
    uplink.mend()
    await eventually(lambda: world.files() == [reel.files[FILES].name], "all files delivered and deleted", 60)
    assert await asyncio.to_thread(service.stop) == 0
    assert told(service, "destination_fault")[0]["step"] == "media"
    assert world.remembered().attempts == {}
    before, after = (packets(path) for path in server.recordings(key) if path.stat().st_size)  # refused tries have none
    for track, start in zip(("video", "audio"), footage.place(confirmed), strict=True):
        frames = list(footage.frames[track])
        first, second = digests(before, track), digests(after, track)
        resumed = len(frames) - len(second)
        assert first == frames[: len(first)]
        assert second == frames[resumed:]
        assert start <= resumed <= len(first), "nothing that was confirmed comes again, and nothing is missing"


def is_amid(cursor: Cursor | None, path: Path) -> bool:
    """Whether the journal knows of a part of a file that is confirmed."""
    return cursor is not None and cursor.path == path.name and not cursor.complete


def told(service: ServiceProcess, what: str) -> list[dict[str, object]]:
    """Return the log's events of a kind."""
    return [event for event in service.events() if event["event"] == what]

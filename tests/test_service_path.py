"""A path or a server that is slow or dead: each way has its own state and words, and no file pays for it."""

from __future__ import annotations

import asyncio
import re
import secrets
import socket
import ssl
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.support.authority import Authority
from tests.support.world import World, compared, eventually, make_reel

from ftp_stream import stream
from ftp_stream.core import backoff, tries, uplink
from ftp_stream.core.status import Phase
from ftp_stream.errors import FaultKind
from ftp_stream.rtmp import confirm, publish
from ftp_stream.rtmp.habits import Duplicate, Habits
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.publisher import Limits, connect
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.core.status import Fault

FIRST = 0.3  # seconds before the first new try
BITRATE = 4_000_000  # enough to fill every kernel's queue within seconds


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    """Six files of four seconds that take much of a line."""
    options = ["--size", "640x360", "--bitrate", str(BITRATE), "--grain", "60"]
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 6, seconds=4.0, options=options)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(12)


@pytest.fixture
def world(tmp_path: Path, reel: Reel, monkeypatch: pytest.MonkeyPatch) -> World:
    """A full inbox, and deadlines that a test can wait for; all else is as it is."""
    limits = Limits(resolve=5.0, tcp=0.5, tls=0.5, progress=1.0, tick=0.1)
    monkeypatch.setattr(stream, "connect", partial(connect, limits=limits))
    monkeypatch.setattr(publish, "COMMAND_TIMEOUT", 0.5)
    monkeypatch.setattr(confirm, "PONG_TIMEOUT", 1.0)
    monkeypatch.setattr(stream, "delays", quick_delays)
    made = World(tmp_path, {}, catchup_rate=4.0)
    made.upload(*reel.files)
    return made


def quick_delays(uniform: Callable[[], float], *_usual: float) -> Iterator[float]:
    """Yield the delays of the service, each so many times shorter that a test can wait for it."""
    return (delay * FIRST / backoff.FIRST for delay in backoff.delays(uniform))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def fault_shown(world: World, kind: FaultKind) -> Fault:
    """Wait until the status shows this kind of fault, and return it as it is shown."""
    await eventually(lambda: world.faults and world.faults[-1].kind is kind, 40)
    return world.faults[-1]


def check_blame(world: World, reel: Reel) -> None:
    """No attempt is counted for any file, none is moved, and those that are not delivered lie where they lay."""
    assert world.remembered().attempts == {}
    assert set(world.files()) <= {path.name for path in reel.files}
    done = world.stream.segments
    assert len(world.files()) in {len(reel.files) - done, len(reel.files) - done + 1}


# --- before anything is published -----------------------------------------------------------------------------------


async def shown_without_a_server(world: World, reel: Reel, url: str, kind: FaultKind) -> Fault:
    world.urls = {"one": url}
    async with world.running():
        fault = await fault_shown(world, kind)
        await eventually(lambda: world.stream.phase in {Phase.BACKOFF, Phase.CONNECTING})
    check_blame(world, reel)
    assert fault.cure
    return fault


async def test_a_name_that_is_not_known(world: World, reel: Reel, key: str) -> None:
    """RFC 6761: a name under .invalid has no address anywhere, whether there is a name server or none."""
    host = f"{key}.invalid"
    fault = await shown_without_a_server(world, reel, f"rtmp://{host}/live/key", FaultKind.NAME_UNKNOWN)
    assert fault.step == "resolve"
    assert host in fault.words


async def test_a_port_where_nothing_listens(world: World, reel: Reel, key: str) -> None:
    url = f"rtmp://127.0.0.1:{free_port()}/live/{key}"
    fault = await shown_without_a_server(world, reel, url, FaultKind.REFUSED_CONNECTION)
    assert "Connection refused" in fault.words


async def test_an_address_without_a_way_to_it(world: World, reel: Reel, key: str) -> None:
    url = f"rtmp://255.255.255.255/live/{key}"
    assert (await shown_without_a_server(world, reel, url, FaultKind.UNREACHABLE)).step == "tcp"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (FaultKind.TLS_EXPIRED, "the server's certificate has expired"),
        (FaultKind.TLS_UNTRUSTED, "an authority that is not trusted here"),
    ],
)
async def test_a_certificate_that_proves_nothing(
    world: World, reel: Reel, key: str, tmp_path: Path, kind: FaultKind, words: str
) -> None:
    """And to a server without a valid one nothing is said, not even the key."""
    if missing := Authority.missing():
        pytest.skip(missing)
    authority, other = Authority(tmp_path / "authority"), Authority(tmp_path / "other")
    expired = kind is FaultKind.TLS_EXPIRED
    certificate = (authority.expired if expired else authority.certificate)("IP:127.0.0.1")
    world.ca_file = authority.pem if expired else other.pem
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    async with Receiver(ssl=context) as receiver:
        fault = await shown_without_a_server(world, reel, receiver.url(key=key), kind)
        assert not receiver.audits
    assert fault.step == "tls"
    assert words in fault.words


# --- servers, each until it works again -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Failing:
    """A server, and how its failing is shown."""

    habits: Habits
    kind: FaultKind
    step: str
    words: str
    cure: str


FAILING = {
    "takes the connection and answers nothing": Failing(
        Habits(mute=frozenset({"handshake"})), FaultKind.NO_ANSWER, "handshake", "no answer for", "rtmps://"
    ),
    "does not answer the publish": Failing(
        Habits(mute=frozenset({"publish"})), FaultKind.NO_ANSWER, "publish", "no answer for", "stream key"
    ),
    "closes at the application": Failing(
        Habits(apps=frozenset()), FaultKind.REFUSED, "connect", "the server closed the connection", "application"
    ),
    "answers Start and closes": Failing(
        Habits(start_then_close=True), FaultKind.REFUSED_LATE, "media", "", "some servers accept first"
    ),
    "accepts and reads nothing": Failing(
        Habits(stops_reading_after=5000, duplicate=Duplicate.KICK_OLD),
        FaultKind.TAKES_NOTHING,
        "media",
        "the server took nothing",
        "has stopped",
    ),
    "reads no more": Failing(
        Habits(stops_reading_after=3_000_000, answers_pings=False, duplicate=Duplicate.KICK_OLD),
        FaultKind.TAKES_NOTHING,
        "media",
        "the server took nothing",
        "has stopped",
    ),
    "reads and has stopped working": Failing(
        Habits(deaf_after=2_000_000), FaultKind.DEAF, "confirm", "no answer to our pings", "stopped working"
    ),
    "resets after each start": Failing(
        Habits(reset_after=1.0), FaultKind.RESETS, "media", "3 times in a row", "server's log"
    ),
}


@pytest.mark.parametrize("name", FAILING)
async def test_a_server_that_fails_has_its_own_state_and_costs_nothing(
    world: World, reel: Reel, key: str, name: str
) -> None:
    """And once it works, what it had not confirmed arrives, and goes."""
    failing = FAILING[name]
    async with AsyncExitStack() as life:
        receiver = await life.enter_async_context(Receiver(habits=failing.habits))
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            fault = await fault_shown(world, failing.kind)
            check_blame(world, reel)
            await life.aclose()
            first, second = reel.files[world.stream.segments :][:2]
            async with Receiver(port=receiver.port, hashes=True) as good:
                await eventually(lambda: not {first.name, second.name} & set(world.files()), 40)
                assert compared(reel, good.audits[f"live/{key}"], "video", [second]).matched == len(
                    reel.hashes("video", [second])
                )
                await eventually(lambda: world.stream.phase in {Phase.PLAYING, Phase.HOLDING})
    assert (fault.kind, fault.step) == (failing.kind, failing.step)
    assert failing.words in fault.words
    assert failing.cure in fault.cure
    assert key not in repr(world.statuses)
    assert world.remembered().attempts == {}


async def test_a_name_that_another_holds(world: World, reel: Reel, key: str) -> None:
    async with Receiver(habits=Habits(duplicate=Duplicate.BADNAME_OPEN)) as receiver:
        holder = await connect(parse_url(receiver.url(key=key)))
        try:
            fault = await shown_without_a_server(world, reel, receiver.url(key=key), FaultKind.NAME_TAKEN)
        finally:
            await holder.close(clean=False)
    assert (fault.step, fault.code) == ("publish", "NetStream.Publish.BadName")


def told(capfd: pytest.CaptureFixture[str], event: str) -> Iterator[dict[str, str]]:
    """Yield the fields of such lines of the log."""
    for line in re.sub(r"\x1b\[\d*m", "", "".join(capfd.readouterr())).splitlines():
        if f" {event} " in line:
            yield dict(re.findall(r"(\w+)=('[^']*'|\S+)", line))


async def test_a_server_that_resets_each_time_is_not_hammered(
    world: World, key: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although each publish lasts long enough to count as one that works: from the third on the delay grows."""
    monkeypatch.setattr(stream, "PROVEN_AFTER", 0.2)
    async with Receiver(habits=Habits(reset_after=0.5)) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            await eventually(lambda: sum(each.publish_count for each in receiver.audits.values()) >= 7, 40)
    faults = list(told(capfd, "destination_fault"))
    assert [fault["kind"] for fault in faults[2:6]] == ["resets"] * 4
    assert not {"resets"} & {fault["kind"] for fault in faults[:2]}
    delays = [float(fault["retry_in"]) for fault in faults]
    assert all(delay <= FIRST + 0.05 for delay in delays[:2]), "a single end is no reason to wait"
    assert delays[5] >= FIRST * backoff.FACTOR**3 / 2 - 0.05


async def test_a_publish_that_lasts_again_ends_the_row(world: World, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "EARLY", 1.0)
    async with AsyncExitStack() as life:
        receiver = await life.enter_async_context(Receiver(habits=Habits(reset_after=0.4)))
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            await fault_shown(world, FaultKind.RESETS)
            await life.aclose()
            async with Receiver(habits=Habits(reset_after=2.5), port=receiver.port):
                assert "times in a row" not in (await fault_shown(world, FaultKind.LOST)).words


# --- a slow line ----------------------------------------------------------------------------------------------------


async def test_a_line_that_takes_half_of_the_footage_is_told_once_with_both_rates(
    world: World, reel: Reel, key: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And when it has recovered, that is told; the publish goes on through all of it."""
    monkeypatch.setattr(uplink, "WINDOW", 6.0)
    monkeypatch.setattr(uplink, "RECOVERY", 3.0)
    world.catchup_rate = 1.0
    bytes_per_second = sum(path.stat().st_size for path in reel.files) / (4.0 * len(reel.files))
    async with Receiver(habits=Habits(reads_per_second=bytes_per_second / 2)) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            await eventually(lambda: world.statuses and world.stream.uplink, 40)
            slow = world.stream.uplink
            assert world.stream.phase is Phase.PLAYING
            receiver.read_at(None)
            await eventually(lambda: world.stream.uplink is None, 40)
        assert receiver.audits[f"live/{key}"].publish_count == 1
    assert not world.faults
    assert slow is not None
    assert slow.uplink_bps == pytest.approx(bytes_per_second * 4, rel=0.2)
    assert slow.footage_bps == pytest.approx(bytes_per_second * 8, rel=0.2)
    log = capfd.readouterr()
    text = re.sub(r"\x1b\[\d*m", "", log.out + log.err)
    assert text.count("uplink_slow") == text.count("uplink_recovered") == 1
    [rates] = [dict(re.findall(r"(\w+_kbps)=(\d+)", line)) for line in text.splitlines() if "uplink_slow" in line]
    assert int(rates["uplink_kbps"]) == pytest.approx(bytes_per_second * 4 / 1000, rel=0.2)
    assert int(rates["footage_kbps"]) == pytest.approx(bytes_per_second * 8 / 1000, rel=0.2)
    assert "set the camera to" in text


async def test_a_line_that_stays_slow_costs_passages_and_not_the_publish(
    world: World, reel: Reel, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the camera records, the line takes half: what comes to lie `MAX_LAG` behind is left out."""
    limit = 8.0  # two of its files
    monkeypatch.setattr(stream, "connect", connect)
    world.plan = replace(world.plan, max_lag=limit)
    world.catchup_rate = 1.0
    for name in world.files():
        (world.inbox / name).unlink()
    bytes_per_second = sum(path.stat().st_size for path in reel.files) / (4.0 * len(reel.files))
    async with Receiver(habits=Habits(reads_per_second=bytes_per_second / 2), hashes=True) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            for path in reel.files:
                world.upload(path)
                await asyncio.sleep(4.0)
            await eventually(lambda: len(world.files()) == 1, 60)
        audit = receiver.audits[f"live/{key}"]
        assert audit.publish_count == 1
        assert audit.current.video.steps_back == audit.current.video.equal_times == 0
        assert audit.current.video.largest_gap_ms <= 1100, "as where a picture is held"
        known = {digest: place for place, digest in enumerate(reel.hashes("video"))}
        places = [known[digest] for digest in dict.fromkeys(audit.hashes("video")) if digest in known]  # holds aside
        assert places == sorted(places)
    with Journal(world.state / "journal.db", read_only=True) as journal:
        skips = journal.skips("gate/one")
    assert sum(skip.seconds for skip in skips) == pytest.approx(world.stream.skipped_seconds)
    expired = world.statuses[-1].cameras[0].disposed.get("expired", 0)
    assert skips or expired, "a part of a file, or a whole one: whichever comes to lie too far behind"
    lags = [status.cameras[0].streams[0].lag or 0.0 for status in world.statuses]
    assert max(lags) < limit + 2 * 4.0 + 1.0, (
        "two files more may begin before the line has room and the stream looks again"
    )
    assert not world.faults


async def test_a_slow_line_is_not_flooded(
    world: World, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the middle of a long file as well: what is on its way can no longer be passed over. It ends as soon as any."""
    options = ["--size", "640x360", "--bitrate", str(BITRATE), "--grain", "60"]
    long = make_reel(tmp_path / "long", 1, seconds=12.0, options=options)
    for name in world.files():
        (world.inbox / name).unlink()
    world.upload(*long.files)
    world.upload_end(long)
    world.catchup_rate = 1.0
    monkeypatch.setattr(stream, "connect", connect)  # with its own patience: a part is read only every second or two
    most = 0
    async with Receiver(habits=Habits(reads_per_second=100_000)) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running() as service:
            [(playing, _task)] = service._cameras["gate"].streams.values()
            await eventually(lambda: receiver.publishing)
            async with asyncio.timeout(40):
                while playing._connection is None or playing._connection.flow().taken < 700_000:
                    await asyncio.sleep(0.05)
                    most = max(most, playing._connection._outflow.unsent() if playing._connection else 0)
            begun = time.monotonic()
    assert time.monotonic() - begun < 6
    assert 1_000_000 < most < 2_300_000
    assert not world.faults


async def test_a_line_that_bears_the_footage_is_told_nothing(
    world: World, reel: Reel, key: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that has little to spare."""
    monkeypatch.setattr(uplink, "WINDOW", 3.0)
    world.catchup_rate = 1.0
    bytes_per_second = sum(path.stat().st_size for path in reel.files) / (4.0 * len(reel.files))
    async with Receiver(habits=Habits(reads_per_second=bytes_per_second * 1.5)) as receiver:
        world.urls = {"one": receiver.url(key=key)}
        async with world.running():
            await eventually(lambda: world.statuses and world.stream.segments >= 2, 40)
        assert receiver.audits[f"live/{key}"].publish_count == 1
    assert "uplink" not in "".join(capfd.readouterr())
    assert all(status.cameras[0].streams[0].uplink is None for status in world.statuses)

"""A camera's turns, where what happens meanwhile could make a decision wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make
from tests.support.turns import at_work, finish, taken
from tests.support.world import World, eventually, make_reel

from ftp_stream.camera import Camera
from ftp_stream.core.plan import AHEAD
from ftp_stream.core.reach import BEHIND
from ftp_stream.model import Form

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.model import FileFact
    from ftp_stream.supply import Supply


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 5, seconds=1.0)


@pytest.fixture
def world(tmp_path: Path, reel: Reel) -> World:
    made = World(tmp_path, {"one": "rtmp://127.0.0.1:1/live/nobody"})
    made.upload(*reel.files)
    return made


class Interrupted(Camera):
    """A camera with something that happens once, between a decision and its offers."""

    meanwhile: Callable[[], None] | None = None

    def _forget_segments(self, files: Sequence[FileFact]) -> None:
        super()._forget_segments(files)
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            happening()


async def asked(supply: Supply) -> str:
    """Ask for the next segment and return the path of what is given."""
    return (await taken(supply)).segment.path


async def test_a_stream_is_given_one_segment_after_the_other(world: World, reel: Reel) -> None:
    async with at_work(world, Interrupted) as (_camera, supply):
        assert [await asked(supply) for _ in range(3)] == [path.name for path in reel.files[:3]]


async def test_a_stream_that_begins_anew_in_the_middle_of_a_turn_misses_no_segment(world: World, reel: Reel) -> None:
    """The turn had decided what follows the segments that the stream has now let go of, unconfirmed."""
    async with at_work(world, Interrupted) as (camera, supply):
        await asked(supply)
        await asked(supply)

        def begin_anew() -> None:
            supply.let_go()
            supply.ask()

        camera.meanwhile = begin_anew
        supply.ask()
        await eventually(lambda: camera.meanwhile is None)
        await eventually(lambda: supply.hands)
        assert supply.hands[0].segment.path == reel.files[0].name


# --- what stands aside ------------------------------------------------------------------------------------------------


def sidecars(world: World) -> set[str]:
    return {path.name for path in (world.state / "sidecars").iterdir()}


async def test_what_a_dead_destination_lacks_does_not_fill_the_disk_and_is_there_in_its_turn(tmp_path: Path) -> None:
    made = World(tmp_path, {"one": "rtmp://127.0.0.1:1/live/nobody", "two": "rtmp://127.0.0.1:1/live/nobody"})
    made.inbox.mkdir()
    clip = make(tmp_path / "clip.ts", Clip(seconds=0.4))
    names = [f"20260101_0000{second:02}.ts" for second in range(24)]
    for second, name in enumerate(names):
        path = made.inbox / name
        path.write_bytes(clip.read_bytes() + bytes([0x47, 0x1F, 0xFF, second]) + bytes(184))  # of their own content
    async with at_work(made, forms={"gate/one": Form(), "gate/two": Form()}) as (camera, one):
        two = camera.supplies["gate/two"]
        for name in names[:20]:
            assert await asked(one) == name
            finish(one)
        await eventually(lambda: not camera._ledger.unsaved("gate/one"))
        assert len(made.files()) == len(names)
        await eventually(lambda: len(sidecars(made)) <= 2 * (1 + AHEAD + BEHIND))
        assert await asked(two) == names[0]
        await eventually(lambda: camera._shelf.get(two.hands[0].segment.file, None))
        await settled(made, camera)
        before = sidecars(made)
        for _ in range(3):  # a try that fails
            two.let_go()
            assert await asked(two) == names[0]
            await settled(made, camera)
        assert sidecars(made) == before, "nothing is prepared again and again"
        assert [await asked(two) for _ in names[1:20]] == names[1:20]


async def settled(world: World, camera: Camera) -> None:
    """Wait until all that is wanted is prepared and all else removed: of the turns since, none has begun anything."""
    for _ in range(3):
        camera.wake()
        await eventually(lambda: not camera._woken.is_set() and not camera._shelf._tasks)
    await eventually(lambda: len(sidecars(world)) == len(camera._shelf._ready))

"""A camera's turns, where what happens meanwhile could make a decision wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.turns import at_work, taken
from tests.support.world import World, eventually, make_reel

from ftp_stream.camera import Camera

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

"""A booted tree with the clone in it, footage, and a receiver that takes it; one for each module."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.booted import tree as trees
from tests.booted.footage import Camera, Reception
from tests.booted.tree import Tree
from tests.support.world import Footage, make_reel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.world import Reel

FILES, SECONDS = 80, 6.0  # eight minutes of footage, played at twice its pace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test goes on where the one before it ended, and may take as long as an installation does."""
    for item in items:
        if "tests/booted" in str(item.path):
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    options = ("--gop", "0.5", "--grain", "30", "--rate", "10")
    return make_reel(tmp_path_factory.mktemp("reel") / "files", FILES, seconds=SECONDS, options=options)


@pytest.fixture(scope="session")
def footage(reel: Reel) -> Footage:
    return Footage.of(reel.files)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    """A booted Debian with a repository to clone from."""
    what = trees.missing()
    if what and os.environ.get("FTP_STREAM_BOOT") == "1":
        pytest.fail(f"FTP_STREAM_BOOT=1, but it {what}")
    if what:
        pytest.skip(what)
    made = Tree(tmp_path_factory.mktemp("tree") / "debian")
    trees.publish_source(made)
    try:
        made.boot()
        yield made
    finally:
        made.power_off()
        shutil.rmtree(made.root)


@pytest.fixture(scope="module")
def reception() -> Iterator[Reception]:
    with Reception() as made:
        yield made


@pytest.fixture(scope="module")
def camera(tree: Tree, reel: Reel) -> Iterator[Camera]:
    """Uploads as soon as the inbox is there."""
    inbox = tree.path(trees.HOME / "camera_data")
    inbox.mkdir(exist_ok=True)
    tree.run(f"chown {trees.USER}: {trees.HOME / 'camera_data'}")
    with Camera(reel, inbox) as made:
        yield made
        assert made.uploaded < len(reel.files), "the footage lasted to the end: raise FILES"

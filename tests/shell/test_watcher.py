"""Changes in an inbox wake its camera; no event is ever needed for a change to be found."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import secrets
import shutil
from typing import TYPE_CHECKING

import asyncinotify
import pytest

from ftp_stream.shell.watcher import Watcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PATIENCE = 5.0  # seconds a wake may take on a busy machine
SILENCE = 0.1  # seconds in which a wake that must not come would have come


class Camera:
    """What a camera does with a watcher."""

    def __init__(self, watcher: Watcher, root: Path) -> None:
        self.watcher = watcher
        self.root = root
        self.woken = asyncio.Event()
        self.wakes = 0

    def wake(self) -> None:
        self.wakes += 1
        self.woken.set()

    def watch(self) -> None:
        found = [str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_dir()]
        self.watcher.watch(self.root, ["", *found], self.wake)

    async def settle(self) -> None:
        """Scan and watch until nothing wakes any more."""
        self.watch()
        while await self.is_woken(SILENCE):
            self.watch()
        self.wakes = 0

    async def is_woken(self, patience: float = PATIENCE) -> bool:
        """Return whether a wake came, or comes in time."""
        try:
            async with asyncio.timeout(patience):
                await self.woken.wait()
        except TimeoutError:
            return False
        self.woken.clear()
        return True


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
async def watcher(told: list[str]) -> Iterator[Watcher]:
    with Watcher(told.append) as watcher:
        yield watcher


@pytest.fixture
async def camera(watcher: Watcher, tmp_path: Path) -> Camera:
    root = tmp_path / secrets.token_hex(4)
    (root / "2026" / "02").mkdir(parents=True)
    (root / "old.mp4").write_bytes(b"x")
    camera = Camera(watcher, root)
    await camera.settle()
    return camera


def created(root: Path) -> None:
    os.close(os.open(root / "2026" / "02" / "new.mp4", os.O_CREAT | os.O_WRONLY))


def written(root: Path) -> None:
    (root / "old.mp4").write_bytes(b"yy")


def moved_in(root: Path) -> None:
    (root.parent / "x").write_bytes(b"x")
    (root.parent / "x").rename(root / "2026" / "x.mp4")


def moved_out(root: Path) -> None:
    (root / "old.mp4").rename(root.parent / "gone.mp4")


def folder_made(root: Path) -> None:
    (root / "2026" / "03").mkdir()


def folder_removed(root: Path) -> None:
    (root / "2026" / "02").rmdir()


def strange_name(root: Path) -> None:
    (root / os.fsdecode(b"caf\xe9\n\xff.mp4")).write_bytes(b"")


@pytest.mark.parametrize("change", [created, written, moved_in, moved_out, folder_made, folder_removed, strange_name])
async def test_a_change_wakes(camera: Camera, change: Callable[[Path], None]) -> None:
    change(camera.root)
    assert await camera.is_woken()


async def test_writing_and_reading_do_not_wake(camera: Camera) -> None:
    """A camera that takes a minute to upload wakes twice, not at each packet."""
    with (camera.root / "old.mp4").open("ab", buffering=0) as file:
        for _ in range(100):
            file.write(b"x")
        (camera.root / "old.mp4").read_bytes()
        assert not await camera.is_woken(SILENCE)
    assert await camera.is_woken()


async def test_deletions_do_not_wake(camera: Camera) -> None:
    """They are mostly our own."""
    (camera.root / "old.mp4").unlink()
    assert not await camera.is_woken(SILENCE)


async def test_many_events_wake_few_times(camera: Camera) -> None:
    for number in range(500):
        (camera.root / f"{number}.mp4").write_bytes(b"")
    assert await camera.is_woken()
    assert camera.wakes <= 10


async def test_a_new_folder_is_watched_after_the_scan_that_saw_it(camera: Camera) -> None:
    """And what came into it before that is asked for by one more wake."""
    (camera.root / "2027" / "01").mkdir(parents=True)
    assert await camera.is_woken()
    camera.watch()
    assert await camera.is_woken(SILENCE)
    await camera.settle()
    (camera.root / "2027" / "01" / "x.mp4").write_bytes(b"")
    assert await camera.is_woken()


async def test_nothing_new_to_watch_does_not_wake(camera: Camera) -> None:
    camera.watch()
    assert not await camera.is_woken(SILENCE)


def deleted_and_made_again(folder: Path) -> None:
    folder.rmdir()
    folder.mkdir()


def moved_away_and_made_again(folder: Path) -> None:
    folder.rename(folder.parent.parent.parent / "elsewhere")
    folder.mkdir()


def parent_moved_away_and_made_again(folder: Path) -> None:
    folder.parent.rename(folder.parent.parent.parent / "elsewhere")
    folder.mkdir(parents=True)


def renamed_and_back(folder: Path) -> None:
    folder.rename(folder.with_name("x"))
    folder.with_name("x").rename(folder)


@pytest.mark.parametrize(
    "change", [deleted_and_made_again, moved_away_and_made_again, parent_moved_away_and_made_again, renamed_and_back]
)
async def test_a_folder_of_an_old_name_is_watched_anew(camera: Camera, change: Callable[[Path], None]) -> None:
    folder = camera.root / "2026" / "02"
    change(folder)
    assert await camera.is_woken()
    await camera.settle()
    (folder / "x.mp4").write_bytes(b"")
    assert await camera.is_woken()


async def test_a_renamed_folder_is_watched_under_its_new_name(camera: Camera) -> None:
    (camera.root / "2026").rename(camera.root / "2025")
    assert await camera.is_woken()
    await camera.settle()
    (camera.root / "2025" / "02" / "x.mp4").write_bytes(b"")
    assert await camera.is_woken()


async def test_cameras_are_woken_apart(camera: Camera, tmp_path: Path) -> None:
    """One inotify instance serves all; a folder may even move from one inbox to another."""
    other = Camera(camera.watcher, tmp_path / "other")
    other.root.mkdir()
    await other.settle()
    (other.root / "x.mp4").write_bytes(b"")
    assert await other.is_woken()
    assert not await camera.is_woken(SILENCE)
    (camera.root / "2026").rename(other.root / "2026")
    assert await camera.is_woken()
    await other.settle()
    await camera.settle()
    (other.root / "2026" / "02" / "x.mp4").write_bytes(b"")
    assert await other.is_woken()
    assert not await camera.is_woken(SILENCE)


async def test_a_folder_is_not_lost_with_the_inbox_it_left(camera: Camera, tmp_path: Path) -> None:
    """A folder keeps its watch when it moves, and the inbox that it left must not take that away."""
    other = Camera(camera.watcher, tmp_path / "other")
    other.root.mkdir()
    await other.settle()
    (camera.root / "2026").rename(other.root / "2026")
    other.watch()
    camera.watch()
    while await other.is_woken(SILENCE):
        pass
    (other.root / "2026" / "02" / "x.mp4").write_bytes(b"")
    assert await other.is_woken()


async def test_a_forgotten_inbox_wakes_nobody(camera: Camera) -> None:
    camera.watcher.forget(camera.root)
    camera.watcher.forget(camera.root)
    created(camera.root)
    assert not await camera.is_woken(SILENCE)


async def test_an_inbox_that_is_a_link_is_watched(watcher: Watcher, camera: Camera, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(camera.root)
    linked = Camera(watcher, tmp_path / "link")
    watcher.forget(camera.root)
    await linked.settle()
    created(camera.root)
    assert await linked.is_woken()


async def test_a_directory_that_vanished_before_it_was_watched_is_harmless(camera: Camera, told: list[str]) -> None:
    camera.watcher.watch(camera.root, ["", "2026", "2026/02", "gone", "old.mp4"], camera.wake)
    assert not await camera.is_woken(SILENCE)
    assert told == []


async def test_a_full_queue_wakes_every_camera(camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events were lost, and nobody knows whose."""
    other = Camera(camera.watcher, tmp_path / "other")
    other.root.mkdir()
    await other.settle()
    overflow = asyncinotify.Event(watch=None, mask=asyncinotify.Mask.Q_OVERFLOW, cookie=0, name=None)
    events = [overflow]
    monkeypatch.setattr(asyncinotify.Inotify, "sync_get", lambda _self: events.pop() if events else None)
    created(camera.root)
    assert await other.is_woken()
    assert await camera.is_woken()
    monkeypatch.undo()


async def test_at_the_limit_of_watches_the_rest_is_polled(
    camera: Camera, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One warning in all, what is watched goes on, and the rest is tried again at each scan."""
    real = asyncinotify.Inotify.add_watch

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(asyncinotify.Inotify, "add_watch", full)
    for folder in ("a", "b"):
        (camera.root / folder).mkdir()
        await camera.settle()
    assert len(told) == 1
    assert "max_user_watches" in told[0]
    (camera.root / "a" / "x.mp4").write_bytes(b"")
    assert not await camera.is_woken(SILENCE)
    created(camera.root)
    assert await camera.is_woken()
    monkeypatch.setattr(asyncinotify.Inotify, "add_watch", real)
    await camera.settle()
    (camera.root / "a" / "y.mp4").write_bytes(b"")
    assert await camera.is_woken()


async def test_without_inotify_nothing_wakes_and_nothing_breaks(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_args: object, **_named: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("ftp_stream.shell.watcher.Inotify", none)
    with Watcher(told.append) as watcher:
        camera = Camera(watcher, tmp_path)
        camera.watch()
        created_at_root = tmp_path / "x.mp4"
        created_at_root.write_bytes(b"")
        assert not await camera.is_woken(SILENCE)
        watcher.forget(tmp_path)
    assert len(told) == 1
    assert "max_user_instances" in told[0]


async def test_closing_leaves_nothing_open(tmp_path: Path, told: list[str]) -> None:
    """No descriptor stays, and no warning about one comes (warnings are errors)."""
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - counted, not walked
    for _ in range(10):
        with Watcher(told.append) as watcher:
            watcher.watch(tmp_path, [""], lambda: None)
            (tmp_path / "x.mp4").write_bytes(b"")
            await asyncio.sleep(0)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208 - counted, not walked


async def test_closing_is_clean_with_events_waiting(camera: Camera) -> None:
    shutil.rmtree(camera.root)
    camera.watcher.close()
    camera.watcher.close()
    camera.watch()
    assert not await camera.is_woken(SILENCE)


async def test_an_inbox_that_goes_is_harmless(camera: Camera, told: list[str]) -> None:
    shutil.rmtree(camera.root)
    assert await camera.is_woken()
    camera.watcher.watch(camera.root, [], camera.wake)
    assert not await camera.is_woken(SILENCE)
    assert told == []

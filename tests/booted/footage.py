"""A made camera that uploads into the tree's inbox, and a receiver here that takes what the service sends."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, Self, TypeVar

from tests.support.world import FILLERS

from ftp_stream.rtmp.audit import StreamAudit, compare
from ftp_stream.shell.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence
    from pathlib import Path

    from tests.support.world import Footage, Reel

    from ftp_stream.rtmp.audit import PublishAudit

T = TypeVar("T")
AHEAD = 2  # files that lie in the inbox before another is uploaded


class Reception:
    """The built-in receiver in a thread of its own, for tests that wait for other processes."""

    def __init__(self) -> None:
        self.key = f"secret{secrets.token_hex(12)}"
        self.url = ""
        self._receiver = Receiver(hashes=True)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._receiver.__aenter__(), self._loop).result(30)
        self.url = self._receiver.url(key=self.key)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._receiver.__aexit__(None, None, None), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()

    @property
    def publishes(self) -> list[PublishAudit]:
        """All publishes so far, the open one last."""
        return self.ask(self._publishes)

    @property
    def pictures(self) -> int:
        """Different frames of video that came so far: neither held pictures nor what is sent again are counted."""
        return self.ask(lambda: len({digest for publish in self._publishes() for digest in publish.video.hashes}))

    def _publishes(self) -> list[PublishAudit]:
        return list(self._receiver.audits.get(f"live/{self.key}", StreamAudit()).publishes)

    def ask(self, question: Callable[[], T]) -> T:
        """Ask where nothing changes meanwhile: in the receiver's thread."""
        answer: Future[T] = Future()
        self._loop.call_soon_threadsafe(lambda: answer.set_result(question()))
        return answer.result(30)


class Camera:
    """Uploads the next file whenever few are left, until it is told to stop."""

    def __init__(self, reel: Reel, inbox: Path) -> None:
        self.uploaded = 0
        self._reel = reel
        self._inbox = inbox
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30)

    def _run(self) -> None:
        for path in self._reel.files:
            while len(list(self._inbox.glob("*.mp4"))) > AHEAD:
                if self._over.wait(0.05):
                    return
            shutil.copy2(path, self._inbox / path.name)
            self.uploaded += 1


def until(condition: Callable[[], object], what: str, deadline: float = 60.0) -> None:
    """Wait until it holds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"after {deadline:g} s still waiting for {what}"
        time.sleep(0.1)


def frames_flow(reception: Reception, deadline: float = 60.0) -> None:
    """Wait until pictures come that have not come yet."""
    before = reception.pictures
    until(lambda: reception.pictures > before + 5, "frames to flow", deadline)


def check_no_frame_lost(reception: Reception, footage: Footage) -> dict[str, int]:
    """Each publish goes on where the one before it was, at the latest, and has no hole; return how far they got."""
    reached = {"video": 0, "audio": 0}
    for publish in reception.publishes:
        for kind, before in reached.items():
            track = getattr(publish, kind)
            hashes, keys = reception.ask(lambda track=track: (list(track.hashes), bytes(track.keys)))
            reached[kind] = max(before, _ends(footage.frames[kind], hashes, keys if kind == "video" else b"", before))
    return reached


def _ends(recorded: Sequence[Hashable], seen: list[bytes], keys: bytes, before: int) -> int:
    """Return the place behind the last frame that was seen; it must go on from ``before`` or repeat what was there."""
    first = next((digest for digest in seen if digest not in FILLERS), None)
    if first is None:
        return before
    starts = [place for place in range(before + 1) if place < len(recorded) and recorded[place] == first]
    found = [(start, compare(recorded[start:], seen, fillers=FILLERS, keys=keys)) for start in reversed(starts)]
    assert found, f"a publish begins behind frame {before}, which is the first that is still wanted"
    good = [start + each.matched for start, each in found if each.in_order]
    assert good, f"frames are missing or out of order: {found[0]}"
    return good[0]

"""What the journal knows, at hand without a query, and the order in which it becomes known.

Nothing that permits a deletion is visible here before it is on disk: a file counts as delivered only once the
transaction that says so has been committed.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ftp_stream.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ftp_stream.model import CameraState, Cursor, FileFact, FileId, Footage, Skip, Verdict
    from ftp_stream.shell.journal import Journal

__all__ = ["COMMIT_INTERVAL", "Ledger"]

COMMIT_INTERVAL = 1.0  # seconds between two records of how far the streams are
_GATHER = 0.1  # seconds in which segments that end together share one transaction


class Ledger:
    """One writer to the journal for the whole service; all its methods belong to the event loop."""

    def __init__(self, journal: Journal, wall: Callable[[], float]) -> None:
        self._journal = journal
        self._wall = wall
        self._thread = ThreadPoolExecutor(1, "journal")
        self._cameras: dict[str, CameraState] = {}
        self._homes: dict[str, str] = {}  # stream -> camera
        self._dirty: dict[str, Cursor] = {}
        self._completed: list[tuple[str, Cursor]] = []
        self._skips: list[tuple[str, Skip]] = []
        self._played: list[tuple[str, Footage]] = []
        self._footage: dict[str, dict[bytes, Footage]] = {}  # stream -> what it played lately, by its content
        self._unsaved: dict[str, frozenset[FileId]] = {}  # stream -> delivered, and that is not on disk yet
        self._urgent = asyncio.Event()
        self._writing = asyncio.Lock()  # a commit that others overtook would put older cursors over newer ones

    async def open(self, camera: str, streams: Iterable[str]) -> None:
        """Load what is known of a camera.

        Opened again with other streams, those that were known stay as they are here, which is never behind the disk.
        """
        names = list(streams)
        fresh = await self._call(self._journal.state, camera, names)
        streams = self._cameras[camera].streams if camera in self._cameras else {}
        known = {name: state for name, state in streams.items() if name in names}  # read now: they go on meanwhile
        self._cameras[camera] = replace(fresh, streams={**fresh.streams, **known})
        self._homes.update(dict.fromkeys(names, camera))
        async with self._writing:  # what was played is either on the disk or still to be written
            await self._know_footage(names)

    def state(self, camera: str) -> CameraState:
        """Return what is known of a camera; its streams have nothing in hand here."""
        return self._cameras[camera]

    def cursor(self, stream: str) -> Cursor | None:
        """Return how far a stream has got, ``None`` before its first segment."""
        state = self._cameras[self._homes[stream]].streams.get(stream)
        return state.cursor if state else None

    def unsaved(self, stream: str) -> frozenset[FileId]:
        """Return the files that a stream has delivered and that do not count as delivered yet: it still has them."""
        return self._unsaved.get(stream, frozenset())

    def advance(self, stream: str, cursor: Cursor) -> None:
        """Take note of how far a stream has got; it reaches the disk within `COMMIT_INTERVAL`."""
        camera = self._homes[stream]
        state = self._cameras[camera]
        streams = {**state.streams, stream: replace(state.streams[stream], cursor=cursor)}
        self._cameras[camera] = replace(state, streams=streams)
        if cursor.complete:
            self._completed.append((stream, cursor))
            self._unsaved[stream] = self.unsaved(stream) | {cursor.file}
            self._urgent.set()
        self._dirty[stream] = cursor

    def skip(self, stream: str, skip: Skip) -> None:
        """Take note of what a stream leaves out; it is on the disk before the cursor that passes it."""
        self._skips.append((stream, skip))

    def footage(self, stream: str) -> Mapping[bytes, Footage]:
        """Return what a stream has played lately, by its content."""
        return self._footage[stream]

    def play(self, stream: str, footage: Footage) -> None:
        """Take note of footage that a stream has played; it reaches the disk before the cursor in it."""
        if footage.digest not in self._footage[stream]:
            self._footage[stream][footage.digest] = footage
            self._played.append((stream, footage))

    async def run(self, trouble: Callable[[StorageError], None]) -> None:
        """Write what changed, at most once a second, sooner where a segment ended; until cancelled.

        Args:
            trouble: Told when the journal could not be written; nothing is lost, it is tried again.
        """
        while True:
            try:
                async with asyncio.timeout(COMMIT_INTERVAL):
                    await self._urgent.wait()
                await asyncio.sleep(_GATHER)
            except TimeoutError:
                pass
            try:
                await self.commit()
            except StorageError as error:
                trouble(error)
                await asyncio.sleep(COMMIT_INTERVAL)

    async def commit(self) -> None:
        """Write all cursors that changed, then let the deliveries among them be seen."""
        async with self._writing:
            await self._commit()

    async def _commit(self) -> None:
        self._urgent.clear()
        dirty, self._dirty = self._dirty, {}
        completed, self._completed = self._completed, []
        skips, self._skips = self._skips, []
        played, self._played = self._played, []
        try:
            if skips or played:
                await self._call(self._journal.note, skips, played, self._wall())
                skips, played = [], []
            for batch in _batches(completed, dirty):
                await self._call(self._journal.save_cursors, batch, self._wall())
        except BaseException:
            self._dirty = {**dirty, **self._dirty}
            self._completed = completed + self._completed
            self._skips, self._played = skips + self._skips, played + self._played
            raise
        for stream, cursor in completed:
            self._see_delivered(stream, cursor.file)

    def _see_delivered(self, stream: str, file: FileId) -> None:
        camera = self._homes[stream]
        state = self._cameras[camera]
        known = state.delivered.get(stream, frozenset())
        self._unsaved[stream] = self.unsaved(stream) - {file}
        self._cameras[camera] = replace(state, delivered={**state.delivered, stream: known | {file}})

    async def meet(self, camera: str, inbox: str, files: Iterable[FileFact]) -> None:
        """Recognise an inbox, before anything of it is decided.

        What is known of its files is found again where the device's number has changed (NFS, btrfs and USB disks get
        another one at each start), and what lies there at the first meeting is remembered.
        """
        await self._call(self._meet, camera, inbox, list(files), self._wall())
        self._cameras[camera] = await self._call(self._journal.state, camera, list(self._cameras[camera].streams))

    def _meet(self, camera: str, inbox: str, files: list[FileFact], wall: float) -> None:
        self._journal.recognise(camera, files)
        self._journal.meet(camera, files, wall, inbox=inbox)

    async def record(self, camera: str, verdicts: Iterable[Verdict]) -> None:
        """Write verdicts down, before they are carried out."""
        await self._call(self._journal.record, camera, list(verdicts), self._wall())

    async def fail(self, camera: str, file: FileFact, reason: str) -> int:
        """Count a failed inspection of a file; return how many there were."""
        attempts = await self._call(self._journal.fail, camera, file, reason, self._wall())
        state = self._cameras[camera]
        self._cameras[camera] = replace(state, attempts={**state.attempts, file.id: attempts})
        count: int = attempts.count
        return count

    async def repeat(self, camera: str, file: FileFact, reason: str) -> None:
        """Write down why nothing of a file is to be played."""
        await self._call(self._journal.repeat, camera, file, reason)
        state = self._cameras[camera]
        self._cameras[camera] = replace(state, repeated={**state.repeated, file.id: reason})

    async def step_back(self, camera: str, streams: Iterable[str]) -> None:
        """Forget the cursors of streams whose camera's clock stepped back."""
        names = list(streams)
        await self.commit()
        await self._call(self._journal.forget_cursors, names)
        state = self._cameras[camera]
        forgotten = {name: replace(state.streams[name], cursor=None) for name in names}
        self._cameras[camera] = replace(state, streams={**state.streams, **forgotten})

    async def forget_files(self, camera: str, present: Iterable[FileFact]) -> None:
        """Drop what is known of files that are gone."""
        async with self._writing:  # as in `open`
            await self._commit()
            await self._call(self._journal.forget_files, camera, list(present))
            await self._reload(camera)

    async def close(self) -> None:
        """Write what is left and close the journal."""
        try:
            await self.commit()
        finally:
            await self._call(self._journal.close)
            self._thread.shutdown()

    async def _reload(self, camera: str) -> None:
        """Read a camera's rows again; cursors not yet written stay as they are."""
        before = self._cameras[camera]
        fresh = await self._call(self._journal.state, camera, list(before.streams))
        self._cameras[camera] = replace(fresh, streams=self._cameras[camera].streams)
        await self._know_footage(before.streams)

    async def _know_footage(self, streams: Iterable[str]) -> None:
        """Know of each stream what the journal says that it has played, and what it is still to be told."""
        for stream in streams:
            told = await self._call(self._journal.footage, stream)
            known = [*told, *(each for of, each in self._played if of == stream)]
            self._footage[stream] = {each.digest: each for each in reversed(known)}

    async def _call(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - as the callee
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _batches(completed: list[tuple[str, Cursor]], dirty: Mapping[str, Cursor]) -> list[dict[str, Cursor]]:
    """Return the cursors to save, in order: every completed one must be saved, though a later one has replaced it."""
    result: list[dict[str, Cursor]] = []
    for stream, cursor in completed:
        if dirty[stream] is not cursor:
            result.append({stream: cursor})
    return [*result, dict(dirty)] if dirty else result

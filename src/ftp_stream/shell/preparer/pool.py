"""The pool: files become prepared segments, each once, with a sidecar where one is needed.

A child gets open descriptors and never a name: it needs no right to any file, and no name can lead it astray. What it
reports is checked before it is believed; its crash, hang or nonsense is the failure of the file it had in hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from ftp_stream.core.inspection import decode, decode_encoding_needed, decode_failure
from ftp_stream.core.request import PrepareRequest
from ftp_stream.errors import EncodingNeeded, StorageError
from ftp_stream.model import FileFact, Form, PreparedSegment
from ftp_stream.shell.preparer.child import Child
from ftp_stream.shell.preparer.descriptor import check_file, check_unchanged, digest, open_beneath

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.core.inspection import Prepared

__all__ = ["Preparer"]

DEADLINE: Final = 60.0  # seconds one file may take: an hour of video from a slow disk takes half of it
ENCODING_DEADLINE: Final = 1800.0  # the same where its pictures are encoded
MEMORY: Final = 1024**3  # bytes of address space of a child; FFmpeg's libraries take a tenth
ENCODING_MEMORY: Final = 4 * 1024**3  # the same where pictures are encoded: 4K takes the half
JOBS: Final = 500  # files one child serves before a fresh one takes over, so that no leak of a library grows for ever
CLOSING: Final = 2.0  # seconds that jobs may take to see the end; one may wait for a disk that stands still
ENCODER_CORES: Final = 4  # processors that one encoding child can make use of
_CLOSED: Final = "the preparer was closed"
_AS_IT_IS: Final = Form()
_WORKER: Final = ("-I", "-m", "ftp_stream.media.worker")

_Key = tuple[Path, FileFact, Form]


class _Lane:
    """Some children of one kind, each served by a thread: encoding must keep no other file waiting."""

    def __init__(self, children: int, name: str, command: Sequence[str], deadline: float) -> None:
        self.threads = ThreadPoolExecutor(children, thread_name_prefix=name)
        self.command = command
        self.deadline = deadline
        self.idle: list[Child] = []  # at rest


class Preparer:
    """Prepares files, a few at a time, each once for each form however many ask."""

    def __init__(
        self,
        state_dir: Path,
        children: int = 2,
        *,
        deadline: float = DEADLINE,
        memory: int = MEMORY,
        command: Sequence[str] | None = None,
    ) -> None:
        """Make a pool that starts its children when they are needed.

        Args:
            state_dir: Sidecars live in a directory below it, which belongs to this pool alone.
            children: How many files are inspected at once.
            deadline: Seconds one file may take, where no picture of it is encoded.
            memory: Bytes of address space of each child that encodes no pictures.
            command: What to start in place of the worker; ``memory`` is added as its argument, and then ``encode`` for
                those that encode pictures.
        """
        self._directory = state_dir / "sidecars"
        command = [*(command or (sys.executable, *_WORKER))]
        encoders = max(1, (os.cpu_count() or 1) // ENCODER_CORES)
        self._quick = _Lane(children, "prepare", [*command, str(memory)], deadline)
        self._slow = _Lane(encoders, "encode", [*command, str(ENCODING_MEMORY), "encode"], ENCODING_DEADLINE)
        self._jobs: dict[_Key, _Job] = {}
        self._unfinished: set[Future[PreparedSegment]] = set()  # also of jobs that nobody waits for any more
        self._lock = threading.Lock()  # over the children at rest
        self._closed = False
        self._kept_rights: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Take possession of the directory of sidecars.

        Raises:
            StorageError: It cannot be made.
        """
        await asyncio.to_thread(self._clear)
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all children and remove all sidecars; what is still asked for fails with `StorageError`."""
        self._closed = True
        for job in self._jobs.values():
            if job.child:
                job.child.kill()
        await asyncio.to_thread(self._close)

    async def prepare(self, root: Path, file: FileFact, form: Form = _AS_IT_IS) -> PreparedSegment:
        """Inspect a file and return it ready to play.

        Asked twice at once for the same file in the same form, it is inspected once and both get the same segment;
        its sidecar goes with the first `discard`.

        Args:
            root: The inbox.
            file: The file as a scan saw it.
            form: What is to be made of it.

        Raises:
            SegmentRefused: It cannot be played, it changed, or its inspection crashed or did not end.
            StorageError: No child can be started, or the disk of the sidecars failed.
        """
        key = (root, file, form)
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = self._begin(key)
        job.waiting += 1
        try:
            segment = await asyncio.shield(job.result)
            job.taken = True
        except asyncio.CancelledError:
            if job.result.cancelled():
                raise StorageError(_CLOSED) from None
            raise
        finally:
            job.waiting -= 1
            if not job.waiting and not job.taken:
                self._forget(key, job)
                self._abandon(job)
        return segment

    def discard(self, segment: PreparedSegment) -> None:
        """Remove the sidecar of a segment that nobody plays any more; harmless when done twice."""
        if segment.sidecar:
            with contextlib.suppress(OSError):
                Path(segment.sidecar).unlink()

    @property
    def kept_rights(self) -> tuple[str, ...]:
        """Which rights the last child that started could not give up on this system, in words."""
        return self._kept_rights

    # --- jobs, in the event loop ------------------------------------------------------------------------------------

    def _begin(self, key: _Key) -> _Job:
        job = _Job()
        self._submit(job, key, self._quick)
        job.result = asyncio.ensure_future(self._result(job, key))
        job.result.add_done_callback(lambda _: self._forget(key, job))
        return job

    def _submit(self, job: _Job, key: _Key, lane: _Lane) -> None:
        try:
            job.work = lane.threads.submit(self._work, job, key, lane)
        except RuntimeError as error:
            raise StorageError(_CLOSED) from error
        self._unfinished.add(job.work)
        job.work.add_done_callback(self._unfinished.discard)

    async def _result(self, job: _Job, key: _Key) -> PreparedSegment:
        try:
            return await asyncio.wrap_future(job.work)
        except EncodingNeeded:
            self._check_wanted(job)
            self._submit(job, key, self._slow)
            return await asyncio.wrap_future(job.work)

    def _forget(self, key: _Key, job: _Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        if job.result.done() and not job.result.cancelled():
            job.result.exception()  # nobody may be left to hear it

    def _abandon(self, job: _Job) -> None:
        """End a job that nobody waits for any more."""
        job.abandoned = True
        if job.child:
            job.child.kill()
        if not job.work.cancel():
            job.work.add_done_callback(self._drop)

    def _drop(self, work: Future[PreparedSegment]) -> None:
        if not work.cancelled() and not work.exception():
            self.discard(work.result())

    # --- work, in a thread ------------------------------------------------------------------------------------------

    def _work(self, job: _Job, key: _Key, lane: _Lane) -> PreparedSegment:
        root, file, form = key
        fileno = open_beneath(root, file.path)
        try:
            check_file(fileno)
            check_unchanged(fileno, file)
            return self._prepare(job, fileno, file, form, lane)
        finally:
            os.close(fileno)

    def _prepare(self, job: _Job, fileno: int, file: FileFact, form: Form, lane: _Lane) -> PreparedSegment:
        sidecar, path = self._new_sidecar()
        kept = False
        try:
            found = self._inspect(job, fileno, sidecar, file, PrepareRequest(form, may_encode=lane is self._slow))
            kept = found.sidecar_size > 0
        finally:
            os.close(sidecar)
            if not kept:
                Path(path).unlink()
        return PreparedSegment(
            path=file.path,
            file=file.id,
            container=found.container,
            video=found.video,
            audio=found.audio,
            table=found.table,
            changes=found.changes,
            form=form,
            encoded_video=found.encoded_video,
            encoded_audio=found.encoded_audio,
            encoding_seconds=found.encoding_seconds,
            digest=digest(fileno, file.id.size),
            sidecar=path if kept else "",
            whole=found.whole,
            notes=found.notes,
        )

    def _inspect(self, job: _Job, fileno: int, sidecar: int, file: FileFact, request: PrepareRequest) -> Prepared:
        """Let a child inspect the file, and check what it says; a child that is not above suspicion is ended.

        Raises:
            EncodingNeeded: By a child that encodes.
        """
        lane = self._slow if request.may_encode else self._quick
        child = self._take_child(job, lane)
        try:
            header, columns = child.ask(request, fileno, sidecar, lane.deadline)
            failure = decode_failure(header) or decode_encoding_needed(header)
            if failure is None:
                size = os.fstat(sidecar).st_size
                found = decode(header, columns, file_size=file.id.size, sidecar_limit=size)
        except BaseException:
            job.child = None
            child.end()
            self._check_wanted(job)
            check_unchanged(fileno, file)
            raise
        job.child = None
        self._give_back(child, lane)
        check_unchanged(fileno, file)
        if failure is not None:
            raise failure
        return found

    def _take_child(self, job: _Job, lane: _Lane) -> Child:
        with self._lock:
            rested = lane.idle.pop() if lane.idle else None
        child = job.child = rested or Child(lane.command)
        try:
            self._check_wanted(job)  # only now: from here on, whoever closes or abandons sees the child and kills it
            if not rested:
                child.wait_until_ready()
                self._kept_rights = child.kept_rights
        except BaseException:
            job.child = None
            child.end()
            self._check_wanted(job)
            raise
        return child

    def _check_wanted(self, job: _Job) -> None:
        """Blame no file for what we did ourselves."""
        if job.abandoned or self._closed:
            raise StorageError(_CLOSED)

    def _give_back(self, child: Child, lane: _Lane) -> None:
        if child.jobs >= JOBS:
            child.end()
            return
        with self._lock:
            if not self._closed:
                lane.idle.append(child)
                return
        child.end()

    def _new_sidecar(self) -> tuple[int, str]:
        try:
            return tempfile.mkstemp(dir=self._directory)
        except OSError as error:
            raise StorageError(f"cannot write to {self._directory}: {error.strerror}") from error

    def _close(self) -> None:
        for lane in (self._quick, self._slow):
            lane.threads.shutdown(wait=False, cancel_futures=True)
        wait([work for work in list(self._unfinished) if not work.cancelled()], CLOSING)
        for child in (*self._quick.idle, *self._slow.idle):
            child.end()
        with contextlib.suppress(StorageError):
            self._clear()

    def _clear(self) -> None:
        """Make the directory, and remove what an earlier run left in it."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for left in self._directory.iterdir():
                left.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot use {self._directory}: {error.strerror}") from error


@dataclass(slots=True, eq=False)
class _Job:
    """One file being prepared."""

    work: Future[PreparedSegment] = field(init=False)
    result: asyncio.Future[PreparedSegment] = field(init=False)  # of that, or of the work that it led to
    waiting: int = 0  # how many wait for it
    taken: bool = False  # one of them has the segment
    child: Child | None = None  # that works on it now
    abandoned: bool = False

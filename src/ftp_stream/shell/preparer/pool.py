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
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from ftp_stream.core.inspection import decode
from ftp_stream.core.request import PrepareRequest
from ftp_stream.errors import EncodingNeeded, FtpStreamError, StorageError
from ftp_stream.model import Encoder, FileFact, Form, PreparedSegment
from ftp_stream.shell.preparer.descriptor import check_file, check_unchanged, digest, open_beneath
from ftp_stream.shell.preparer.lanes import CLOSED, Errand, Lane
from ftp_stream.shell.preparer.slates import Slates, slate_from

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.core.inspection import Prepared
    from ftp_stream.core.request import SlateRequest
    from ftp_stream.core.slate import Slate

__all__ = ["Preparer"]

DEADLINE: Final = 60.0  # seconds one file may take: an hour of video from a slow disk takes half of it
ENCODING_DEADLINE: Final = 1800.0  # the same where its pictures are encoded
MEMORY: Final = 1024**3  # bytes of address space of a child; FFmpeg's libraries take a tenth
ENCODING_MEMORY: Final = 4 * 1024**3  # the same where pictures are encoded: 4K takes the half
CLOSING: Final = 2.0  # seconds that jobs may take to see the end; one may wait for a disk that stands still
ENCODER_CORES: Final = 4  # processors that one encoding child can make use of
_AS_IT_IS: Final = Form()
_WORKER: Final = ("-I", "-m", "ftp_stream.media.worker")

_HARDWARE: Final = frozenset(Encoder) - {Encoder.AUTO, Encoder.X264}

_Key = tuple[Path, FileFact, Form]


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
        encodes: bool = True,
    ) -> None:
        """Make a pool that starts its children when they are needed.

        Args:
            state_dir: Sidecars live in a directory below it, which belongs to this pool alone.
            children: How many files are inspected at once.
            deadline: Seconds one file may take, where no picture of it is encoded.
            memory: Bytes of address space of each child that encodes no pictures.
            command: What to start in place of the worker; ``memory`` is added as its argument, then ``encode`` for
                those that encode pictures, then the name of the hardware encoder that they may use.
            encodes: What must be encoded is; else `prepare` raises `EncodingNeeded` for it, to whoever only looks.
        """
        self._encodes = encodes
        self._directory = state_dir / "sidecars"
        command = [*(command or (sys.executable, *_WORKER))]
        encoders = max(1, (os.cpu_count() or 1) // ENCODER_CORES)
        self._quick = Lane(children, "prepare", [*command, str(memory)], deadline)
        encoding = [*command, str(ENCODING_MEMORY), "encode"]
        software = Lane(encoders, "encode", encoding, ENCODING_DEADLINE)
        self._slow = dict.fromkeys(Encoder, software)
        for encoder in _HARDWARE:  # whose children need rights that the others have given up
            with_driver = [*encoding, encoder.value]
            self._slow[encoder] = Lane(encoders, f"encode-{encoder.value}", with_driver, ENCODING_DEADLINE)
        self._lanes = (self._quick, *dict.fromkeys(self._slow.values()))
        self._remover = ThreadPoolExecutor(1, "remove")
        self._jobs: dict[_Key, _Job] = {}
        self._slates = Slates(self._make_slate)
        self._errands: set[Errand] = set()  # of all that was asked for and is not done
        self._unfinished: set[Future[Any]] = set()  # also of what nobody waits for any more
        self._closed = False

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
        for errand in self._errands:
            errand.abandon()
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
            EncodingNeeded: It must be encoded, by a pool that does not.
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
                raise StorageError(CLOSED) from None
            raise
        finally:
            job.waiting -= 1
            if not job.waiting and not job.taken:
                self._forget(key, job)
                self._abandon(job)
        return segment

    async def slate(self, request: SlateRequest, image: Path | None = None) -> Slate:
        """Return a slate, which is made once and kept for whoever asks for the same.

        There is none for HEVC and AV1, and none of a size under 160x90: hold the last picture in its place.

        Args:
            request: What it is to be like.
            image: The user's picture.

        Raises:
            SegmentRefused: There can be none of this kind, the picture cannot be read, or the child crashed or hung.
            StorageError: No child can be started, or the pool was closed.
        """
        return await self._slates.get(request, image)

    def discard(self, segment: PreparedSegment) -> None:
        """Remove the sidecar of a segment that nobody plays any more, soon; harmless when done twice.

        A thread does it: to free the blocks of an hour of encoded pictures takes a disk its time.
        """
        if not segment.sidecar:
            return
        try:
            self._remover.submit(_remove, Path(segment.sidecar))
        except RuntimeError:  # closed: of a job that ended too late for that, in its thread
            _remove(Path(segment.sidecar))

    @property
    def kept_rights(self) -> tuple[str, ...]:
        """Which rights children could not give up on this system, in words."""
        return next((lane.kept_rights for lane in self._lanes if lane.kept_rights), ())

    # --- jobs, in the event loop ------------------------------------------------------------------------------------

    def _begin(self, key: _Key) -> _Job:
        if self._closed:
            raise StorageError(CLOSED)
        job = _Job()
        self._errands.add(job.errand)
        self._submit(job, key, self._quick)
        job.look = asyncio.wrap_future(job.work)
        earlier = [other.look for (root, *_), other in self._jobs.items() if root == key[0] and not other.look.done()]
        job.result = asyncio.ensure_future(self._result(job, key, earlier))
        job.result.add_done_callback(lambda _: self._forget(key, job))
        return job

    def _submit(self, job: _Job, key: _Key, lane: Lane) -> None:
        try:
            job.work = lane.threads.submit(self._work, job, key, lane)
        except RuntimeError as error:
            raise StorageError(CLOSED) from error
        self._unfinished.add(job.work)
        job.work.add_done_callback(self._unfinished.discard)

    async def _result(
        self, job: _Job, key: _Key, earlier: Sequence[asyncio.Future[PreparedSegment]]
    ) -> PreparedSegment:
        try:
            return await job.look
        except EncodingNeeded:
            if not self._encodes:
                raise
            if earlier:  # of the same inbox: those that need it too come first, or a stream would wait for two
                await asyncio.wait(earlier)
            job.errand.check_wanted()
            self._submit(job, key, self._slow[key[2].encoder])
            return await asyncio.wrap_future(job.work)

    def _forget(self, key: _Key, job: _Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        self._errands.discard(job.errand)
        if job.result.done() and not job.result.cancelled():
            job.result.exception()  # nobody may be left to hear it

    def _abandon(self, job: _Job) -> None:
        """End a job that nobody waits for any more."""
        job.errand.abandon()
        if not job.work.cancel():
            job.work.add_done_callback(self._drop)

    async def _make_slate(self, request: SlateRequest, image: Path | None) -> Slate:
        if self._closed:
            raise StorageError(CLOSED)
        errand = Errand()
        self._errands.add(errand)
        try:
            work = self._quick.threads.submit(slate_from, self._quick, errand, request, image)
            self._unfinished.add(work)
            work.add_done_callback(self._unfinished.discard)
            return await asyncio.wrap_future(work)
        finally:
            self._errands.discard(errand)

    def _drop(self, work: Future[PreparedSegment]) -> None:
        if not work.cancelled() and not work.exception():
            self.discard(work.result())

    # --- work, in a thread ------------------------------------------------------------------------------------------

    def _work(self, job: _Job, key: _Key, lane: Lane) -> PreparedSegment:
        root, file, form = key
        fileno = open_beneath(root, file.path)
        try:
            check_file(fileno)
            check_unchanged(fileno, file)
            return self._prepare(job, fileno, file, form, lane)
        finally:
            os.close(fileno)

    def _prepare(self, job: _Job, fileno: int, file: FileFact, form: Form, lane: Lane) -> PreparedSegment:
        sidecar, path = self._new_sidecar()
        kept = False
        try:
            request = PrepareRequest(form, may_encode=lane is not self._quick)
            found = self._inspect(job, fileno, sidecar, file, request)
            content = digest(fileno, file.id.size)
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
            video_from=found.video_from,
            audio_from=found.audio_from,
            digest=content,
            sidecar=path if kept else "",
            whole=found.whole,
            notes=found.notes,
        )

    def _inspect(self, job: _Job, fileno: int, sidecar: int, file: FileFact, request: PrepareRequest) -> Prepared:
        """Let a child inspect the file, and check what it says.

        Raises:
            EncodingNeeded: By a child that encodes.
        """

        def read(header: bytes, columns: bytearray) -> Prepared:
            return decode(header, columns, file_size=file.id.size, sidecar_limit=os.fstat(sidecar).st_size)

        lane = self._slow[request.form.encoder] if request.may_encode else self._quick
        try:
            found = lane.ask(job.errand, request, (fileno, sidecar), read)
        except FtpStreamError:
            job.errand.check_wanted()
            check_unchanged(fileno, file)
            raise
        check_unchanged(fileno, file)
        return found

    def _new_sidecar(self) -> tuple[int, str]:
        try:
            return tempfile.mkstemp(dir=self._directory)
        except OSError as error:
            raise StorageError(f"cannot write to {self._directory}: {error.strerror}") from error

    def _close(self) -> None:
        for lane in self._lanes:
            lane.threads.shutdown(wait=False, cancel_futures=True)
        wait([work for work in list(self._unfinished) if not work.cancelled()], CLOSING)
        for lane in self._lanes:
            lane.end()
        self._remover.shutdown(wait=False, cancel_futures=True)  # what is left to it goes with the rest
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


def _remove(sidecar: Path) -> None:
    with contextlib.suppress(OSError):
        sidecar.unlink()


@dataclass(slots=True, eq=False)
class _Job:
    """One file being prepared."""

    work: Future[PreparedSegment] = field(init=False)
    look: asyncio.Future[PreparedSegment] = field(init=False)  # of the first work, which encodes no pictures
    result: asyncio.Future[PreparedSegment] = field(init=False)  # of that, or of the work that it led to
    waiting: int = 0  # how many wait for it
    taken: bool = False  # one of them has the segment
    errand: Errand = field(default_factory=Errand)

"""Lanes of children of one kind, each served by a thread: what takes long must keep nothing else waiting."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar, cast

from ftp_stream.core.inspection import decode_encoding_needed, decode_failure
from ftp_stream.errors import StorageError
from ftp_stream.shell.preparer.child import Child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ftp_stream.core.request import Request

__all__ = ["CLOSED", "Errand", "Lane"]

JOBS: Final = 500  # files one child serves before a fresh one takes over, so that no leak of a library grows for ever
CLOSED: Final = "the preparer was closed"

_Told = TypeVar("_Told")


@dataclass(slots=True, eq=False)
class Errand:
    """Something that a child does for us."""

    child: Child | None = None  # that is at it now
    abandoned: bool = False  # nobody wants it any more

    def abandon(self) -> None:
        """End it."""
        self.abandoned = True
        if self.child:
            self.child.kill()

    def check_wanted(self) -> None:
        """Blame nobody for what we did ourselves.

        Raises:
            StorageError: It was abandoned.
        """
        if self.abandoned:
            raise StorageError(CLOSED)


class Lane:
    """Some children of one kind, started when they are needed."""

    def __init__(self, children: int, name: str, command: Sequence[str], deadline: float) -> None:
        """Make a lane.

        Args:
            children: How many there are at most.
            name: Of their threads.
            command: What starts one.
            deadline: Seconds that one thing may take.
        """
        self.threads = ThreadPoolExecutor(children, thread_name_prefix=name)
        self.kept_rights: tuple[str, ...] = ()  # what the last child that started could not give up, in words
        self._command = command
        self._deadline = deadline
        self._lock = threading.Lock()  # over the children at rest
        self._idle: list[Child] = []
        self._closed = False

    def ask(
        self, errand: Errand, request: Request, files: tuple[int, int], read: Callable[[bytes, bytearray], _Told]
    ) -> _Told:
        """Let a child do something; one that is not above suspicion is ended. Called in one of the threads.

        Args:
            errand: What can be abandoned meanwhile.
            request: What is asked.
            files: The descriptors that go with it.
            read: Checks header and body of the report, and returns what they tell.

        Raises:
            EncodingNeeded: By a child that encodes.
            SegmentRefused: The child says so, or it crashed, hung or talked nonsense.
            StorageError: No child can be started, a disk failed, or the errand was abandoned.
        """
        child = self._take(errand)
        try:
            header, body = child.ask(request, *files, self._deadline)
            failure = decode_failure(header) or decode_encoding_needed(header)
            told = read(header, body) if failure is None else None
        except BaseException:
            errand.child = None
            child.end()
            errand.check_wanted()
            raise
        errand.child = None
        self._give_back(child)
        if failure is not None:
            raise failure
        return cast("_Told", told)

    def end(self) -> None:
        """End the children at rest; those at work end with their errands."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()

    def _take(self, errand: Errand) -> Child:
        with self._lock:
            rested = self._idle.pop() if self._idle else None
        child = errand.child = rested or Child(self._command)
        try:
            errand.check_wanted()  # only now: from here on, whoever abandons it sees the child and kills it
            if not rested:
                child.wait_until_ready()
                self.kept_rights = child.kept_rights
        except BaseException:
            errand.child = None
            child.end()
            errand.check_wanted()
            raise
        return child

    def _give_back(self, child: Child) -> None:
        if child.jobs < JOBS:
            with self._lock:
                if not self._closed:
                    self._idle.append(child)
                    return
        child.end()

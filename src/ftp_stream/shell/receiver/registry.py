"""What the connections of one receiver share: who publishes under which name, and what was seen of each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.rtmp.dialogue import PublishRequested, Refusal
from ftp_stream.rtmp.habits import Duplicate, Habits
from ftp_stream.shell.receiver.events import Left, ReceiverEvent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Member", "Registry"]

_CONNECTIONS = 2000  # each may hold two messages of the largest size
_STREAMS_KEPT = 10_000  # audits; names are the far end's choice


class Member(Protocol):
    """A connection, as the registry knows it."""

    peer: str
    gone: asyncio.Future[None]

    def drop(self, reason: str, *, reset: bool = False) -> None:
        """End it."""


class Registry:
    """Names, audits, and the ears of whoever wants to know.

    Args:
        habits: Which server to play.
        hashes: Audit with the hash of every frame.
        record: File of the first recording; None for none.
        admit: Whether a publish is allowed, where nobody has its name; None: all are.
        on_event: Is told what happens.
    """

    def __init__(
        self,
        *,
        habits: Habits,
        hashes: bool,
        record: Path | None,
        admit: Callable[[PublishRequested], bool] | None,
        on_event: Callable[[ReceiverEvent], None] | None,
    ) -> None:
        self.habits = habits
        self.reads_per_second = habits.reads_per_second  # of each connection; may change while they last
        self.audits: dict[str, StreamAudit] = {}  # by app/key
        self.members: set[Member] = set()
        self.publishers: dict[str, Member] = {}  # by app/key
        self._hashes = hashes
        self._record = record
        self._recordings = 0
        self._admit = admit
        self._on_event = on_event
        self._waiters: list[asyncio.Future[None]] = []

    def enter(self, member: Member) -> bool:
        """Take a connection in; False: there are too many."""
        self.members.add(member)
        return len(self.members) <= _CONNECTIONS

    def leave(self, member: Member, reason: str) -> None:
        """Forget a connection that is gone."""
        self.members.discard(member)
        self.tell(Left(member.peer, reason))

    def decide(self, stream: str, request: PublishRequested) -> Refusal | None:
        """Why a publish is refused; None: it is accepted, and whoever had the name has lost it."""
        if self._admit is not None and not self._admit(request):
            return Refusal.DENIED
        holder = self.publishers.get(stream)
        if holder is None:
            return None
        if self.habits.duplicate is not Duplicate.KICK_OLD:
            return Refusal.DUPLICATE
        holder.drop("another publisher took the name")
        return None

    def began(self, stream: str, member: Member, now: float) -> StreamAudit:
        """Note a publish that is accepted, and return the audit to feed."""
        self.publishers[stream] = member
        audit = self.audits.get(stream)
        if audit is None:
            self._forget_an_old_audit()
            audit = self.audits[stream] = StreamAudit(hashes=self._hashes)
        audit.started(now)
        return audit

    def over(self, stream: str) -> None:
        """Give the name of a publish free."""
        del self.publishers[stream]

    def tell(self, event: ReceiverEvent) -> None:
        """Pass an event on."""
        if self._on_event is not None:
            self._on_event(event)
        self.wake()

    def next_recording(self) -> Path | None:
        """Where the publish that begins now is recorded."""
        if self._record is None:
            return None
        self._recordings += 1
        number = "" if self._recordings == 1 else f".{self._recordings}"
        return self._record.with_stem(self._record.stem + number)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is looked at at every ``wake``."""
        while not condition():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)

    def wake(self) -> None:
        """Let those who wait look again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _forget_an_old_audit(self) -> None:
        if len(self.audits) >= _STREAMS_KEPT:
            oldest = next((name for name, audit in self.audits.items() if not audit.live), None)
            if oldest is not None:
                del self.audits[oldest]

"""What the tries to publish to one destination say together, and none of them says alone."""

from __future__ import annotations

from dataclasses import dataclass

from ftp_stream.errors import DestinationFault, FaultKind

__all__ = ["EARLY", "IN_A_ROW", "Tries"]

IN_A_ROW = 3  # publishes that ended early, one behind the other, before it is no accident
EARLY = 30.0  # seconds from its start, before which the end of a publish is early

_ENDS = frozenset({FaultKind.LOST, FaultKind.REFUSED_LATE})  # by the far end, without a reason given
_CURE = (
    "look at the server's log: a second publisher with this key, a limit of the server, or footage that it does not "
    "take ends each publish in the same way"
)


@dataclass(frozen=True, slots=True)
class Tries:
    """The publishes that ended early in a row: none between them lasted."""

    ended: int = 0
    shortest: float = 0.0  # seconds from the start of a publish to its end
    longest: float = 0.0
    taken: tuple[bool, ...] = ()  # of the last `IN_A_ROW`: whether the server had taken media before it ended them

    @property
    def repeated(self) -> bool:
        """Whether it happens again and again, so that the next try is not to be hurried."""
        return self.ended >= IN_A_ROW

    def after(self, kind: FaultKind, lasted: float | None) -> Tries:
        """Return what holds after one more try.

        Args:
            kind: What ended it.
            lasted: Seconds since the server had said Publish.Start; `None` where it never did, which says nothing of
                those that began: a server that crashes on our media is away for a while each time.
        """
        if lasted is None:
            return self
        if lasted >= EARLY:
            return Tries()
        shortest, longest = (min(self.shortest, lasted), max(self.longest, lasted)) if self.ended else (lasted, lasted)
        taken = (*self.taken, kind is FaultKind.LOST)[-IN_A_ROW:]
        return Tries(self.ended + 1, shortest, longest, taken)

    def judged(self, fault: DestinationFault) -> DestinationFault:
        """Return what the last fault is in the light of those before it.

        A server that took media at least once in the row knows our key: what ends its publishes is no late refusal.
        """
        if not self.repeated or fault.kind not in _ENDS or not any(self.taken):
            return fault
        low, high = round(self.shortest), round(self.longest)
        span = f"{low}" if low == high else f"{low} to {high}"
        return DestinationFault(
            fault.step,
            f"{fault.reason}, {self.ended} times in a row and {span} s after each start",
            code=fault.code,
            description=fault.description,
            cure=_CURE,
            kind=FaultKind.RESETS,
        )

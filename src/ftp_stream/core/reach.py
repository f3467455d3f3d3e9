"""Of which files it is worth to keep what is prepared of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.model import VerdictKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from ftp_stream.model import FileId, Plan

__all__ = ["within_reach"]

BEHIND = 3  # files; what is wanted steps back by as many as a stream lets go of when its connection is lost


def within_reach(plan: Plan, in_hand: Collection[FileId]) -> set[FileId]:
    """Return the files that streams have in hand or want soon, and those that come right after each of them.

    Without these, a stream whose destination is dead would have the last file that it wants prepared anew at each try:
    what it has in hand during the try makes it look one file further.

    Args:
        plan: The decision of this turn.
        in_hand: What streams have in hand now; what they had when it was made, they may be about to want again.
    """
    soon = {file.id for file in plan.prepare} | set(in_hand)
    near = set(soon)
    left = 0
    for verdict in plan.verdicts:  # in play order
        if verdict.file.id in soon or verdict.kind is VerdictKind.SENDING:
            left = BEHIND + 1
        if left:
            near.add(verdict.file.id)
            left -= 1
    return near

"""Short ways to say what is known of a camera, for tests of decisions."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from tests.support.inbox import ZONE, at, fact

from ftp_stream.core.naming import date_files, natural_key
from ftp_stream.core.plan import decide
from ftp_stream.model import CameraState, Cursor, OrderKey, PlanSettings, StreamState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ftp_stream.model import FileFact, Plan, Verdict, VerdictKind

ONE = f"{secrets.token_hex(3)}/{secrets.token_hex(3)}"
TWO = f"{secrets.token_hex(3)}/{secrets.token_hex(3)}"
SETTINGS = PlanSettings(timezone=ZONE)


def minutes(first: str, last: str, *, took: float = 61.0) -> list[FileFact]:
    """Return files of one minute each, from ``10:28`` to ``10:33``, written ``took`` seconds after their beginning."""
    begin, end = at(first), at(last)
    return [minute(begin + index * 60, took=took) for index in range(round((end - begin) / 60) + 1)]


def minute(when: float | str, *, took: float = 61.0, size: int = 1000) -> FileFact:
    """Return the file of a minute, named as the requirements' example names files."""
    begin = at(when) if isinstance(when, str) else when
    return fact(name(begin), begin + took, size=size)


def name(begin: float) -> str:
    """Return the name ``10:31.mp4`` of an instant of 5 February 2026."""
    seconds = round(begin - at("00:00"))
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}.mp4"


def key(file: FileFact) -> OrderKey:
    """Return the order key of a file that is dated alone."""
    dated = date_files([file], timezone=ZONE, max_clock_skew=600)
    return OrderKey(dated.times[0], natural_key(file.path))


def stream(
    cursor: FileFact | None = None, *, gop: int = 0, complete: bool = False, hand: Sequence[FileFact] = ()
) -> StreamState:
    """Return the state of a stream."""
    at_file = Cursor(key(cursor), cursor.path, cursor.id, gop, complete) if cursor else None
    return StreamState(at_file, key(hand[-1]) if hand else None, frozenset(file.id for file in hand))


def camera(
    one: StreamState | None = None,
    two: StreamState | None = None,
    *,
    delivered: Iterable[FileFact] = (),
    **rest: object,
) -> CameraState:
    """Return the state of a camera of one stream or two; ``delivered`` is what the first has confirmed."""
    streams = {ONE: one or stream()} | ({TWO: two} if two else {})
    return CameraState(streams, delivered={ONE: frozenset(file.id for file in delivered)}, **rest)  # type: ignore[arg-type]


def judge(
    files: Sequence[FileFact],
    state: CameraState | None = None,
    *,
    wall: float | str | None = None,
    settings: PlanSettings = SETTINGS,
) -> Plan:
    """Decide, long after the last file was written where no time is given."""
    moment = at(wall) if isinstance(wall, str) else wall
    if moment is None:
        moment = max((file.mtime for file in files), default=at("12:00")) + 100
    return decide(files, state or camera(), moment, settings)


def kinds(plan: Plan) -> dict[str, VerdictKind]:
    """Return what is decided, by path."""
    return {verdict.file.path: verdict.kind for verdict in plan.verdicts}


def verdict_on(plan: Plan, file: FileFact) -> Verdict:
    """Return the one verdict on a file."""
    (found,) = [verdict for verdict in plan.verdicts if verdict.file == file]
    return found

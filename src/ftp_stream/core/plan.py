"""What is done with each file of a camera now: one verdict each, and what each stream takes next.

The rules, in this order; the first that holds decides:

0. IGNORE: not a video by its name.
1. SENDING: some stream has it in hand. DELIVERED: every stream has confirmed it, or has passed it after another had
   confirmed it. REPEATED: the same, but all that it shows stood in other files.
2. LATE: at or before what every stream has begun. Deleted once the camera has written a newer file since; if it writes
   only late ones, its clock stepped back, and they play.
3. NEWEST: may still be written. 4. YOUNG: changed a moment ago.
5. EXPIRED: as far behind the newest as the longest lag, or further. 6. RETRY, FAILED: its inspection failed.
7. PLAY: the first that is left, for each stream; WAIT: the others.

A newer file proves a file late, or too far behind, only if it was written after it. Else the newest itself may be what
is wrong, recorded before the camera's clock stepped back or while it was ahead, and would outlaw all that follows:
then nothing is deleted, and when nothing else comes for as long as the longest lag, the newest plays, being no longer
written, and after it what was kept.

No state is kept here: what a turn must hand to the next is in `Plan` and comes back in `CameraState`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from ftp_stream.core.gates import Gates
from ftp_stream.core.litter import is_segment_name, reasons_to_ignore, recording_marks
from ftp_stream.core.tracks import NOTHING, lay_track, line_up
from ftp_stream.core.words import Words
from ftp_stream.model import Action, NewestPolicy, Plan, Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ftp_stream.core.tracks import Line, Track
    from ftp_stream.model import CameraState, FileFact, PlanSettings

__all__ = ["decide", "is_segment_name"]

LATE_PATIENCE = 300.0  # seconds without a newer file that show a clock stepped back, where MAX_LAG is off
LATE_MANY = 2  # late files that show it; one may be an upload that was repeated
AHEAD = 2  # files of each stream that are prepared beyond the one it takes now


def decide(files: Sequence[FileFact], state: CameraState, wall: float, settings: PlanSettings) -> Plan:
    """Decide about all files of one camera.

    Args:
        files: What a scan of its inbox saw, each path once, in any order.
        state: What the journal and the running streams know.
        wall: The time now, seconds since the epoch, UTC.
        settings: Those of the camera.

    Returns:
        A verdict for each file, and the next file of each stream. What it says depends on the arguments alone.

    Raises:
        ConfigError: The camera's time zone is unknown.
    """
    reasons = reasons_to_ignore([file.path for file in files], settings.archive)
    litter = [(file, reason) for file, reason in zip(files, reasons, strict=True) if reason]
    line = line_up([file for file, reason in zip(files, reasons, strict=True) if not reason], state, wall, settings)
    marks = recording_marks(file for file, _ in litter)
    ignored = [Verdict(file, VerdictKind.IGNORE, Action.NONE, reason) for file, reason in litter]
    return _Turn(line, marks, state, wall, settings).plan(sorted(ignored, key=lambda verdict: verdict.file.path))


class _Turn:
    """One decision being made."""

    def __init__(
        self, line: Line, marks: Mapping[str, FileFact], state: CameraState, wall: float, settings: PlanSettings
    ) -> None:
        self._line = line
        self._before = state.before
        self._repeated = state.repeated
        self._words = Words(settings, line.times[-1] if line.times else wall)
        tracks = [lay_track(name, stream, line, settings.max_lag) for name, stream in sorted(state.streams.items())]
        doubtful = any(len(track.late) >= LATE_MANY for track in tracks)
        given = state.late_since
        self._late_since = (wall if given is None else min(given, wall)) if doubtful else None
        patience = LATE_PATIENCE if settings.max_lag is None else settings.max_lag
        self._late_until = None if self._late_since is None else self._late_since + patience
        due = self._late_until is not None and wall >= self._late_until
        self._tracks = [replace(track, outlived=due and len(track.late) >= LATE_MANY) for track in tracks]
        self._stepping = [track for track in self._tracks if track.outlived and track.idle]
        self._news = min((track.news for track in tracks), default=float("-inf"))
        self._gates = Gates(
            line, self._tracks, marks=marks, before=state.before, wall=wall, settings=settings, words=self._words
        )
        self._again: list[int] = []  # passed files whose inspection is due again
        self._policy = settings.newest
        self._wall = wall

    def plan(self, ignored: Sequence[Verdict]) -> Plan:
        """Return the decision; what is ignored is decided already."""
        line = self._line
        takers = self._takers()
        shut = [self._gates.shut(index, some) if some else None for index, some in enumerate(takers)]
        free = [index for index, some in enumerate(takers) if some and shut[index] is None]
        play = self._plays(free)
        names = {index: [name for name, at in play.items() if at == index] for index in play.values()}
        verdicts = [
            (self._held(index) if line.known[index].holders else shut[index])
            or (self._open(index, names.get(index, ())) if some or not self._tracks else self._passed(index))
            for index, some in enumerate(takers)
        ]
        return Plan(
            verdicts=(*verdicts, *ignored),
            play={name: line.files[index] for name, index in play.items()},
            keys={file.id: key for file, key in zip(line.files, line.keys, strict=True)},
            prepare=tuple(line.files[index] for index in (*self._prepare(free, play, verdicts), *self._again)),
            newest=line.times[-1] if line.times else None,
            wake_at=self._wake_at(),
            step_back=frozenset(track.name for track in self._stepping),
            late_since=self._late_since,
            warnings=(*line.warnings, *self._warnings()),
            named=frozenset(file.id for file, named in zip(line.files, line.named, strict=True) if named),
            cursors=line.cursors,
            fronts={track.name: line.times[track.newest] for track in self._tracks if track.newest >= 0},
        )

    # --- who takes what ---------------------------------------------------------------------------------------------

    def _takers(self) -> list[Sequence[Track]]:
        """Return, for each file, the streams that have not passed it and do not have it."""
        tracks = self._tracks
        lowest = min((track.start for track in tracks), default=0)
        highest = max((track.start for track in tracks), default=0)
        begun = {track.resume for track in tracks}
        takers: list[Sequence[Track]] = []
        for index, known in enumerate(self._line.known):
            if known is NOTHING and index not in begun and not lowest <= index < highest:
                takers.append(tracks if index >= highest else ())
            else:
                takers.append([track for track in tracks if track.takes(index, known)])
        return takers

    def _plays(self, free: Sequence[int]) -> dict[str, int]:
        """Return what each stream takes next: what it had begun, else the first that is left."""
        play: dict[str, int] = {}
        for track in self._tracks:
            first = bisect_left(free, track.start if track.resume < 0 else track.resume)
            index = next((index for index in free[first:] if track.takes(index, self._line.known[index])), -1)
            if index >= 0:
                play[track.name] = index
        return play

    def _prepare(self, free: Sequence[int], play: Mapping[str, int], verdicts: Sequence[Verdict]) -> list[int]:
        """Return what to prepare, the soonest first: what is taken now, what comes next, what is to be proven whole."""
        now = sorted(set(play.values()))
        coming = {
            index
            for track in self._tracks
            if track.name in play
            for index in self._coming(track, free[bisect_right(free, play[track.name]) :], verdicts)
        }
        newest = sorted({track.newest for track in self._tracks if track.newest >= 0})
        unproven = [
            index
            for index in newest
            if self._policy is NewestPolicy.PROVEN
            and verdicts[index].kind is VerdictKind.NEWEST
            and self._gates.may_prove(index)
        ]
        return [*now, *sorted(coming.difference(now)), *unproven]

    def _coming(self, track: Track, free: Iterable[int], verdicts: Sequence[Verdict]) -> Iterable[int]:
        waiting = (index for index in free if verdicts[index].kind is VerdictKind.WAIT)
        return islice((index for index in waiting if track.takes(index, self._line.known[index])), AHEAD)

    # --- verdicts ---------------------------------------------------------------------------------------------------

    def _held(self, index: int) -> Verdict:
        names = self._line.known[index].holders
        reason = self._words.sending(self._line.times[index], names)
        return self._verdict(index, VerdictKind.SENDING, Action.NONE, reason, names)

    def _open(self, index: int, takers: Sequence[str]) -> Verdict:
        if takers:
            reason = self._words.play(self._line.times[index], takers)
            return self._verdict(index, VerdictKind.PLAY, Action.NONE, reason, takers)
        reason = "its turn comes" if self._tracks else "this camera has no stream"
        return self._verdict(index, VerdictKind.WAIT, Action.NONE, reason)

    def _passed(self, index: int) -> Verdict:
        """Judge a file that no stream takes any more."""
        known = self._line.known[index]
        if known.closing:
            reason = self._words.closing(known.closing)
            return self._verdict(index, VerdictKind.SENDING, Action.NONE, reason, known.closing)
        if known.delivered:
            repeats = self._repeated.get(self._line.files[index].id)
            if repeats:
                return self._verdict(index, VerdictKind.REPEATED, Action.DELETE, repeats)
            passed = [track.name for track in self._tracks if track.name not in known.delivered]
            reason = self._words.delivered(sorted(known.delivered), passed)
            return self._verdict(index, VerdictKind.DELIVERED, Action.DELETE, reason)
        return self._doubtful(index) if known.attempts else self._late(index)

    def _doubtful(self, index: int) -> Verdict:
        """Judge a file that was passed because its inspection failed: only what turns out good is merely late."""
        written = self._gates.may_be_written(index)
        if written:
            return self._verdict(index, VerdictKind.YOUNG, Action.NONE, written)
        verdict = self._gates.refused(index)
        if verdict is None:
            self._again.append(index)
            verdict = self._verdict(index, VerdictKind.RETRY, Action.NONE, "it is inspected again now")
        return verdict

    def _late(self, index: int) -> Verdict:
        recorded = self._line.times[index]
        if self._line.written[index] > self._news:
            reason = self._words.late_kept(recorded)
            return self._verdict(index, VerdictKind.LATE, Action.NONE, reason)
        written = self._gates.may_be_written(index)
        if written:
            return self._verdict(index, VerdictKind.LATE, Action.NONE, written)
        before = self._line.files[index].id in self._before
        action = Action.SET_ASIDE if before else Action.DELETE
        return self._verdict(index, VerdictKind.LATE, action, self._words.late(recorded, before=before))

    def _verdict(
        self, index: int, kind: VerdictKind, action: Action, reason: str, streams: Sequence[str] = ()
    ) -> Verdict:
        return Verdict(self._line.files[index], kind, action, reason, self._line.times[index], tuple(streams))

    # --- time -------------------------------------------------------------------------------------------------------

    def _wake_at(self) -> float | None:
        moments = [*self._gates.wakes, self._late_until, self._line.changes_at]
        return min((moment for moment in moments if moment is not None and moment > self._wall), default=None)

    def _warnings(self) -> list[str]:
        if not self._stepping:
            return []
        track = max(self._stepping, key=lambda track: len(track.late))
        times = [self._line.times[index] for index in track.late]
        return [self._words.stepped_back(len(times), times[0], times[-1])]

"""What keeps a file from being taken now, though its turn may come: rules 3 to 6 of `core.plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.model import Action, NewestPolicy, Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from ftp_stream.core.tracks import Line, Track
    from ftp_stream.core.words import Words
    from ftp_stream.model import FileFact, FileId, PlanSettings

__all__ = ["SETTLED", "Gates"]

SETTLED = 2.0  # seconds without a change after which it is worth a look whether the newest file is whole
JOINED = 60.0  # seconds between two recordings that count as one going on
LONGEST = 4 * 3600.0  # seconds of one recording; where a name is further from its writing, a clock was wrong
RECORDING = 3600.0  # seconds without a change after which a mark of recording beside a file is a leftover


class Gates:
    """The rules that shut a file out for now; they note when time alone will open them."""

    def __init__(
        self,
        line: Line,
        tracks: Sequence[Track],
        *,
        marks: Mapping[str, FileFact],
        before: Collection[FileId],
        wall: float,
        settings: PlanSettings,
        words: Words,
    ) -> None:
        """Prepare to look at files.

        Args:
            line: The camera's segments.
            tracks: Its streams.
            marks: Path of a segment -> the file beside it that says that it is still recorded.
            before: What lay in the inbox before the service first met it.
            wall: The time now, seconds since the epoch, UTC.
            settings: Those of the camera.
            words: How reasons are put.
        """
        self.wakes: list[float] = []  # wall times at which a gate may open by time alone
        self._line = line
        self._marks = marks
        self._before = before
        self._wall = wall
        self._settings = settings
        self._words = words
        self._believable = wall + settings.max_clock_skew
        outlived = {track.newest for track in tracks if track.outlived and track.newest >= track.start}
        self._watched = {track.newest for track in tracks} - outlived
        self._all = len(tracks)
        self._front = min((line.times[track.newest] for track in tracks if track.newest >= 0), default=0.0)
        self._fresh = min((track.fresh for track in tracks), default=0.0)

    def shut(self, index: int, takers: Sequence[Track]) -> Verdict | None:
        """Return the verdict on a file that none of the streams that may still take it can take now."""
        known = self._line.known[index]
        whole = known.begun or known.holders or known.delivered  # some stream began it: then it was no longer written
        if not whole:
            verdict = self._unsettled(index, takers)
            if verdict:
                return verdict
        lag = self._settings.max_lag
        if lag is not None:
            every = len(takers) == self._all
            front = self._front if every else min(self._line.times[track.newest] for track in takers)
            behind = front - self._line.times[index]
            if behind > 0 and behind >= lag and not self._just_ended(index, front, lag):
                return self._expired(index, front, self._fresh if every else min(track.fresh for track in takers))
        return self.refused(index) if known.attempts else None

    def may_be_written(self, index: int) -> str:
        """Return why a file may still be under write, in words; "" where nothing says so."""
        file = self._line.files[index]
        changed = file.id.mtime_ns / 1e9
        # A time from the future was written under a wrong clock of this machine and says nothing of the file's age.
        if changed <= self._believable and self._wall < changed + self._settings.min_file_age:
            self.wakes.append(changed + self._settings.min_file_age)
            return self._words.young(changed)
        mark = self._marks.get(file.path)
        return self._recording(changed, mark) if mark else ""

    def may_prove(self, index: int) -> bool:
        """Tell whether it is worth a look whether the newest file is whole."""
        attempts = self._line.known[index].attempts
        changed = self._line.files[index].mtime
        if changed <= self._believable and self._wall < changed + SETTLED:
            self.wakes.append(changed + SETTLED)
            return False
        return not (attempts and self.refused(index)) and self._line.files[index].path not in self._marks

    def refused(self, index: int) -> Verdict | None:
        """Return the verdict on a file whose inspection failed; ``None`` where it is due again."""
        attempts = self._line.known[index].attempts
        if attempts is None:
            return None
        file, recorded = self._line.files[index], self._line.times[index]
        if attempts.count >= self._settings.max_retries:
            return Verdict(file, VerdictKind.FAILED, Action.QUARANTINE, self._words.failed(attempts), recorded)
        again = attempts.last + self._settings.retry_delay
        if not attempts.last <= self._wall < again:  # a failure in the future: this machine's clock stepped back
            return None
        self.wakes.append(again)
        return self._waits(index, VerdictKind.RETRY, self._words.retry(attempts))

    def _unsettled(self, index: int, takers: Sequence[Track]) -> Verdict | None:
        if index in self._watched and any(track.newest == index for track in takers):
            proven = self._settings.newest is NewestPolicy.PROVEN and self._line.known[index].proven
            if not proven:
                return self._waits(index, VerdictKind.NEWEST, self._words.newest_file())
        written = self.may_be_written(index)
        return self._waits(index, VerdictKind.YOUNG, written) if written else None

    def _recording(self, changed: float, mark: FileFact) -> str:
        last = max((moment for moment in (changed, mark.mtime) if moment <= self._believable), default=0.0)
        if self._wall >= last + RECORDING:
            return ""
        self.wakes.append(last + RECORDING)
        return self._words.recording(mark.path)

    def _just_ended(self, index: int, front: float, lag: float) -> bool:
        """Tell whether a file is as long as `MAX_LAG`, the last before the newest, and ends where that begins.

        A camera that records for so long would else never be seen: each of its files is that far behind when the next
        one begins.
        """
        times, written = self._line.times, self._line.written[index]
        follows = index + 1 < len(times) and times[index + 1] == front
        return follows and lag <= written - times[index] <= LONGEST and front - written < JOINED

    def _expired(self, index: int, front: float, fresh: float) -> Verdict:
        file, recorded = self._line.files[index], self._line.times[index]
        if self._line.written[index] > fresh:
            return self._waits(index, VerdictKind.EXPIRED, self._words.expired_kept(recorded, front))
        before = file.id in self._before
        action = Action.SET_ASIDE if before else Action.DELETE
        return Verdict(file, VerdictKind.EXPIRED, action, self._words.expired(recorded, front, before=before), recorded)

    def _waits(self, index: int, kind: VerdictKind, reason: str) -> Verdict:
        return Verdict(self._line.files[index], kind, Action.NONE, reason, self._line.times[index])

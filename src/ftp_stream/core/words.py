"""The reasons of verdicts, in words for the technician who stands before the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.core.clocks import clock_text, day_of
from ftp_stream.model import NewestPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.model import Attempts, PlanSettings

__all__ = ["Words"]


class Words:
    """How one turn's reasons are put; times are shown as the camera's own clock shows them."""

    def __init__(self, settings: PlanSettings, newest: float) -> None:
        """Make the words of one turn.

        Args:
            settings: Those of the camera.
            newest: When its newest file was recorded: times of that day are shown without the day.
        """
        self.settings = settings
        self._newest_day = day_of(newest, settings.timezone)
        self._limit = "" if settings.max_lag is None else f"limit MAX_LAG={settings.max_lag:g} s"

    def clock(self, instant: float) -> str:
        """Return a time of day, with its day where that is not the newest file's."""
        return clock_text(instant, self.settings.timezone, self._newest_day)

    def newest_file(self) -> str:
        """Say why the newest file is left alone."""
        if self.settings.newest is NewestPolicy.NEVER:
            return "the newest file: the camera may still be writing it (NEWEST=never)"
        return "the newest file: not yet proven to be whole (NEWEST=proven)"

    def young(self, changed: float) -> str:
        """Say until when a file is left alone that changed a moment ago."""
        age = self.settings.min_file_age
        return (
            f"changed at {self.clock(changed)}: left alone until {self.clock(changed + age)} (MIN_FILE_AGE={age:g} s)"
        )

    def recording(self, mark: str) -> str:
        """Say which file shows that the camera still records."""
        return f"the camera is still recording it: {mark} stands beside it"

    def expired(self, recorded: float, newest: float, *, before: bool) -> str:
        """Say by how much a file is too far behind; ``newest`` is when the newest of its stream was recorded."""
        return self._behind(recorded, newest) + (_BEFORE if before else "")

    def expired_kept(self, recorded: float, newest: float) -> str:
        """Say why a file stays that is too far behind."""
        return f"{self._behind(recorded, newest)}; {_KEPT}"

    def _behind(self, recorded: float, newest: float) -> str:
        behind = f"{newest - recorded:.0f} s behind the newest {self.clock(newest)}"
        return f"recorded {self.clock(recorded)}, {behind}: {self._limit}"

    def late(self, recorded: float, *, before: bool) -> str:
        """Say why a file goes that was never played."""
        text = f"{self._passed(recorded)}; the camera has written newer files since"
        return text + (_BEFORE if before else "")

    def late_kept(self, recorded: float) -> str:
        """Say why a file stays that no stream would take."""
        return f"{self._passed(recorded)}; {_KEPT}"

    def _passed(self, recorded: float) -> str:
        return f"recorded {self.clock(recorded)}, not later than what every stream has begun"

    def retry(self, attempts: Attempts) -> str:
        """Say when an inspection that failed is tried again."""
        again = self.clock(attempts.last + self.settings.retry_delay)
        return (
            f"inspection {attempts.count} of {self.settings.max_retries} failed: {attempts.reason};"
            f" tried again at {again} (RETRY_DELAY={self.settings.retry_delay:g} s)"
        )

    def failed(self, attempts: Attempts) -> str:
        """Say why a file is given up."""
        return f"inspection failed {attempts.count} times (MAX_RETRIES={self.settings.max_retries}): {attempts.reason}"

    def delivered(self, confirmed: Sequence[str], passed: Sequence[str]) -> str:
        """Say who has a file."""
        if not passed:
            return f"confirmed to its end by {', '.join(confirmed)}"
        return f"confirmed to its end by {', '.join(confirmed)}; already passed by {', '.join(passed)}"

    def play(self, recorded: float, streams: Sequence[str]) -> str:
        """Say who takes a file."""
        return f"recorded {self.clock(recorded)}: the next of {', '.join(streams)}"

    def sending(self, recorded: float, streams: Sequence[str]) -> str:
        """Say who has a file in hand."""
        return f"recorded {self.clock(recorded)}: in hand of {', '.join(streams)}"

    def closing(self, streams: Sequence[str]) -> str:
        """Say that a confirmed file waits for the journal."""
        return f"confirmed to its end by {', '.join(streams)}; it goes once the journal says so"

    def stepped_back(self, count: int, first: float, last: float) -> str:
        """Warn of a camera's clock that stepped back."""
        return (
            f"the camera's clock stepped back: {count} files recorded {self.clock(first)} to {self.clock(last)} came"
            " after newer ones, and none newer came since; they are played now"
        )


_BEFORE = "; it lay here before the service first met this inbox: set aside in _before/, not deleted"
_KEPT = "kept until a newer file comes after it, which proves that the camera's clock did not step back"

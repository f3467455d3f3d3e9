"""A status in one line, for whoever has room for no more: ``systemctl status``, a subject, a log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.core.status import Phase

if TYPE_CHECKING:
    from ftp_stream.core.status import Status

__all__ = ["summary"]


def summary(status: Status) -> str:
    """Return how many streams there are, how many of them fail, the largest lag, and how many files wait.

    ``2 streams, 1 failing, lag 74 s, 3 waiting``; a lag that no stream has yet is left out.
    """
    streams = [stream for camera in status.cameras for stream in camera.streams]
    failing = sum(stream.phase is Phase.BACKOFF for stream in streams)
    lags = [stream.lag for stream in streams if stream.lag is not None]
    parts = [f"{len(streams)} stream{'' if len(streams) == 1 else 's'}"]
    parts += [f"{failing} failing"] if failing else []
    parts += [f"lag {max(lags):.0f} s"] if lags else []
    parts.append(f"{sum(camera.files_waiting for camera in status.cameras)} waiting")
    return ", ".join(parts)

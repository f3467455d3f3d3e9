"""The built-in receiver in the place of destinations that are not set, and what it sees."""

import secrets
from dataclasses import replace
from typing import Self

from pydantic import SecretStr

from ftp_stream.config import CameraSettings, DestinationSettings, Settings
from ftp_stream.core.destinations import PRESETS
from ftp_stream.core.status import ReceiverStatus
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.receiver import Receiver

__all__ = ["APP", "StandIn", "lacks_destination"]

APP = "live"
_TAKES_ALL = "node-media-server"  # the preset that comes nearest to this receiver: it takes whatever RTMP can carry


def lacks_destination(settings: Settings) -> bool:
    """Return whether some destination has no URL."""
    return any(destination.url is None for camera in settings.cameras for destination in camera.destinations)


class StandIn:
    """A receiver on this machine for whoever has no destination; entered with ``async with``."""

    def __init__(self, *, hashes: bool = False) -> None:
        """Make one that does not listen yet.

        Args:
            hashes: Keep the hash of every frame, to compare with what was recorded.
        """
        self._receiver = Receiver(hashes=hashes)
        self._token = secrets.token_hex(4)  # a key like any other is hidden everywhere: a plain word must not be one

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            ConfigError: The loopback address cannot be listened on.
        """
        await self._receiver.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._receiver.__aexit__(*error)

    def url(self, camera: str) -> SecretStr:
        """Return where the streams of a camera may go."""
        return SecretStr(self._receiver.url(APP, f"{camera}-{self._token}"))

    def fill_in(self, settings: Settings) -> Settings:
        """Return the settings with this receiver where a destination has no URL."""
        return replace(settings, cameras=tuple(self._filled(camera) for camera in settings.cameras))

    def _filled(self, camera: CameraSettings) -> CameraSettings:
        return replace(camera, destinations=tuple(self._reached(camera, each) for each in camera.destinations))

    def _reached(self, camera: CameraSettings, destination: DestinationSettings) -> DestinationSettings:
        if destination.url is not None:
            return destination
        preset = PRESETS[_TAKES_ALL] if destination.by_host else destination.preset
        return replace(destination, url=self.url(f"{camera.name}-{destination.name}"), preset=preset)

    @property
    def audit(self) -> StreamAudit | None:
        """What was seen of the first stream, None before it."""
        return next(iter(self._receiver.audits.values()), None)

    def status(self) -> ReceiverStatus:
        """Return what it has seen, all streams together; may be called in a thread."""
        audits = list(self._receiver.audits.values())
        tracks = [track for audit in audits for kind in ("video", "audio") for track in audit.tracks(kind)]
        return ReceiverStatus(
            address=self._receiver.url(APP, "").rstrip("/"),
            publishes=sum(audit.publish_count for audit in audits),
            publishing=self._receiver.publishing,
            frames=sum(track.frames for track in tracks),
            bytes=sum(track.payload_bytes for track in tracks),
            problems=tuple(problem for audit in audits for problem in _problems(audit)),
        )


def _problems(audit: StreamAudit) -> list[str]:
    tracks = audit.tracks("video") + audit.tracks("audio")
    back = sum(track.steps_back for track in tracks)
    malformed = sum(publish.malformed for publish in audit.publishes)
    counts = {"times that step back": back, "messages that are no FLV": malformed}
    return [f"{count} {words}" for words, count in counts.items() if count]

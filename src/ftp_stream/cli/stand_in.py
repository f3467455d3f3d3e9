"""The built-in receiver in the place of a destination that is not set, and what it sees."""

from dataclasses import replace

from pydantic import SecretStr

from ftp_stream.config import Settings
from ftp_stream.core.status import ReceiverStatus
from ftp_stream.rtmp.audit import StreamAudit
from ftp_stream.shell.receiver import Receiver

__all__ = ["APP", "lacks_destination", "seen_by", "with_receiver"]

APP = "live"


def lacks_destination(settings: Settings) -> bool:
    """Return whether some destination has no URL."""
    return any(destination.url is None for camera in settings.cameras for destination in camera.destinations)


def with_receiver(settings: Settings, receiver: Receiver) -> Settings:
    """Return the settings with the receiver where a destination has no URL."""
    cameras = []
    for camera in settings.cameras:
        url = SecretStr(receiver.url(APP, camera.name))
        destinations = [replace(each, url=each.url or url) for each in camera.destinations]
        cameras.append(replace(camera, destinations=tuple(destinations)))
    return replace(settings, cameras=tuple(cameras))


def seen_by(receiver: Receiver) -> ReceiverStatus:
    """Return what the receiver has seen, all streams together."""
    audits = list(receiver.audits.values())
    tracks = [track for audit in audits for kind in ("video", "audio") for track in audit.tracks(kind)]
    return ReceiverStatus(
        address=receiver.url(APP, "").rstrip("/"),
        publishes=sum(audit.publish_count for audit in audits),
        publishing=receiver.publishing,
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

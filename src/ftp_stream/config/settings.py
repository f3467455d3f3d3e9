"""The settings as the service gets them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ftp_stream.config.variables import Language, VideoMode
from ftp_stream.core.destinations import AUTO, GENERIC
from ftp_stream.model import Encoder
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic import SecretStr

    from ftp_stream.config.variables import Idle
    from ftp_stream.core.destinations import Preset
    from ftp_stream.model import PlanSettings

__all__ = ["CameraSettings", "DestinationSettings", "Effective", "Settings", "effective"]


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    """One destination of one camera."""

    name: str  # unique within its camera
    url: SecretStr | None  # None: no RTMP_URL is set
    ca_file: Path | None = None  # PEM; None: the system's authorities
    preset: Preset = GENERIC
    by_host: bool = True  # the preset was chosen by the host
    video: VideoMode = VideoMode.AUTO
    backup_of: str = ""  # the destination of the same camera that this one doubles


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """One camera. Equal settings mean that nothing changed."""

    name: str  # unique
    watch_dir: Path  # absolute
    destinations: tuple[DestinationSettings, ...]  # at least one
    scan_interval: float  # seconds
    idle: Idle
    catchup_rate: float  # media seconds per second
    archive_dir: Path | None  # absolute; None: delivered files are deleted
    plan: PlanSettings
    encoder: Encoder = Encoder.AUTO
    hold_seconds: float = 20.0  # that the last picture is held before the slate appears
    slate_image: Path | None = None  # absolute; None: the slate says since when nothing came
    language: Language = Language.EN  # of the slate


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings."""

    cameras: tuple[CameraSettings, ...]  # at least one
    state_dir: Path  # absolute
    log_format: str  # auto, console or json
    log_level: str  # debug, info, warning or error
    tables: bool = False  # the cameras come from [[camera]] tables, so that their settings are shown by name
    origin: Mapping[str, str] = field(default_factory=dict)  # name as in `effective` -> where its value came from
    warnings: tuple[str, ...] = ()  # what is probably a mistake, in words


@dataclass(frozen=True, slots=True)
class Effective:
    """One setting in force."""

    name: str  # WATCH_DIR; with tables north.WATCH_DIR, north/youtube.RTMP_URL
    value: str  # keys masked
    origin: str  # environment, .env, ftp-stream.toml or default


def effective(settings: Settings) -> list[Effective]:
    """Return every setting in force with where it came from, without any secret."""
    return [Effective(name, value, settings.origin.get(name, "default")) for name, value in _values(settings)]


def _values(settings: Settings) -> Iterator[tuple[str, str]]:
    for camera in settings.cameras:
        prefix = f"{camera.name}." if settings.tables else ""
        if not settings.tables:
            yield "CAMERA_NAME", camera.name
        for name, value in _camera_values(camera):
            yield prefix + name, value
        backups = {each.backup_of: each for each in camera.destinations if each.backup_of}
        for destination in camera.destinations:
            if not destination.backup_of:
                prefix = f"{camera.name}/{destination.name}." if settings.tables else ""
                for name, value in _destination_values(destination, backups.get(destination.name)):
                    yield prefix + name, value
    yield "STATE_DIR", str(settings.state_dir)
    yield "LOG_FORMAT", settings.log_format
    yield "LOG_LEVEL", settings.log_level


def _camera_values(camera: CameraSettings) -> Iterator[tuple[str, str]]:
    plan = camera.plan
    yield "WATCH_DIR", str(camera.watch_dir)
    yield "MIN_FILE_AGE", _number(plan.min_file_age)
    yield "MAX_RETRIES", str(plan.max_retries)
    yield "SCAN_INTERVAL", _number(camera.scan_interval)
    yield "MAX_LAG", "off" if plan.max_lag is None else _number(plan.max_lag)
    yield "RETRY_DELAY", _number(plan.retry_delay)
    yield "MAX_CLOCK_SKEW", _number(plan.max_clock_skew)
    yield "NEWEST", plan.newest.value
    yield "ENCODER", camera.encoder.value
    yield "IDLE", camera.idle.value
    yield "HOLD_SECONDS", _number(camera.hold_seconds)
    yield "SLATE_IMAGE", str(camera.slate_image or "none: the slate says since when nothing came")
    yield "LANGUAGE", camera.language.value
    yield "CATCHUP_RATE", _number(camera.catchup_rate)
    yield "ARCHIVE_DIR", str(camera.archive_dir or "none: delivered files are deleted")
    yield "CAMERA_TZ", plan.timezone or "the system's"


def _destination_values(
    destination: DestinationSettings, backup: DestinationSettings | None
) -> Iterator[tuple[str, str]]:
    yield "RTMP_URL", _masked(destination.url)
    yield "RTMP_BACKUP_URL", _masked(backup.url if backup else None)
    yield "RTMP_PRESET", _preset(destination)
    yield "RTMP_CA_FILE", str(destination.ca_file or "the system's authorities")
    yield "VIDEO", destination.video.value


def _preset(destination: DestinationSettings) -> str:
    if not destination.by_host:
        return destination.preset.name
    return f"{AUTO}: {destination.preset.name}" if destination.url else AUTO


def _number(value: float) -> str:
    return f"{value:.10g}"


def _masked(url: SecretStr | None) -> str:
    return "not set" if url is None else parse_url(url.get_secret_value()).masked

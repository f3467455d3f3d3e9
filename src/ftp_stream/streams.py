"""Which streams there are to be, by the settings, and what makes each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.config import VideoMode
from ftp_stream.errors import ConfigError
from ftp_stream.model import Form
from ftp_stream.rtmp.url import parse_url
from ftp_stream.supply import StreamSettings

if TYPE_CHECKING:
    from ftp_stream.config import CameraSettings, DestinationSettings

__all__ = ["streams_of"]


def streams_of(camera: CameraSettings) -> dict[str, StreamSettings]:
    """Return a camera's streams by their names, in the order of its destinations.

    Raises:
        ConfigError: A destination has no URL, or one that is no RTMP URL.
    """
    return {each.name: each for each in (_settings(camera, destination) for destination in camera.destinations)}


def _settings(camera: CameraSettings, destination: DestinationSettings) -> StreamSettings:
    name = f"{camera.name}/{destination.name}"
    if destination.url is None:
        raise ConfigError(f"{name}: no RTMP_URL; set it to where the stream shall go")
    return StreamSettings(
        name,
        parse_url(destination.url.get_secret_value()),
        destination.ca_file,
        camera.idle,
        camera.catchup_rate,
        destination.preset,
        _form(camera, destination),
        camera.hold_seconds,
    )


def _form(camera: CameraSettings, destination: DestinationSettings) -> Form:
    """Return what segments must be like for a destination: copied where that is wanted and borne, else encoded."""
    preset = destination.preset
    return Form(
        copied=destination.video.copied(preset.codecs),
        encoded=destination.video is not VideoMode.COPY,
        bitrate=max((limit.avc for limit in preset.bitrates), default=0),
        encoder=camera.encoder,
        other_audio=preset.audio,
    )

"""The second ingest of a destination: the same stream once more, over another way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ftp_stream.core.destinations import AUTO, preset_for
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from ftp_stream.config.settings import DestinationSettings

__all__ = ["backup_of"]

_SUFFIX = "-backup"  # of the name
_PRIMARY = ("a.rtmp.youtube.com", "a.rtmps.youtube.com")  # OBS's list of services, as all here
_APP, _BACKUP_APP = "live2", "live2?backup=1"


def backup_of(destination: DestinationSettings, url: SecretStr) -> DestinationSettings:
    """Return the destination that doubles another one.

    Args:
        destination: The first one.
        url: Of the second ingest, or `AUTO` for the one that YouTube has for the first.

    Raises:
        ValueError: There is no first one, or nobody knows its second; the text tells what to write.
    """
    if destination.url is None:
        raise ValueError("it is the second of two URLs, but RTMP_URL is not set: set both, or none")
    if url.get_secret_value() == AUTO:
        url = SecretStr(_of_youtube(destination.url.get_secret_value()))
    preset = preset_for(AUTO, parse_url(url.get_secret_value()).host) if destination.by_host else destination.preset
    return replace(destination, name=destination.name + _SUFFIX, url=url, preset=preset, backup_of=destination.name)


def _of_youtube(text: str) -> str:
    """Return the URL of YouTube's second ingest."""
    url = parse_url(text)
    if url.host.lower() not in _PRIMARY or url.app != _APP:
        raise ValueError(
            f"{AUTO} knows the second ingest of {' and '.join(f'{host}/{_APP}' for host in _PRIMARY)} only, and "
            f"RTMP_URL is {url.masked}: write the URL of the second ingest in full, or leave it empty"
        )
    before, address, path = text.strip().partition(url.host)
    return f"{before}b{address[1:]}{path.removesuffix(f'/{_APP}/{url.key}')}/{_BACKUP_APP}/{url.key}"

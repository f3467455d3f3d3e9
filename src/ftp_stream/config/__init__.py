"""Settings: from the environment, ``.env`` and ``ftp-stream.toml``, in that order of precedence."""

from ftp_stream.config.load import load
from ftp_stream.config.settings import CameraSettings, DestinationSettings, Effective, Settings, effective
from ftp_stream.config.variables import Idle, Language, VideoMode

__all__ = [
    "CameraSettings",
    "DestinationSettings",
    "Effective",
    "Idle",
    "Language",
    "Settings",
    "VideoMode",
    "effective",
    "load",
]

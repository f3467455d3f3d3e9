"""Every setting by its name: type, default, and what is allowed."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo

from platformdirs import user_state_path
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ftp_stream.core.destinations import AUTO, PRESETS
from ftp_stream.errors import ConfigError
from ftp_stream.model import Encoder, NewestPolicy, VideoCodec
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "GLOBAL",
    "NAMES",
    "ONE_CAMERA",
    "PATHS",
    "SECRET",
    "Idle",
    "Language",
    "Variables",
    "VideoMode",
    "allowed",
    "check_name",
]


class Idle(StrEnum):
    """What is sent while there is nothing to play."""

    HOLD = "hold"  # the last key frame again, about once a second, with silence
    SLATE = "slate"  # that at first, then a picture that says since when nothing came
    OFF = "off"  # nothing


class VideoMode(StrEnum):
    """What becomes of the camera's pictures."""

    COPY = "copy"  # they go as they came; what no RTMP message carries is refused
    AUTO = "auto"  # what the destination takes goes as it came, other video is made into H.264
    H264 = "h264"  # all are made into H.264

    def copied(self, taken: frozenset[VideoCodec]) -> frozenset[VideoCodec]:
        """Return the codecs whose pictures go as they came, to a destination that takes these."""
        return {VideoMode.COPY: frozenset(VideoCodec), VideoMode.AUTO: taken, VideoMode.H264: frozenset()}[self]


class Language(StrEnum):
    """The language of the slate."""

    EN = "en"
    ES = "es"


_DAY = 86_400.0  # seconds
_NAME = re.compile(r"\w[\w.-]{0,62}")
_NAME_ALLOWED = "up to 63 letters, digits, '.', '_' or '-', beginning with a letter or a digit"


def check_name(name: str) -> str:
    """Return the name of a camera or destination; a ``ValueError`` where it could not be part of a stream's name."""
    if not _NAME.fullmatch(name):
        raise ValueError(_NAME_ALLOWED)
    return name


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("true and false are no numbers")  # noqa: TRY004 - pydantic makes an error of a ValueError only
    return value


def _word(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


def _off(value: object) -> object:
    return None if _word(value) == "off" else _no_bool(value)


def _no_url(value: object) -> object:
    if isinstance(value, str) and "://" in value:
        raise ValueError("a URL is none")
    return value


def _path(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("no file name has a NUL in it")
    if str(path).startswith("~"):
        raise ValueError("there is no such user")
    return path


def _file(path: Path) -> Path:
    if not _path(path).is_file():
        raise ValueError("there is no such file")
    return path


def _timezone(name: str) -> str:
    if name:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):  # a directory of zones, a path, an unknown name
            raise ValueError("the zone database has no such zone") from None
    return name


def _url(url: SecretStr) -> SecretStr:
    try:
        parse_url(url.get_secret_value())
    except ConfigError as error:
        raise ValueError(str(error)) from None
    return url


def _backup(url: SecretStr) -> SecretStr:
    return SecretStr(AUTO) if _word(url.get_secret_value()) == AUTO else _url(url)


def _preset(name: str) -> str:
    if name != AUTO and name not in PRESETS:
        raise ValueError
    return name


_Number = Annotated[float, BeforeValidator(_no_bool)]
_Count = Annotated[int, BeforeValidator(_no_bool)]
_Limit = Annotated[float | None, BeforeValidator(_off)]
_Directory = Annotated[Path, BeforeValidator(_no_url), AfterValidator(_path)]
_File = Annotated[Path, BeforeValidator(_no_url), AfterValidator(_file)]


def _between(default: float, low: float, high: float, what: str) -> Any:  # noqa: ANN401 - as pydantic's Field
    return Field(
        default, ge=low, le=high, allow_inf_nan=False, description=what.format(range=f"from {low:g} to {high:.10g}")
    )


def _one_of(default: str, words: type[StrEnum] | tuple[str, ...]) -> Any:  # noqa: ANN401 - as pydantic's Field
    return Field(default, validate_default=True, description=" or ".join(words))


class Variables(BaseSettings):
    """All settings that one stream needs, by the names that they have in ``ftp-stream.toml``.

    In the environment and ``.env`` the same names stand in capitals. The descriptions are what the error for a bad
    value says is allowed.
    """

    model_config = SettingsConfigDict(frozen=True, hide_input_in_errors=True, case_sensitive=True)

    camera_name: Annotated[str, AfterValidator(check_name)] = Field("camera", description=_NAME_ALLOWED)
    watch_dir: _Directory = Field(description="a directory")
    rtmp_url: Annotated[SecretStr, AfterValidator(_url)] | None = Field(None, description="an RTMP URL")
    rtmp_backup_url: Annotated[SecretStr, AfterValidator(_backup)] | None = Field(
        None, description=f"an RTMP URL, or {AUTO}"
    )
    rtmp_preset: Annotated[str, BeforeValidator(_word), AfterValidator(_preset)] = _one_of(AUTO, (AUTO, *PRESETS))
    rtmp_ca_file: _File | None = Field(None, description="a file of certificates in PEM form")
    video: Annotated[VideoMode, BeforeValidator(_word)] = _one_of("auto", VideoMode)
    encoder: Annotated[Encoder, BeforeValidator(_word)] = _one_of("auto", Encoder)
    min_file_age: _Number = _between(30, 0, _DAY, "a number of seconds {range}")
    max_retries: _Count = _between(3, 1, 100, "a whole number {range}")
    scan_interval: _Number = _between(5, 0.1, 3600, "a number of seconds {range}")
    max_lag: _Limit = _between(300, 1, 365 * _DAY, "a number of seconds {range}, or off")
    retry_delay: _Number = _between(300, 0, _DAY, "a number of seconds {range}")
    max_clock_skew: _Number = _between(600, 0, _DAY, "a number of seconds {range}")
    newest: Annotated[NewestPolicy, BeforeValidator(_word)] = _one_of("never", NewestPolicy)
    idle: Annotated[Idle, BeforeValidator(_word)] = _one_of("hold", Idle)
    hold_seconds: _Number = _between(20, 0, 3600, "a number of seconds {range}")
    slate_image: _File | None = Field(None, description="a file with a picture")
    language: Annotated[Language, BeforeValidator(_word)] = _one_of("en", Language)
    catchup_rate: _Number = _between(1.03, 1, 2, "a number {range}")
    archive_dir: _Directory | None = Field(None, description="a directory")
    camera_tz: Annotated[str, AfterValidator(_timezone)] = Field("", description="a time zone such as Europe/Madrid")
    state_dir: _Directory = Field(
        default_factory=lambda: user_state_path("ftp-stream", appauthor=False), description="a directory"
    )
    log_format: Annotated[Literal["auto", "console", "json"], BeforeValidator(_word)] = _one_of(
        "auto", ("auto", "console", "json")
    )
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_word)] = _one_of(
        "info", ("debug", "info", "warning", "error")
    )

    @classmethod
    def from_layers(cls, layers: Sequence[Mapping[str, object]]) -> Variables:
        """Return the settings that these maps of names to values give together; an earlier one has precedence.

        Raises:
            pydantic.ValidationError: Values are not allowed; all of them are in it.
        """
        return cls(layers=layers)  # type: ignore[call-arg]  # taken by the method below

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - this process's own: the layers have the one to use
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take the settings from the layers alone."""
        layers = cast("InitSettingsSource", init_settings).init_kwargs["layers"]
        return tuple(InitSettingsSource(settings_cls, dict(layer)) for layer in layers)


NAMES = tuple(Variables.model_fields)
PATHS = frozenset({"watch_dir", "rtmp_ca_file", "slate_image", "archive_dir", "state_dir"})
SECRET = frozenset({"rtmp_url", "rtmp_backup_url"})
ONE_CAMERA = ("camera_name", "watch_dir", "rtmp_url", "rtmp_backup_url")  # mean the one camera of a plain environment
GLOBAL = ("state_dir", "log_format", "log_level")  # the same for all cameras


def allowed(name: str) -> str:
    """Return in words what a setting may be."""
    return Variables.model_fields[name].description or ""

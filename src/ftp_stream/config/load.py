"""From the places where settings stand to settings that are checked, or to one error with all that is wrong."""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ftp_stream.config.backup import backup_of
from ftp_stream.config.checks import check_together, doubts, real
from ftp_stream.config.settings import CameraSettings, DestinationSettings, Settings
from ftp_stream.config.sources import DEFAULTS, DOTENV, ENVIRONMENT, TOML, Layer, from_environ, read_dotenv, read_toml
from ftp_stream.config.tables import VARIABLE_KEYS, camera_tables, shown, top_layer
from ftp_stream.config.variables import GLOBAL, NAMES, ONE_CAMERA, SECRET, Variables, allowed
from ftp_stream.core.destinations import AUTO, preset_for
from ftp_stream.errors import ConfigError
from ftp_stream.model import PlanSettings
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ftp_stream.config.tables import CameraTable, DestinationTable

__all__ = ["load"]

_PER_DESTINATION = ("rtmp_url", "rtmp_backup_url", "rtmp_preset", "rtmp_ca_file", "video")


def load(environ: Mapping[str, str], directory: Path, env_file: Path | None = None) -> Settings:
    """Return the settings.

    Args:
        environ: The environment.
        directory: Where ``.env`` and ``ftp-stream.toml`` are looked for; relative paths begin there.
        env_file: What is read in place of ``.env``; it must exist, and its directory takes the place of ``directory``.

    Raises:
        ConfigError: Settings are unusable. Its text has a line for each, with name, value, place and what is allowed;
            no line has a secret in it.
    """
    loading = _Loading(environ, directory, env_file)
    settings = loading.settings()
    if settings is None or loading.problems:
        raise ConfigError("\n".join(dict.fromkeys(loading.problems)))
    return settings


class _Loading:
    """One reading of all places; what is wrong is gathered, so that one error can tell it all."""

    def __init__(self, environ: Mapping[str, str], directory: Path, env_file: Path | None) -> None:
        self.problems: list[str] = []
        self._origin: dict[str, str] = {}
        path = Path(os.path.abspath(directory / (env_file or DOTENV)))  # noqa: PTH100 - a link stays as it is written
        self._directory = path.parent
        self._dotenv_name = DOTENV if env_file is None else str(path)
        self._home = environ.get("HOME", "")
        self._environ = from_environ(environ)
        self._dotenv, dotenv_variables = read_dotenv(
            path, self._dotenv_name, environ, self.problems, required=env_file is not None
        )
        self._variables = {ENVIRONMENT: environ, self._dotenv_name: dotenv_variables}
        self._toml = read_toml(self._directory / TOML, self.problems)
        self._top = top_layer(self._toml, self.problems)
        self._tables = "camera" in self._toml

    def settings(self) -> Settings | None:
        common = self._resolve((self._environ, self._dotenv, self._top))
        cameras = self._table_cameras() if self._tables else self._plain_camera(common)
        if common is None or self.problems:
            return None
        self._note_origin("", (self._environ, self._dotenv, self._top), GLOBAL)
        check_together(cameras, common.state_dir, self.problems)
        return Settings(
            cameras,
            common.state_dir,
            common.log_format,
            common.log_level,
            self._tables,
            self._origin,
            (*self._warnings(), *doubts(cameras)),
        )

    # --- cameras ----------------------------------------------------------------------------------------------------

    def _plain_camera(self, variables: Variables | None) -> tuple[CameraSettings, ...]:
        if variables is None:
            return ()
        layers = (self._environ, self._dotenv, self._top)
        self._note_origin("", layers, NAMES)
        return (_camera(variables, self._destinations("", variables, layers), variables.archive_dir),)

    def _table_cameras(self) -> tuple[CameraSettings, ...]:
        tables = camera_tables(self._toml, self.problems)
        if not tables and not self.problems:
            self.problems.append(f"{TOML}: camera is empty; write [[camera]] tables, or none of it")
        self._refuse_one_camera_settings(_named_variables(tables))
        found = [self._table_camera(table) for table in tables]
        return tuple(camera for camera in found if camera)

    def _refuse_one_camera_settings(self, used: set[str]) -> None:
        for layer in (self._environ, self._dotenv, self._top):
            for name in ONE_CAMERA:
                written = layer.written(name)
                if name in layer.raw and not (written in used and layer is not self._top):
                    self.problems.append(
                        f"{written} ({layer.place(name)}) means the one camera of a plain configuration, but {TOML} "
                        "has [[camera]] tables: remove it, or say it in the tables"
                    )

    def _table_camera(self, table: CameraTable) -> CameraSettings | None:
        outer = (self._environ.without(ONE_CAMERA), self._dotenv.without(ONE_CAMERA))
        inner = (table.layer, self._top.without(ONE_CAMERA))
        destinations: list[DestinationSettings] = []
        variables = None if table.destinations else self._resolve((*outer, *inner))
        for each in table.destinations:
            layers = (*outer, *self._url_layers(each), each.layer, *inner)
            variables = self._resolve(layers)
            if variables is not None:
                found = self._destinations(each.name, variables, layers)
                self._note_origin(f"{variables.camera_name}/{found[0].name}.", layers, _PER_DESTINATION)
                destinations += found
        if variables is None:
            return None
        self._note_origin(f"{variables.camera_name}.", (*outer, *inner), NAMES)
        archive = variables.archive_dir
        if archive and _holder("archive_dir", (*outer, *inner)) is not table.layer:
            archive /= variables.camera_name  # one directory for all cameras: a folder for each in it
        return _camera(variables, destinations, archive)

    def _destinations(self, name: str, variables: Variables, layers: Sequence[Layer]) -> list[DestinationSettings]:
        """Return a destination, and its backup where it has one."""
        first = _destination(name, variables)
        if variables.rtmp_backup_url is None:
            return [first]
        try:
            return [first, backup_of(first, variables.rtmp_backup_url)]
        except ValueError as error:
            holder = _holder("rtmp_backup_url", layers)
            self.problems.append(_told("rtmp_backup_url", holder, {"error": error}))
            return [first]

    def _url_layers(self, table: DestinationTable) -> list[Layer]:
        """Return the layers of the variables that hold a destination's URLs."""
        found = [self._url_layer(table, key, variable) for key, variable in table.variables.items()]
        return [layer for layer in found if layer]

    def _url_layer(self, table: DestinationTable, key: str, variable: str) -> Layer | None:
        name = VARIABLE_KEYS[key]
        for origin, variables in self._variables.items():
            if variables.get(variable):
                return Layer(origin, raw={name: variables[variable]}, spellings={name: variable})
        self.problems.append(
            f"{key} = {shown(variable)} ({TOML}, {table.section}): this variable is set neither in the "
            f"environment nor in {self._dotenv_name}"
        )
        return None

    # --- values -----------------------------------------------------------------------------------------------------

    def _resolve(self, layers: Sequence[Layer]) -> Variables | None:
        try:
            return Variables.from_layers([layer.values(self._directory, self._home) for layer in (*layers, DEFAULTS)])
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                name = str(details["loc"][0])
                self.problems.append(_told(name, _holder(name, layers), details.get("ctx", {})))
        return None

    def _note_origin(self, prefix: str, layers: Sequence[Layer], names: Sequence[str]) -> None:
        for name in names:
            holder = _holder(name, layers)
            if holder is not None:
                self._origin[prefix + name.upper()] = holder.origin

    def _warnings(self) -> list[str]:
        """Return the variables of ``.env`` that are probably misspelt settings; others may serve other programs."""
        known = [name.upper() for name in NAMES]
        urls = _named_variables(camera_tables(self._toml, []))
        return [
            f"{name} ({self._dotenv_name} line {self._dotenv.lines[name.lower()]}) is not a setting; "
            f"did you mean {near[0]}?"
            for name in self._variables[self._dotenv_name]
            if name not in {*known, *urls} and (near := difflib.get_close_matches(name.upper(), known, 1, 0.8))
        ]


def _named_variables(tables: Sequence[CameraTable]) -> set[str]:
    """Return the variables that hold URLs of destinations."""
    return {variable for table in tables for each in table.destinations for variable in each.variables.values()}


def _holder(name: str, layers: Sequence[Layer]) -> Layer | None:
    """Return the layer whose value of a setting counts."""
    return next((layer for layer in layers if name in layer.raw), None)


def _told(name: str, layer: Layer | None, context: Mapping[str, Any]) -> str:
    """Return what is wrong with a value."""
    reason = str(context.get("error", ""))
    if layer is None:
        return f"{name.upper()} (its default): must be {allowed(name)}; {reason}"
    where = f"{layer.written(name)} ({layer.place(name)})"
    if name in SECRET:
        return f"{where}: {reason or 'must be text in quotes'}"
    text = f"{layer.written(name)} = {shown(layer.raw[name])} ({layer.place(name)}): must be {allowed(name)}"
    return text if not reason or reason in text else f"{text}; {reason}"


def _destination(name: str, variables: Variables) -> DestinationSettings:
    url = variables.rtmp_url
    host = "receiver" if url is None else parse_url(url.get_secret_value()).host
    return DestinationSettings(
        name or host,
        url,
        variables.rtmp_ca_file,
        preset_for(variables.rtmp_preset, host),
        variables.rtmp_preset == AUTO,
        variables.video,
    )


def _camera(variables: Variables, destinations: Sequence[DestinationSettings], archive: Path | None) -> CameraSettings:
    plan = PlanSettings(
        min_file_age=variables.min_file_age,
        max_retries=variables.max_retries,
        retry_delay=variables.retry_delay,
        max_lag=variables.max_lag,
        max_clock_skew=variables.max_clock_skew,
        newest=variables.newest,
        timezone=variables.camera_tz,
        archive=_inside(archive, variables.watch_dir),
    )
    return CameraSettings(
        variables.camera_name,
        variables.watch_dir,
        tuple(destinations),
        variables.scan_interval,
        variables.idle,
        variables.catchup_rate,
        archive,
        plan,
        variables.encoder,
        variables.hold_seconds,
        variables.slate_image,
        variables.language,
    )


def _inside(path: Path | None, directory: Path) -> str:
    """Return a path relative to a directory that it lies in, "" where it lies elsewhere."""
    if path is None or not real(path).is_relative_to(real(directory)):
        return ""
    return str(real(path).relative_to(real(directory)))

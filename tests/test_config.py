"""Settings are taken from the right place, and a bad one is told with its name, value, place and what is allowed."""

from __future__ import annotations

import contextlib
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ftp_stream.config import CameraSettings, DestinationSettings, Idle, Language, Settings, VideoMode, effective, load
from ftp_stream.config.variables import GLOBAL, NAMES, ONE_CAMERA, SECRET, Variables
from ftp_stream.core.destinations import GENERIC, PRESETS
from ftp_stream.errors import ConfigError
from ftp_stream.model import NewestPolicy, PlanSettings, VideoCodec
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Mapping

TOP = Path(__file__).resolve().parent.parent
CAMERA = '[[camera]]\nname = "{name}"\nwatch_dir = "{directory}"\n'
DESTINATION = '[[camera.destination]]\nurl = "{url}"\n'


def key() -> str:
    return secrets.token_hex(12)


def url(stream_key: str = "", host: str = "") -> str:
    return f"rtmp://{host or 'h' + secrets.token_hex(4)}.example/app/{stream_key or key()}"


def read(directory: Path, environ: Mapping[str, str] | None = None, *, env: str = "", toml: str = "") -> Settings:
    for name, text in ((".env", env), ("ftp-stream.toml", toml)):
        (directory / name).unlink(missing_ok=True)
        if text:
            (directory / name).write_text(text, encoding="utf-8")
    return load({"HOME": str(directory / "home"), **(environ or {})}, directory)


def refused(directory: Path, environ: Mapping[str, str] | None = None, *, env: str = "", toml: str = "") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(directory, environ, env=env, toml=toml)
    assert caught.value.__cause__ is None
    return str(caught.value).splitlines()


def camera(name: str = "", directory: str = "", more: str = "", *, destination: str = "") -> str:
    """Return the text of a good camera."""
    name = name or f"c{secrets.token_hex(4)}"
    table = CAMERA.format(name=name, directory=directory or f"/inbox/{name}") + more + "\n"
    return table + (destination or DESTINATION.format(url=url()))


def shown(settings: Settings) -> dict[str, str]:
    return {row.name: row.value for row in effective(settings)}


# --- names, defaults, places ----------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_the_requirements(tmp_path: Path) -> None:
    settings = read(tmp_path)
    assert settings == Settings(
        cameras=(
            CameraSettings(
                name="camera",
                watch_dir=tmp_path / "home" / "camera_data",
                destinations=(DestinationSettings("receiver", None, None),),
                scan_interval=5,
                idle=Idle.HOLD,
                catchup_rate=1.03,
                archive_dir=None,
                plan=PlanSettings(
                    min_file_age=30,
                    max_retries=3,
                    retry_delay=300,
                    max_lag=300,
                    max_clock_skew=600,
                    newest=NewestPolicy.NEVER,
                ),
            ),
        ),
        state_dir=settings.state_dir,
        log_format="auto",
        log_level="info",
    )
    assert settings.state_dir.is_absolute()
    assert settings.state_dir.name == "ftp-stream"
    assert {row.origin for row in effective(settings)} == {"default"}


def samples(directory: Path) -> dict[str, tuple[str, object]]:
    """Return for each variable a value that is not its default, and what becomes of it."""
    authority, picture = directory / "ca.pem", directory / "slate.png"
    for path in (authority, picture):
        path.write_text("")
    stream_key = key()
    return {
        "CAMERA_NAME": ("north-gate_2.a", "north-gate_2.a"),
        "WATCH_DIR": ("/some/where", "/some/where"),
        "RTMP_URL": (f"rtmp://host.example/app/{stream_key}", "rtmp://host.example/app/***"),
        "RTMP_BACKUP_URL": (f"rtmp://other.example/app/{stream_key}", "rtmp://other.example/app/***"),
        "RTMP_PRESET": ("nginx-rtmp", "nginx-rtmp"),
        "RTMP_CA_FILE": (str(authority), str(authority)),
        "VIDEO": ("h264", "h264"),
        "ENCODER": ("vaapi", "vaapi"),
        "MIN_FILE_AGE": ("12.5", "12.5"),
        "MAX_RETRIES": ("7", "7"),
        "SCAN_INTERVAL": ("0.5", "0.5"),
        "MAX_LAG": ("31536000", "31536000"),
        "RETRY_DELAY": ("0", "0"),
        "MAX_CLOCK_SKEW": ("86400", "86400"),
        "NEWEST": ("proven", "proven"),
        "IDLE": ("off", "off"),
        "HOLD_SECONDS": ("0", "0"),
        "SLATE_IMAGE": (str(picture), str(picture)),
        "LANGUAGE": ("es", "es"),
        "CATCHUP_RATE": ("1", "1"),
        "ARCHIVE_DIR": ("/some/archive", "/some/archive"),
        "CAMERA_TZ": ("Europe/Madrid", "Europe/Madrid"),
        "STATE_DIR": ("/some/state", "/some/state"),
        "LOG_FORMAT": ("json", "json"),
        "LOG_LEVEL": ("debug", "debug"),
    }


def as_env(values: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values.items())


def as_toml(values: Mapping[str, str]) -> str:
    return "".join(f'{name.lower()} = "{value}"\n' for name, value in values.items())


@pytest.mark.parametrize("place", ["environment", ".env", "ftp-stream.toml"])
def test_every_setting_can_stand_in_every_place(tmp_path: Path, place: str) -> None:
    """And is shown with the place it came from; this also proves that no variable is missing in this test."""
    table = samples(tmp_path)
    values = {name: value for name, (value, _) in table.items()}
    assert sorted(values) == sorted(name.upper() for name in NAMES)
    environ, env, toml = {
        "environment": (values, "", ""),
        ".env": ({}, as_env(values), ""),
        "ftp-stream.toml": ({}, "", as_toml(values)),
    }[place]
    rows = effective(read(tmp_path, environ, env=env, toml=toml))
    assert {row.name: row.value for row in rows} == {name: value for name, (_, value) in table.items()}
    assert {row.origin for row in rows} == {place}


@pytest.mark.parametrize("name", sorted(name.upper() for name in NAMES))
def test_the_environment_comes_before_dotenv_and_dotenv_before_toml(tmp_path: Path, name: str) -> None:
    value, wanted = samples(tmp_path)[name]
    broken = "rtmp://" if name.endswith("_URL") else "~no-such-user/x"
    first = {"RTMP_URL": url()} if name == "RTMP_BACKUP_URL" else {}
    settings = read(tmp_path, {**first, name: value}, env=f"{name}={broken}\n", toml=f'{name.lower()} = "{broken}"\n')
    assert (shown(settings)[name], settings.origin[name]) == (wanted, "environment")
    settings = read(tmp_path, first, env=f"{name}={value}\n", toml=f'{name.lower()} = "{broken}"\n')
    assert (shown(settings)[name], settings.origin[name]) == (wanted, ".env")


@pytest.mark.parametrize("name", sorted(name.upper() for name in NAMES))
def test_an_empty_value_counts_as_not_set(tmp_path: Path, name: str) -> None:
    value, wanted = samples(tmp_path)[name]
    first = {"RTMP_URL": url()} if name == "RTMP_BACKUP_URL" else {}
    settings = read(tmp_path, {**first, name: ""}, env=f"{name}=\n", toml=f'{name.lower()} = "{value}"\n')
    assert shown(settings)[name] == wanted
    assert read(tmp_path, {name: ""}, env=f"{name}=\n", toml=f'{name.lower()} = ""\n') == read(tmp_path)


def test_toml_takes_numbers_as_numbers(tmp_path: Path) -> None:
    plan = read(tmp_path, toml="min_file_age = 7\nmax_retries = 2\nmax_lag = 12.5\n").cameras[0].plan
    assert (plan.min_file_age, plan.max_retries, plan.max_lag) == (7, 2, 12.5)


@pytest.mark.parametrize("text", ["off", "OFF", " off "])
def test_the_lag_may_be_without_a_limit(tmp_path: Path, text: str) -> None:
    settings = read(tmp_path, {"MAX_LAG": text})
    assert settings.cameras[0].plan.max_lag is None
    assert shown(settings)["MAX_LAG"] == "off"


def test_words_may_be_in_capitals(tmp_path: Path) -> None:
    settings = read(tmp_path, {"IDLE": "OFF", "NEWEST": "Proven", "LOG_LEVEL": "DEBUG", "LOG_FORMAT": "JSON"})
    assert settings.cameras[0].idle is Idle.OFF
    assert settings.cameras[0].plan.newest is NewestPolicy.PROVEN
    assert (settings.log_level, settings.log_format) == ("debug", "json")


def test_the_variables_of_this_process_play_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the environment that is handed over."""
    monkeypatch.setenv("MIN_FILE_AGE", "1")
    monkeypatch.setenv("min_file_age", "2")
    assert read(tmp_path).cameras[0].plan.min_file_age == 30


def test_paths_begin_at_home_or_at_the_configuration(tmp_path: Path) -> None:
    settings = read(tmp_path, {"WATCH_DIR": "~/a/../b", "ARCHIVE_DIR": "kept", "STATE_DIR": "/s/./t"})
    assert settings.cameras[0].watch_dir == tmp_path / "home" / "b"
    assert settings.cameras[0].archive_dir == tmp_path / "kept"
    assert settings.state_dir == Path("/s/t")
    assert read(tmp_path, {"WATCH_DIR": "~"}).cameras[0].watch_dir == tmp_path / "home"


def test_another_user_s_home_can_be_named(tmp_path: Path) -> None:
    home = Path("~root").expanduser()
    assert read(tmp_path, {"WATCH_DIR": "~root/x"}).cameras[0].watch_dir == home / "x"


def test_without_home_the_user_s_own_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service manager may start a service without HOME."""
    monkeypatch.delenv("HOME")
    assert load({}, tmp_path).cameras[0].watch_dir.is_absolute()


def test_an_archive_inside_the_inbox_is_known_to_the_plan(tmp_path: Path) -> None:
    """Through links too, for it must not be played."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    settings = read(tmp_path, {"WATCH_DIR": "real", "ARCHIVE_DIR": "link/old/kept"})
    assert settings.cameras[0].plan.archive == "old/kept"
    assert read(tmp_path, {"WATCH_DIR": "real", "ARCHIVE_DIR": "kept"}).cameras[0].plan.archive == ""


# --- .env -----------------------------------------------------------------------------------------------------------


def test_dotenv_is_read_as_everyone_writes_it(tmp_path: Path) -> None:
    secret = "a#b$c" + key()
    env = (
        "\ufeff# comment\r\n\r\nexport MIN_FILE_AGE=7 # seconds\r\n"
        f"RTMP_URL='rtmp://h.example/app/{secret}'\r\nWATCH_DIR=\"${{HOME}}/in box\"\r\nOTHER\r\n"
    )
    settings = read(tmp_path, env=env)
    assert settings.cameras[0].plan.min_file_age == 7
    assert settings.cameras[0].watch_dir == tmp_path / "home" / "in box"
    [destination] = settings.cameras[0].destinations
    assert destination.url
    assert destination.url.get_secret_value() == f"rtmp://h.example/app/{secret}"


@pytest.mark.parametrize("before", ["", "\n", "# comment\n\n", "OTHER=1\n\n"])
def test_a_fault_in_dotenv_comes_with_its_line(tmp_path: Path, before: str) -> None:
    line = before.count("\n") + 1
    [problem] = refused(tmp_path, env=f"{before}MIN_FILE_AGE=soon\n")
    assert f"(.env line {line})" in problem
    [problem] = refused(tmp_path, env=f"{before}RTMP_URL 'x\n")
    assert f".env line {line}:" in problem


def test_another_file_can_take_the_place_of_dotenv(tmp_path: Path) -> None:
    """With `ftp-stream.toml` beside it, and paths that begin in its directory: as a service that has no directory."""
    place, elsewhere = tmp_path / "etc", tmp_path / "elsewhere"
    for directory in (place, elsewhere):
        directory.mkdir()
        (directory / ".env").write_text("MAX_LAG=1\n")
    (place / "our.env").write_text("WATCH_DIR=inbox\nMAX_LAGG=77\n")
    (place / "ftp-stream.toml").write_text("max_retries = 9\n")
    settings = load({"HOME": "/home/x"}, elsewhere, place / "our.env")
    assert settings.cameras[0].watch_dir == place / "inbox"
    assert settings.cameras[0].plan.max_lag == 300
    assert settings.cameras[0].plan.max_retries == 9
    assert settings.origin["WATCH_DIR"] == str(place / "our.env")
    assert settings.warnings == (f"MAX_LAGG ({place / 'our.env'} line 2) is not a setting; did you mean MAX_LAG?",)


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    """Else a service would run with defaults and nobody would know."""
    with pytest.raises(ConfigError, match="there is no such file of settings"):
        load({"HOME": "/home/x"}, tmp_path, tmp_path / "our.env")


def test_a_misspelt_variable_in_dotenv_is_a_warning(tmp_path: Path) -> None:
    """The file may serve other programs too, so it is no error."""
    settings = read(tmp_path, env="MIN_FILEAGE=7\nEDITOR=vi\n")
    [warning] = settings.warnings
    assert "MIN_FILEAGE (.env line 1)" in warning
    assert "MIN_FILE_AGE?" in warning


@pytest.mark.parametrize(("preset", "seconds"), [("srs", "5 s"), ("mediamtx", "10 s"), ("generic", "3 s")])
def test_sending_nothing_is_doubtful_where_the_destination_does_not_bear_it(
    tmp_path: Path, preset: str, seconds: str
) -> None:
    settings = read(tmp_path, {"IDLE": "off", "RTMP_PRESET": preset, "RTMP_URL": url(host="h")})
    [warning] = settings.warnings
    assert warning.startswith("camera/h.example: IDLE=off sends nothing")
    assert f"after {seconds} of that: set IDLE to hold or slate" in warning


@pytest.mark.parametrize(
    "environ",
    [
        {"IDLE": "hold", "RTMP_PRESET": "srs", "RTMP_URL": url(host="h")},
        {"IDLE": "off", "RTMP_PRESET": "nginx-rtmp", "RTMP_URL": url(host="h")},  # no limit is known
        {"IDLE": "off", "RTMP_PRESET": "srs"},  # no destination: our own receiver
        {"RTMP_PRESET": "ovenmediaengine", "RTMP_URL": url(host="h")},
        {"RTMP_PRESET": "srs", "RTMP_URL": url(host="h").replace("rtmp:", "rtmps:")},
    ],
)
def test_what_a_destination_bears_is_not_doubtful(tmp_path: Path, environ: dict[str, str]) -> None:
    assert read(tmp_path, environ).warnings == ()


def test_tls_is_doubtful_where_the_server_knows_none(tmp_path: Path) -> None:
    """At a backup elsewhere too; and the URL's key is not shown."""
    secure, stream_key = url(host="h").replace("rtmp:", "rtmps:"), key()
    backup = url(stream_key, host="other").replace("rtmp:", "rtmps:")
    environ = {"RTMP_PRESET": "ovenmediaengine", "RTMP_URL": secure, "RTMP_BACKUP_URL": backup}
    warnings = read(tmp_path, environ).warnings
    assert [warning.partition(":")[0] for warning in warnings] == ["camera/h.example", "camera/h.example-backup"]
    assert all("OvenMediaEngine has no RTMPS: write rtmp://" in warning for warning in warnings)
    assert stream_key not in str(warnings)


@pytest.mark.parametrize("name", [".env", "ftp-stream.toml"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match=rf"{re.escape(name)} is not UTF-8 from byte 5 on"):
        load({}, tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    with pytest.raises(ConfigError, match=rf"{re.escape(name)} cannot be read"):
        load({}, tmp_path)


# --- bad values -----------------------------------------------------------------------------------------------------

BAD = [
    ("CAMERA_NAME", "a/b", "letters, digits"),
    ("CAMERA_NAME", ".hidden", "letters, digits"),
    ("CAMERA_NAME", "a b", "letters, digits"),
    ("CAMERA_NAME", "x" * 64, "63"),
    ("WATCH_DIR", "~no-such-user/x", "no such user"),
    ("RTMP_CA_FILE", "/no/such/file", "no such file"),
    ("MIN_FILE_AGE", "soon", "from 0 to 86400"),
    ("MIN_FILE_AGE", "-1", "from 0 to 86400"),
    ("MIN_FILE_AGE", "86400.1", "from 0 to 86400"),
    ("MIN_FILE_AGE", "nan", "from 0 to 86400"),
    ("MIN_FILE_AGE", "off", "from 0 to 86400"),
    ("MAX_RETRIES", "0", "from 1 to 100"),
    ("MAX_RETRIES", "101", "from 1 to 100"),
    ("MAX_RETRIES", "2.5", "whole number"),
    ("SCAN_INTERVAL", "0", "from 0.1 to 3600"),
    ("SCAN_INTERVAL", "inf", "from 0.1 to 3600"),
    ("MAX_LAG", "0", "from 1 to 31536000, or off"),
    ("MAX_LAG", "never", "or off"),
    ("RETRY_DELAY", "-0.1", "from 0"),
    ("MAX_CLOCK_SKEW", "1 day", "from 0"),
    ("NEWEST", "always", "never or proven"),
    ("RTMP_PRESET", "vimeo", "auto or youtube or twitch"),
    ("VIDEO", "hevc", "copy or auto or h264"),
    ("ENCODER", "nvidia", "auto or x264 or vaapi or nvenc or qsv or v4l2m2m"),
    ("IDLE", "black", "hold or slate or off"),
    ("HOLD_SECONDS", "-1", "from 0 to 3600"),
    ("HOLD_SECONDS", "3601", "from 0 to 3600"),
    ("SLATE_IMAGE", "/no/such/file", "no such file"),
    ("LANGUAGE", "spanish", "en or es"),
    ("CATCHUP_RATE", "0.99", "from 1 to 2"),
    ("CATCHUP_RATE", "2.01", "from 1 to 2"),
    ("CAMERA_TZ", "Europe/Nowhere", "no such zone"),
    ("CAMERA_TZ", "../etc/passwd", "no such zone"),
    ("CAMERA_TZ", "Europe", "no such zone"),
    ("STATE_DIR", "~no-such-user", "no such user"),
    ("LOG_FORMAT", "xml", "auto or console or json"),
    ("LOG_LEVEL", "loud", "debug or info or warning or error"),
]


@pytest.mark.parametrize(("name", "value", "what"), BAD)
def test_a_bad_value_is_told_with_all_that_helps(tmp_path: Path, name: str, value: str, what: str) -> None:
    """Its name as it is written there, the value, the place, and what is allowed."""
    for problem in (
        *refused(tmp_path, {name: value}),
        *refused(tmp_path, env=f"{name}='{value}'"),
        *refused(tmp_path, toml=f'{name.lower()} = "{value}"'),
    ):
        assert repr(value) in problem or repr(value)[:60] in problem
        assert what in problem
    assert f"{name} = " in refused(tmp_path, {name: value})[0]
    assert "(environment)" in refused(tmp_path, {name: value})[0]
    assert f"{name} = " in refused(tmp_path, env=f"{name}='{value}'")[0]
    assert "(.env line 1)" in refused(tmp_path, env=f"{name}='{value}'")[0]
    assert f"{name.lower()} = " in refused(tmp_path, toml=f'{name.lower()} = "{value}"')[0]
    assert "(ftp-stream.toml)" in refused(tmp_path, toml=f'{name.lower()} = "{value}"')[0]


@pytest.mark.parametrize("name", sorted({*NAMES} - {"camera_tz", "camera_name"}))
@pytest.mark.parametrize("value", ["true", "[1]", "{a = 1}", "2026-01-01"])
def test_a_value_of_another_kind_is_told(tmp_path: Path, name: str, value: str) -> None:
    [problem] = refused(tmp_path, toml=f"{name} = {value}")
    assert problem.startswith(name)
    assert "(ftp-stream.toml)" in problem


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("MIN_FILE_AGE", "0", "86400"),
        ("MAX_RETRIES", "1", "100"),
        ("SCAN_INTERVAL", "0.1", "3600"),
        ("MAX_LAG", "1", "31536000"),
        ("RETRY_DELAY", "0", "86400"),
        ("MAX_CLOCK_SKEW", "0", "86400"),
        ("HOLD_SECONDS", "0", "3600"),
        ("CATCHUP_RATE", "1", "2"),
    ],
)
def test_the_ends_of_a_range_are_allowed(tmp_path: Path, name: str, lowest: str, highest: str) -> None:
    for value in (lowest, highest):
        assert shown(read(tmp_path, {name: value}))[name] == value


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    bad = {name: value for name, value, _ in BAD}
    problems = refused(tmp_path, {**bad, "RTMP_URL": "http://x/y/z"}, toml="what = 1\n")
    assert len(problems) == len(bad) + 2
    for name in (*bad, "RTMP_URL", "what"):
        assert any(name in problem for problem in problems)


# --- several cameras ------------------------------------------------------------------------------------------------


def test_cameras_and_destinations_come_from_tables(tmp_path: Path) -> None:
    """The top of the file holds for all cameras, a table for its camera, the environment for everything."""
    urls = [url(host=f"h{number}") for number in range(3)]
    toml = f"""
        min_file_age = 10
        max_lag = 100
        log_level = "warning"
        [[camera]]
        name = "one"
        watch_dir = "/inbox/one"
        max_lag = "off"
        idle = "off"
        retry_delay = 5
        [[camera.destination]]
        name = "main"
        url = "{urls[0]}"
        [[camera.destination]]
        url = "{urls[1]}"
        [[camera]]
        name = "two"
        watch_dir = "two"
        camera_tz = "UTC"
        [[camera.destination]]
        url_env = "TWO_URL"
    """
    settings = read(tmp_path, {"RETRY_DELAY": "9"}, env=f"TWO_URL={urls[2]}\nMAX_RETRIES=2\n", toml=toml)
    one, two = settings.cameras
    assert (one.name, one.watch_dir, two.name, two.watch_dir) == ("one", Path("/inbox/one"), "two", tmp_path / "two")
    assert [each.name for each in one.destinations] == ["main", "h1.example"]
    assert [each.name for each in two.destinations] == ["h2.example"]
    found = [each.url.get_secret_value() for each in (*one.destinations, *two.destinations) if each.url]
    assert found == urls
    assert (one.plan.min_file_age, two.plan.min_file_age) == (10, 10)
    assert (one.plan.max_lag, two.plan.max_lag) == (None, 100)
    assert (one.plan.max_retries, one.plan.retry_delay, two.plan.retry_delay) == (2, 9, 9)
    assert (one.idle, two.idle) == (Idle.OFF, Idle.HOLD)
    assert (one.plan.timezone, two.plan.timezone) == ("", "UTC")
    assert settings.log_level == "warning"
    rows = {row.name: (row.value, row.origin) for row in effective(settings)}
    assert rows["one.MAX_LAG"] == ("off", "ftp-stream.toml")
    assert rows["one.MAX_CLOCK_SKEW"] == ("600", "default")
    assert rows["two.MAX_RETRIES"] == ("2", ".env")
    assert rows["two.RETRY_DELAY"] == ("9", "environment")
    assert rows["one/main.RTMP_URL"] == ("rtmp://h0.example/app/***", "ftp-stream.toml")
    assert rows["two/h2.example.RTMP_URL"] == ("rtmp://h2.example/app/***", ".env")
    assert rows["LOG_LEVEL"] == ("warning", "ftp-stream.toml")
    assert len(rows) == len(effective(settings))


def test_the_environment_gives_a_url_before_dotenv(tmp_path: Path) -> None:
    toml = camera("a", destination='[[camera.destination]]\nurl_env = "A_URL"\n')
    settings = read(tmp_path, {"A_URL": url(host="right")}, env=f"A_URL={url(host='wrong')}\n", toml=toml)
    assert settings.cameras[0].destinations[0].name == "right.example"
    assert settings.origin["a/right.example.RTMP_URL"] == "environment"
    settings = read(tmp_path, {"A_URL": ""}, env=f"A_URL={url(host='right')}\n", toml=toml)
    assert settings.cameras[0].destinations[0].name == "right.example"


def test_an_archive_of_all_cameras_has_a_directory_for_each(tmp_path: Path) -> None:
    """A camera's own archive stands as it is written."""
    toml = 'archive_dir = "/kept"\n' + camera("a") + camera("b", more='archive_dir = "/else"')
    assert [each.archive_dir for each in read(tmp_path, toml=toml).cameras] == [Path("/kept/a"), Path("/else")]
    settings = read(tmp_path, {"ARCHIVE_DIR": "/env"}, toml=toml)
    assert [each.archive_dir for each in settings.cameras] == [Path("/env/a"), Path("/env/b")]


def test_an_authority_is_found_from_the_inside_out(tmp_path: Path) -> None:
    for name in ("top", "camera", "destination", "env"):
        (tmp_path / name).write_text("")
    own = DESTINATION.format(url=url(host="own")) + 'ca_file = "destination"\n'
    toml = 'rtmp_ca_file = "top"\n' + camera("a") + camera("b", more='rtmp_ca_file = "camera"', destination=own)
    toml += DESTINATION.format(url=url(host="other"))

    def names(settings: Settings) -> list[str]:
        return [each.ca_file.name for camera in settings.cameras for each in camera.destinations if each.ca_file]

    assert names(read(tmp_path, toml=toml)) == ["top", "destination", "camera"]
    assert names(read(tmp_path, {"RTMP_CA_FILE": "env"}, toml=toml)) == ["env"] * 3


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ("min_fileage = 1", "did you mean min_file_age?"),
        ("MIN_FILE_AGE = 1", "did you mean min_file_age?"),
        ("zzzzz = 1", "here may stand: archive_dir, camera,"),
        ('name = "x"', "belongs in a [[camera]] table"),
        ('url_env = "x"', "belongs in a [[camera.destination]] table"),
        (camera(more="state_dir = 1"), "belongs at the top of the file"),
        (camera(more="watchdir = 1"), "did you mean watch_dir?"),
        (camera(more='url = "x"'), "belongs in a [[camera.destination]] table"),
        (camera() + 'uri = "x"', "did you mean url?"),
        (camera() + "idle = 1", "belongs at the top of the file"),
        ("camera = 3", "[[camera]]"),
        ("camera = [3]", "[[camera]]"),
        ("camera = []", "[[camera]]"),
        ('[camera]\nname = "x"', "[[camera]]"),
        (CAMERA.format(name="x", directory="/x") + "destination = 1", "[[camera.destination]]"),
        (CAMERA.format(name="x", directory="/x"), "it has no [[camera.destination]]"),
        (camera().replace("name = ", "#"), "name is missing"),
        (camera().replace("watch_dir = ", "#"), "watch_dir is missing"),
        (camera(destination="[[camera.destination]]\n"), "either url, or url_env"),
        (camera() + 'url_env = "X"', "either url, or url_env"),
        (camera(destination='[[camera.destination]]\nurl_env = "NOT_SET"'), "'NOT_SET'"),
        (camera(destination="[[camera.destination]]\nurl_env = 5"), "must be text in quotes"),
        (camera() + "name = 5", "must be text in quotes"),
        (camera() + 'name = "a/b"', "letters, digits"),
        (camera(name="a/b"), "letters, digits"),
        (camera(name="x", more="max_lag = 0"), "max_lag = 0 (ftp-stream.toml, [[camera]] 1 ('x')): must be"),
        (camera(destination=DESTINATION.format(url="rtmp://h")), "destination 1"),
        (camera() + 'preset = "vimeo"', "preset = 'vimeo' (ftp-stream.toml, [[camera]] 1"),
        (camera() + 'video = "hevc"', "video = 'hevc' (ftp-stream.toml, [[camera]] 1"),
        (camera() + 'backup_url = "rtmp://b"', "backup_url (ftp-stream.toml, [[camera]] 1"),
        (camera() + 'backup_url_env = "NOT_SET"', "backup_url_env = 'NOT_SET'"),
        (camera() + f'backup_url = "{url()}"\nbackup_url_env = "X"', "either backup_url, or backup_url_env"),
        (camera() + 'backup_url = "auto"', "auto knows the second ingest of a.rtmp.youtube.com/live2"),
        (camera(more='backup_url = "auto"'), "belongs in a [[camera.destination]] table"),
        (f'rtmp_backup_url = "{url()}"\n' + camera(), "rtmp_backup_url (ftp-stream.toml) means the one camera"),
        (camera() + 'ca_file = "/none"', "ca_file = '/none' (ftp-stream.toml, [[camera]] 1"),
        ('rtmp_ca_file = "/none"\n' + camera() + DESTINATION.format(url=url()), "no such file"),
        ("watch_dir = ", "not TOML"),
        ('watch_dir = "/x"\n' + camera(), "watch_dir (ftp-stream.toml) means the one camera"),
        ('camera_name = "x"\n' + camera(), "camera_name (ftp-stream.toml) means the one camera"),
        (f'rtmp_url = "{url()}"\n' + camera(), "rtmp_url (ftp-stream.toml) means the one camera"),
        (camera("twin", "/a") + camera("twin", "/b"), "two cameras are named 'twin'"),
        (camera("a", "/x/y") + camera("b", "/x/y"), "camera 'b' is, or lies inside, that of camera 'a'"),
        (camera("a", "/x/y/z") + camera("b", "/x/y"), "camera 'a' is, or lies inside, that of camera 'b'"),
        (camera("a", "/x/y", "archive_dir = '/x/y'"), "would be played again"),
        (camera("a", "/x/y", "archive_dir = '/x/z/kept'") + camera("b", "/x/z"), "would be played again"),
        ('state_dir = "/x/y/state"\n' + camera("a", "/x/y"), "STATE_DIR"),
        (camera() + DESTINATION.format(url=url(host="q")) + DESTINATION.format(url=url(host="q")), "'q.example'"),
    ],
    ids=lambda value: value if "[[camera]]" not in value else "toml",  # names in it are random
)
def test_a_fault_in_the_file_is_told_once(tmp_path: Path, toml: str, what: str) -> None:
    assert [problem for problem in refused(tmp_path, toml=toml) if what in problem], refused(tmp_path, toml=toml)
    assert len(refused(tmp_path, toml=toml)) == 1


@pytest.mark.parametrize("name", [name.upper() for name in ONE_CAMERA])
def test_one_camera_s_variables_beside_tables_are_refused(tmp_path: Path, name: str) -> None:
    """By precedence they would give every camera the same inbox; silence about it would be worse."""
    value, _ = samples(tmp_path)[name]
    for problems in (
        refused(tmp_path, {name: value}, toml=camera()),
        refused(tmp_path, env=f"{name}={value}\n", toml=camera()),
    ):
        assert len(problems) == 1
        assert name in problems[0]


def test_rtmp_url_may_serve_a_table(tmp_path: Path) -> None:
    toml = camera("a", destination='[[camera.destination]]\nurl_env = "RTMP_URL"\n')
    settings = read(tmp_path, {"RTMP_URL": url(host="x")}, toml=toml)
    assert settings.cameras[0].destinations[0].name == "x.example"


def test_side_by_side_inboxes_are_fine(tmp_path: Path) -> None:
    """Names that begin alike, and one inbox above another's sibling, are no overlap."""
    toml = "".join(
        camera(name, path) for name, path in {"a": "/x/y", "b": "/x/yy", "c": "/x/y-z", "d": "/x/z/y"}.items()
    )
    assert len(read(tmp_path, toml=toml).cameras) == 4


def test_overlaps_are_found_through_links(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    [problem] = refused(tmp_path, toml=camera("a", "real") + camera("b", "link/inner"))
    assert "lies inside" in problem


def test_every_overlap_is_told(tmp_path: Path) -> None:
    toml = "".join(camera(f"c{number}", path) for number, path in enumerate(["/x/b/c", "/x", "/x/a", "/x/b", "/y"]))
    problems = refused(tmp_path, toml=toml)
    assert len(problems) == 3
    assert all("'c1'" in problem for problem in problems)


@pytest.mark.parametrize("second", ["rtmp://H.example/app/{key}", "rtmps://me:pw@h.example:1935/app/{key}"])
def test_a_url_that_stands_twice_is_refused(tmp_path: Path, second: str) -> None:
    """However it is written: two publishers of one name cut each other off."""
    same = key()
    toml = camera("a", destination=DESTINATION.format(url=f"rtmp://h.example/app/{same}"))
    toml += camera("b", destination=DESTINATION.format(url=second.format(key=same)))
    [problem] = refused(tmp_path, toml=toml)
    assert "a/h.example" in problem
    assert "b/" in problem
    assert same not in problem


def test_one_server_may_take_many_streams(tmp_path: Path) -> None:
    """Another key, another app or another port is another stream."""
    same = key()
    urls = [
        f"rtmp://h.example/app/{same}",
        f"rtmp://h.example/app/{same}2",
        f"rtmp://h.example/app2/{same}",
        f"rtmp://h.example:1936/app/{same}",
    ]
    toml = "".join(camera(f"c{n}", destination=DESTINATION.format(url=each)) for n, each in enumerate(urls))
    assert len(read(tmp_path, toml=toml).cameras) == 4


@pytest.mark.parametrize("count", [1, 2, 400])
def test_many_cameras_are_read_in_time(tmp_path: Path, count: int) -> None:
    assert len(read(tmp_path, toml="".join(camera() for _ in range(count))).cameras) == count


# --- what a destination is ------------------------------------------------------------------------------------------


def test_a_preset_is_chosen_by_the_host_or_by_name(tmp_path: Path) -> None:
    destinations = [
        DESTINATION.format(url=f"rtmps://a.rtmps.youtube.com/live2/{key()}") + 'name = "by-host"\n',
        DESTINATION.format(url=url(host="own")) + 'preset = "SRS"\nvideo = "copy"\n',
        DESTINATION.format(url=url(host="other")),
    ]
    settings = read(tmp_path, toml='video = "h264"\n' + camera("a", destination="".join(destinations)))
    found = settings.cameras[0].destinations
    assert [each.preset for each in found] == [PRESETS["youtube"], PRESETS["srs"], GENERIC]
    assert [each.video for each in found] == [VideoMode.H264, VideoMode.COPY, VideoMode.H264]
    told = shown(settings)
    names = ("by-host", "own.example", "other.example")
    assert [told[f"a/{name}.RTMP_PRESET"] for name in names] == ["auto: youtube", "srs", "auto: generic"]
    assert [told[f"a/{name}.VIDEO"] for name in names] == ["h264", "copy", "h264"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("rtmps://a.rtmps.youtube.com/live2/{}", "rtmps://b.rtmps.youtube.com/live2?backup=1/{}"),
        ("rtmp://A.rtmp.youtube.com:1935/live2/{}?x=1", "rtmp://b.rtmp.youtube.com:1935/live2?backup=1/{}?x=1"),
        ("rtmps://me:pw@a.rtmps.youtube.com/live2/{}", "rtmps://me:pw@b.rtmps.youtube.com/live2?backup=1/{}"),
    ],
)
def test_youtube_s_second_ingest_is_known(tmp_path: Path, first: str, second: str) -> None:
    """It is a stream of its own, with all that the first one has."""
    stream_key = key()
    settings = read(tmp_path, {"RTMP_URL": first.format(stream_key), "RTMP_BACKUP_URL": "Auto", "VIDEO": "copy"})
    main, backup = settings.cameras[0].destinations
    assert backup.url
    assert backup.url.get_secret_value() == second.format(stream_key)
    assert backup.name == f"{main.name}-backup"
    assert backup.backup_of == main.name
    assert (backup.preset, backup.video) == (PRESETS["youtube"], VideoMode.COPY)
    assert shown(settings)["RTMP_BACKUP_URL"] == parse_url(second).masked
    assert parse_url(second).app == "live2?backup=1"
    assert stream_key not in everything(settings)


@pytest.mark.parametrize("first", ["rtmp://h.example/live2/{}", "rtmps://a.rtmps.youtube.com/other/{}", ""])
def test_another_second_ingest_is_not_guessed(tmp_path: Path, first: str) -> None:
    stream_key = key()
    problems = refused(tmp_path, {"RTMP_URL": first.format(stream_key), "RTMP_BACKUP_URL": "auto"})
    assert len(problems) == 1
    assert "RTMP_BACKUP_URL (environment)" in problems[0]
    assert ("knows the second ingest" if first else "RTMP_URL is not set") in problems[0]
    assert stream_key not in problems[0]


def test_a_backup_of_one_s_own_is_a_stream_beside_the_first(tmp_path: Path) -> None:
    variables = {"SECOND": url(host="second")}
    own = DESTINATION.format(url=url(host="first")) + 'name = "main"\nbackup_url_env = "SECOND"\n'
    settings = read(tmp_path, variables, toml=camera("a", destination=own))
    assert [each.name for each in settings.cameras[0].destinations] == ["main", "main-backup"]
    rows = {row.name: (row.value, row.origin) for row in effective(settings)}
    assert rows["a/main.RTMP_BACKUP_URL"] == ("rtmp://second.example/app/***", "environment")
    assert not any("main-backup" in name for name in rows)


@pytest.mark.parametrize(("preset", "names"), [("auto", ["youtube", "generic"]), ("srs", ["srs", "srs"])])
def test_a_backup_elsewhere_has_its_own_preset_unless_one_is_named(
    tmp_path: Path, preset: str, names: list[str]
) -> None:
    first = f"rtmps://a.rtmps.youtube.com/live2/{key()}"
    settings = read(tmp_path, {"RTMP_URL": first, "RTMP_BACKUP_URL": url(), "RTMP_PRESET": preset})
    assert [each.preset.name for each in settings.cameras[0].destinations] == names


def test_a_backup_is_checked_as_any_destination(tmp_path: Path) -> None:
    """Two streams to one place cut each other off, and two of one name cannot be told apart."""
    same = url(host="h")
    [problem] = refused(tmp_path, {"RTMP_URL": same, "RTMP_BACKUP_URL": same})
    assert "have the same URL" in problem
    own = DESTINATION.format(url=url()) + f'name = "x"\nbackup_url = "{url()}"\n'
    [problem] = refused(
        tmp_path, toml=camera("a", destination=own + DESTINATION.format(url=url()) + 'name = "x-backup"')
    )
    assert "two destinations named 'x-backup'" in problem


@pytest.mark.parametrize("value", ["es_ES.UTF-8", "en_US:en", "de_DE:es_MX:en", "pt", "C", "ca_ES@valencia", ":"])
def test_a_language_for_gettext_is_not_meant_for_us(tmp_path: Path, value: str) -> None:
    """Many systems have such a variable: it neither keeps the service from starting nor overrules a file."""
    settings = read(tmp_path, {"LANGUAGE": value}, env="LANGUAGE=es\n")
    assert (settings.cameras[0].language, settings.origin["LANGUAGE"]) == (Language.ES, ".env")
    assert read(tmp_path, {"LANGUAGE": value}).cameras[0].language is Language.EN


@pytest.mark.parametrize("value", ["es", "ES", " es "])
def test_a_language_of_ours_counts_wherever_it_stands(tmp_path: Path, value: str) -> None:
    assert read(tmp_path, {"LANGUAGE": value}, env="LANGUAGE=en\n").cameras[0].language is Language.ES


@pytest.mark.parametrize("value", ["fr", "es_ES", "en_US:en"])
def test_a_language_that_we_have_not_is_refused_in_our_own_files(tmp_path: Path, value: str) -> None:
    [problem] = refused(tmp_path, env=f"LANGUAGE={value}\n")
    assert "must be en or es" in problem


def test_the_mode_of_video_says_what_is_copied() -> None:
    taken = frozenset({VideoCodec.AVC, VideoCodec.HEVC})
    assert VideoMode.COPY.copied(taken) == frozenset(VideoCodec)
    assert VideoMode.AUTO.copied(taken) == taken
    assert VideoMode.H264.copied(taken) == frozenset()


# --- secrets --------------------------------------------------------------------------------------------------------


def everything(settings: Settings) -> str:
    """Return all text that settings can become by accident."""
    return f"{settings!r} {settings} {effective(settings)} {settings.warnings} {settings.origin}"


def test_no_key_can_be_seen(tmp_path: Path) -> None:
    password, stream_key, query = key(), key(), key()
    secret_url = f"rtmp://user:{password}@h.example/app/{stream_key}?token={query}"
    toml = camera("a", destination=DESTINATION.format(url=secret_url))
    for settings in (
        read(tmp_path, {"RTMP_URL": secret_url}),
        read(tmp_path, env=f"RTMP_URL={secret_url}\n"),
        read(tmp_path, toml=toml),
    ):
        text = everything(settings)
        assert "h.example" in text
        for secret in (password, stream_key, query):
            assert secret not in text
        [destination] = settings.cameras[0].destinations
        assert destination.url
        assert destination.url.get_secret_value() == secret_url


@pytest.mark.parametrize(
    "broken", ["http://h/app/{}", "rtmp:/h/app/{}", "{}", "rtmp://h/{}", "rtmp://h:99999/a/{}", "rtmp://h/a b/{}"]
)
def test_no_key_is_in_the_error_for_a_bad_url(tmp_path: Path, broken: str) -> None:
    secret = key()
    text = broken.format(secret)
    toml = camera("a", destination=DESTINATION.format(url=text))
    by_variable = camera("a", destination='[[camera.destination]]\nurl_env = "A_URL"\n')
    backup = camera("a", destination=DESTINATION.format(url=url()) + f"backup_url = '{text}'\n")
    for problems in (
        refused(tmp_path, {"RTMP_URL": text}),
        refused(tmp_path, {"RTMP_URL": url(), "RTMP_BACKUP_URL": text}),
        refused(tmp_path, toml=backup),
        refused(tmp_path, env=f"RTMP_URL='{text}'\n"),
        refused(tmp_path, toml=f'rtmp_url = "{text}"'),
        refused(tmp_path, toml=toml),
        refused(tmp_path, {"A_URL": text}, toml=by_variable),
        refused(tmp_path, toml=f"rtmp_url = ['{text}']"),
    ):
        assert len(problems) == 1
        assert secret not in problems[0]
    assert "A_URL (environment)" in refused(tmp_path, {"A_URL": text}, toml=by_variable)[0]


@pytest.mark.parametrize("name", sorted({*NAMES} - SECRET))
def test_a_url_in_the_wrong_place_is_not_shown(tmp_path: Path, name: str) -> None:
    """The line was pasted one too low: that must not put the key into a log."""
    secret = key()
    value = f"rtmp://h/app/{secret}"
    for environ, env, toml in (
        ({name.upper(): value}, "", ""),
        ({}, f"{name.upper()}={value}\n", ""),
        ({}, "", f'{name} = "{value}"\n'),
    ):
        assert secret not in "".join(refused(tmp_path, environ, env=env, toml=toml))


@pytest.mark.parametrize("line", ['name = "{}"', 'url_env = "{}"', 'ca_file = "{}"', '"{}" = 1', 'url = ["{}"]'])
def test_a_url_in_a_wrong_key_is_not_shown(tmp_path: Path, line: str) -> None:
    secret = key()
    toml = camera("a", destination="[[camera.destination]]\n" + line.format(f"rtmp://h/app/{secret}"))
    assert secret not in "".join(refused(tmp_path, toml=toml))


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    environ=st.dictionaries(
        st.sampled_from([name.upper() for name in NAMES]),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
    ),
    env=st.text(max_size=60),
    toml=st.text(max_size=60),
)
def test_any_input_gives_settings_or_an_error_in_words(
    tmp_path: Path, environ: dict[str, str], env: str, toml: str
) -> None:
    (tmp_path / ".env").write_text(env, encoding="utf-8", errors="replace")
    (tmp_path / "ftp-stream.toml").write_text(toml, encoding="utf-8", errors="replace")
    with contextlib.suppress(ConfigError):
        assert everything(load(environ, tmp_path))


# --- the examples ---------------------------------------------------------------------------------------------------


def test_the_example_of_dotenv_is_true(tmp_path: Path) -> None:
    """It loads as it is; every setting is in it once; and what stands there commented out is the default."""
    text = (TOP / ".env.example").read_text(encoding="utf-8")
    settings = read(tmp_path, env=text)
    assert settings.warnings == ()
    assert settings.cameras == read(tmp_path).cameras
    named = re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE)
    assert sorted(name for name, _ in named) == sorted(name.upper() for name in NAMES)
    defaults = shown(read(tmp_path))
    full = read(tmp_path, env="".join(f"{name}={value}\n" for name, value in named))
    assert shown(full) == defaults


def test_the_example_of_toml_is_true(tmp_path: Path) -> None:
    """It loads once the variable that it names is set; with all comments opened every key in it is known."""
    text = (TOP / "ftp-stream.example.toml").read_text(encoding="utf-8")
    environ = {"GATE_YOUTUBE_URL": url(host="yt")}
    settings = read(tmp_path, environ, toml=text)
    gate, forest = settings.cameras
    assert [each.name for each in gate.destinations] == ["youtube", "local"]
    assert gate.plan == read(tmp_path, {"CAMERA_TZ": "Europe/Madrid"}).cameras[0].plan
    assert forest.plan.max_lag is None
    assert settings.warnings == ()
    opened = re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert opened != text
    for file in ("/etc/ssl/our-authority.pem", "/srv/nothing-new.png"):
        (tmp_path / Path(file).name).write_text("")
        opened = opened.replace(file, str(tmp_path / Path(file).name))
    environ["GATE_YOUTUBE_URL"] = f"rtmps://a.rtmps.youtube.com/live2/{key()}"
    settings = read(tmp_path, environ, toml=opened)
    assert [each.name for each in settings.cameras[0].destinations] == ["youtube", "youtube-backup", "local"]
    assert settings.cameras[0].destinations[2].preset is PRESETS["ovenmediaengine"]
    assert [each.archive_dir for each in settings.cameras] == [Path("/srv/archive/gate"), Path("/srv/archive-forest")]
    top = set(re.findall(r"^([a-z_]+) = ", opened.partition("\n[[camera]]")[0], re.MULTILINE))
    assert top == {*NAMES} - {*ONE_CAMERA, "camera_tz"}
    assert top >= set(GLOBAL)


def test_every_setting_says_what_is_allowed() -> None:
    assert all(field.description for field in Variables.model_fields.values())


def test_settings_that_did_not_change_are_equal(tmp_path: Path) -> None:
    """A reload must not touch a stream whose settings are as before."""
    toml = camera("a") + camera("b")
    before = read(tmp_path, toml=toml)
    assert read(tmp_path, toml=toml) == before
    after = read(tmp_path, toml=toml.replace('name = "b"', 'name = "b"\nidle = "off"'))
    assert after.cameras[0] == before.cameras[0]
    assert after.cameras[1] != before.cameras[1]

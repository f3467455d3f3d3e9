"""The unit grants what the settings name and nothing more; the real systemd reads it in tests/booted."""

from __future__ import annotations

from pathlib import Path

import pytest

from ftp_stream.install.layout import MARK
from ftp_stream.install.unit import Access, is_fit, made_for, unit


def lines(*accesses: Access) -> list[str]:
    return unit("watcher", "cameras", accesses).splitlines()


def granted(name: str, source: str = "", *, writable: bool = True) -> list[str]:
    text = lines(Access(Path(source or name), Path(name), writable))
    return [line for line in text if line.startswith(("Bind", "ReadWrite"))]


def test_it_runs_as_whom_it_was_made_for_and_is_known_again() -> None:
    text = unit("watcher", "cameras", [])
    assert "User=watcher\nGroup=cameras\n" in text
    assert text.startswith(MARK)
    assert made_for(text) == "watcher"
    assert made_for("[Service]\n") == ""


@pytest.mark.parametrize(
    "line",
    [
        "Type=notify",
        "WatchdogSec=30",
        "Restart=always",
        "RestartSec=10",
        "After=network-online.target remote-fs.target",
        "WantedBy=multi-user.target",
        "StateDirectory=ftp-stream",
        "ExecStart=/opt/ftp-stream/current/bin/ftp-stream run",
        "Environment=FTP_STREAM_SETTINGS=/etc/ftp-stream/ftp-stream.env",
    ],
)
def test_it_has_what_the_requirements_ask_for(line: str) -> None:
    assert line in lines()


def test_an_inbox_outside_of_the_homes_is_writable() -> None:
    assert granted("/srv/ftp/gate") == ["ReadWritePaths=-/srv/ftp/gate"]


def test_an_inbox_in_a_home_is_bound_into_the_empty_homes() -> None:
    assert granted("/home/tech/camera_data") == [
        "BindPaths=-/home/tech/camera_data",
        "ReadWritePaths=-/home/tech/camera_data",
    ]


def test_a_link_from_a_home_to_a_disk_is_followed() -> None:
    """The homes are empty, so the link is not there: what it leads to is bound in its place."""
    assert granted("/home/tech/camera_data", "/mnt/usb/cam") == [
        "BindPaths=-/mnt/usb/cam:/home/tech/camera_data",
        "ReadWritePaths=-/home/tech/camera_data",
    ]


def test_a_link_into_a_home_is_followed() -> None:
    """The link is there, what it leads to must be made to be."""
    assert granted("/srv/gate", "/home/tech/gate") == ["BindPaths=-/home/tech/gate", "ReadWritePaths=-/home/tech/gate"]


def test_a_file_of_certificates_in_a_home_can_be_read() -> None:
    assert granted("/root/our.pem", writable=False) == ["BindReadOnlyPaths=-/root/our.pem"]
    assert granted("/etc/ssl/our.pem", writable=False) == []


def test_a_link_with_spaces_on_both_sides_is_two_words() -> None:
    """A colon within quotes would separate nothing, and the "-" would let systemd pass over it without a word."""
    assert granted("/home/tech/my cameras", "/mnt/my disk/cam") == [
        'BindPaths="-/mnt/my disk/cam":"/home/tech/my cameras"',
        'ReadWritePaths="-/home/tech/my cameras"',
    ]


@pytest.mark.parametrize("path", ["/tmp/cam", "/var/tmp/cam", "/run/user/1000/cam"])  # noqa: S108
def test_what_else_is_hidden_is_bound_too(path: str) -> None:
    assert granted(path)[0] == f"BindPaths=-{path}"


def test_what_lies_inside_another_is_opened_with_it() -> None:
    """Each that is opened is a mount of its own, and a file cannot be renamed from one into another."""
    text = lines(*(Access(Path(each), Path(each)) for each in ("/srv/gate/_kept", "/srv/gate", "/srv/gatepost")))
    assert [line for line in text if line.startswith("ReadWrite")] == [
        "ReadWritePaths=-/srv/gate",
        "ReadWritePaths=-/srv/gatepost",
    ]


def test_a_link_inside_an_inbox_that_leads_elsewhere_is_opened_too() -> None:
    archive = Access(Path("/mnt/big/kept"), Path("/srv/gate/kept"))
    text = lines(Access(Path("/srv/gate"), Path("/srv/gate")), archive)
    assert "ReadWritePaths=-/mnt/big/kept" in text


def test_root_is_root_in_a_name_space_of_its_own() -> None:
    assert "PrivateUsers=yes\n" in unit("root", "root", [])
    assert "PrivateUsers" not in unit("watcher", "cameras", [])


def test_hardware_encoders_alone_open_their_devices() -> None:
    assert "PrivateDevices=yes" in lines()
    text = unit("watcher", "cameras", [], encoders=True).splitlines()
    assert "PrivateDevices=yes" not in text
    assert {"DevicePolicy=closed", "DeviceAllow=char-drm rw"} <= set(text)


def test_names_with_spaces_and_percent_signs_are_spelt_for_systemd() -> None:
    assert granted("/srv/my cameras/50%") == ['ReadWritePaths="-/srv/my cameras/50%%"']


@pytest.mark.parametrize(
    ("path", "fit"),
    [
        ("/srv/gate", True),
        ("/srv/cámara 1", True),
        ("/srv/a:b", False),
        ('/srv/"', False),
        ("/srv/\\", False),
        ("/srv/a\nUser=root", False),
        ("/srv/\x1b", False),
    ],
)
def test_a_path_that_would_mean_something_else_is_known(path: str, *, fit: bool) -> None:
    assert is_fit(Path(path)) is fit

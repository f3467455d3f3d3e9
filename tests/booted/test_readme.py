"""What the README says of the service, command by command, and the service that is installed by hand."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest
from tests.booted.footage import check_no_frame_lost, frames_flow
from tests.booted.tree import HOME, TOP, write_settings

if TYPE_CHECKING:
    from tests.booted.footage import Camera, Reception
    from tests.booted.tree import Tree
    from tests.support.world import Footage

UNIT = "/etc/systemd/system/ftp-stream.service"
# Nobody answers there: proves that what stands in the unit has precedence
DEAD = "rtmp://127.0.0.1:9/live/nobody"


def section() -> str:
    """The part about the service; that in Spanish has the same commands, which tests/test_docs.py sees to."""
    text = (TOP / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## Install it as a service$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[1]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", section(), re.MULTILINE | re.DOTALL)


def lines(block: str) -> list[str]:
    return [line.partition(" #")[0].rstrip() for line in block.splitlines()]


def in_a_terminal(tree: Tree, command: str) -> str:
    """Run it as the user would, at a terminal, and agree to all it asks."""
    return tree.login(f"printf '\\n\\n\\n' | script --quiet --return --command {shlex.quote(command)} /dev/null")


def test_each_command_does_what_it_says(tree: Tree, camera: Camera, reception: Reception, footage: Footage) -> None:
    tree.login(f"git clone -q /srv/ftp-stream.git {HOME}/ftp-stream")
    tree.login("make")
    write_settings(tree.path(HOME / "ftp-stream/.env"), reception.url)
    install, status, logs, live, journal, nano, reload, upgrade, remove = lines(blocks("sh")[0])
    assert "[Y/n]" in in_a_terminal(tree, install)
    frames_flow(reception)
    assert "active (running)" in in_a_terminal(tree, status)
    assert "segment_begun" in in_a_terminal(tree, logs)
    assert "segment_begun" in tree.login(f"timeout 5 {live}", check=False), "it goes on until it is ended"
    in_a_terminal(tree, journal)
    in_a_terminal(tree, nano.replace("nano", "test -s"))
    in_a_terminal(tree, reload)
    tree.eventually("journalctl -u ftp-stream EVENT=reloaded -q --no-pager | grep reloaded")
    assert "Upgrade ftp-stream" in in_a_terminal(tree, upgrade)
    frames_flow(reception)
    assert "Removed." in in_a_terminal(tree, remove)
    assert not tree.path(UNIT).exists()
    assert camera.uploaded
    check_no_frame_lost(reception, footage)


PLAIN = "\n".join(  # as the first requirements had it
    [
        "[Unit]",
        "Description=FTP video streamer",
        "After=network-online.target",
        "[Service]",
        "User=tech",
        f"WorkingDirectory={HOME}/ftp-stream",
        f"Environment=WATCH_DIR={HOME}/camera_data",
        "Environment=RTMP_URL=URL",
        f"ExecStart={HOME}/ftp-stream/.venv/bin/python {HOME}/ftp-stream/streamer.py",
        "Restart=always",
        "RestartSec=10",
        "[Install]",
        "WantedBy=multi-user.target",
        "",
    ]
)


@pytest.mark.parametrize("written", [blocks("ini")[0], PLAIN], ids=["as the README has it", "the plainest"])
def test_a_unit_that_was_written_by_hand_works_and_goes(
    tree: Tree, camera: Camera, reception: Reception, footage: Footage, written: str
) -> None:
    """Its settings stand in it; it comes back after a kill and a reboot, and is removed by hand."""
    write_settings(tree.path(HOME / "ftp-stream/.env"), DEAD)
    tree.path(UNIT).write_text(re.sub("RTMP_URL=.*", f"RTMP_URL={reception.url}", written))
    assert tree.run(f"systemd-analyze verify {UNIT}") == ""
    start, remove = (lines(block) for block in blocks("sh")[1:3])
    for command in start:
        in_a_terminal(tree, command)
    frames_flow(reception)
    tree.run("systemctl kill --signal=KILL --kill-who=main ftp-stream")
    tree.eventually("test $(systemctl show -p NRestarts --value ftp-stream) -gt 0")
    frames_flow(reception)
    tree.reboot()
    frames_flow(reception)
    assert camera.uploaded
    assert "CAMERA=camera" in tree.run("journalctl -u ftp-stream -o verbose --no-pager CAMERA=camera -n 5")
    if "ExecReload" in written:
        in_a_terminal(tree, "sudo systemctl reload ftp-stream")
        tree.eventually("journalctl -b -u ftp-stream EVENT=reloaded -q --no-pager | grep reloaded")
    for command in remove:
        in_a_terminal(tree, command)
    check_no_frame_lost(reception, footage)
    assert tree.status("systemctl cat ftp-stream") != 0
    assert "ftp-stream" not in tree.run("systemctl list-units --all --no-pager --plain; systemctl list-unit-files")
    assert not [line for line in tree.run("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").splitlines() if "streamer" in line]

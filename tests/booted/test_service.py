"""The service on a real Debian, from the clone to the removal, as a technician does it; each test follows the last.

`make test-service` runs it.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tests.booted.footage import check_no_frame_lost, frames_flow, until
from tests.booted.tree import HOME, USER, publish_source, write_settings

if TYPE_CHECKING:
    from tests.booted.footage import Camera, Reception
    from tests.booted.tree import Tree
    from tests.support.world import Footage

UNIT = "/etc/systemd/system/ftp-stream.service"
SETTINGS = "/etc/ftp-stream/ftp-stream.env"
# What would be there if something had been installed
TRACES = (UNIT, "/etc/ftp-stream", "/opt/ftp-stream", "/usr/local/bin/ftp-stream", "/var/lib/ftp-stream")
PROBE = """
import sys
from ftp_stream.shell.preparer.child import Child
child = Child([sys.executable, "-I", "-m", "ftp_stream.media.worker", str(1 << 30)])
child.wait_until_ready()
print("kept:", child.kept_rights)
child.end()
"""
SPINS = """
import signal
def spin(*_):
    while True:
        pass
signal.signal(signal.SIGUSR2, spin)
"""


def traces(tree: Tree) -> list[str]:
    return [path for path in TRACES if tree.path(path).exists()]


def main_pid(tree: Tree) -> int:
    return int(tree.run("systemctl show -p MainPID --value ftp-stream"))


def entries(tree: Tree, *filters: str) -> list[dict[str, str]]:
    """Return what the journal has of the service."""
    said = tree.run(f"journalctl -u ftp-stream -o json --no-pager {' '.join(filters)}")
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


# --- installation -----------------------------------------------------------------------------------------------------


def test_what_is_missing_is_said_in_one_line_and_nothing_is_changed(tree: Tree, reception: Reception) -> None:
    """No settings, not root; and a dry run shows unit and steps, without the key."""
    tree.login("sudo apt-get install -y -qq make git python3 python3-venv")
    tree.login(f"git clone -q /srv/ftp-stream.git {HOME}/ftp-stream")
    tree.login("make")
    assert tree.login("make install-service", check=False).splitlines()[0] == (
        "Nothing was changed: no RTMP_URL: set it in .env (cp .env.example .env)"
    )
    (line,) = tree.login("./install-service.sh", check=False).splitlines()
    assert line == "Nothing was changed: not root: sudo ./install-service.sh"
    tree.run("mv /usr/bin/python3.11 /usr/bin/away")
    (line,) = tree.login("sudo ./install-service.sh", check=False).splitlines()
    tree.run("mv /usr/bin/away /usr/bin/python3.11")
    assert line.startswith("Nothing was changed: no Python 3.11 or newer")
    write_settings(tree.path(HOME / "ftp-stream/.env"), reception.url)
    shown = tree.login("./install-service.sh --dry-run")
    assert "ExecStart=/opt/ftp-stream/current/bin/ftp-stream run" in shown
    assert "systemctl enable" in shown
    assert reception.key not in shown
    (line,) = tree.login("sudo ./install-service.sh </dev/null 2>&1 >/dev/null", check=False).splitlines()
    assert line == "Nothing was changed: nobody is here to be asked: say --yes"
    assert not traces(tree)


def test_installed_it_streams(tree: Tree, camera: Camera, reception: Reception, footage: Footage) -> None:
    """From `make install-service` on: started, enabled, frames arrive as they were recorded, delivered files go."""
    said = tree.login('make install-service ARGS="--yes"')
    assert "make service-status" in said
    assert reception.key not in said
    assert tree.run("systemctl is-active ftp-stream") == "active\n"
    assert tree.run("systemctl is-enabled ftp-stream") == "enabled\n"
    frames_flow(reception)
    until(lambda: camera.uploaded > 4, "delivered files to be deleted")
    assert check_no_frame_lost(reception, footage)["video"] > 0
    assert tree.run(f"stat -c '%U %a' {SETTINGS}") == f"{USER} 600\n"
    assert tree.run("stat -c '%U %a' /var/lib/ftp-stream") == f"{USER} 700\n"
    status = tree.run("systemctl show -p StatusText --value ftp-stream")
    assert re.fullmatch(r"1 stream, lag \d+ s, \d+ waiting\n", status), status
    assert tree.run("find /opt/ftp-stream ! -user root") == "", "the program belongs to root"
    assert tree.login("git status --porcelain") == "", "and nothing of it is left in the clone"
    assert tree.run(f"find {HOME}/ftp-stream -user root") == ""


def test_it_is_confined_and_everything_still_works(tree: Tree) -> None:
    """Exposure of 2.0 or less; what inspects a file has given up network and files all the same."""
    assert tree.run(f"systemd-analyze verify {UNIT}") == ""
    assert exposure(tree) <= 2.0
    limits = tree.run("systemctl show -p MemoryMax -p MemoryHigh -p TasksMax --value ftp-stream").split()
    assert len(limits) == 3
    assert "infinity" not in limits
    assert tree.run(f"{probe(tree)}; journalctl -u probe -o cat _COMM=python --no-pager").strip() == "kept: ()"


def exposure(tree: Tree) -> float:
    """Return how exposed the service is in systemd's eyes, and print what it says."""
    verdict = tree.run("systemd-analyze security ftp-stream --no-pager").splitlines()[-1]
    print(f"\nsystemd-analyze security: {verdict}")  # noqa: T201 - the figure is asked for
    found = re.search(r"(\d+\.\d+)", verdict)
    assert found
    return float(found[1])


def probe(tree: Tree) -> str:
    """Prepare a unit as confined as the service, that tells what a child could not give up; return how to start it."""
    text = tree.path(UNIT).read_text()
    for line in ("Type=notify", "Restart=always", "StateDirectory=ftp-stream", "WatchdogSec=30"):
        assert line in text
        text = text.replace(line, "Type=oneshot" if line.startswith("Type") else "")
    text = re.sub("(?m)^ExecStart=.*", "ExecStart=/opt/ftp-stream/current/bin/python /opt/probe.py", text)
    tree.path("/etc/systemd/system/probe.service").write_text(text)
    tree.path("/opt/probe.py").write_text(PROBE)
    return "systemctl daemon-reload && systemctl start probe"


def test_the_key_is_nowhere_but_in_the_settings(tree: Tree, reception: Reception) -> None:
    places = {
        "show": tree.run("systemctl show ftp-stream"),
        "unit": tree.run("systemctl cat ftp-stream"),
        "status": tree.run("systemctl status ftp-stream --no-pager --full"),
        "arguments": tree.run("cat /proc/[0-9]*/cmdline"),
        "environment": tree.run(f"cat /proc/{main_pid(tree)}/environ"),
        "journal": tree.run("journalctl --no-pager -o export"),
        "make": tree.login("make service-status service-logs"),
    }
    assert not [place for place, text in places.items() if reception.key in text]
    assert tree.run(f"grep -rlF {reception.key} /etc /var/lib /opt /run /usr/local | cat") == f"{SETTINGS}\n"


# --- what it says -----------------------------------------------------------------------------------------------------


def test_the_journal_has_fields_and_priorities(tree: Tree, camera: Camera) -> None:
    """`journalctl -u ftp-stream CAMERA=camera -p warning` finds what an operator must know, and only that."""
    assert camera.uploaded
    newest = max(tree.path(HOME / "camera_data").glob("*.mp4"))
    recorded = datetime.strptime(newest.stem, "%Y%m%d_%H%M%S").replace(tzinfo=UTC) + timedelta(seconds=3)
    broken = newest.with_name(f"{recorded:%Y%m%d_%H%M%S}.mp4")
    broken.write_bytes(b"no video" * 1000)
    os.utime(broken, (recorded.timestamp(), recorded.timestamp()))
    tree.eventually("journalctl -u ftp-stream CAMERA=camera EVENT=segment_refused -p warning -q --no-pager | grep .")
    broken.unlink()
    warned = entries(tree, "CAMERA=camera", "-p", "warning")
    assert {entry["EVENT"] for entry in warned} == {"segment_refused"}
    (refused,) = [entry for entry in warned if entry["EVENT"] == "segment_refused"]
    assert refused["FILE"] == broken.name
    assert refused["SYSLOG_IDENTIFIER"] == "ftp-stream"
    begun = entries(tree, "EVENT=segment_begun")
    assert begun[0]["CAMERA"] == "camera"
    assert begun[0]["STREAM"] == "camera/127.0.0.1"
    assert begun[0]["PRIORITY"] == "6"
    assert begun[0]["MESSAGE"].startswith("segment_begun camera=camera stream=camera/127.0.0.1 file=")


def test_the_make_targets_show_it(tree: Tree) -> None:
    """Status, the last 50 lines, and what comes next."""
    status = tree.login("make service-status")
    assert "active (running)" in status
    assert "Camera camera" in status
    assert "segment_begun" in tree.login("make service-logs")
    live = tree.login("timeout 8 make service-logs-live", check=False)
    assert "segment_begun" in live
    shown = tree.login("cd /; ftp-stream check --offline")
    assert f"{HOME}/camera_data" in shown, "the command knows the service's settings, wherever it is called"
    assert SETTINGS in shown


# --- faults -----------------------------------------------------------------------------------------------------------


def test_killed_it_is_back_within_15_seconds_and_no_frame_is_lost(
    tree: Tree, camera: Camera, reception: Reception, footage: Footage
) -> None:
    assert camera.uploaded
    frames_flow(reception)
    publishes, pid = len(reception.publishes), main_pid(tree)
    killed = time.monotonic()
    tree.run(f"kill -9 {pid}")
    until(lambda: len(reception.publishes) > publishes, "the next publish", 30)
    frames_flow(reception)
    assert time.monotonic() - killed < 15
    assert main_pid(tree) != pid
    check_no_frame_lost(reception, footage)


def test_a_hung_loop_is_shot_by_the_watchdog(
    tree: Tree, camera: Camera, reception: Reception, footage: Footage
) -> None:
    """Its main thread spins for ever, as in a bug: it is ended with the place where it hung in the journal."""
    assert camera.uploaded
    tree.run("mkdir -p /opt/spins")
    tree.path("/opt/spins/sitecustomize.py").write_text(SPINS)
    drop_in = "[Service]\\nEnvironment=PYTHONPATH=/opt/spins\\nWatchdogSec=5\\n"
    tree.run(f"mkdir -p {UNIT}.d; printf '{drop_in}' > {UNIT}.d/spins.conf; systemctl daemon-reload")
    tree.run("systemctl restart ftp-stream")
    frames_flow(reception)
    publishes, pid = len(reception.publishes), main_pid(tree)
    tree.run(f"kill -USR2 {pid}")
    until(lambda: len(reception.publishes) > publishes, "the next publish", 40)
    frames_flow(reception)
    assert main_pid(tree) != pid
    said = tree.run("journalctl -u ftp-stream --no-pager -o cat")
    assert "Watchdog timeout" in said
    assert re.search(r'File "/opt/spins/sitecustomize.py", line \d in spin', said)
    check_no_frame_lost(reception, footage)
    tree.run(f"rm -r {UNIT}.d /opt/spins; systemctl daemon-reload; systemctl restart ftp-stream")


def test_changed_settings_are_taken_over_by_a_reload(tree: Tree, reception: Reception) -> None:
    """Bad ones are refused, and change nothing; the publish goes on."""
    frames_flow(reception)
    publishes, pid = len(reception.publishes), main_pid(tree)
    tree.login(f"sudo sed -i 's/^MAX_RETRIES=.*//' {SETTINGS}; echo MAX_RETRIES=many | sudo tee -a {SETTINGS}")
    tree.login("sudo systemctl reload ftp-stream")
    tree.eventually("journalctl -u ftp-stream EVENT=settings_refused -q --no-pager | grep MAX_RETRIES")
    tree.login(f"sudo sed -i 's/^MAX_RETRIES=.*/MAX_RETRIES=7/' {SETTINGS}; sudo systemctl reload ftp-stream")
    tree.eventually("journalctl -u ftp-stream EVENT=reloaded -q --no-pager | grep reloaded")
    assert tree.run("systemctl is-active ftp-stream") == "active\n"
    frames_flow(reception)
    assert (main_pid(tree), len(reception.publishes)) == (pid, publishes)


def test_settings_it_cannot_start_with_are_an_error_in_the_journal(tree: Tree, reception: Reception) -> None:
    """Told by name; it is tried again until they are mended."""
    tree.run(f"sed -i 's/^MAX_RETRIES=.*/MAX_RETRIES=often/' {SETTINGS}; systemctl restart ftp-stream", check=False)
    assert "MAX_RETRIES = 'often'" in tree.run("journalctl -u ftp-stream -p err -n 3 -o cat --no-pager")
    tree.run(f"sed -i 's/^MAX_RETRIES=.*/MAX_RETRIES=7/' {SETTINGS}")
    tree.eventually("systemctl is-active ftp-stream")
    frames_flow(reception)


def test_after_a_reboot_it_comes_back_and_resumes(
    tree: Tree, camera: Camera, reception: Reception, footage: Footage
) -> None:
    assert camera.uploaded
    frames_flow(reception)
    publishes = len(reception.publishes)
    tree.reboot()
    until(lambda: len(reception.publishes) > publishes, "the next publish")
    frames_flow(reception)
    check_no_frame_lost(reception, footage)


def test_it_stops_in_time_with_the_journal_clean(tree: Tree, reception: Reception, footage: Footage) -> None:
    began = time.monotonic()
    tree.run("systemctl stop ftp-stream")
    assert time.monotonic() - began < 10
    assert tree.run("systemctl show -p Result --value ftp-stream") == "success\n"
    database = sqlite3.connect(tree.path("/var/lib/ftp-stream/journal.db"))
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()
    assert not tree.path("/var/lib/ftp-stream/journal.db-wal").exists()
    check_no_frame_lost(reception, footage)
    tree.run("systemctl start ftp-stream")


# --- upgrade and removal ----------------------------------------------------------------------------------------------


def test_an_upgrade_keeps_settings_and_place(
    tree: Tree, camera: Camera, reception: Reception, footage: Footage
) -> None:
    """`git pull`, and the same command again."""
    assert camera.uploaded
    frames_flow(reception)
    before = tree.path(SETTINGS).read_text()
    publish_source(tree, version="0.9.9")
    tree.login("git pull -q")
    said = tree.login('make install-service ARGS="--yes"')
    assert "Upgrade ftp-stream 0.9.9" in said
    frames_flow(reception)
    assert tree.login("ftp-stream version").startswith("ftp-stream 0.9.9 ")
    assert tree.path(SETTINGS).read_text() == before
    assert len(tree.run("ls -d /opt/ftp-stream/*-*").split()) == 1, "the earlier version is gone"
    check_no_frame_lost(reception, footage)


def test_an_upgrade_that_does_not_start_leaves_the_old_version_running(
    tree: Tree, camera: Camera, reception: Reception
) -> None:
    """One that cannot even run is not switched to; one that does not come up is switched back."""
    assert camera.uploaded
    publish_source(tree, version="0.9.10")
    tree.login("git pull -q; echo 'raise SystemExit(\"broken\")' >> src/ftp_stream/cli/__init__.py")
    said = tree.login('make install-service ARGS="--yes"', check=False)
    assert "version failed with status 1: broken" in said
    frames_flow(reception)
    breaks = 's/^    faulthandler.enable/    raise SystemExit("broken")\\n&/'
    tree.login(f"git checkout -q .; sed -i '{breaks}' src/ftp_stream/cli/run.py")
    said = tree.login('make install-service ARGS="--yes"', check=False)
    assert "back to the version before" in said
    assert tree.login("ftp-stream version").startswith("ftp-stream 0.9.9 ")
    tree.login("git checkout -q .")
    frames_flow(reception)


def test_removed_it_leaves_settings_and_data_and_says_so(tree: Tree, camera: Camera) -> None:
    assert camera.uploaded
    pid = main_pid(tree)
    said = tree.login('make uninstall-service ARGS="--yes"')
    for left in ("/etc/ftp-stream", "/var/lib/ftp-stream", f"{HOME}/camera_data"):
        assert f"Left: {left}" in said
    assert tree.status(f"test -e /proc/{pid}") != 0
    assert tree.status("systemctl cat ftp-stream") != 0
    assert "ftp-stream" not in tree.run("systemctl list-units --all --no-pager --plain; systemctl list-unit-files")
    assert traces(tree) == ["/etc/ftp-stream", "/var/lib/ftp-stream"]
    assert tree.run(f"ls {HOME}/camera_data") != ""
    assert tree.status(f"getent passwd {USER}") == 0, "a user that was there before stays"


def test_a_user_that_it_made_goes_with_it(tree: Tree, reception: Reception) -> None:
    """With settings that are still there, and an inbox that it makes."""
    tree.login(f"sudo sed -i 's|^WATCH_DIR=.*|WATCH_DIR=/srv/cameras/gate|' {SETTINGS}")
    tree.login('make install-service ARGS="--user watcher --yes"')
    assert tree.run("systemctl is-active ftp-stream") == "active\n"
    assert tree.run(f"ps -o user= -p {main_pid(tree)} 2>/dev/null || stat -c %U /proc/{main_pid(tree)}") == "watcher\n"
    assert tree.run(f"stat -c '%U %a' {SETTINGS} /srv/cameras/gate") == "watcher 600\nwatcher 755\n"
    assert reception.key not in tree.login("make service-logs")
    tree.login('make uninstall-service ARGS="--yes"')
    assert tree.status("getent passwd watcher") != 0
    assert tree.run("ls -d /srv/cameras/gate") == "/srv/cameras/gate\n"


def test_root_may_install_it_for_itself(tree: Tree) -> None:
    """Where there is nobody else: it runs as root, without root's rights, and no less confined."""
    tree.run("chown root: /srv/cameras/gate")
    said = tree.run(f"cd {HOME}/ftp-stream && ./install-service.sh --yes")
    assert "runs as root, though without root's rights" in said
    assert tree.run("systemctl is-active ftp-stream") == "active\n"
    assert exposure(tree) <= 2.0
    assert (
        tree.run(f"{probe(tree)}; journalctl -b -u probe -o cat _COMM=python --no-pager").splitlines()[-1] == "kept: ()"
    )
    tree.run(f"cd {HOME}/ftp-stream && ./install-service.sh --uninstall --yes")


def test_several_cameras_with_links_and_spaces(tree: Tree, reception: Reception) -> None:
    """From `ftp-stream.toml`; each writes to its own places, and the homes are empty but for these."""
    tree.run(f"rm -r /etc/ftp-stream /var/lib/ftp-stream; mkdir -p '/mnt/my disk'; chown {USER}: '/mnt/my disk'")
    tree.login("ln -s '/mnt/my disk' ~/linked; mkdir -p ~/'my cameras' ~/kept; cp /etc/hosts ~/our.pem")
    clone = tree.path(HOME / "ftp-stream")
    (clone / ".env").write_text(f"GATE={reception.url}\nMIN_FILE_AGE=0\n")
    (clone / "ftp-stream.toml").write_text(TABLES.format(home=HOME))
    tree.login("sudo ./install-service.sh --yes")
    assert tree.run("stat -c '%U %a' /etc/ftp-stream/*") == f"{USER} 600\n" * 2
    assert tree.run(f"systemd-analyze verify {UNIT}") == ""
    inside = f"nsenter -t {main_pid(tree)} -m -S $(id -u {USER}) -G $(id -g {USER}) --"
    assert tree.run(f"{inside} ls {HOME}").split() == ["kept", "linked", "my", "cameras", "our.pem"]
    for path in ("kept/gate", "linked", "'my cameras'"):
        tree.run(f"{inside} touch {HOME}/{path}/x")
    assert tree.run("ls '/mnt/my disk'") == "x\n"
    assert tree.run(f"{inside} cat {HOME}/our.pem") == tree.run("cat /etc/hosts")
    for path in ("/srv/x", f"{HOME}/x", f"{HOME}/our.pem"):
        assert tree.status(f"{inside} touch {path}") != 0
    tree.login('make uninstall-service ARGS="--yes"')


TABLES = """
[[camera]]
name = "gate"
watch_dir = "{home}/my cameras"
archive_dir = "{home}/kept/gate"
[[camera.destination]]
url_env = "GATE"
[[camera]]
name = "usb"
watch_dir = "~/linked"
[[camera.destination]]
url = "rtmp://127.0.0.1:9/live/x"
ca_file = "{home}/our.pem"
"""

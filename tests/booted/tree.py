"""A Debian of our own that boots: made once by debootstrap, copied for each use, real systemd inside.

It shares the network of this machine, so that packages can be installed and a receiver on the loopback is reached from
inside; all else is its own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SUITE = "bookworm"
# What a Debian has that a technician was given, and what the README tells him to install
PACKAGES = ("systemd-sysv", "dbus", "sudo", "ca-certificates", "make", "git", "python3", "python3-venv")
USER = "tech"
HOME = Path("/home") / USER
TOP = Path(__file__).resolve().parents[2]
PATIENCE = 60.0  # seconds, for a busy machine
_QUICK = {"MIN_FILE_AGE": "0", "SCAN_INTERVAL": "1", "MAX_LAG": "off", "CATCHUP_RATE": "2"}
_TOOLS = {"debootstrap": "debootstrap", "systemd-nspawn": "systemd-container", "nsenter": "util-linux"}
# nspawn's own list of system calls is older than Landlock; a real machine has no such list
_LANDLOCK = "landlock_create_ruleset landlock_add_rule landlock_restrict_self"
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
_INDEX = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def missing() -> str:
    """Return what is not here to boot a tree with, "" when all is."""
    if os.environ.get("FTP_STREAM_BOOT") != "1":
        return "boots a Debian and installs the service in it: make test-service"
    if os.geteuid() != 0:
        return "needs root"
    tools = [package for tool, package in _TOOLS.items() if not _found(tool)]
    return f"needs {', '.join(tools)}" if tools else ""


def _found(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv} ended with {done.returncode}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def pristine() -> Path:
    """Return the tree that all others are copies of, made where there is none."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ftp-stream"
    recipe = hashlib.sha256(repr((SUITE, PACKAGES, Path(__file__).read_bytes())).encode()).hexdigest()[:12]
    tree = cache / f"debian-{recipe}"
    if not tree.exists():
        for old in cache.glob("debian-*"):
            shutil.rmtree(old)
        draft = cache / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        cache.mkdir(parents=True, exist_ok=True)
        sites = _run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages").split()
        assert sites, "apt knows where packages come from"
        tool = _found("debootstrap")
        assert tool
        _run(tool, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(draft), sites[0])
        draft.rename(tree)
    return tree


class Tree:
    """One copy, which may boot, be used, and end."""

    def __init__(self, root: Path) -> None:
        """Make a copy with an ordinary user in it who may use sudo."""
        self.root = root
        self._console = root.with_name(f"{root.name}.console")
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._leader = 0
        _run("cp", "-a", "--reflink=auto", str(pristine()), str(root))
        if _AUTHORITIES.exists():  # a company's own authority among them
            shutil.copy(_AUTHORITIES, root / _AUTHORITIES.relative_to("/"))
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        (root / "etc/hostname").write_text("forest\n")
        (root / "etc/hosts").write_text("127.0.0.1 localhost forest\n::1 localhost\n")
        known = {name: os.environ[name] for name in _INDEX if name in os.environ}
        (root / "etc/environment").write_text("".join(f"{name}={value}\n" for name, value in known.items()))
        _run("chroot", str(root), "useradd", "--create-home", "--shell", "/bin/bash", USER)
        (root / "etc/sudoers.d/tech").write_text(f"{USER} ALL=(ALL) NOPASSWD: ALL\n")

    def path(self, inside: str | Path) -> Path:
        """Return where a path of the tree is on this machine."""
        return self.root / Path(inside).relative_to("/")

    # --- life -------------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start it, and wait until its systemd has started all."""
        tool = _found("systemd-nspawn")
        assert tool
        argv = [tool, "-D", str(self.root), "-b", "--register=no", "--keep-unit", "--resolv-conf=off"]
        with self._console.open("ab") as console:
            self._nspawn = subprocess.Popen(
                [*argv, f"--system-call-filter={_LANDLOCK}"],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self._until_running()

    def reboot(self) -> None:
        """End it in order and boot it again: nspawn's own reboot wants a /run that not every machine has."""
        self.power_off()
        self.boot()

    def power_off(self) -> None:
        """End it in order; harmless where it does not run."""
        if self._nspawn is None:
            return
        if self._nspawn.poll() is None:
            self.run("systemctl poweroff", check=False)
        try:
            self._nspawn.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
            with suppress(ProcessLookupError):
                os.kill(self._leader, 9)

    def _until_running(self) -> None:
        deadline = time.monotonic() + PATIENCE
        state = ""
        while state not in {"running", "degraded"}:
            assert self._nspawn, "it was started"
            said = self._console.read_text(errors="replace")[-3000:]
            assert self._nspawn.poll() is None, f"it ended: {said}"
            assert time.monotonic() < deadline, f"it does not come up ({state}): {said}"
            time.sleep(0.1)
            self._leader = self._find_leader()
            if self._leader:
                state = self.run("systemctl is-system-running", check=False).strip()

    def _find_leader(self) -> int:
        """Return the process that is number 1 inside, 0 while there is none."""
        assert self._nspawn, "it was started"
        with suppress(OSError, ValueError, IndexError):
            return int(Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()[0])
        return 0

    # --- use --------------------------------------------------------------------------------------------------------

    def run(self, command: str, *, check: bool = True) -> str:
        """Run a line of shell as root; return what it said."""
        return self._enter(["sh", "-c", command], check=check)

    def login(self, command: str, *, check: bool = True) -> str:
        """Run a line of shell as the ordinary user, in his clone once he has one."""
        return self._enter(["su", "-", USER, "-c", f"cd ftp-stream 2>/dev/null; {command}"], check=check)

    def status(self, command: str) -> int:
        """Return the exit status of a line of shell run as root."""
        return self._entered(["sh", "-c", command]).returncode

    def _enter(self, argv: Sequence[str], *, check: bool) -> str:
        done = self._entered(argv)
        said = done.stdout + done.stderr
        assert not check or done.returncode == 0, f"{argv} ended with {done.returncode}: {said[-4000:]}"
        return said

    def _entered(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self._leader), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "--"]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        return subprocess.run(
            [*inside, *argv],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=300,
        )

    def eventually(self, command: str, deadline: float = PATIENCE) -> str:
        """Run a line of shell as root until it succeeds; return what it said."""
        until = time.monotonic() + deadline
        while True:
            done = self._entered(["sh", "-c", command])
            if done.returncode == 0:
                return done.stdout
            assert time.monotonic() < until, f"{command!r} still fails: {done.stdout[-3000:]}{done.stderr[-1000:]}"
            time.sleep(0.2)


def write_settings(path: Path, url: str) -> None:
    """Set what a test needs in a copy of `.env.example`, as with an editor: no command line has the key."""
    text = path.read_text()
    for name, value in {**_QUICK, "RTMP_URL": url}.items():
        text, count = re.subn(f"(?m)^#?{name}=.*", f"{name}={value}", text)
        assert count == 1, name
    path.write_text(text)


def publish_source(tree: Tree, version: str = "") -> None:
    """Put a repository with this working tree at /srv/ftp-stream.git, for the user to clone or to pull from.

    Args:
        tree: Where.
        version: The program's, in place of what stands in the source.
    """
    work = tree.root.with_name(f"{tree.root.name}.source")
    work.mkdir(exist_ok=True)
    names = _run("git", "-C", str(TOP), "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (TOP / name).is_file():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(TOP / name, work / name)
    if version:
        for name in ("pyproject.toml", "src/ftp_stream/__init__.py"):
            text = (work / name).read_text(encoding="utf-8")
            bumped = re.sub('^(version|__version__) = ".*"', rf'\1 = "{version}"', text, count=1, flags=re.MULTILINE)
            (work / name).write_text(bumped, encoding="utf-8")
    repository = tree.path("/srv/ftp-stream.git")
    git = ("git", "-C", str(work), "-c", "user.name=x", "-c", "user.email=x@example.invalid")
    if not repository.exists():
        _run("git", "init", "-q", "--bare", "-b", "main", str(repository))
        _run("git", "init", "-q", "-b", "main", str(work))
        _run(*git, "remote", "add", "origin", str(repository))
    _run(*git, "add", "-A")
    _run(*git, "commit", "-q", "-m", f"As it is {version}")
    _run("chown", "-R", "root:", str(repository))  # git wants to own what it writes to
    _run(*git, "push", "-q", "origin", "main")
    _run("chroot", str(tree.root), "chown", "-R", USER, "/srv/ftp-stream.git")

"""The inbox is seen as it is, and nothing happens to a file that was not decided about."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.errors import StorageError
from ftp_stream.model import FileFact, FileId
from ftp_stream.shell.spool import BEFORE, FAILED, MAX_DEPTH, MAX_PROBLEMS, PRUNE_AGE, Spool, file_id
from ftp_stream.shell.spool.lock import LOCK_FILE, holder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OTHER_DISK = Path("/dev/shm")  # noqa: S108 - another file system than /tmp on every Linux
ROOT = os.getuid() == 0
NOBODY = 65534
HOUR = 3600.0


def name(suffix: str = ".mp4") -> str:
    return secrets.token_hex(6) + suffix


def put(path: Path, data: bytes | None = None) -> bytes:
    """Make a file with its directories; return what it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = secrets.token_bytes(100) if data is None else data
    path.write_bytes(data)
    return data


def fact(root: Path, path: str) -> FileFact:
    return FileFact(path, file_id(os.lstat(root / path)))


def listed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a directory with its bytes."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    before = len(listed(Path("/proc/self/fd")))
    yield
    assert len(listed(Path("/proc/self/fd"))) == before


@pytest.fixture
def root(tmp_path: Path) -> Path:
    inbox = tmp_path / name("")
    inbox.mkdir()
    return inbox


@pytest.fixture
def spool(root: Path) -> Iterator[Spool]:
    with Spool(root) as spool:
        assert spool.lock()
        yield spool


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Give a directory on another file system."""
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as directory:
        yield Path(directory)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a mounted file system of 64 KiB."""
    point = tmp_path / "disk"
    point.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", point], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount: {mounted.stderr.decode().strip()}")
    yield point
    subprocess.run(["umount", point], check=True)


@pytest.fixture
def public() -> Iterator[Path]:
    """Give a directory that an unprivileged user can reach."""
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def unprivileged(script: str, *arguments: object) -> object:
    """Run a script that prints JSON in a child without root's rights, and return what it printed."""
    drop = f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})" if ROOT else ""
    code = textwrap.dedent("""
        import json, os, sys
        from pathlib import Path
        from ftp_stream.errors import StorageError
        from ftp_stream.model import FileFact
        from ftp_stream.shell.spool import Spool, file_id
        {drop}
        root = Path(sys.argv[1])
        spool = Spool(root)
        {script}
    """).format(drop=drop, script=textwrap.dedent(script).replace("\n", "\n"))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True, cwd="/"
    )
    return json.loads(done.stdout)


# --- scan -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_every_file_is_seen_with_its_identity(root: Path, spool: Spool, count: int) -> None:
    paths = {f"{name('')}/{name()}" if number % 2 else name() for number in range(count)}
    for path in paths:
        put(root / path)
    scan = spool.scan()
    assert sorted(scan.files, key=lambda file: file.path) == [fact(root, path) for path in sorted(paths)]
    assert set(scan.directories) == {""} | {path.partition("/")[0] for path in paths if "/" in path}
    assert scan.problems == ()
    assert scan.complete


def test_what_is_not_the_camera_s_is_left_out(root: Path) -> None:
    """_failed, _before, the archive, hidden directories and lost+found; but folders of such names deeper are seen."""
    archive = root / "2026" / name("")
    for out in (FAILED, BEFORE, "." + name(""), "lost+found", str(archive.relative_to(root))):
        put(root / out / name("") / name())
    seen = {f"cam/{FAILED}/{name()}", f"2026/{name()}"}
    for path in seen:
        put(root / path)
    with Spool(root, archive) as spool:
        assert {file.path for file in spool.scan().files} == seen


def test_an_archive_outside_hides_nothing(root: Path, tmp_path: Path) -> None:
    put(root / "archive" / "x.mp4")
    with Spool(root, tmp_path / "archive") as spool:
        assert [file.path for file in spool.scan().files] == ["archive/x.mp4"]


def test_links_are_not_followed(root: Path, spool: Spool, tmp_path: Path) -> None:
    """A link that leads out is told; one that leads inside is silent, for its target is seen where it lies."""
    put(tmp_path / "outside" / "secret.mp4")
    put(root / "real" / "x.mp4")
    outward = {"file.mp4": tmp_path / "outside" / "secret.mp4", "folder": tmp_path / "outside", "up": tmp_path}
    for link, target in outward.items():
        (root / link).symlink_to(target)
    (root / "inward.mp4").symlink_to(root / "real" / "x.mp4")
    (root / "inward").symlink_to("real")
    (root / "loop").symlink_to("loop")
    (root / "real" / "back").symlink_to("..")
    scan = spool.scan()
    assert [file.path for file in scan.files] == ["real/x.mp4"]
    assert {problem.partition(":")[0] for problem in scan.problems} == set(outward)
    assert scan.complete


def test_a_sibling_whose_name_begins_like_the_inbox_is_outside(root: Path, spool: Spool) -> None:
    sibling = root.with_name(root.name + "2")
    put(sibling / "x.mp4")
    (root / "link.mp4").symlink_to(sibling / "x.mp4")
    assert len(spool.scan().problems) == 1


def test_an_inbox_may_itself_be_a_link(root: Path, tmp_path: Path) -> None:
    put(root / "x.mp4")
    (root / "inward").symlink_to(root / "x.mp4")
    (tmp_path / "link").symlink_to(root)
    with Spool(tmp_path / "link") as spool:
        scan = spool.scan()
        assert [file.path for file in scan.files] == ["x.mp4"]
        assert scan.problems == ()


def test_pipes_and_sockets_are_told_and_left(root: Path, spool: Spool) -> None:
    os.mkfifo(root / "pipe.mp4")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "s"))
        scan = spool.scan()
    assert scan.files == []
    assert {problem.partition(":")[0] for problem in scan.problems} == {"pipe.mp4", "s"}


def test_names_that_are_not_utf_8_work_all_the_way(root: Path, spool: Spool) -> None:
    path = Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9\xff/\xc3(\n.mp4"))
    data = put(path)
    [file] = spool.scan().files
    descriptor = spool.open(file)
    assert descriptor is not None
    assert os.read(descriptor, 1000) == data
    os.close(descriptor)
    assert spool.quarantine(file, "r")
    assert not path.exists()


def test_a_problem_is_printable_whatever_the_name(root: Path, spool: Spool) -> None:
    os.mkfifo(os.fsencode(root) + b"/evil\n\x1b[2J\xff.mp4")
    [problem] = spool.scan().problems
    assert problem.isprintable()
    problem.encode("utf-8")


@pytest.mark.parametrize("extra", [0, 1])
def test_depth_has_a_limit(root: Path, spool: Spool, extra: int) -> None:
    deep = "/".join(["d"] * (MAX_DEPTH + extra))
    put(root / deep / "x.mp4")
    scan = spool.scan()
    assert len(scan.files) == 1 - extra
    assert len(scan.problems) == extra
    assert scan.complete == (extra == 0)


@pytest.mark.parametrize("extra", [0, 1])
def test_problems_have_a_limit(root: Path, spool: Spool, extra: int) -> None:
    for _ in range(MAX_PROBLEMS + extra):
        os.mkfifo(root / name())
    problems = spool.scan().problems
    assert len(problems) == MAX_PROBLEMS + extra
    assert ("1 more" in problems[-1]) == (extra == 1)


def test_files_that_vanish_during_a_scan_are_no_problem(root: Path, spool: Spool) -> None:
    for number in range(3000):
        put(root / str(number % 30) / f"{number}.mp4", b"")
    remover = threading.Thread(target=lambda: [shutil.rmtree(root / str(number)) for number in range(30)])
    remover.start()
    while remover.is_alive():
        scan = spool.scan()
        assert scan.problems == ()
        assert scan.complete
    remover.join()
    assert spool.scan().files == []


def test_a_missing_inbox_is_named_with_its_cure(tmp_path: Path) -> None:
    missing = tmp_path / name("")
    for use in (Spool(missing).lock, Spool(missing).scan):
        with pytest.raises(StorageError, match=rf"{missing.name}.*create it"):
            use()


def test_a_removed_inbox_is_noticed_though_a_mount_still_leads_to_it(tmp_path: Path) -> None:
    """As in the namespace of an installed service, where its name is a mount; here a descriptor stands for that."""
    (tmp_path / "inbox").mkdir()
    held = os.open(tmp_path / "inbox", os.O_RDONLY)
    with Spool(Path(f"/proc/self/fd/{held}")) as spool:
        assert spool.scan().files == []
        (tmp_path / "inbox").rmdir()
        with pytest.raises(StorageError, match="restart the service if the new one is meant"):
            spool.scan()
    os.close(held)


def test_a_replaced_inbox_is_not_taken_for_an_empty_one(root: Path, spool: Spool) -> None:
    """A disk that is unmounted leaves an empty directory of the same name; to lock again accepts it."""
    put(root / "x.mp4")
    root.rename(root.with_name("gone"))
    with pytest.raises(StorageError, match=root.name):
        spool.scan()
    root.mkdir()
    with pytest.raises(StorageError, match="no longer the directory it was"):
        spool.scan()
    spool.lock()
    assert spool.scan().files == []


@pytest.mark.skipif(not ROOT, reason="needs root to make directories of another user")
def test_an_unreadable_directory_is_a_problem_and_not_the_end(public: Path) -> None:
    put(public / "closed" / "x.mp4")
    put(public / "open" / "y.mp4")
    (public / "closed").chmod(0o700)
    files, problems, complete = unprivileged(
        "s = spool.scan(); print(json.dumps([[f.path for f in s.files], s.problems, s.complete]))", public
    )
    assert files == ["open/y.mp4"]
    assert len(problems) == 1
    assert problems[0].startswith("closed: ")
    assert "rights" in problems[0]
    assert not complete


@pytest.fixture
def crowded() -> Iterator[Path]:
    """Give an inbox of 100,000 files, in memory: it is the scan that is measured."""
    with tempfile.TemporaryDirectory(dir=OTHER_DISK) as directory:
        for number in range(100):
            folder = Path(directory, "2026", str(number))
            folder.mkdir(parents=True)
            for index in range(1000):
                os.close(os.open(f"{folder}/cam_{index:05}.mp4", os.O_CREAT | os.O_WRONLY))
        yield Path(directory)


async def test_a_scan_of_100_000_files_stalls_nothing(crowded: Path) -> None:
    """The event loop goes on while a thread scans."""
    with Spool(crowded) as spool:
        task = asyncio.create_task(asyncio.to_thread(spool.scan))
        worst, last = 0.0, time.monotonic()
        while not task.done():
            await asyncio.sleep(0.001)
            now = time.monotonic()
            worst, last = max(worst, now - last), now
        assert len(task.result().files) == 100_000
    assert worst < 0.25


# --- lock -----------------------------------------------------------------------------------------------------------


def test_two_services_on_one_inbox_are_refused(root: Path, spool: Spool) -> None:
    """The message says which inbox and which process; the lock leaves nothing in the inbox."""
    with Spool(root) as second, pytest.raises(StorageError) as refused:
        second.lock()
    assert str(root) in str(refused.value)
    assert f"process {os.getpid()}" in str(refused.value)
    assert listed(root) == []
    spool.close()
    with Spool(root) as second:
        assert second.lock()


def test_a_second_name_of_the_same_inbox_is_no_way_around(root: Path, spool: Spool, tmp_path: Path) -> None:
    assert spool.scan().complete
    (tmp_path / "link").symlink_to(root)
    with Spool(tmp_path / "link") as second, pytest.raises(StorageError):
        second.lock()


def test_a_killed_service_leaves_no_lock(root: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from ftp_stream.shell.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1])); spool.lock(); print('locked', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE) as child:
        assert child.stdout
        assert child.stdout.readline() == b"locked\n"
        with Spool(root) as spool:
            with pytest.raises(StorageError, match=f"process {child.pid}"):
                spool.lock()
            child.kill()
            child.wait()
            assert spool.lock()


def test_to_lock_again_keeps_the_inbox(root: Path, spool: Spool) -> None:
    assert spool.lock()
    with Spool(root) as second, pytest.raises(StorageError):
        second.lock()


def test_closing_twice_is_harmless(spool: Spool) -> None:
    spool.close()
    spool.close()


def test_where_a_directory_cannot_be_locked_a_hidden_file_is(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS answers EBADF for a descriptor that is not open for writing."""
    real = fcntl.flock

    def nfs(descriptor: int, operation: int) -> None:
        if not fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_RDWR:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", nfs)
    with Spool(root) as first, Spool(root) as second:
        assert first.lock()
        with pytest.raises(StorageError, match=f"process {os.getpid()}"):
            second.lock()
        assert listed(root) == [LOCK_FILE]
        first.close()
        assert second.lock()


def test_a_file_system_without_locks_is_said(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", none)
    with Spool(root) as spool:
        assert not spool.lock()
        assert spool.scan().complete


def test_a_lock_that_fails_otherwise_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", broken)
    with Spool(root) as spool, pytest.raises(StorageError, match="dmesg"):
        spool.lock()


def test_an_unknown_holder_comes_with_the_way_to_find_it(root: Path) -> None:
    assert "lsof" in holder(root.stat())


# --- open -----------------------------------------------------------------------------------------------------------


def test_an_open_file_is_the_one_that_was_scanned(root: Path, spool: Spool) -> None:
    path = f"a/b/{name()}"
    data = put(root / path)
    descriptor = spool.open(fact(root, path))
    assert descriptor is not None
    assert os.read(descriptor, 1000) == data
    os.close(descriptor)


def grown(path: Path, _outside: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def touched(path: Path, _outside: Path) -> None:
    os.utime(path, ns=(1, 1))


def rewritten(path: Path, _outside: Path) -> None:
    """Another file of the same size, time and name."""
    before = path.stat()
    other = path.with_name("other")
    put(other, bytes(before.st_size))
    os.utime(other, ns=(before.st_mtime_ns, before.st_mtime_ns))
    other.rename(path)


def vanished(path: Path, _outside: Path) -> None:
    path.unlink()


def folder_vanished(path: Path, _outside: Path) -> None:
    shutil.rmtree(path.parent)


def link_instead(path: Path, outside: Path) -> None:
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


def folder_link_instead(path: Path, outside: Path) -> None:
    """The very same file, reached through a link that leads out."""
    path.parent.rename(outside / "moved")
    path.parent.symlink_to(outside / "moved")


def pipe_instead(path: Path, _outside: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path, _outside: Path) -> None:
    path.unlink()
    path.mkdir()


def file_instead_of_folder(path: Path, _outside: Path) -> None:
    shutil.rmtree(path.parent)
    put(path.parent)


CHANGES = [
    grown, touched, rewritten, vanished, folder_vanished, link_instead,
    folder_link_instead, pipe_instead, folder_instead, file_instead_of_folder,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_file_is_not_opened(
    root: Path, spool: Spool, tmp_path: Path, change: Callable[[Path, Path], None]
) -> None:
    path = f"a/{name()}"
    put(root / path)
    file = fact(root, path)
    outside = tmp_path / "outside"
    outside.mkdir()
    change(root / path, outside)
    assert spool.open(file) is None


@pytest.mark.parametrize("path", ["../x.mp4", "/etc/passwd", "a/../../x", ".", "", "a//b", "a/./b"])
def test_a_path_that_could_lead_elsewhere_is_a_bug(spool: Spool, path: str) -> None:
    file = FileFact(path, FileId(1, 2, 3, 4))
    for use in (spool.open, spool.delete, spool.set_aside):
        with pytest.raises(ValueError, match="not a path below an inbox"):
            use(file)


@pytest.mark.skipif(not ROOT, reason="needs root to make files of another user")
def test_a_file_that_may_not_be_read_is_an_error_with_its_cure(public: Path) -> None:
    put(public / "x.mp4")
    (public / "x.mp4").chmod(0o600)
    text = unprivileged(
        """
        [file] = spool.scan().files
        try:
            spool.open(file)
        except StorageError as error:
            print(json.dumps(str(error)))
        """,
        public,
    )
    assert isinstance(text, str)
    assert str(public / "x.mp4") in text
    assert "rights" in text


# --- acts -----------------------------------------------------------------------------------------------------------

ACTS: dict[str, Callable[[Spool, FileFact, Path, Path], bool]] = {
    "delete": lambda spool, file, _near, _far: spool.delete(file),
    "quarantine": lambda spool, file, _near, _far: spool.quarantine(file, "reason"),
    "set aside": lambda spool, file, _near, _far: spool.set_aside(file),
    "archive near": lambda spool, file, near, _far: spool.archive(file, near),
    "archive far": lambda spool, file, _near, far: spool.archive(file, far),
}
PLACES: dict[str, Callable[[Path, Path, Path], Path]] = {
    "quarantine": lambda root, _near, _far: root / FAILED,
    "set aside": lambda root, _near, _far: root / BEFORE,
    "archive near": lambda _root, near, _far: near,
    "archive far": lambda _root, _near, far: far,
}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_happens_once(root: Path, spool: Spool, tmp_path: Path, elsewhere: Path, act: str) -> None:
    """The file goes from its place, its bytes and its relative path stay, and the second time says so."""
    path = f"2026/{name('')}/{name()}"
    data = put(root / path)
    near, far = tmp_path / "near" / "deep", elsewhere / "deep"
    file = fact(root, path)
    assert ACTS[act](spool, file, near, far)
    assert not (root / path).exists()
    if act in PLACES:
        place = PLACES[act](root, near, far) / path
        assert place.read_bytes() == data
        assert place.stat().st_mtime_ns == file.id.mtime_ns
        notes = [place.name + ".reason.txt"] if act == "quarantine" else []
        assert listed(place.parent) == [place.name, *notes]
    left = tree(tmp_path) | tree(far.parent)
    assert not ACTS[act](spool, file, near, far)
    assert tree(tmp_path) | tree(far.parent) == left


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("act", ACTS)
def test_an_act_never_touches_what_was_not_decided_about(
    root: Path, spool: Spool, tmp_path: Path, elsewhere: Path, act: str, change: Callable[[Path, Path], None]
) -> None:
    path = f"a/{name()}"
    put(root / path)
    file = fact(root, path)
    outside = tmp_path / "outside"
    outside.mkdir()
    change(root / path, outside)
    before = tree(tmp_path)
    assert not ACTS[act](spool, file, tmp_path / "near", elsewhere)
    assert tree(tmp_path) == before
    assert tree(elsewhere) == {}


@pytest.mark.parametrize("others", [0, 1, 2, 12])
@pytest.mark.parametrize("act", PLACES)
def test_a_namesake_is_never_replaced(
    root: Path, spool: Spool, tmp_path: Path, elsewhere: Path, act: str, others: int
) -> None:
    wanted = set()
    for _ in range(others + 1):
        wanted.add(put(root / "a" / "x.mp4"))
        assert ACTS[act](spool, fact(root, "a/x.mp4"), tmp_path / "near", elsewhere)
    place = PLACES[act](root, tmp_path / "near", elsewhere) / "a"
    numbered = ["x.mp4", *(f"x-{number}.mp4" for number in range(1, others + 1))]
    assert sorted(path for path in listed(place) if path.endswith(".mp4")) == sorted(numbered)
    assert {(place / each).read_bytes() for each in numbered} == wanted


def test_two_cameras_may_share_an_archive(tmp_path: Path) -> None:
    """Both move files of the same names at the same time; none is lost."""
    spools = [Spool(tmp_path / "a"), Spool(tmp_path / "b")]
    wanted = sorted(put(spool.root / f"{number}.mp4") for spool in spools for number in range(100))

    def archive(spool: Spool) -> None:
        with spool:
            for file in spool.scan().files:
                assert spool.archive(file, tmp_path / "archive")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(archive, spools))
    assert sorted(tree(tmp_path / "archive").values()) == wanted


def test_the_note_says_what_happened(root: Path, spool: Spool) -> None:
    path = f"cam/{name()}"
    put(root / path)
    reason, attempts = secrets.token_hex(8), secrets.randbelow(90) + 10
    assert spool.quarantine(fact(root, path), reason, attempts=attempts, wall=1_767_263_460.5)
    text = (root / FAILED / f"{path}.reason.txt").read_text()
    assert reason in text
    assert path in text
    assert f"Attempts: {attempts}\n" in text
    assert "2026-01-01T10:31:00Z" in text


def test_an_empty_file_is_moved_like_any_other(root: Path, spool: Spool) -> None:
    put(root / "x.mp4", b"")
    assert spool.quarantine(fact(root, "x.mp4"), "empty")
    assert tree(root).keys() == {f"{FAILED}/x.mp4", f"{FAILED}/x.mp4.reason.txt"}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.binary(min_size=1, max_size=255).filter(
            lambda raw: not set(raw) & {0, ord("/")} and raw not in {b".", b".."}
        ),
        min_size=1,
        max_size=4,
        unique=True,
    )
)
def test_any_name_can_be_moved(names: list[bytes]) -> None:
    """Names up to Linux's 255 bytes have room for a number and a note, and stay apart from each other."""
    with tempfile.TemporaryDirectory() as directory, Spool(Path(directory)) as spool:
        for number, raw in enumerate(names):
            put(Path(directory, os.fsdecode(raw)), str(number).encode())
        for file in spool.scan().files:
            assert spool.quarantine(file, "reason")
        moved = tree(Path(directory, FAILED)).values()
        assert sorted(data for data in moved if not data.startswith(b"File")) == [
            str(number).encode() for number in range(len(names))
        ]


def test_a_file_that_grows_while_it_is_copied_stays(
    root: Path, spool: Spool, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "x.mp4")
    file = fact(root, "x.mp4")
    real = os.sendfile

    def growing(*arguments: object) -> int:
        grown(root / "x.mp4", root)
        monkeypatch.setattr(os, "sendfile", real)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "sendfile", growing)
    assert not spool.archive(file, elsewhere)
    assert (root / "x.mp4").stat().st_size == file.id.size + 1
    assert listed(elsewhere) == []


def test_a_link_in_place_of_the_quarantine_is_not_followed(root: Path, spool: Spool, tmp_path: Path) -> None:
    put(root / "x.mp4")
    (tmp_path / "outside").mkdir()
    (root / FAILED).symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError, match="link"):
        spool.quarantine(fact(root, "x.mp4"), "r")
    assert listed(tmp_path / "outside") == []
    assert (root / "x.mp4").exists()


def test_a_file_in_place_of_the_archive_is_an_error(root: Path, spool: Spool, tmp_path: Path) -> None:
    """And not taken for a file that vanished."""
    put(root / "2026" / "x.mp4")
    put(tmp_path / "archive" / "2026")
    with pytest.raises(StorageError, match="archive"):
        spool.archive(fact(root, "2026/x.mp4"), tmp_path / "archive")
    assert (root / "2026" / "x.mp4").exists()


@pytest.mark.parametrize("act", ["delete", "quarantine", "set_aside"])
@pytest.mark.skipif(not ROOT, reason="needs root to make directories of another user")
def test_missing_rights_are_an_error_with_the_cure(public: Path, act: str) -> None:
    data = put(public / "x.mp4")
    text = unprivileged(
        f"""
        [file] = spool.scan().files
        more = ["reason"] if "{act}" == "quarantine" else []
        try:
            spool.{act}(file, *more)
        except StorageError as error:
            print(json.dumps(str(error)))
        """,
        public,
    )
    assert isinstance(text, str)
    assert str(public / "x.mp4") in text
    assert "write rights" in text
    assert tree(public) == {"x.mp4": data}


def test_a_full_archive_is_an_error_and_leaves_nothing(root: Path, spool: Spool, small_disk: Path) -> None:
    data = put(root / "x.mp4", secrets.token_bytes(100_000))
    with pytest.raises(StorageError, match="free space"):
        spool.archive(fact(root, "x.mp4"), small_disk)
    assert tree(root) == {"x.mp4": data}
    assert listed(small_disk) == []


def test_a_full_disk_keeps_no_note_of_a_file_that_stayed(small_disk: Path) -> None:
    put(small_disk / "x.mp4", bytes(40_000))
    with Spool(small_disk) as spool:
        file = fact(small_disk, "x.mp4")
        with pytest.raises(StorageError, match="free space"):
            spool.quarantine(file, "r" * 40_000)
    assert tree(small_disk).keys() == {"x.mp4"}


def test_a_read_only_disk_is_an_error_with_the_cure(small_disk: Path) -> None:
    put(small_disk / "x.mp4")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with Spool(small_disk) as spool:
        [file] = spool.scan().files
        for act in (spool.delete, spool.set_aside):
            with pytest.raises(StorageError, match="Read-only file system; make install-service again"):
                act(file)


@pytest.mark.parametrize("act", ["archive far", "quarantine"])
def test_kill_9_at_any_instant_loses_no_file(root: Path, elsewhere: Path, act: str) -> None:
    """Every file is whole in one of the two places, or in both; and the next run finishes the work."""
    wanted = {put(root / f"{number}.mp4", secrets.token_bytes(200_000)) for number in range(200)}
    call = "spool.archive(file, Path(sys.argv[2]))" if act == "archive far" else "spool.quarantine(file, 'r')"
    script = (
        "import sys; from pathlib import Path; from ftp_stream.shell.spool import Spool\n"
        "spool = Spool(Path(sys.argv[1])); spool.lock(); files = spool.scan().files; print(flush=True)\n"
        f"for file in files: {call}"
    )
    place = elsewhere if act == "archive far" else root / FAILED
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", script, root, elsewhere], stdout=subprocess.PIPE) as child:
            assert child.stdout
            child.stdout.readline()
            time.sleep(secrets.randbelow(50) / 1000)
            child.send_signal(signal.SIGKILL)
        assert {*tree(root).values(), *tree(place).values()} >= wanted
    subprocess.run([sys.executable, "-c", script, root, elsewhere], check=True, stdout=subprocess.DEVNULL)
    assert [path for path in listed(root) if path.endswith(".mp4")] == []
    assert {data for path, data in tree(place).items() if path.endswith(".mp4")} >= wanted
    assert not [path for path in tree(place) if path.startswith(".ftp-stream")]


# --- empty folders --------------------------------------------------------------------------------------------------


def aged(path: Path, seconds: float) -> float:
    """Give a directory that age; return now."""
    wall = time.time()
    os.utime(path, (wall - seconds, wall - seconds))
    return wall


@pytest.mark.parametrize(
    "path",
    ["2026", "cam/2026/02/05", "2026-02-05", "20260205", "2026Y02M05D17H", "2026020517", "2019-05-09/001/dav/21"],
)
def test_an_old_empty_date_folder_goes(root: Path, spool: Spool, path: str) -> None:
    (root / path).mkdir(parents=True)
    wall = aged(root / path, PRUNE_AGE + 1)
    assert spool.prune(spool.scan().empty, wall) == (path,)
    assert not (root / path).exists()


@pytest.mark.parametrize("path", ["cam", "001", "1999x", "21", "front-door", "12026"])
def test_a_folder_that_tells_no_date_stays(root: Path, spool: Spool, path: str) -> None:
    """It may be a camera's home: without it the camera cannot log in."""
    (root / path).mkdir()
    wall = aged(root / path, 100 * HOUR)
    assert spool.prune(spool.scan().empty, wall) == ()
    assert (root / path).exists()


def test_a_young_date_folder_stays(root: Path, spool: Spool) -> None:
    (root / "2026").mkdir()
    wall = aged(root / "2026", PRUNE_AGE - 1)
    assert spool.prune(spool.scan().empty, wall) == ()
    assert (root / "2026").exists()


def test_a_date_folder_into_which_something_came_stays(root: Path, spool: Spool) -> None:
    (root / "2026").mkdir()
    empty = spool.scan().empty
    put(root / "2026" / "x.mp4")
    assert spool.prune(empty, aged(root / "2026", 2 * HOUR)) == ()
    assert (root / "2026" / "x.mp4").exists()


def test_even_an_inbox_named_like_a_date_stays(tmp_path: Path) -> None:
    root = tmp_path / "2026"
    root.mkdir()
    with Spool(root) as spool:
        assert spool.scan().empty == ()


def test_pruning_a_folder_that_vanished_is_harmless(root: Path, spool: Spool) -> None:
    (root / "2026" / "02").mkdir(parents=True)
    empty = spool.scan().empty
    shutil.rmtree(root / "2026")
    assert spool.prune(empty, time.time()) == ()

"""What a child gave up it has no more: tried in processes of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = """
import errno, os, resource, socket, sys
from ftp_stream.media.rights import give_up_files, give_up_system
def tried(what):
    try:
        what()
    except OSError as error:
        return errno.errorcode[error.errno]
    except MemoryError:
        return "MemoryError"
    return "done"
"""
BEGIN = f"""{IMPORTS}
kept = give_up_system(memory=512 * 1024**2, largest_file=1000)
"""


CANNOT = ("not permitted", "not implemented", "not supported", "unknown machine")


def run(script: str, *arguments: object, begin: str = BEGIN) -> list[str]:
    argv = [sys.executable, "-I", "-c", begin + textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split("\n")[:-1]


def kept(name: str) -> bool:
    """Whether this system has no way to take a right away; any other reason is a fault of ours."""
    said = [each for each in run("print(*kept, *give_up_files(), sep='\\n')") if each.startswith(name)]
    assert all(any(words in each for words in CANNOT) for each in said)
    return bool(said)


def test_no_memory_beyond_the_limit() -> None:
    assert run("print(tried(lambda: bytearray(400 * 1024**2)), tried(lambda: bytearray(600 * 1024**2)))") == [
        "done MemoryError"
    ]


def test_it_is_the_first_to_go_when_memory_runs_out() -> None:
    assert run("print(open('/proc/self/oom_score_adj').read().strip())") == ["1000"]


def test_no_file_beyond_the_limit(tmp_path: Path) -> None:
    """Too long a sidecar is an error to report, not the end of the process."""
    script = """
        file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
        print(os.write(file, bytes(1000)), tried(lambda: os.write(file, b"x")))
    """
    assert run(script, tmp_path / "x") == ["1000 EFBIG"]


def test_no_core_dump_no_process_and_a_low_priority() -> None:
    script = """
        print(resource.getrlimit(resource.RLIMIT_CORE), resource.getrlimit(resource.RLIMIT_NPROC), os.nice(0) >= 10)
    """
    assert run(script) == ["(0, 0) (0, 0) True"]


def test_an_encoder_may_start_threads() -> None:
    script = """
        import threading
        give_up_system(memory=2 * 1024**3, largest_file=1000, threads=True)
        started = threading.Thread(target=lambda: print("started"))
        started.start()
        started.join()
    """
    assert run(script, begin=IMPORTS) == ["started"]


@pytest.mark.parametrize("encoder", ["nvenc", "qsv", "vaapi", "v4l2m2m"])
def test_a_hardware_encoder_may_load_its_driver_and_no_more(tmp_path: Path, encoder: str) -> None:
    """What its driver reserves of the address space is no memory; secrets stay out of reach."""
    if kept("files"):
        pytest.skip("this system has no Landlock")
    secret = tmp_path / "secret"
    secret.write_text("key")
    script = """
        import ctypes.util, mmap
        give_up_system(memory=512 * 1024**2, largest_file=1000, threads=True, driver=True)
        give_up_files(sys.argv[2])
        print(tried(lambda: mmap.mmap(-1, 2**40, prot=0, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000)))
        print(tried(lambda: bytearray(600 * 1024**2)))
        print(tried(lambda: os.listdir("/usr/lib")), tried(lambda: ctypes.CDLL("libz.so.1")))
        print(tried(lambda: open(sys.argv[1])), tried(lambda: open("/etc/passwd")), tried(lambda: open("/dev/zero")))
    """
    assert run(script, secret, encoder, begin=IMPORTS) == ["done", "MemoryError", "done done", "EACCES EACCES EACCES"]


def test_no_network() -> None:
    if kept("network"):
        pytest.skip("this system does not let a process leave its network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = "print(tried(lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)))"
        assert run(script, server.getsockname()[1]) == ["ENETUNREACH"]


def test_no_files_but_open_ones_and_the_programs_own(tmp_path: Path) -> None:
    """Neither a secret beside the program nor a new file anywhere; descriptors handed in keep working."""
    if kept("files"):
        pytest.skip("this system has no Landlock")
    secret = tmp_path / "secret"
    secret.write_text("key")
    script = """
        before = os.open(sys.argv[1], os.O_RDWR)
        give_up_files()
        print(tried(lambda: open(sys.argv[1])), tried(lambda: os.listdir("/")), tried(lambda: open(sys.argv[2], "w")))
        print(tried(lambda: open("/etc/passwd")), tried(lambda: os.unlink(sys.argv[1])))
        import ftp_stream, wave
        print(os.pread(before, 3, 0), os.pwrite(before, b"new", 0), open(ftp_stream.__file__).readable())
    """
    assert run(script, secret, tmp_path / "new") == ["EACCES EACCES EACCES", "EACCES EACCES", "b'key' 3 True"]


def test_what_the_system_refuses_is_told() -> None:
    """A limit that was set lower before stays, and a step that fails stops no other."""
    script = """
        resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
        from ftp_stream.media import rights
        rights._prctl = lambda *_: (_ for _ in ()).throw(OSError(1, "not here"))
        print(*rights.give_up_system(memory=2**40, largest_file=2**40), sep="\\n")
        print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.getrlimit(resource.RLIMIT_FSIZE)[0])
    """
    said = run(script)
    assert said[:2] == ["death with its parent: [Errno 1] not here", "privileges: [Errno 1] not here"]
    assert said[-1] == "20 1000"

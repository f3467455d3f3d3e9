"""The footage that every contender streams: made once, kept, and copied afresh for each run."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import av

SECONDS = 10.0  # length of a file
RATE = 30  # pictures a second
BITS_PER_SECOND = 4_000_000  # picture and sound together
MAY_GROW = 64  # bytes that a contender may add to a key frame: ffmpeg's concat puts the parameter sets before each
SIGNATURE = 3  # pictures after a key frame whose sizes tell which one it is
_SETTINGS = (
    "--fast",
    f"--seconds={SECONDS}",
    "--size=1920x1080",
    f"--rate={RATE}",
    f"--bitrate={BITS_PER_SECOND - 64_000}",
    "--gop=2",
    "--grain=8",  # without it the picture would not need its bits
    "--start=1700000000",
    "--name-pattern=%s.mp4",
)


@dataclass(frozen=True, slots=True)
class Footage:
    """Files in the order in which a camera wrote them; each is a file of its own on the disk."""

    files: tuple[Path, ...]
    frames: tuple[tuple[int, ...], ...]  # per file: the sizes of its coded pictures in bytes, in decoding order

    @property
    def starts(self) -> dict[tuple[int, ...], list[int]]:
        """The numbers of the files that begin with a key frame and then pictures of these sizes."""
        found: dict[tuple[int, ...], list[int]] = {}
        for number, sizes in enumerate(self.frames):
            found.setdefault(sizes[1 : 1 + SIGNATURE], []).append(number)
        return found


def masters(count: int) -> list[Path]:
    """The files, made if they are not there yet (about 6 s each)."""
    code = b"".join(path.read_bytes() for path in sorted(_media().glob("*.py")) if path.stem in _MAKERS)
    digest = hashlib.sha256(repr(_SETTINGS).encode() + code).hexdigest()[:12]
    directory = Path(tempfile.gettempdir()) / f"ftp-stream-bench-{digest}-{count}"
    if not directory.exists():
        making = directory.with_name(f"{directory.name}.{os.getpid()}")
        command = [sys.executable, "-m", "ftp_stream.media.camera", str(making), f"--count={count}", *_SETTINGS]
        subprocess.run(command, check=True)
        making.rename(directory)
    return sorted(directory.glob("*.mp4"))


_MAKERS = ("camera", "picture", "recording")


def _media() -> Path:
    return Path(__file__).parent.parent / "src" / "ftp_stream" / "media"


def prepare(originals: list[Path], count: int, directory: Path, first_mtime: float) -> Footage:
    """Copies the masters in turn, as many as a run needs; a camera would have ended each file as the next one begins.

    Args:
        originals: The masters.
        count: How many files to make of them.
        directory: Where to.
        first_mtime: When the first file ends, seconds since the epoch.
    """
    sizes = {path: _frame_sizes(path) for path in originals}
    files = []
    for number in range(count):
        original = originals[number % len(originals)]
        path = directory / f"{number:04d}{original.suffix}"
        shutil.copyfile(original, path)
        ended = first_mtime + number * SECONDS
        os.utime(path, (ended, ended))
        files.append(path)
    return Footage(tuple(files), tuple(sizes[originals[number % len(originals)]] for number in range(count)))


def _frame_sizes(path: Path) -> tuple[int, ...]:
    with av.open(str(path)) as container:
        return tuple(packet.size for packet in container.demux(video=0) if packet.size)

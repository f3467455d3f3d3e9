"""A few short files of the made camera, and the feeder that gives them to the service again and again."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ftp_stream.rtmp.audit import payload_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILES = 8
SECONDS = 1  # of each file; names count whole seconds
START = 1_767_225_600.0  # 2026-01-01 00:00:00 UTC: when the first file begins
AHEAD = 8  # files that lie ready in the inbox
TRACKS = ("video", "audio")


def record(directory: Path) -> list[Path]:
    """The files, recorded as fast as it goes: what one ends with goes on in the next."""
    argv = [sys.executable, "-m", "ftp_stream.media.camera", str(directory), "--fast", f"--count={FILES}"]
    argv += [f"--seconds={SECONDS}", f"--gop={SECONDS}", "--size=160x120", f"--start={START}"]
    subprocess.run(argv, check=True)
    return sorted(directory.iterdir())


def digests(files: Sequence[Path], kind: str) -> list[bytes]:
    """What identifies each frame of a track, in the order in which FFmpeg demuxes them."""
    import av  # noqa: PLC0415 - the service's process takes its bearings from this module, and must have no FFmpeg in it

    found = []
    for path in files:
        with av.open(str(path)) as container:
            streams = [stream for stream in container.streams if stream.type == kind]
            found += [payload_hash(bytes(packet)) for packet in container.demux(streams) if packet.size]
    return found


class Feeder:
    """Uploads the files in turn, so that a handful always lies ready; each upload is another file to the system."""

    def __init__(self, files: Sequence[Path], inbox: Path) -> None:
        self._contents = [path.read_bytes() for path in files]
        self._inbox = inbox
        self._staging = inbox.with_name("staging")
        self._staging.mkdir()
        self._fed = 0

    def feed(self) -> None:
        """Uploads what is lacking; to be called often."""
        for _ in range(AHEAD - sum(not entry.name.startswith("_") for entry in os.scandir(self._inbox))):
            self._upload()

    def _upload(self) -> None:
        begun = START + self._fed * SECONDS
        name = f"{datetime.fromtimestamp(begun, UTC):%Y%m%d_%H%M%S}.mp4"
        draft = self._staging / name
        draft.write_bytes(self._contents[self._fed % len(self._contents)])
        os.utime(draft, (begun + SECONDS, begun + SECONDS))
        draft.rename(self._inbox / name)
        self._fed += 1

"""The last picture of each stream, kept on the disk: after a restart it can be held at once.

One small file for each stream: a line that says what a decoder needs, behind a checksum of all that follows, then the
coded key frame. It is replaced as a whole, so that a power cut leaves the one before or the new one.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

from ftp_stream.core.aac import parse_config
from ftp_stream.core.frames import MAX_FRAME_BYTES
from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import VideoCodec, VideoConfig

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.model import AudioConfig

__all__ = ["Still", "Stills"]

_VERSION = 1
_MAX_HEADER = 1 << 18  # bytes; a path has up to 4 KiB, a configuration record up to 64 KiB, in hexadecimal


@dataclass(frozen=True, slots=True)
class Still:
    """A key frame by itself."""

    path: str  # of the segment that it is from
    taken_at: float  # wall time at which that segment's recording began
    seconds: float  # how long that recording is, 0 where its name does not say when it began
    video: VideoConfig
    audio: AudioConfig | None
    position: int = 0  # where the key frame begins in its file
    size: int = 0  # bytes


class Stills:
    """The directory of them."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / "pictures"

    def save(self, stream: str, still: Still, picture: bytes) -> None:
        """Keep the last picture of a stream in the place of the one before.

        Raises:
            StorageError: The disk is full or failed.
        """
        path = self._path(stream)
        fresh = path.with_suffix(".new")
        content = json.dumps(_told(still)).encode() + b"\n" + picture
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(b"%08x " % crc32(content) + content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            raise StorageError(f"cannot keep the last picture in {path}: {error.strerror}") from error

    def open(self, stream: str) -> tuple[Still, int] | None:
        """Return the last picture of a stream with an open descriptor of its file; ``None`` where there is none.

        A file that is damaged, or of another version, counts as none: it will be replaced.
        """
        try:
            descriptor = os.open(self._path(stream), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        with suppress(OSError, ValueError, KeyError, TypeError, SegmentRefused):
            size = min(os.fstat(descriptor).st_size, _MAX_HEADER + MAX_FRAME_BYTES)
            return _read(os.pread(descriptor, size, 0)), descriptor
        os.close(descriptor)
        return None

    def remove(self, stream: str) -> None:
        """Remove the picture of a stream; harmless where there is none.

        Raises:
            StorageError: The disk failed.
        """
        path = self._path(stream)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError(f"cannot remove the last picture {path}: {error.strerror}") from error

    def _path(self, stream: str) -> Path:
        return self._directory / (stream.replace("/", "~") + ".still")  # no name has that character


def _told(still: Still) -> dict[str, object]:
    video = still.video
    return {
        "version": _VERSION,
        "path": still.path,
        "taken_at": still.taken_at,
        "seconds": still.seconds,
        "codec": video.codec,
        "record": video.record.hex(),
        "shape": [video.width, video.height, video.frame_rate, *video.aspect],
        "audio": still.audio.record.hex() if still.audio else "",
    }


def _read(content: bytes) -> Still:
    """Return what a file holds; what is raised where it is damaged, `Stills.open` knows."""
    check, _, rest = content.partition(b" ")
    line, _, picture = rest.partition(b"\n")
    if not picture or check != b"%08x" % crc32(rest):
        raise ValueError
    told: dict[str, Any] = json.loads(line)
    if told["version"] != _VERSION:
        raise ValueError
    width, height, rate, across, down = told["shape"]
    video = VideoConfig(
        VideoCodec(told["codec"]), bytes.fromhex(told["record"]), width, height, float(rate), (across, down)
    )
    audio = parse_config(bytes.fromhex(told["audio"])) if told["audio"] else None
    position = len(content) - len(picture)
    return Still(told["path"], told["taken_at"], told["seconds"], video, audio, position, len(picture))

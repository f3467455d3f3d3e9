"""What the cameras send: the made footage as it is, or turned into what other cameras make of the same pictures."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench import footage

if TYPE_CHECKING:
    from pathlib import Path

_MASTERS = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """One way in which a camera records."""

    masters: int = _MASTERS  # different files
    arguments: tuple[str, ...] = ()  # for ffmpeg, to make one of the plain footage; none: it is that
    suffix: str = ".mp4"


PLAIN = Kind()  # H.264 and AAC
ALAW = Kind(arguments=("-c:v", "copy", "-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"), suffix=".mov")
HEVC = Kind(
    masters=2,
    arguments=(
        *("-c:v", "libx265", "-preset", "ultrafast", "-tag:v", "hvc1"),
        *("-x265-params", f"log-level=error:bframes=0:scenecut=0:keyint={2 * footage.RATE}"),
        *("-b:v", str(footage.BITS_PER_SECOND), "-c:a", "copy"),
    ),
)


def masters(kind: Kind) -> list[Path]:
    """The files, made if they are not there yet."""
    plain = footage.masters(_MASTERS)
    if not kind.arguments:
        return plain
    digest = hashlib.sha256(repr(kind).encode()).hexdigest()[:12]
    directory = plain[0].parent.with_name(f"{plain[0].parent.name}-{digest}")
    if not directory.exists():
        making = directory.with_name(f"{directory.name}.{os.getpid()}")
        making.mkdir()
        for path in plain[: kind.masters]:
            made = making / f"{path.stem}{kind.suffix}"
            subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-i", path, *kind.arguments, made], check=True)
        making.rename(directory)
    return sorted(directory.iterdir())

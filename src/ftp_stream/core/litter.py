"""What in an inbox is not a segment and is never touched: by its name alone."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from ftp_stream.core.remember import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ftp_stream.model import FileFact

__all__ = ["VIDEO_SUFFIXES", "ignored_because", "is_segment_name", "reasons_to_ignore", "recording_marks"]

# What cameras upload and FFmpeg can read. Left out on purpose: .lrv (GoPro's and Insta360's small copy of a clip that
# is there too), .raw (ACTi's own container), pictures, and .idx, .thm, .gps, which stand beside clips.
_CONTAINERS = "mp4 m4v mov qt 3gp 3g2 insv mkv webm avi flv f4v ts m2ts mts m2t mpg mpeg dav"
_RAW_STREAMS = "h264 264 h26 avc h265 265 hevc"
VIDEO_SUFFIXES = frozenset(f"{_CONTAINERS} {_RAW_STREAMS}".split())
_TEMPORARY = "part partial tmp temp filepart crdownload download upload uploading incomplete backup bak swp"
_TEMPORARY_SUFFIXES = frozenset(_TEMPORARY.split())
# The camera's own word that the clip is not whole: gate_tmp.mp4, gate.part.mp4.
_TEMPORARY_STEM = re.compile(r"(?:^|[._-])(?:part|tmp|filepart|uploading)$", re.IGNORECASE)
_SMALL_COPY = re.compile(r"LRV_\d{8}_", re.ASCII | re.IGNORECASE)  # Insta360's, where it is called .mp4
_OURS = {
    "_failed": "in _failed/, where files that cannot be played are put",
    "_before": "in _before/, where files are put that lay here before the service first met this inbox",
}
_MARK = "_idx"  # Foscam: X.avi_idx stands beside X.avi for as long as X.avi is recorded


def is_segment_name(path: str, archive: str = "") -> bool:
    """Tell whether a file may be a segment, by its name.

    Args:
        path: Relative to the inbox.
        archive: The archive directory relative to the inbox, where it lies inside it, else "".
    """
    return not ignored_because(path, archive)


def ignored_because(path: str, archive: str = "") -> str:
    """Return why a file is no segment, in words; "" where it may be one."""
    return _reasons(archive)[path]


def reasons_to_ignore(paths: Sequence[str], archive: str = "") -> list[str]:
    """Return what `ignored_because` says of many files."""
    return _reasons(archive).all(paths)


@lru_cache(maxsize=8)
def _reasons(archive: str) -> Remembered[str]:
    return Remembered(lambda path: _folder_reason(path, archive) or _name_reason(path[path.rfind("/") + 1 :]))


def _folder_reason(path: str, archive: str) -> str:
    if archive and path.startswith(f"{archive.rstrip('/')}/"):
        return "in the archive"
    *folders, name = path.split("/")
    if name.startswith(".") or any(folder.startswith((".", "@")) for folder in folders):
        return "hidden"  # "@": Synology's @eaDir
    return next((_OURS[folder] for folder in folders if folder in _OURS), "")


def _name_reason(name: str) -> str:
    stem, _, suffix = name.rpartition(".")
    suffix = suffix.lower()
    if name.endswith(("_", "~")) or suffix in _TEMPORARY_SUFFIXES or _TEMPORARY_STEM.search(stem):
        return "a temporary name: its upload has not ended"
    if not stem or suffix not in VIDEO_SUFFIXES:
        return "not a video, by its name"
    if _SMALL_COPY.match(name):
        return "a small copy of another clip"
    return ""


def recording_marks(files: Iterable[FileFact]) -> dict[str, FileFact]:
    """Return, for the path of each clip that may still be recorded, the file beside it that says so."""
    return {file.path[: -len(_MARK)]: file for file in files if file.path.endswith(_MARK)}

"""What must, and what had better, hold between settings that are each allowed by themselves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream.config.variables import Idle
from ftp_stream.rtmp.url import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ftp_stream.config.settings import CameraSettings

__all__ = ["check_together", "doubts", "real"]


def check_together(cameras: Sequence[CameraSettings], state_dir: Path, problems: list[str]) -> None:
    """Add what cannot be side by side to the problems."""
    _check_names(cameras, problems)
    _check_directories(cameras, state_dir, problems)
    _check_destinations(cameras, problems)


def _check_names(cameras: Sequence[CameraSettings], problems: list[str]) -> None:
    seen: set[str] = set()
    for camera in cameras:
        if camera.name in seen:
            problems.append(f"two cameras are named {camera.name!r}: give each a name of its own")
        seen.add(camera.name)
        names = [destination.name for destination in camera.destinations]
        problems += [
            f"camera {camera.name!r} has two destinations named {name!r}: give each a name of its own"
            for name in sorted({name for name in names if names.count(name) > 1})
        ]


def _check_directories(cameras: Sequence[CameraSettings], state_dir: Path, problems: list[str]) -> None:
    inboxes: dict[Path, CameraSettings] = {}
    last: Path | None = None  # in the order of their parts, what lies inside a directory follows it
    for path, camera in sorted(
        ((real(camera.watch_dir), camera) for camera in cameras), key=lambda each: each[0].parts
    ):
        if last and path.is_relative_to(last):
            problems.append(
                f"watch_dir {camera.watch_dir} of camera {camera.name!r} is, or lies inside, that of camera "
                f"{inboxes[last].name!r} ({inboxes[last].watch_dir}): give each a directory of its own"
            )
        else:
            last = path
            inboxes[path] = camera
    for camera in cameras:
        owner = _owner(camera.archive_dir, inboxes)
        if owner and (owner is not camera or real(camera.watch_dir) == real(camera.archive_dir or Path())):
            problems.append(
                f"archive_dir {camera.archive_dir} of camera {camera.name!r} is, or lies inside, the watch_dir of "
                f"camera {owner.name!r}: what is archived there would be played again"
            )
    owner = _owner(state_dir, inboxes)
    if owner:
        problems.append(f"STATE_DIR {state_dir} lies inside the watch_dir of camera {owner.name!r}: put it elsewhere")


def _owner(path: Path | None, inboxes: Mapping[Path, CameraSettings]) -> CameraSettings | None:
    """Return the camera in whose inbox a path lies."""
    if path is None:
        return None
    place = real(path)
    return next((inboxes[parent] for parent in (place, *place.parents) if parent in inboxes), None)


def _check_destinations(cameras: Sequence[CameraSettings], problems: list[str]) -> None:
    """Refuse a URL that stands twice: a server takes one publisher of a name."""
    seen: dict[tuple[str, int, str, str], str] = {}
    for camera in cameras:
        for destination in camera.destinations:
            if destination.url is None:
                continue
            url = parse_url(destination.url.get_secret_value())
            stream = f"{camera.name}/{destination.name}"
            first = seen.setdefault((url.host.lower(), url.port, url.app, url.key), stream)
            if first != stream:
                problems.append(
                    f"{first} and {stream} have the same URL ({url.masked}), but a server takes one publisher of a "
                    "name: give each a stream key of its own"
                )


def doubts(cameras: Sequence[CameraSettings]) -> Iterator[str]:
    """Yield what of the settings a destination does not bear by what is known of it, each with its cure."""
    for camera in cameras:
        for destination in camera.destinations:
            if destination.url is None:  # our own receiver bears all
                continue
            stream, preset = f"{camera.name}/{destination.name}", destination.preset
            if camera.idle is Idle.OFF and preset.longest_silence is not None:
                yield (
                    f"{stream}: IDLE=off sends nothing while no file is there, and {preset.title} may end a publish "
                    f"after {preset.longest_silence:g} s of that: set IDLE to hold or slate"
                )
            if parse_url(destination.url.get_secret_value()).secure and not preset.rtmps:
                yield (
                    f"{stream}: the URL begins with rtmps://, but {preset.title} has no RTMPS: write rtmp://, unless "
                    "something before it takes off the TLS"
                )


def real(path: Path) -> Path:
    """Return where a path really leads; it need not exist."""
    return Path(os.path.realpath(path))

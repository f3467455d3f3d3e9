"""A made camera: writes H.264 and AAC segments with a running clock into an inbox, the way a camera does.

Runs only as a child process::

    python -m ftp_stream.media.camera DIR --seconds 5 --count 12
    python -m ftp_stream.media.camera FILE --single

Each file has its final name from the start and grows in place at the pace of the recording; its index (``moov``) is
written last.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream.media.picture import SMALLEST, Caption
from ftp_stream.media.recording import Recording, Shot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main", "record", "record_single"]

# --- the program ------------------------------------------------------------------------------------------------------


class _Ending:
    """Whether it is time to end: a signal said so, or the parent is gone and nobody else would ever say so."""

    def __init__(self) -> None:
        self._told = False
        self._parent = os.getppid()
        signal.signal(signal.SIGTERM, self._tell)
        signal.signal(signal.SIGINT, self._tell)

    def __call__(self) -> bool:
        return self._told or os.getppid() != self._parent

    def _tell(self, _signal: int, _frame: object) -> None:
        self._told = True


def record(
    directory: Path,
    shot: Shot,
    *,
    seconds: float,
    count: int | None,
    pattern: str,
    started: float,
    realtime: bool,
    ending: Callable[[], bool],
) -> None:
    """Write one file after the other into a directory, named by local time of their first picture.

    Args:
        directory: The inbox.
        shot: What the camera is set to.
        seconds: Length of each file.
        count: How many files; None: until ``ending``.
        pattern: Of their names, for ``strftime``; may contain folders.
        started: Wall time of the first picture, seconds since the epoch.
        realtime: Let the files grow as time goes by; else at once, and date them as if it had.
        ending: Asked before each picture whether to close the file and end.
    """
    recording = Recording(shot)
    length = max(1, round(seconds * shot.rate))
    origin = time.monotonic()

    def ready(picture: int) -> bool:
        if realtime:
            time.sleep(max(0.0, origin + (picture + 1) / shot.rate - time.monotonic()))
        return not ending()

    def caption(picture: int) -> Caption:
        moment = datetime.fromtimestamp(started + picture // shot.rate).astimezone()
        return Caption(shot.title, _details(shot), f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}")

    while count is None or recording.pictures < count * length:
        begun = started + recording.pictures / shot.rate
        path = directory / f"{datetime.fromtimestamp(begun).astimezone():{pattern}}"
        if not recording.write(path, length, caption, ready):
            return
        if not realtime:
            end = begun + seconds
            os.utime(path, (end, end))


def record_single(path: Path, shot: Shot, *, seconds: float) -> None:
    """Write one file that can be played in a loop: a test picture and a tone.

    With a multiple of 8 seconds both tracks end together and the sound and the train go on across the loop.
    """
    Recording(shot).write(
        path,
        max(1, round(seconds * shot.rate)),
        lambda picture: Caption(shot.title, _details(shot), "TEST PICTURE", f"00:00:{picture // shot.rate:02d}"),
        lambda _picture: True,
    )


def _details(shot: Shot) -> str:
    return f"{shot.width}X{shot.height} {shot.rate} FPS"


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 640x360")
    size = int(width), int(height)
    if size[0] < SMALLEST[0] or size[1] < SMALLEST[1] or size[0] % 2 or size[1] % 2:
        raise argparse.ArgumentTypeError(f"{text!r} must be even and at least {SMALLEST[0]}x{SMALLEST[1]}")
    return size


def _positive(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def _parser() -> argparse.ArgumentParser:
    usual = Shot()
    parser = argparse.ArgumentParser(prog="python -m ftp_stream.media.camera", description="A made camera.")
    parser.add_argument("target", type=Path, help="the inbox; with --single the file")
    parser.add_argument("--single", action="store_true", help="write one file that plays well in a loop, and end")
    parser.add_argument("--seconds", type=_positive, help="length of a file (5; with --single 8)")
    parser.add_argument("--count", type=int, help="how many files; without it until SIGTERM")
    parser.add_argument(
        "--realtime", action=argparse.BooleanOptionalAction, default=True, help="files grow in real time"
    )
    parser.add_argument("--fast", dest="realtime", action="store_false", help="the same as --no-realtime")
    parser.add_argument("--start", type=float, help="wall time of the first picture, seconds since the epoch (now)")
    parser.add_argument("--name-pattern", default="%Y%m%d_%H%M%S.mp4", help="for strftime; its suffix is the container")
    parser.add_argument("--title", default=usual.title, help="the camera's name in the picture")
    parser.add_argument("--size", type=_size, default=(usual.width, usual.height))
    parser.add_argument(
        "--rate", type=int, choices=range(1, 121), metavar="1..120", default=usual.rate, help="pictures a second"
    )
    parser.add_argument("--bitrate", type=int, default=usual.bitrate, help="of the video at most, bits a second")
    parser.add_argument("--gop", type=_positive, default=usual.gop, help="seconds from key frame to key frame")
    parser.add_argument("--grain", type=int, choices=range(101), metavar="0..100", default=usual.grain, help="noise")
    return parser


def _started(options: argparse.Namespace, seconds: float) -> float:
    """Wall time of the first picture, in whole seconds as names have them; footage made at once ends now."""
    if options.start is not None:
        return float(options.start)
    ago = 0.0 if options.realtime else seconds * (options.count or 0)
    return float(int(time.time() - ago))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the made camera; return the exit status (2: a file is in the way)."""
    options = _parser().parse_args(argv)
    width, height = options.size
    shot = Shot(width, height, options.rate, options.bitrate, options.gop, options.grain, options.title)
    try:
        if options.single:
            record_single(options.target, shot, seconds=options.seconds or 8.0)
            return 0
        seconds = options.seconds or 5.0
        record(
            options.target,
            shot,
            seconds=seconds,
            count=options.count,
            pattern=options.name_pattern,
            started=_started(options, seconds),
            realtime=options.realtime,
            ending=_Ending(),
        )
    except FileExistsError as error:
        sys.stderr.write(f"made camera: {error.filename} is in the way\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

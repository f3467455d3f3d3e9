"""The coded frames of whole files as FFmpeg reads them, by hash: what ought to arrive at the far end.

Runs only as a child process::

    python -m ftp_stream.media.hashes FILE...

It prints one JSON object: for "video" and "audio" the hashes of all frames, in order of decoding, file after file. It
knows nothing of frame tables, so that a mistake in them shows.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import av

from ftp_stream.rtmp.audit import payload_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["hashes", "main"]


def hashes(paths: Sequence[str]) -> dict[str, list[str]]:
    """Return the hashes of the frames of these files, by track.

    Raises:
        av.FFmpegError: A file cannot be read.
    """
    found: dict[str, list[str]] = {"video": [], "audio": []}
    for path in paths:
        with av.open(path) as container:
            for packet in container.demux(*container.streams.video[:1], *container.streams.audio[:1]):
                if packet.size:
                    found[packet.stream.type].append(payload_hash(bytes(packet)).hex())
    return found


def main(argv: Sequence[str]) -> int:
    """Print the hashes; return the exit status."""
    try:
        json.dump(hashes(argv), sys.stdout)
    except av.FFmpegError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

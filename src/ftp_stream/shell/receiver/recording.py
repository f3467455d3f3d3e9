"""An FLV file of what one publisher sends."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from ftp_stream.rtmp import flv
from ftp_stream.shell.receiver.events import Recorded

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.rtmp.chunks import Message

__all__ = ["Recording"]

_BUFFER = 1 << 20  # bytes: few writes, since they stop the event loop
_SET_DATA_FRAME = b"\x02\x00\x0d@setDataFrame"  # a command to the server, and no part of the metadata


class Recording:
    """An FLV file of one publish. Written through a buffer in the event loop: it is a tool, and serves no stream."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problem = ""
        self._file: BinaryIO | None = None
        try:
            self._file = path.open("wb", buffering=_BUFFER)
            self._file.write(flv.file_header())
        except OSError as error:
            self._give_up(error)

    def add(self, message: Message) -> None:
        """Write a media message."""
        if self._file is None or message.type_id not in {flv.AUDIO, flv.VIDEO, flv.DATA}:
            return
        try:
            self._file.write(flv.tag(message.type_id, message.timestamp, message.body.removeprefix(_SET_DATA_FRAME)))
        except OSError as error:
            self._give_up(error)

    def close(self) -> Recorded:
        """Complete the file."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError as error:
                self._give_up(error)
        return Recorded(self._path, self._problem)

    def _give_up(self, error: OSError) -> None:
        self._problem = error.strerror or str(error)
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):  # what lies in the buffer fails again; the file is closed all the same
                file.close()

"""Where the bytes of frames stand: in the camera's file where they stand there in one piece, else in the sidecar."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from ftp_stream.model import Source

if TYPE_CHECKING:
    from typing import BinaryIO

    from av.packet import Packet

__all__ = ["Place", "Places"]

_FILE: Final = int(Source.FILE)
_SIDECAR: Final = int(Source.SIDECAR)
_WINDOW: Final = 64  # bytes of a block's or tag's own header before its frame: Matroska has 4 to 20, FLV 12 to 24
_HEAD: Final = 16  # bytes of a frame that are looked for

Place = tuple[int, int, int]  # Source, position, size


class Places:
    """Finds frames in a file by comparing bytes, and keeps those that it does not find."""

    def __init__(self, fileno: int, sidecar: BinaryIO) -> None:
        """Take the open camera file and the open, empty sidecar."""
        self._fileno = fileno
        self._sidecar = sidecar
        self._leads: dict[int, int] = {}  # stream -> how far behind the packet's position its last frame was found
        self._block = -1  # position of the last packet: laced frames share it
        self._behind = 0  # where the last frame ended
        self.sidecar_size = 0

    def keep(self, packet: Packet[Any]) -> Place:
        """Return where the bytes of a packet stand, after writing them where they stand nowhere."""
        payload = bytes(packet)
        return self._find(packet, payload) or self.store(payload)

    def find(self, packet: Packet[Any]) -> Place | None:
        """Return where the bytes of a packet stand in the camera's file, ``None`` where they stand nowhere."""
        return self._find(packet, bytes(packet))

    def _find(self, packet: Packet[Any], payload: bytes) -> Place | None:
        position = packet.pos
        if position is None:
            return None
        size = len(payload)
        stream = packet.stream_index
        at = self._behind if position == self._block else position + self._leads.get(stream, 0)
        if os.pread(self._fileno, size, at) != payload:
            at = self._search(payload, position)
            self._leads[stream] = max(0, at - position)
        if at < 0:
            return None
        self._block, self._behind = position, at + size
        return _FILE, at, size

    def read(self, at: int, size: int) -> bytes:
        """Return bytes of the camera's file."""
        return os.pread(self._fileno, size, at)

    def store(self, payload: bytes) -> Place:
        """Write a frame to the sidecar and return where it stands.

        Raises:
            OSError: The disk is full or failed.
        """
        at, size = self.sidecar_size, len(payload)
        self._sidecar.write(payload)
        self.sidecar_size = at + size
        return _SIDECAR, at, size

    def _search(self, payload: bytes, position: int) -> int:
        """Return where the payload stands shortly behind ``position``, or -1."""
        nearby = os.pread(self._fileno, len(payload) + _WINDOW, position)
        at = nearby.find(payload[:_HEAD])
        while at >= 0:
            if nearby.startswith(payload, at):
                return position + at
            at = nearby.find(payload[:_HEAD], at + 1)
        return -1

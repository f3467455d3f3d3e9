"""What a child process writes to the service: a length of each, a JSON header, and bytes behind it.

The child parsed a stranger's file and may have been taken over by it, so the service believes no length, no number and
no letter of it.
"""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, Final

from ftp_stream.errors import SegmentRefused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DAMAGED", "PREFIX_BYTES", "bounded", "framed", "hex_bytes", "number", "parsed", "words"]

_PREFIX: Final = struct.Struct("=IQ")  # bytes of the header, bytes of what is behind it
PREFIX_BYTES: Final = _PREFIX.size
_MAX_HEADER: Final = 256 * 1024
_MAX_RECORD: Final = 64 * 1024  # bytes; some encoders put their whole command line into it
_MAX_WORDS: Final = 500  # characters
DAMAGED: Final = "the inspection gave a damaged report"


def framed(header: Mapping[str, object], body: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """Return a report as buffers to be written one behind the other."""
    told = json.dumps(header).encode()
    return [_PREFIX.pack(len(told), sum(map(len, body))) + told, *body]


def bounded(prefix: bytes, most: int) -> tuple[int, int]:
    """Return how many bytes of header, and of what is behind it, follow the first `PREFIX_BYTES` of a report.

    Raises:
        SegmentRefused: It claims more than ``most`` behind its header, or too large a header.
    """
    header, body = _PREFIX.unpack(prefix)
    if header > _MAX_HEADER or body > most:
        raise SegmentRefused(DAMAGED)
    return header, body


def parsed(header: bytes) -> dict[str, Any]:
    """Return a header's object.

    Raises:
        SegmentRefused: It is none.
    """
    try:
        told = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise SegmentRefused(DAMAGED) from error
    if not isinstance(told, dict):
        raise SegmentRefused(DAMAGED)
    return told


def words(told: object) -> str:
    """Return words for a person, with nothing in them that moves a terminal's cursor."""
    if not isinstance(told, str):
        raise SegmentRefused(DAMAGED)
    return "".join(letter if letter.isprintable() else "?" for letter in told[:_MAX_WORDS])


def number(value: object, most: int, least: int = 0) -> int:
    """Return a whole number within its bounds."""
    if type(value) is not int or not least <= value <= most:
        raise SegmentRefused(DAMAGED)
    return value


def hex_bytes(value: object) -> bytes:
    """Return the bytes of a record."""
    if not isinstance(value, str) or len(value) > 2 * _MAX_RECORD:
        raise SegmentRefused(DAMAGED)
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise SegmentRefused(DAMAGED) from error

"""The child process: prepares one file after another, each handed in as an open descriptor, and makes slates.

Standard input is a socket. A request is one of `ftp_stream.core.request` with two descriptors beside it: the camera's
file, and an empty one for the sidecar; the answer is a report of `ftp_stream.core.inspection`. For a slate they are
the user's picture and nothing, and the answer is one of `ftp_stream.core.slate`. The first answer comes unasked, once
the child is ready, and tells which rights it could not give up.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
import sys
from typing import TYPE_CHECKING, Final

from ftp_stream.core.inspection import encode, encode_encoding_needed, encode_failure, encode_ready
from ftp_stream.core.request import LENGTH_BYTES, Request, SlateRequest, decode_request, length
from ftp_stream.core.slate import encode_slate
from ftp_stream.errors import EncodingNeeded, SegmentRefused
from ftp_stream.media.rights import give_up_files, give_up_system

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO

__all__ = ["main"]

_Report = list[bytes | memoryview]

_LARGEST_SIDECAR: Final = 8 * 1024**3  # bytes
_DISK_FAULTS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
_BUFFER: Final = 1024 * 1024  # bytes of the sidecar that are written at once


def main(arguments: Sequence[str]) -> None:
    """Serve until the parent closes its end.

    Args:
        arguments: The memory that may be used, in bytes; then ``encode`` where pictures may be encoded; then the name
            of the hardware encoder that may be used for it, if any.
    """
    memory, threads, encoder = int(arguments[0]), "encode" in arguments[1:2], "".join(arguments[2:3])
    # systemd sends it to every process of a service that ends; the parent decides when a child does
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    refused = give_up_system(memory=memory, largest_file=_LARGEST_SIDECAR, threads=threads, driver=encoder != "")
    parent = _take_socket()
    from ftp_stream.media.prepare import prepare  # noqa: PLC0415 - FFmpeg is loaded only after rights were given up
    from ftp_stream.media.slate import make_slate  # noqa: PLC0415 - the same

    def serve(fileno: int, aside: BinaryIO, request: Request) -> _Report:
        if isinstance(request, SlateRequest):
            return encode_slate(make_slate(fileno, request))
        return encode(prepare(fileno, aside, request))

    refused += give_up_files(encoder)
    gc.freeze()  # what is loaded stays; each file's garbage is collected after it, cheaply
    gc.disable()
    _send(parent, encode_ready(refused))
    while asked := _receive(parent):
        _send(parent, _answer(serve, *asked, memory=memory))
        gc.collect()


def _take_socket() -> socket.socket:
    """Keep the socket to ourselves: a library that reads standard input or prints must not disturb it."""
    parent = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return parent


def _receive(parent: socket.socket) -> tuple[Request, int, int] | None:
    """Return the next request with its two descriptors, ``None`` at the end."""
    prefix, descriptors, _, _ = socket.recv_fds(parent, LENGTH_BYTES, 2)
    if len(descriptors) != 2:  # noqa: PLR2004 - file and sidecar
        return None
    prefix += _read(parent, LENGTH_BYTES - len(prefix))
    return decode_request(_read(parent, length(prefix))), descriptors[0], descriptors[1]


def _read(parent: socket.socket, count: int) -> bytes:
    return parent.recv(count, socket.MSG_WAITALL) if count else b""


def _send(parent: socket.socket, buffers: _Report) -> None:
    for buffer in buffers:
        parent.sendall(buffer)


def _answer(
    serve: Callable[[int, BinaryIO, Request], _Report], request: Request, fileno: int, sidecar: int, *, memory: int
) -> _Report:
    """Return the report of one file; whatever it brings about is told as its failure."""
    try:
        with os.fdopen(fileno, "rb", buffering=0) as file, os.fdopen(sidecar, "wb", buffering=_BUFFER) as aside:
            return serve(file.fileno(), aside, request)
    except EncodingNeeded as needed:
        return encode_encoding_needed(needed)
    except SegmentRefused as refused:
        return encode_failure(refused.reason, truncated=refused.truncated, unfit=refused.unfit)
    except MemoryError:
        return encode_failure(f"its inspection needs more than the allowed {memory // 1024**2} MiB of memory")
    except OSError as error:
        reason = f"its inspection failed: {error.strerror or error}"
        return encode_failure(reason, storage=error.errno in _DISK_FAULTS)
    except Exception as error:  # noqa: BLE001 - a stranger's file may bring about anything; the next one is served
        return encode_failure(f"its inspection failed: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

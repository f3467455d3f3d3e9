"""What an end of a connection is, from when it came and how."""

from __future__ import annotations

import errno
import os
import ssl

import pytest

from ftp_stream.errors import FaultKind
from ftp_stream.rtmp.lifecycle import PublishState
from ftp_stream.shell.publisher.words import ended_in, kind_of

LOST = FaultKind.LOST


@pytest.mark.parametrize(
    ("state", "lasted", "proven", "kind"),
    [
        (PublishState.HANDSHAKE, None, False, LOST),
        (PublishState.CONNECT, None, False, FaultKind.REFUSED),
        (PublishState.CREATE, None, False, FaultKind.REFUSED),
        (PublishState.PUBLISH, None, False, FaultKind.REFUSED),
        (PublishState.PUBLISHING, 0.0, False, FaultKind.REFUSED_LATE),
        (PublishState.PUBLISHING, 9.9, False, FaultKind.REFUSED_LATE),
        (PublishState.PUBLISHING, 10.0, False, LOST),
        (PublishState.PUBLISHING, 0.5, True, LOST),
        (PublishState.CLOSED, 3600.0, True, LOST),
    ],
)
def test_an_end_without_a_reason_is_told_by_when_it_came(
    state: PublishState,
    lasted: float | None,
    proven: bool,  # noqa: FBT001 - a table's column
    kind: FaultKind,
) -> None:
    """Servers refuse by closing, many of them a moment after Publish.Start; what took media refuses no more."""
    fault = ended_in(state, "the server closed the connection", LOST, lasted=lasted, proven=proven)
    assert fault.kind is kind
    assert bool(fault.cure) is (kind is not LOST or state is PublishState.HANDSHAKE)


@pytest.mark.parametrize("kind", [FaultKind.TAKES_NOTHING, FaultKind.NOT_RTMP, FaultKind.UNREACHABLE])
def test_one_with_a_reason_keeps_it(kind: FaultKind) -> None:
    for state, lasted in ((PublishState.CONNECT, None), (PublishState.PUBLISHING, 1.0)):
        assert ended_in(state, "it ended", kind, lasted=lasted, proven=False).kind is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, LOST),
        (ConnectionResetError(), LOST),
        (BrokenPipeError(), LOST),
        (ssl.SSLError(1, "bad record"), LOST),
        (TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)), FaultKind.UNREACHABLE),
        (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), FaultKind.UNREACHABLE),
        (RuntimeError("odd"), LOST),
    ],
)
def test_a_path_that_ends_is_told_from_a_server_that_ends_it(error: Exception | None, kind: FaultKind) -> None:
    assert kind_of(error) is kind

"""Whom a publisher believes: certificate authorities, and clear words where a server cannot prove its name."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

from ftp_stream.errors import DestinationFault, FaultKind

__all__ = ["NOT_TLS", "tls_context", "tls_fault"]

NOT_TLS = "its port may be for rtmp:// without TLS"
_PRIVATE = "for a private authority set RTMP_CA_FILE to its certificate"
# OpenSSL's X509_V_ERR_* (x509_vfy.h): what a technician reads, and what helps
_CERTIFICATE = {
    9: ("the server's certificate is not valid yet", "check the clock of this machine"),
    10: ("the server's certificate has expired", "its operator must renew it; check the clock of this machine"),
    18: ("the server's certificate is signed by itself alone", _PRIVATE),
    19: ("the server's certificate comes from an authority that is not trusted here", _PRIVATE),
    20: ("the server's certificate comes from an authority that is not trusted here", _PRIVATE),
    21: ("the server's certificate comes from an authority that is not trusted here", _PRIVATE),
    62: ("the server's certificate is for another name", "use the name in the certificate in RTMP_URL"),
    64: ("the server's certificate is not for this address", "use the name in the certificate in RTMP_URL"),
}
_EXPIRED = 10
_SIGNS = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST"})


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies the server's certificate and name; shared by all connections of the same trust.

    Args:
        ca_file: PEM certificates of a private authority, believed in place of the system's; or `None`.

    Raises:
        DestinationFault: The file cannot be read, or holds no certificate.
    """
    try:
        return _context(ca_file, _version(ca_file))
    except (OSError, ssl.SSLError) as error:
        words = getattr(error, "reason", None) or error.strerror or str(error)
        raise DestinationFault(
            "tls",
            f"cannot use the authority's certificate {ca_file}: {words}",
            kind=FaultKind.TLS_UNTRUSTED,
            cure="RTMP_CA_FILE must name a readable PEM file with the certificate of the authority",
        ) from error


@lru_cache(maxsize=8)
def _context(ca_file: Path | None, _changed: tuple[int, ...]) -> ssl.SSLContext:
    # Reading the system's authorities takes 35 ms and 1 MB, far too much for every reconnect of hundreds of streams
    return ssl.create_default_context(cafile=ca_file)


def _version(ca_file: Path | None) -> tuple[int, ...]:
    """Return what changes with the trusted certificates, so that a renewed file counts without a restart."""
    system = ssl.get_default_verify_paths()
    paths = [ca_file] if ca_file else [Path(path) for path in (system.cafile, system.capath) if path]
    return tuple(path.stat().st_mtime_ns for path in paths)


def tls_fault(error: OSError) -> DestinationFault:
    """Return what a failed TLS handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words, cure = _CERTIFICATE.get(error.verify_code, (f"the server's certificate: {error.verify_message}", ""))
        kind = FaultKind.TLS_EXPIRED if error.verify_code == _EXPIRED else FaultKind.TLS_UNTRUSTED
        return DestinationFault("tls", words, kind=kind, cure=cure)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or "protocol error"
        cure = NOT_TLS if reason in _SIGNS else ""
        words = f"the server and we cannot agree on TLS: {reason}"
        return DestinationFault("tls", words, kind=FaultKind.TLS_FAILED, cure=cure)
    words = f"the server ended the TLS handshake: {error.strerror or 'connection closed'}"
    return DestinationFault("tls", words, kind=FaultKind.TLS_FAILED, cure=NOT_TLS)

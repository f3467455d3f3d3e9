"""A private certificate authority for tests, made with the openssl program; its keys live as long as the test run."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and key, as PEM files."""

    chain: Path
    key: Path


class Authority:
    """Signs certificates; `pem` is what a client that trusts it must be given."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.pem = directory / "authority.pem"
        self._key = directory / "authority.key"
        extensions = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        _openssl(
            "req", "-x509", *KEY, "-keyout", self._key, "-out", self.pem, "-subj", "/CN=test authority", *extensions
        )

    @staticmethod
    def missing() -> str:
        return "" if shutil.which("openssl") else "the openssl program is not installed"

    def certificate(self, *names: str) -> Certificate:
        """A certificate for these subject alternative names, such as "DNS:localhost" or "IP:127.0.0.1"."""
        stem = self.directory / f"server-{len(list(self.directory.iterdir()))}"
        made = Certificate(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        extensions = ["-addext", f"subjectAltName={','.join(names)}", "-addext", "basicConstraints=critical,CA:FALSE"]
        signer = ["-CA", self.pem, "-CAkey", self._key, "-days", "2"]
        _openssl(
            "req", "-x509", *KEY, *signer, "-keyout", made.key, "-out", made.chain, "-subj", "/CN=server", *extensions
        )
        return made

    def expired(self, *names: str) -> Certificate:
        """The same, out of date since yesterday."""
        fresh = self.certificate(*names)
        request, stale = (
            fresh.chain.with_suffix(".csr"),
            Certificate(fresh.chain.with_suffix(".expired.pem"), fresh.key),
        )
        alternative = ["-addext", f"subjectAltName={','.join(names)}"]
        _openssl("req", "-new", "-key", fresh.key, "-subj", "/CN=server", *alternative, "-out", request)
        signer = ["-CA", self.pem, "-CAkey", self._key, "-set_serial", "1", "-days", "-1"]
        _openssl("x509", "-req", "-in", request, "-copy_extensions", "copy", *signer, "-out", stale.chain)
        return stale


def _openssl(*arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

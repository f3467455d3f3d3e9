"""The challenges by which some servers ask a publisher for a password: "adobe" and "llnw" (Limelight).

Both answer a ``connect`` with an error whose description carries the challenge; the client connects again with an
answer behind the app. No specification: FFmpeg's and librtmp's behaviour is what servers expect.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["Challenge", "answer", "parse_challenge"]

_SCHEMES = ("adobe", "llnw")


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a refused connect asks for."""

    scheme: str  # adobe or llnw
    reason: str  # "" where only the user is wanted; else needauth, authfailed, nosuchuser
    parameters: dict[str, str]  # user, salt, challenge, opaque, nonce: as far as they are given


def parse_challenge(description: str) -> Challenge | None:
    """Return the challenge in the description of a refused connect, or None where there is none."""
    scheme = next((name for name in _SCHEMES if f"authmod={name}" in description), None)
    if scheme is None:
        return None
    query = description.partition("?")[2]
    parameters = dict(item.split("=", 1) for item in query.split("&") if "=" in item)
    return Challenge(scheme, parameters.pop("reason", ""), parameters)


def answer(challenge: Challenge, url: RtmpUrl, nonce: str) -> str:
    """Return the query that answers a challenge.

    Args:
        challenge: With no reason (then only the user is named) or ``needauth``.
        url: The destination, with user and password.
        nonce: Our own random text, new for every try.
    """
    if not challenge.reason:
        return f"authmod={challenge.scheme}&user={url.user}"
    return (_adobe if challenge.scheme == "adobe" else _llnw)(challenge.parameters, url, nonce)


def _adobe(given: dict[str, str], url: RtmpUrl, nonce: str) -> str:
    """Two rounds of MD5 in base 64."""
    user, opaque = given.get("user") or url.user, given.get("opaque")
    secret = _base64_md5(user + given.get("salt", "") + url.password)
    response = _base64_md5(secret + (given.get("challenge", "") if opaque is None else opaque) + nonce)
    query = f"authmod=adobe&user={user}&challenge={nonce}&response={response}"
    return query if opaque is None else f"{query}&opaque={opaque}"


def _llnw(given: dict[str, str], url: RtmpUrl, nonce: str) -> str:
    """HTTP digest (RFC 2617) of realm "live", method "publish", and the first request of the nonce."""
    user, server_nonce, count = given.get("user") or url.user, given.get("nonce", ""), "00000001"
    instance = url.app if "/" in url.app else f"{url.app}/_definst_"
    secret = _hex_md5(f"{user}:live:{url.password}")
    response = _hex_md5(f"{secret}:{server_nonce}:{count}:{nonce}:auth:" + _hex_md5(f"publish:/{instance}"))
    return f"authmod=llnw&user={user}&nonce={server_nonce}&cnonce={nonce}&nc={count}&response={response}"


def _base64_md5(text: str) -> str:
    return b64encode(md5(text.encode(), usedforsecurity=False).digest()).decode()


def _hex_md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()

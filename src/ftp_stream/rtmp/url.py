"""RTMP URLs: where to connect, what to say there, and what must never be shown."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from ftp_stream.errors import ConfigError, RemoteProtocolError

__all__ = ["DEFAULT_PORTS", "MASK", "RtmpUrl", "parse_url"]

DEFAULT_PORTS = {"rtmp": 1935, "rtmps": 443}
MASK = "***"
_FORM = "rtmp://HOST/APP/KEY or rtmps://HOST/APP/KEY"
_MIN_TOKEN = 4  # characters; shorter values in a query (backup=1) are no secrets, and masking them garbles every text


@dataclass(frozen=True, slots=True, repr=False)
class RtmpUrl:
    """One destination. Its text forms never show the key, a query or the password."""

    scheme: str  # rtmp or rtmps
    host: str  # without the brackets of IPv6
    port: int
    app: str  # with its query, where it has one
    key: str  # the stream's name at the server, with its query
    user: str = ""
    password: str = ""
    auth: str = ""  # the answer to a challenge, from its "?" on, which goes behind the app

    @property
    def secure(self) -> bool:
        """Whether the connection is TLS."""
        return self.scheme == "rtmps"

    @property
    def connect_app(self) -> str:
        """What ``connect`` names as ``app``."""
        return self.app + self.auth

    @property
    def tc_url(self) -> str:
        """What ``connect`` names as ``tcUrl``: the URL without the key, which OvenMediaEngine finds its host by."""
        return f"{self._origin}/{self.app}{self.auth}"

    @property
    def masked(self) -> str:
        """The URL for people and logs."""
        return f"{self._origin}/{self.app.partition('?')[0]}/{MASK}"

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that must not be shown, in every spelling, the longest first."""
        parts = {
            self.key,
            self.key.partition("?")[0],
            self.password,
            *_tokens(self.key),
            *_tokens(self.app + self.auth),
        }
        spellings = {text for part in parts for text in (part, quote(part), quote(part, safe=""), unquote(part))}
        return tuple(sorted(filter(None, spellings), key=lambda text: (-len(text), text)))

    def mask(self, text: str) -> str:
        """Return a server's words without our secrets, which some servers echo."""
        secrets = self.secrets
        return re.sub("|".join(map(re.escape, secrets)), MASK, text) if secrets else text

    def with_auth(self, query: str) -> RtmpUrl:
        """Return this URL with the answer to a challenge; FFmpeg and the servers put "?" even behind a query."""
        return replace(self, auth="?" + query)

    def redirected(self, tc_url: str) -> RtmpUrl:
        """Return the URL that a server's reconnect request leads to (Enhanced RTMP v2, "Reconnect Request").

        Args:
            tc_url: Absolute, or relative to this URL's; "" for the same again.

        Raises:
            RemoteProtocolError: It is no RTMP URL, or would send the key in clear where it went by TLS.
        """
        if not tc_url:
            return replace(self, auth="")
        try:
            scheme, host, port, _, path = _split(self._absolute(tc_url))
        except ConfigError as error:
            raise RemoteProtocolError("the server asks to reconnect to something that is no RTMP URL") from error
        if self.secure and scheme != "rtmps":
            raise RemoteProtocolError("the server asks to go on without TLS, which would show the key to all")
        return replace(self, scheme=scheme, host=host, port=port, app=path.rstrip("/") or self.app, auth="")

    def _absolute(self, reference: str) -> str:
        if "://" in reference:
            return reference
        if reference.startswith("//"):
            return f"{self.scheme}:{reference}"
        if reference.startswith("/"):
            return self._origin + reference
        parent, slash, _ = self.app.partition("?")[0].rpartition("/")
        return f"{self._origin}/{parent}{slash}{reference}"

    @property
    def _origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}")

    def __str__(self) -> str:
        return self.masked

    def __repr__(self) -> str:
        return f"RtmpUrl({self.masked!r})"


def parse_url(text: str) -> RtmpUrl:
    """Take a destination's URL apart as FFmpeg does.

    Of ``a/b`` the app is ``a`` and the key ``b``; of ``a/b/c`` the app is ``a/b`` (an instance of an application) and
    the key all behind it, unless a prefix with a colon (``mp4:b/c``) begins the key earlier. A query in the first part
    belongs to the app and the key stands behind its last slash (``live2?backup=1/KEY``); any other query belongs to the
    key, slashes and all, which FFmpeg gets wrong. Only user and password are percent-decoded.

    Raises:
        ConfigError: It cannot be used; the message says why and what to write, and shows nothing of the URL.
    """
    scheme, host, port, userinfo, path = _split(text.strip())
    app, key = _split_path(path)
    if not app.partition("?")[0] or not key.partition("?")[0]:
        raise ConfigError(f"the RTMP URL ends before the stream key: write {_FORM}")
    user, _, password = userinfo.partition(":")
    return RtmpUrl(scheme, host, port, app, key, unquote(user), unquote(password))


def _split(text: str) -> tuple[str, str, int, str, str]:
    """Return scheme, host, port, user information and the path without its first slash."""
    if not text.isprintable() or " " in text:
        raise ConfigError(f"the RTMP URL has a space or an unprintable character in it: write {_FORM}")
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in DEFAULT_PORTS:
        raise ConfigError(f"the RTMP URL must begin with rtmp:// or rtmps://: write {_FORM}")
    authority, _, path = rest.partition("/")
    userinfo, _, address = authority.rpartition("@")
    host, port = _split_address(address, DEFAULT_PORTS[scheme])
    return scheme, host, port, userinfo, path


_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<name>[^\[\]:?#@]+))(?::(?P<port>\d{1,5}))?")


def _split_address(address: str, default_port: int) -> tuple[str, int]:
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ConfigError(f"the RTMP URL has no usable host and port (an IPv6 address needs brackets): write {_FORM}")
    port = int(match["port"]) if match["port"] else default_port
    if not 0 < port < 1 << 16:
        raise ConfigError(f"the port {port} of the RTMP URL is not between 1 and 65535")
    return match["v6"] or match["name"], port


def _split_path(path: str) -> tuple[str, str]:
    first, _, rest = path.partition("/")
    if "?" in first:
        app, _, key = path.rpartition("/")
        return app, key
    bare, mark, query = rest.partition("?")
    second, slash, behind = bare.partition("/")
    if not slash or ":" in second:
        return first, bare + mark + query
    return f"{first}/{second}", behind + mark + query


def _tokens(text: str) -> list[str]:
    """Return the values of a query that are long enough to be secrets."""
    values = [item.partition("=")[2] or item for item in re.split("[?&]", text)[1:]]
    return [value for value in values if len(value) >= _MIN_TOKEN]

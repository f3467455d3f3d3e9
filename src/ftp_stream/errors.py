"""The errors, one per party that must act.

An expected end (a server that closes, an inbox without files) is an event or a verdict and never an exception.
"""

__all__ = [
    "ConfigError",
    "DestinationFault",
    "EncodingNeeded",
    "FtpStreamError",
    "InstallationError",
    "LocalProtocolError",
    "RemoteProtocolError",
    "SegmentRefused",
    "StorageError",
]


class FtpStreamError(Exception):
    """Base of all errors that this program raises on purpose."""


class ConfigError(FtpStreamError):
    """A setting is unusable: the operator must change it before the service can start.

    The text names the setting, its value (never a secret) and what is allowed.
    """


class SegmentRefused(FtpStreamError):  # noqa: N818 - a refusal of one file, not a failure of the program
    """A file cannot be played: the camera (or whoever copied the file) must act.

    Attributes:
        reason: In words for the technician, without the file's name.
        truncated: The file is shorter than it says of itself; it may still be growing.
    """

    def __init__(self, reason: str, *, truncated: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.truncated = truncated


class EncodingNeeded(FtpStreamError):  # noqa: N818 - an answer, no failure
    """A file's pictures must be encoded for its destination: it is to be prepared again by whoever may.

    The text says why, in words.
    """


class DestinationFault(FtpStreamError):  # noqa: N818 - a fault of the far end
    """A destination failed: its operator or the network must act; no file is to blame.

    Attributes:
        step: Where it failed: resolve, tcp, tls, handshake, connect, publish, media, confirm.
        reason: What happened, in words, without any secret.
        code: The server's own code (``NetStream.Publish.BadName``), or "".
        description: The server's own words, or "".
        cure: The likely cure, in words, or "".
    """

    def __init__(self, step: str, reason: str, *, code: str = "", description: str = "", cure: str = "") -> None:
        super().__init__(f"{step}: {reason}")
        self.step = step
        self.reason = reason
        self.code = code
        self.description = description
        self.cure = cure


class StorageError(FtpStreamError):
    """This machine's disk or its rights failed (inbox, journal, state directory): its administrator must act."""


class RemoteProtocolError(FtpStreamError):
    """The far end broke the RTMP protocol or one of our limits; the connection must be closed."""


class LocalProtocolError(FtpStreamError):
    """This program called the protocol in a state that does not allow it: a bug here."""


class InstallationError(FtpStreamError):
    """A step of the installation did not succeed; what was done before it stays. For whoever installs."""

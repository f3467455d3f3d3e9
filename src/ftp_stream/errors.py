"""The errors, one per party that must act.

An expected end (a server that closes, an inbox without files) is an event or a verdict and never an exception.
"""

from enum import StrEnum

__all__ = [
    "ConfigError",
    "DestinationFault",
    "EncodingNeeded",
    "FaultKind",
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
        unfit: It is in order, but cannot be had in the form that was asked for: to try again is of no use.
    """

    def __init__(self, reason: str, *, truncated: bool = False, unfit: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.truncated = truncated
        self.unfit = unfit


class EncodingNeeded(FtpStreamError):  # noqa: N818 - an answer, no failure
    """A file's pictures, or hours of its sound, must be encoded: it is to be prepared again by whoever may.

    The text says why, in words.

    Attributes:
        codec: Of the pictures, by FFmpeg's name; "" where the sound is what takes long.
        width: Of the pictures, pixels; 0 where unknown.
        height: The same.
    """

    def __init__(self, why: str, *, codec: str = "", width: int = 0, height: int = 0) -> None:
        super().__init__(why)
        self.codec = codec
        self.width = width
        self.height = height


class FaultKind(StrEnum):
    """What is wrong with a destination or the path to it, as far as the technician must act differently.

    The step says how far it came; the kind says what it is.
    """

    NAME_UNKNOWN = "name_unknown"  # no address is found for its name
    UNREACHABLE = "unreachable"  # no answer from its address, or no longer
    REFUSED_CONNECTION = "refused_connection"  # nothing listens at its port
    TLS_EXPIRED = "tls_expired"  # its certificate is out of date
    TLS_UNTRUSTED = "tls_untrusted"  # its certificate proves nothing to us, for any other reason
    TLS_FAILED = "tls_failed"  # no TLS comes about
    NO_ANSWER = "no_answer"  # takes the connection and answers nothing
    NOT_RTMP = "not_rtmp"  # what it says is no RTMP
    REFUSED = "refused"  # says no, or closes before the publish begins
    NAME_TAKEN = "name_taken"  # somebody publishes under our name
    REFUSED_LATE = "refused_late"  # answers Start and closes, with nothing taken
    TAKES_NOTHING = "takes_nothing"  # accepts the publish and reads nothing, or no more
    DEAF = "deaf"  # reads, but no longer answers our pings as it did before
    LOST = "lost"  # the connection ended
    RESETS = "resets"  # ends the publish again and again, a few seconds after each start
    READ = "read"  # no fault of the destination: a disk of this machine cannot be read


class DestinationFault(FtpStreamError):  # noqa: N818 - a fault of the far end
    """A destination failed: its operator or the network must act; no file is to blame.

    Attributes:
        step: Where it failed: resolve, tcp, tls, handshake, connect, publish, media, confirm.
        reason: What happened, in words, without any secret.
        code: The server's own code (``NetStream.Publish.BadName``), or "".
        description: The server's own words, or "".
        cure: The likely cure, in words, or "".
        kind: What is wrong.
    """

    def __init__(
        self,
        step: str,
        reason: str,
        *,
        code: str = "",
        description: str = "",
        cure: str = "",
        kind: FaultKind = FaultKind.LOST,
    ) -> None:
        super().__init__(f"{step}: {reason}")
        self.kind = kind
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

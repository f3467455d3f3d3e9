"""One RTMP session of a stream: what is sent when, and what the server has confirmed of it."""

from ftp_stream.session.session import Session

__all__ = ["Session"]

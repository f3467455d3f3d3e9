"""Files are inspected in child processes and become prepared segments."""

from ftp_stream.shell.preparer.pool import Preparer

__all__ = ["Preparer"]

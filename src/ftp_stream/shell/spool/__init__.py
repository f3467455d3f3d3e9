"""The inbox: what lies in it, and what is done to its files.

Nothing here follows a link out of the inbox: every path is walked part by part from one open directory. Nothing acts
on a newer version of a file than the one that was decided about: the `FileId` is compared right before the act.
"""

from ftp_stream.shell.spool.files import file_id
from ftp_stream.shell.spool.inbox import BEFORE, FAILED, PRUNE_AGE, Spool
from ftp_stream.shell.spool.scan import MAX_DEPTH, MAX_PROBLEMS, ScanResult

__all__ = ["BEFORE", "FAILED", "MAX_DEPTH", "MAX_PROBLEMS", "PRUNE_AGE", "ScanResult", "Spool", "file_id"]

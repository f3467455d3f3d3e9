"""The journal: how far every stream has got, and what was decided about every file.

Losing it never loses footage: without it, what lies in the inboxes counts as met for the first time.
"""

from ftp_stream.shell.journal.journal import MAX_AGE, MAX_HISTORY, HistoryRow, Journal

__all__ = ["MAX_AGE", "MAX_HISTORY", "HistoryRow", "Journal"]

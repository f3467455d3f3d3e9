"""Log lines: events with fields, readable in a terminal, fields of the journal under systemd, JSON elsewhere.

None of them ever has a secret in it.
"""

from ftp_stream.logs.journald import goes_to_journal, prioritised
from ftp_stream.logs.masking import MASK, Secrets, hide, masked
from ftp_stream.logs.setup import configure

__all__ = ["MASK", "Secrets", "configure", "goes_to_journal", "hide", "masked", "prioritised"]

"""`python -m ftp_stream`."""

from ftp_stream.cli import main

main()

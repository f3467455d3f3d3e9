"""Run the service: `uv run python streamer.py`, the same as `uv run ftp-stream run`."""

import sys

from ftp_stream.cli import main

if __name__ == "__main__":
    main(["run", *sys.argv[1:]])

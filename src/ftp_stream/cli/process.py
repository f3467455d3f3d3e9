"""What the service's process takes from the system, and how it ends."""

import gc
import logging
import os
import resource
import threading
import time
from contextlib import suppress

__all__ = ["LAST", "allow_many_files", "collect_rarely", "leave_waiting_threads"]

LAST = 1.0  # seconds that what is still being written may take at the end


def leave_waiting_threads(status: int) -> None:
    """End the process now where threads of it wait for a disk that stands still; Python would wait for them for ever.

    The journal is closed and all is told by now: nothing that such a thread may still do is missed.
    """
    until = time.monotonic() + LAST
    others = [each for each in threading.enumerate() if each is not threading.current_thread() and not each.daemon]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        logging.shutdown()
        os._exit(status)


def allow_many_files() -> None:
    """Take all the open files that this process is allowed: each stream needs four or five, and shells allow 1024."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def collect_rarely() -> None:
    """Look for garbage in cycles a hundred times less often than Python does, and not in what lives for ever.

    The service makes thousands of short-lived objects a second and hardly any cycle: by default, the collector takes a
    sixth of the processor's time and, with hundreds of streams, holds all of them up for a tenth of a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)

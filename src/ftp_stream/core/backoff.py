"""How long to wait before the next try to reach a destination."""

from collections.abc import Callable, Iterator

__all__ = ["CEILING", "FACTOR", "FIRST", "delays"]

FIRST = 1.0  # seconds before the first new try
FACTOR = 1.6
CEILING = 30.0  # some servers keep the viewers of a lost publish for 30 to 60 s


def delays(uniform: Callable[[], float], first: float = FIRST, longest: float = CEILING) -> Iterator[float]:
    """Yield the seconds to wait before each further try, without end.

    Args:
        uniform: Gives a random number in [0, 1). It spreads each delay over its upper half, so that a server which
            dropped a thousand streams at once does not see them all come back at once.
        first: Seconds before the first further try, before they are spread.
        longest: Seconds between two tries at most.
    """
    delay = first
    while True:
        yield delay * (0.5 + 0.5 * uniform())
        delay = min(delay * FACTOR, longest)

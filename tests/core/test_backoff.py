from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.backoff import CEILING, delays


def test_delays_grow_by_the_factor_up_to_the_ceiling() -> None:
    found = list(islice(delays(lambda: 1.0), 10))
    assert found[:3] == [1.0, 1.6, 1.6 * 1.6]
    assert found[-2:] == [30.0, 30.0]


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=20, max_size=20))
def test_jitter_keeps_every_delay_within_the_upper_half(numbers: list[float]) -> None:
    draw = iter(numbers)
    plain = list(islice(delays(lambda: 1.0), 20))
    spread = list(islice(delays(lambda: next(draw)), 20))
    assert all(full / 2 <= delay <= full <= CEILING for delay, full in zip(spread, plain, strict=True))


@given(st.floats(0.1, 10), st.floats(10, 100))
def test_a_destination_may_have_its_own_first_and_longest_delay(first: float, longest: float) -> None:
    found = list(islice(delays(lambda: 1.0, first, longest), 30))
    assert found[0] == first
    assert found == sorted(found)
    assert found[-1] == longest

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.natural import natural_key

PATHS = st.text(alphabet="aB01290._-/ \udcff", min_size=1, max_size=12)


@pytest.mark.parametrize(
    "ordered",
    [
        ["clip1.mp4", "clip2.mp4", "clip10.mp4"],
        ["clip.mp4", "clip1.mp4", "clip-1.mp4", "clip-2.mp4"],
        ["a/9.mp4", "a/10.mp4", "a1/1.mp4", "a10/1.mp4", "b/1.mp4"],
        ["2026/2/5/1.mp4", "2026/02/06/1.mp4", "2026/10/01/1.mp4"],
        ["1.mp4", "1a.mp4", "2.mp4", "a.mp4"],
        ["01.mp4", "1.mp4", "001-2.mp4"],
        ["GH010073.MP4", "GH020073.MP4", "GH010074.MP4", "GX010075.MP4"],
        ["GOPR0073.MP4", "GP010073.MP4", "GP020073.MP4", "GOPR0074.MP4"],
    ],
    ids=lambda names: names[0],
)
def test_names_stand_in_the_order_in_which_a_person_puts_them(ordered: list[str]) -> None:
    assert sorted(random.sample(ordered, len(ordered)), key=natural_key) == ordered


@given(st.lists(PATHS, unique=True, max_size=8), st.randoms(use_true_random=False))
def test_the_order_is_total(paths: list[str], chance: random.Random) -> None:
    """No two paths are equal, and the order in which they come does not matter."""
    assert len({natural_key(path) for path in paths}) == len(paths)
    mixed = chance.sample(paths, len(paths))
    assert sorted(mixed, key=natural_key) == sorted(paths, key=natural_key)


@given(st.text(max_size=300))
def test_any_text_has_a_key(path: str) -> None:
    assert natural_key(path)[-1][-1] == path


def test_a_number_as_long_as_a_name_may_be_is_a_number() -> None:
    assert natural_key("9" * 250 + ".mp4") > natural_key("1" * 250 + ".mp4")

"""Letters: small ones, accents above them, and what is done with others."""

from __future__ import annotations

import pytest

from ftp_stream.media.letters import CELLS_HIGH, RISE, glyph, known, text_width


def ink(letter: str, first: int, last: int) -> int:
    """How much of a letter stands in some lines of cells, counted from the top of a capital."""
    rows = glyph(letter, 4, 4)
    return sum(map(sum, rows[(RISE + first) * 4 : (RISE + last) * 4]))


@pytest.mark.parametrize(("plain", "accented"), [("I", "Í"), ("N", "Ñ"), ("E", "É"), ("U", "Ü"), ("A", "À")])
def test_an_accent_stands_over_a_capital_that_stays_as_it_is(plain: str, accented: str) -> None:
    assert ink(plain, -RISE, -1) == 0
    assert ink(accented, -RISE, -1) > 0
    assert glyph(plain, 4, 4)[(RISE + 1) * 4 :] == glyph(accented, 4, 4)[(RISE + 1) * 4 :]


@pytest.mark.parametrize(("plain", "accented"), [("a", "á"), ("n", "ñ"), ("o", "ö")])
def test_an_accent_stands_over_a_small_letter(plain: str, accented: str) -> None:
    assert ink(plain, -1, 1) == 0
    assert ink(accented, -1, 1) > 0
    assert glyph(plain, 4, 4)[(RISE + 3) * 4 :] == glyph(accented, 4, 4)[(RISE + 3) * 4 :]


def test_an_accent_takes_the_place_of_a_dot() -> None:
    assert glyph("i", 4, 4)[(RISE + 3) * 4 :] == glyph("í", 4, 4)[(RISE + 3) * 4 :]
    assert glyph("i", 4, 4) != glyph("í", 4, 4)


def test_what_cannot_be_drawn_is_a_question_mark() -> None:
    assert known("Ñandú\u732b n\u0303 \n") == "Ñandú? ñ ?"
    assert glyph("\u732b", 2, 2) == glyph("?", 2, 2)


def test_small_letters_with_a_lower_length_go_below_the_line() -> None:
    assert ink("g", CELLS_HIGH, CELLS_HIGH + 1) > 0
    assert ink("G", CELLS_HIGH, CELLS_HIGH + 1) < ink("g", CELLS_HIGH, CELLS_HIGH + 1) / 4


@pytest.mark.parametrize(("wide", "high"), [(1, 1), (2.5, 5), (16, 16), (7.3, 3.1)])
def test_a_glyph_has_the_size_that_was_asked_for(wide: float, high: float) -> None:
    rows = glyph("8", wide, high)
    assert {len(row) for row in rows} == {round(6 * wide)}
    assert len(rows) == round(11 * high)
    assert max(map(max, rows)) > 200
    assert min(map(min, rows)) == 0


def test_the_width_of_a_line_ends_with_its_last_letter() -> None:
    assert text_width("88:88", 4) == 4 * (4 * 6 + 5)

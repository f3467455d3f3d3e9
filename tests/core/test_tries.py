"""What ends publish after publish is told from a single end, and from a refusal that comes late."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.tries import EARLY, IN_A_ROW, Tries
from ftp_stream.errors import DestinationFault, FaultKind

LOST, LATE = FaultKind.LOST, FaultKind.REFUSED_LATE


def fault(kind: FaultKind = LOST) -> DestinationFault:
    return DestinationFault("media", "the server reset the connection", code="A.Code", description="words", kind=kind)


def after(*ends: tuple[FaultKind, float | None]) -> Tries:
    tries = Tries()
    for kind, lasted in ends:
        tries = tries.after(kind, lasted)
    return tries


def test_the_third_early_end_in_a_row_is_no_accident() -> None:
    """Neither the first nor the second."""
    for count in range(IN_A_ROW + 3):
        tries = after(*[(LOST, 5.0)] * count)
        assert tries.repeated is (count >= IN_A_ROW)
        assert (tries.judged(fault()).kind is FaultKind.RESETS) is (count >= IN_A_ROW)


def test_it_says_how_often_and_how_soon_and_keeps_what_the_server_said() -> None:
    judged = after((LOST, 5.6), (LOST, 4.2), (LOST, 5.0), (LOST, 4.6)).judged(fault())
    assert judged.reason == "the server reset the connection, 4 times in a row and 4 to 6 s after each start"
    assert (judged.step, judged.code, judged.description) == ("media", "A.Code", "words")
    assert "second publisher" in judged.cure
    assert "and 5 s after each" in after(*[(LOST, 5.1)] * 3).judged(fault()).reason


@pytest.mark.parametrize(("lasted", "repeated"), [(EARLY - 0.01, True), (EARLY, False), (EARLY + 0.01, False)])
def test_a_publish_that_lasts_ends_the_row(lasted: float, repeated: bool) -> None:  # noqa: FBT001 - a table's column
    assert after(*[(LOST, 5.0)] * 2, (LOST, lasted)).repeated is repeated
    assert after(*[(LOST, 5.0)] * 9, (LOST, EARLY)) == Tries()


def test_tries_that_never_publish_do_not_end_it() -> None:
    """A server that crashes on our media is not there for a while each time."""
    away = (FaultKind.REFUSED_CONNECTION, None)
    assert after((LOST, 5.0), away, (LOST, 5.0), away, away, (LOST, 5.0)).repeated
    assert not after(*[away] * 20).repeated


def test_one_that_never_took_anything_refuses_and_stays_a_refusal() -> None:
    """Until it has taken media once in the row: then it knows the key."""
    assert after(*[(LATE, 0.1)] * 9).judged(fault(LATE)).kind is LATE
    assert after((LATE, 3.0), (LOST, 5.0), (LATE, 3.0)).judged(fault(LATE)).kind is FaultKind.RESETS
    assert after((LOST, 5.0), *[(LATE, 3.0)] * IN_A_ROW).judged(fault(LATE)).kind is LATE


@pytest.mark.parametrize("kind", [kind for kind in FaultKind if kind not in {LOST, LATE}])
def test_what_has_a_reason_of_its_own_keeps_it(kind: FaultKind) -> None:
    """And yet it is repeated, so that the next try is not hurried."""
    tries = after(*[(kind, 5.0)] * IN_A_ROW, (LOST, 5.0))
    own = fault(kind)
    assert tries.judged(own) is own
    assert tries.repeated


@given(st.lists(st.tuples(st.sampled_from(FaultKind), st.none() | st.floats(0, 100)), max_size=30))
def test_its_numbers_are_those_of_the_row(ends: list[tuple[FaultKind, float | None]]) -> None:
    """Counted back from the last end to the one that lasted; of any number of them only a few are kept."""
    row: list[float] = []
    for _, lasted in ends:
        if lasted is not None:
            row = [] if lasted >= EARLY else [*row, lasted]
    tries = after(*ends)
    assert tries.ended == len(row)
    assert (tries.shortest, tries.longest) == (min(row, default=0.0), max(row, default=0.0))
    assert len(tries.taken) == min(len(row), IN_A_ROW)


def test_no_word_of_a_server_is_added() -> None:
    key = secrets.token_hex(8)
    judged = after(*[(LOST, 5.0)] * IN_A_ROW).judged(DestinationFault("media", "x", description=key))
    assert key not in judged.reason

"""The life of a publish goes on by its table and no other way."""

from __future__ import annotations

from itertools import product

import pytest

from ftp_stream.errors import LocalProtocolError
from ftp_stream.rtmp.lifecycle import STEPS, Happening, PublishState, follow

WAY = [Happening.SHAKEN, Happening.CONNECTED, Happening.CREATED, Happening.STARTED, Happening.CLOSE, Happening.END]


def test_the_way_from_the_handshake_to_the_end() -> None:
    states = [PublishState.HANDSHAKE]
    for happening in WAY:
        states.append(follow(states[-1], happening))
    assert states == list(PublishState)


@pytest.mark.parametrize("state", [state for state in PublishState if state is not PublishState.CLOSED])
def test_every_state_can_end_and_has_a_step_to_blame(state: PublishState) -> None:
    assert follow(state, Happening.END) is PublishState.CLOSED
    assert STEPS[state]


@pytest.mark.parametrize("state", PublishState)
def test_closing_is_always_allowed_and_never_opens_anything(state: PublishState) -> None:
    assert follow(state, Happening.CLOSE) in {PublishState.CLOSING, PublishState.CLOSED}


@pytest.mark.parametrize(
    ("state", "happening"),
    [
        (state, happening)
        for state, happening in product(PublishState, WAY[:4])
        if list(PublishState).index(state) != WAY.index(happening)
    ],
)
def test_no_step_is_taken_twice_or_out_of_order(state: PublishState, happening: Happening) -> None:
    with pytest.raises(LocalProtocolError, match=happening.name):
        follow(state, happening)


def test_nothing_follows_the_end() -> None:
    with pytest.raises(LocalProtocolError, match="END"):
        follow(PublishState.CLOSED, Happening.END)

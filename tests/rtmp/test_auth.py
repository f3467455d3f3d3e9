"""Challenges are answered as FFmpeg answers them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftp_stream.rtmp.auth import Challenge, answer, parse_challenge
from ftp_stream.rtmp.url import parse_url

GOLDEN = [line.split("\t") for line in (Path(__file__).parent / "golden" / "ffmpeg-auth.tsv").read_text().splitlines()]
CHALLENGED = [(description, app) for _, description, app in GOLDEN if description]


def test_the_recording_has_every_scheme_and_both_rounds() -> None:
    assert len(CHALLENGED) == 6


@pytest.mark.parametrize(("description", "app"), CHALLENGED)
def test_the_app_is_the_one_ffmpeg_connects_with(description: str, app: str) -> None:
    url = parse_url("rtmp://fox:s3cret-hen@host/live/golden")
    challenge = parse_challenge(description)
    assert challenge
    nonce = re.search(r"(?:\?|&c?)(?:nonce|challenge)=(\w{8})", app)
    assert url.with_auth(answer(challenge, url, nonce[1] if nonce else "")).connect_app == app


@pytest.mark.parametrize("description", ["", "Connection failed", "code=403 need auth; authmod=plain"])
def test_other_refusals_are_no_challenges(description: str) -> None:
    assert parse_challenge(description) is None


def test_a_final_refusal_says_why() -> None:
    assert parse_challenge("authmod=adobe : ?reason=nosuchuser&opaque=z") == Challenge(
        "adobe", "nosuchuser", {"opaque": "z"}
    )


def test_an_instance_of_an_application_stands_for_itself_in_llnw() -> None:
    challenge = Challenge("llnw", "needauth", {"nonce": "n"})
    default = answer(challenge, parse_url("rtmp://a:b@host/live/key"), "c")
    named = answer(challenge, parse_url("rtmp://a:b@host/live/_definst_/key"), "c")
    assert default == named
    assert default != answer(challenge, parse_url("rtmp://a:b@host/live/other/key"), "c")


def test_a_challenge_without_its_parts_is_answered_somehow() -> None:
    """A broken server gets an answer that it will refuse; nothing raises."""
    for scheme in ("adobe", "llnw"):
        assert answer(Challenge(scheme, "needauth", {}), parse_url("rtmp://a:b@host/live/key"), "c")

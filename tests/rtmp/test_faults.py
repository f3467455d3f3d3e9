"""A server's refusal is understood, shown without secrets and given a cure."""

from __future__ import annotations

import pytest

from ftp_stream.rtmp.faults import Status, cure, read_status


def plain(text: str) -> str:
    return text


def status(**items: object) -> Status:
    return read_status((None, items), plain)  # type: ignore[arg-type]


@pytest.mark.parametrize("level", ["status", "error", "warning", ""])
@pytest.mark.parametrize("code", ["NetStream.Publish.BadName", "NetStream.Publish.Start", "Some.Code", ""])
def test_an_error_by_level_or_by_code_is_fatal(level: str, code: str) -> None:
    assert status(level=level, code=code).fatal == (level == "error" or code == "NetStream.Publish.BadName")


def test_of_two_objects_the_last_one_is_the_status() -> None:
    values = ({"fmsVer": "x", "code": "no"}, {"code": "yes"})
    assert read_status(values, plain).code == "yes"


@pytest.mark.parametrize("values", [(), (None,), (None, 1.0), (None, [{"code": "x"}]), ({"code": 1.0, "level": None},)])
def test_answers_without_a_status_have_an_empty_one(values) -> None:
    assert read_status(values, plain) == Status("", "", "", "", "")
    assert read_status(values, plain).words == "without a reason"


def test_a_servers_words_become_one_printable_line_of_bounded_length() -> None:
    shown = status(description="a\nb\x1b[31m" + "c" * 1000).description
    assert shown.startswith("a b [31mccc")
    assert shown.isprintable()
    assert len(shown) == 303


@pytest.mark.parametrize(("length", "shown"), [(299, 299), (300, 300), (301, 303)])
def test_words_are_cut_only_over_the_limit(length: int, shown: int) -> None:
    assert len(status(description="c" * length).description) == shown


def test_texts_are_masked_and_the_raw_description_is_kept_for_challenges() -> None:
    info: dict[str, object] = {"code": "Key.hen", "level": "hen", "description": "hen!"}
    masked = read_status((info,), lambda text: text.replace("hen", "***"))  # type: ignore[arg-type]
    assert (masked.code, masked.level, masked.description, masked.raw) == ("Key.***", "***", "***!", "hen!")


@pytest.mark.parametrize(
    ("code", "step", "words"),
    [
        ("NetStream.Publish.BadName", "publish", "dead connection"),
        ("NetStream.Publish.Unauthorized", "publish", "stream key"),
        ("NetConnection.Connect.InvalidApp", "connect", "application"),
        ("Unheard.Of", "connect", "application"),
        ("", "handshake", "RTMP server"),
        ("", "publish", "stream key"),
    ],
)
def test_a_cure_says_where_to_look(code: str, step: str, words: str) -> None:
    assert words in cure(code, step)


def test_where_nothing_is_known_no_cure_is_invented() -> None:
    assert not cure("", "media")

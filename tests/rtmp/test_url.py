"""A destination's URL is taken apart as FFmpeg does, and shows no secret in any of its texts."""

from __future__ import annotations

import random
import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import ConfigError, FtpStreamError, RemoteProtocolError
from ftp_stream.rtmp.url import RtmpUrl, parse_url


def token(length: int = 20) -> str:
    return "".join(random.SystemRandom().choices(string.ascii_letters + string.digits, k=length))


@pytest.mark.parametrize(
    ("path", "app", "key"),
    [
        ("comp1/comp2", "comp1", "comp2"),
        ("comp1/comp2?key=val", "comp1", "comp2?key=val"),
        ("app/inst/key", "app/inst", "key"),
        ("app/inst/key/more", "app/inst", "key/more"),
        ("app/mp4:dir/film", "app", "mp4:dir/film"),
        ("app/key?token=a/b/c=", "app", "key?token=a/b/c="),
        ("app/inst/key?token=a/b", "app/inst", "key?token=a/b"),
        ("live2?backup=1/key", "live2?backup=1", "key"),
        ("app?token=a/b/key", "app?token=a/b", "key"),
        ("app/a-1_2.%7E", "app", "a-1_2.%7E"),
    ],
)
def test_app_and_key_are_split_as_ffmpeg_splits_them(path: str, app: str, key: str) -> None:
    url = parse_url(f"rtmp://host/{path}")
    assert (url.app, url.key) == (app, key)
    assert url.tc_url == f"rtmp://host/{app}"


@pytest.mark.parametrize(
    ("text", "scheme", "host", "port", "tc_url"),
    [
        ("rtmp://host/a/k", "rtmp", "host", 1935, "rtmp://host/a"),
        ("rtmp://host:1935/a/k", "rtmp", "host", 1935, "rtmp://host/a"),
        ("RTMP://Host:1936/a/k", "rtmp", "Host", 1936, "rtmp://Host:1936/a"),
        ("rtmps://host/a/k", "rtmps", "host", 443, "rtmps://host/a"),
        ("rtmps://host:1935/a/k", "rtmps", "host", 1935, "rtmps://host:1935/a"),
        ("rtmp://10.0.0.7:65535/a/k", "rtmp", "10.0.0.7", 65535, "rtmp://10.0.0.7:65535/a"),
        ("rtmp://[2001:db8::1]/a/k", "rtmp", "2001:db8::1", 1935, "rtmp://[2001:db8::1]/a"),
        ("rtmp://[::1]:1/a/k", "rtmp", "::1", 1, "rtmp://[::1]:1/a"),
        ("  rtmp://host/a/k\n", "rtmp", "host", 1935, "rtmp://host/a"),
    ],
)
def test_host_and_port_of_every_form(text: str, scheme: str, host: str, port: int, tc_url: str) -> None:
    url = parse_url(text)
    assert (url.scheme, url.host, url.port, url.tc_url) == (scheme, host, port, tc_url)
    assert url.secure == (scheme == "rtmps")


@given(st.text(min_size=1, max_size=12), st.text(min_size=1, max_size=12))
def test_user_and_password_may_hold_anything_once_encoded(user: str, password: str) -> None:
    url = parse_url(f"rtmp://{quote(user, safe='')}:{quote(password, safe='')}@host/app/key")
    assert (url.user, url.password) == (user, password)
    assert (url.host, url.app, url.key) == ("host", "app", "key")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host/app/key",
        "http://host/app/key",
        "rtmpe://host/app/key",
        "rtmp:/host/app/key",
        "rtmp://",
        "rtmp:///app/key",
        "rtmp://host",
        "rtmp://host/",
        "rtmp://host/app",
        "rtmp://host/app/",
        "rtmp://host/app/inst/",
        "rtmp://host/app?backup=1",
        "rtmp://host/app?backup=1/",
        "rtmp://host/?x=1/key",
        "rtmp://host:0/app/key",
        "rtmp://host:65536/app/key",
        "rtmp://host:x/app/key",
        "rtmp://2001:db8::1/app/key",
        "rtmp://[2001:db8::1/app/key",
        "rtmp://host?x=1/app/key",
        "rtmp://host/app/key live=1",
        "rtmp://host/app/k\tey",
        "rtmp://host/app/k\x00ey",
        "rtmp://host/app/k\udc80ey",
    ],
)
def test_what_cannot_be_used_is_refused_with_a_cure_and_without_its_text(text: str) -> None:
    with pytest.raises(ConfigError, match=r"rtmp://HOST/APP/KEY|1 and 65535") as refusal:
        parse_url(text)
    assert "app/key" not in str(refusal.value)


@given(st.text(max_size=40) | st.text("rtmps:/@?[]a.1%", max_size=30).map("rtmp://".__add__))
def test_any_text_is_a_url_or_a_config_error(text: str) -> None:
    try:
        url = parse_url(text)
    except ConfigError:
        return
    assert url.host
    assert url.app
    assert url.key
    assert 0 < url.port < 65536


# --- secrets --------------------------------------------------------------------------------------------------------


def secretive() -> tuple[RtmpUrl, list[str]]:
    key, key_token, app_token, password = token(), token(), token(), token()
    url = parse_url(f"rtmps://fox:{password}@host:444/app?t={app_token}/{key}?s={key_token}&n=7")
    return url, [key, key_token, app_token, password]


def test_no_text_form_shows_a_secret() -> None:
    url, secrets = secretive()
    assert url.masked == str(url) == "rtmps://host:444/app/***"
    for text in (repr(url), str(url), url.masked, f"{url!r:s}"):
        assert not any(secret in text for secret in secrets)
    answered = url.with_auth(f"authmod=adobe&response={token()}")
    assert "authmod" not in repr(answered)


def test_a_servers_words_are_masked_in_every_spelling() -> None:
    url, secrets = secretive()
    text = " ".join([*secrets, url.key, quote(url.key, safe=""), quote(url.key)]) + " is already publishing on port 7"
    masked = url.mask(text)
    assert not any(secret in masked for secret in secrets)
    assert masked.endswith("is already publishing on port 7")


def test_a_key_with_odd_characters_is_masked_raw_and_encoded() -> None:
    url = parse_url("rtmp://host/app/k+(e)*y%2F1")
    assert url.mask("<k+(e)*y%2F1> <k+(e)*y/1> <" + quote("k+(e)*y%2F1", safe="") + ">") == "<***> <***> <***>"


@given(st.text(string.ascii_letters, min_size=1, max_size=3))
def test_even_a_short_key_never_passes(key: str) -> None:
    assert key not in parse_url(f"rtmp://host/app/{key}").mask(f"name {key} taken").replace("***", "")


def test_a_challenges_answer_goes_behind_the_app_and_is_replaced_by_the_next() -> None:
    url = parse_url("rtmp://host/app?x=1/key").with_auth("a=1").with_auth("b=2")
    assert url.connect_app == "app?x=1?b=2"
    assert url.tc_url == "rtmp://host/app?x=1?b=2"
    assert (url.app, url.key) == ("app?x=1", "key")


# --- redirection ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("", "rtmp://host:1936/app/inst"),
        ("rtmp://other/live", "rtmp://other/live"),
        ("rtmps://other:444/live/", "rtmps://other:444/live"),
        ("//other:7/live", "rtmp://other:7/live"),
        ("/live/b", "rtmp://host:1936/live/b"),
        ("b", "rtmp://host:1936/app/b"),
        ("rtmp://other", "rtmp://other/app/inst"),
    ],
)
def test_a_redirection_leads_where_it_says_with_the_same_key(reference: str, expected: str) -> None:
    secret = token()
    url = parse_url(f"rtmp://host:1936/app/inst/{secret}").with_auth("x=1").redirected(reference)
    assert url.tc_url == expected
    assert url.key == secret


@pytest.mark.parametrize("reference", ["http://other/live", "rtmp://o ther/live", "rtmp://:1/live", "//"])
def test_a_redirection_to_no_rtmp_url_is_refused(reference: str) -> None:
    with pytest.raises(RemoteProtocolError, match="no RTMP URL"):
        parse_url("rtmp://host/app/key").redirected(reference)


def test_a_redirection_never_takes_the_key_out_of_tls() -> None:
    with pytest.raises(FtpStreamError, match="without TLS"):
        parse_url("rtmps://host/app/key").redirected("rtmp://host/app")
